"""Plans a stress test over size, timeout and concurrency, and reads its results back."""

import bisect
import csv
import io
import itertools
import math
import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median
from typing import Any

from dfly_analysis.catalog.job_api import JobApi
from dfly_analysis.catalog.piece_length_rules import CONCURRENCY_KEYS
from dfly_analysis.errors import DflyError, NotEnoughDataError, SourceError
from dfly_analysis.estimates import Interval, wilson
from dfly_analysis.readers.benchmarks import read_bench
from dfly_analysis.recommendation.preheat_jobs import command_of, job_timeout_s
from dfly_analysis.units import duration_setting, format_duration, format_size

COLUMNS = ("label", "size_bytes", "timeout_s", "settings", "started", "duration_s", "outcome", "host")
_MAX_REPEATS = 100_000
_CONCURRENCY = re.compile(r"concurrentPieceCount=(\d+)")
# Files of the file server of dfbench, each of a level of that name.
_LEVELS = {1: "nano", 10 << 10: "micro", 1 << 20: "small", 10 << 20: "medium", 1 << 30: "large", 10 << 30: "xlarge", 30 << 30: "xxlarge"}  # fmt: skip


@dataclass(frozen=True)
class Setup:
    """One combination to test: size of the file or layer, and `download.pieceTimeout` and `.concurrentPieceCount` of the seed client."""

    size_bytes: int
    timeout_s: float
    concurrency: int

    @property
    def label(self) -> str:
        """Its name, e.g. ``20GiB-180s-16``."""
        size = format_size(self.size_bytes).replace(" ", "")
        return f"{size}-{duration_setting(self.timeout_s)}-{self.concurrency}"


@dataclass(frozen=True)
class StressPlan:
    """What to run: each setup so many times, in steps of what to do and the command."""

    setups: tuple[Setup, ...]
    repeats: int
    expected_failure_rate: float
    width: float  # of the 95 % interval of a failure rate near the expected one, at most
    steps: tuple[tuple[str, str], ...]
    because: str

    def to_csv(self) -> str:
        """Return the results file to complete: a row a repeat, ``started``, ``duration_s``, ``outcome`` and ``host`` empty."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one, number in itertools.product(self.setups, range(1, self.repeats + 1)):
            settings = f"concurrentPieceCount={one.concurrency}"
            writer.writerow((f"{one.label}#{number}", one.size_bytes, f"{one.timeout_s:g}", settings, "", "", "", ""))
        return out.getvalue()


@dataclass(frozen=True)
class Tested:
    """The results of one combination: Wilson's interval, the median by order statistics, and how many more runs are needed."""

    setup: Setup
    n: int
    failures: int
    failure_rate: Interval
    median_s: Interval | None
    more_runs: int


@dataclass(frozen=True)
class StressResult:
    """The results of a stress test; by size the fastest combination that meets the target, or None."""

    tested: tuple[Tested, ...]
    best: Mapping[int, Setup | None]
    open_rows: int
    problems: tuple[str, ...]


def repeats_for(width: float, expected: float, level: float = 0.95) -> int:
    """Return how many runs make Wilson's interval near an expected failure rate at most so wide; a DflyError if out of range."""
    if not (0.0 < width < 1.0 and 0.0 <= expected <= 1.0):
        raise DflyError(f"width and expected rate must be between 0 and 1, got {width:g} and {expected:g}", hint="e.g. 0.1")  # fmt: skip
    z2 = NormalDist().inv_cdf(0.5 + level / 2.0) ** 2

    def wide(n: int) -> float:
        return 2.0 * math.sqrt(z2) / (1 + z2 / n) * math.sqrt(expected * (1 - expected) / n + z2 / (4 * n * n))

    if wide(_MAX_REPEATS) > width:
        text = f"an interval of width {width:g} needs more than {_MAX_REPEATS} runs of each combination"
        raise DflyError(text, hint="use a larger width")
    return 1 + bisect.bisect_left(range(1, _MAX_REPEATS), -width, key=lambda n: -wide(n))


def repeats_for_target(target: float, level: float = 0.95) -> int:
    """Return how many runs without any failure put the upper end of Wilson's interval at the target or below."""
    z2 = NormalDist().inv_cdf(0.5 + level / 2.0) ** 2
    return math.ceil(z2 * (1.0 - target) / target)


def plan_stress(
    sizes_bytes: Sequence[int], timeouts_s: Sequence[float], concurrencies: Sequence[int], *, width: float = 0.2,
    expected_failure_rate: float = 0.05, api: JobApi, url: str | None = None, namespace: str = "dragonfly-system",
) -> StressPlan:  # fmt: skip
    """Plan a test of all combinations, with jobs that preheat `url` (``{size}``: bytes); a DflyError if a value is out of range."""
    if not (sizes_bytes and timeouts_s and concurrencies) or min(*sizes_bytes, *timeouts_s, *concurrencies) <= 0:
        hint = "e.g. --size 1GiB --timeout 60s --concurrency 8"
        raise DflyError("sizes, timeouts and concurrencies must be above 0", hint=hint)
    repeats = repeats_for(width, expected_failure_rate)
    chosen = itertools.product(*(tuple(dict.fromkeys(one)) for one in (timeouts_s, concurrencies, sizes_bytes)))
    setups = tuple(Setup(int(size), float(timeout), int(count)) for timeout, count, size in chosen)
    because = (
        f"{repeats} repeats of each combination make the 95 % interval of a failure rate near {expected_failure_rate:.3g} at most "
        f"{width:.3g} wide; {repeats * len(setups)} runs in total"
    )
    steps = tuple(_steps(setups, repeats, api, url, namespace))
    return StressPlan(setups, repeats, expected_failure_rate, width, steps, because)


def _steps(setups: Sequence[Setup], repeats: int, api: JobApi, url: str | None, namespace: str) -> Iterator[tuple[str, str]]:  # fmt: skip
    in_force, quoted = None, shlex.quote(namespace)
    for setup in setups:
        timeout, count = duration_setting(setup.timeout_s), setup.concurrency
        if (timeout, count) != in_force:
            in_force = (timeout, count)
            # both keys: which of them limits the pieces from the source depends on the client's release
            keys = {"download.pieceTimeout": timeout, **dict.fromkeys(CONCURRENCY_KEYS, count)}
            values = " ".join(f"--set seedClient.config.{key}={value}" for key, value in keys.items())
            command = f"helm -n {quoted} upgrade dragonfly dragonfly/dragonfly --reuse-values {values} --wait"
            yield f"set {timeout}, {count} pieces at a time", command
        command = _preheats(setup, repeats, api, url, namespace)
        yield f"{setup.label}: {repeats} jobs, each with its own tag so that nothing is cached", command
        level = _LEVELS.get(setup.size_bytes)
        if level is not None and url is None:
            command = f"dfbench dragonfly --namespace {quoted} -d dfget --file-size-level {level} -n {repeats}"
            yield f"{setup.label}: the same with dfbench, whose table does not show failures", command


def _preheats(setup: Setup, repeats: int, api: JobApi, url: str | None, namespace: str) -> str:
    level = _LEVELS.get(setup.size_bytes)
    if url:
        place = url.replace("{size}", str(setup.size_bytes))
    else:
        place = f"http://file-server.{namespace}.svc/{level}" if level else f"https://SERVER/{setup.size_bytes}"
    arguments: dict[str, Any] = {"type": "file", "url": place, "tag": f"{setup.label}-'$n'"}
    timeout_s = job_timeout_s(api, None)
    if timeout_s is not None:
        arguments["timeout"] = round(timeout_s) * 1_000_000_000
    body = command_of({"type": "preheat", "args": arguments}).replace("'\\''$n'\\''", "'$n'")
    return f"for n in $(seq {repeats}); do {body}; done"


def read_stress(text: str, source: str, *, width: float = 0.2, target_failure_rate: float = 1e-3) -> StressResult:
    """Read a completed results file; a SourceError if it is no such file, a NotEnoughDataError if no row is completed."""
    # Any CSV of docs/how-to/other-sources.md with timeout_s works, where settings names concurrentPieceCount.
    kept, open_rows = _completed(text)
    problems: list[str] = []
    rows = list(read_bench(kept, source, on_problem=lambda problem: problems.append(str(problem))))
    if not rows and not open_rows:
        hint = "write one with dfly-analysis plan-stress -o FILE"
        raise SourceError("the file has no results of a stress test", where=source, hint=hint)
    by_setup: dict[Setup, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found = _CONCURRENCY.search(str(row.get("settings") or ""))
        if row.get("kind") == "sample" and row.get("size_bytes") and row.get("timeout_s") and found:
            by_setup[Setup(int(row["size_bytes"]), float(row["timeout_s"]), int(found[1]))].append(row)
        else:
            reason = "size_bytes, timeout_s or concurrentPieceCount is missing"
            problems.append(f"{source}:{row.get('log_line')}: ignored, because {reason}")
    if not by_setup:
        raise NotEnoughDataError("no row is completed", where=source, hint="fill in duration_s and outcome of each run")
    tested = tuple(
        _tested(setup, by_setup[setup], width)
        for setup in sorted(by_setup, key=lambda one: (one.size_bytes, one.timeout_s, one.concurrency))
    )
    best: dict[int, Setup | None] = {one.setup.size_bytes: None for one in tested}
    fine = [(one.median_s.value, one.setup) for one in tested if one.median_s and one.failure_rate.high <= target_failure_rate]  # fmt: skip
    for _, setup in sorted(fine, key=lambda pair: pair[0]):
        best[setup.size_bytes] = best[setup.size_bytes] or setup
    return StressResult(tested, best, open_rows, tuple(problems))


def _completed(text: str) -> tuple[str, int]:
    """Return the text with rows that are not completed made comments, so that lines keep their numbers, and how many there are."""
    lines, places, open_rows = text.removeprefix("\ufeff").split("\n"), None, 0
    for number, line in enumerate(lines):
        if not line.strip() or line.startswith("#"):
            continue
        cells = next(csv.reader([line.rstrip("\r")]), [])
        if places is None:
            places = [at for at, name in enumerate(cells) if name.strip() in ("duration_s", "outcome")]
        elif places and all(at < len(cells) and not cells[at].strip() for at in places):
            lines[number], open_rows = f"#{line}", open_rows + 1
    return "\n".join(lines), open_rows


def _tested(setup: Setup, rows: Sequence[Mapping[str, Any]], width: float) -> Tested:
    failed = sum(row["outcome"] not in ("ok", "cancelled") for row in rows)
    n = sum(row["outcome"] != "cancelled" for row in rows)
    rate, middle = wilson(failed, n), None
    if times := sorted(float(row["duration_s"]) for row in rows if row["outcome"] == "ok"):
        # the order statistics that bracket the median at 95 % or more; the extremes where there are few
        depth = max(0, math.floor(len(times) / 2 - 0.98 * math.sqrt(len(times))))
        middle = Interval(median(times), times[depth], times[-1 - depth])
    return Tested(setup, n, failed, rate, middle, max(0, repeats_for(width, rate.value) - n))


def best_text(result: StressResult, target: float) -> list[str]:
    """Return a sentence for each size: the combination to take, or why there is none."""
    sentences = []
    for size, setup in result.best.items():
        if setup is not None:
            timeout, n = duration_setting(setup.timeout_s), setup.concurrency
            sentences.append(f"{format_size(size)}: use {timeout} with {n} pieces at a time")
            continue
        own = [one for one in result.tested if one.setup.size_bytes == size]
        least = min(own, key=lambda one: (one.failure_rate.value, one.median_s.value if one.median_s else math.inf))
        took = f", {format_duration(least.median_s.value)}" if least.median_s else ""
        sentences.append(
            f"{format_size(size)}: no combination is shown to fail at most {target:g} of the time; the best is {least.setup.label} with "
            f"{least.failures} of {least.n} failed{took}; {repeats_for_target(target)} runs without a failure are needed"
        )
    return sentences
