"""Loads everything the user names: each file recognised by content, read by its reader, joined into one dataset."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from dfly_analysis import bench, jobs
from dfly_analysis.attempts import Limits, rebuild
from dfly_analysis.dataset import Dataset
from dfly_analysis.errors import SettingsError, SourceError
from dfly_analysis.knowledge.fact import siblings_cancelled
from dfly_analysis.logs import read_log, sniff_format
from dfly_analysis.logs.read import DETAILS
from dfly_analysis.settings import RenderedFile, Settings, read_rendered
from dfly_analysis.sources import Opened, open_sources
from dfly_analysis.tables import COVERAGE, EVENTS, RUNS

_VERSION_METRIC = re.compile(  # a build that does not know its commit does not know its release either
    r'^dragonfly_(client|scheduler|manager)_version\{(?![^}]*git_commit="unknown")[^}]*git_version="v?([^"]+)"',
    re.MULTILINE,
)
_FOREIGN = re.compile(r"(?:_LOG(?:\.old\.\d+)?$|/LOG(?:\.old\.\d+)?$|dynconfig\.ya?ml$)")
_CONFIGURATION = re.compile(
    r"^(?:host|server|download|upload|scheduler|manager|dynconfig|dynConfig|storage|seedPeer|proxy|database|gc|job)\s*:",
    re.MULTILINE,
)
OnProblem = Callable[[SourceError], None]
Progress = Callable[[str], None]


@dataclass
class _Gathered:
    events: list[pd.DataFrame] = field(default_factory=list)
    coverage: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    rendered: list[RenderedFile] = field(default_factory=list)
    versions: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)


def load(
    paths: str | Path | Iterable[str | Path],
    *,
    settings: Settings | None = None,
    tz: str = "UTC",
    on_problem: OnProblem | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Load logs, job JSON, benchmark tables, rendered configuration and version metrics.

    Parameters
    ----------
    paths : path or iterable of paths
        Files, folders, globs, archives, compressed files; ``-`` is standard input.
    settings : Settings, optional
        What the user said of values and versions; the input's own configuration and releases are laid over it.
    tz : str
        Zone of times that carry none, e.g. ``Asia/Shanghai``.
    on_problem : callable, optional
        Told of each file that cannot be read; the others go on. Problems are in ``Dataset.problems`` too.
    progress : callable, optional
        Told the address of each file.

    Returns
    -------
    Dataset

    Raises
    ------
    SourceError
        Where a path does not exist, or nothing in it can be read.
    """
    listed: Sequence[str | Path] = [paths] if isinstance(paths, str | Path) else list(paths)
    gathered = _gather(listed, tz, on_problem, progress)
    _refuse_nothing(listed, gathered)
    return _join(gathered, settings or Settings.resolve())


def take_stock(paths: Sequence[str | Path], tz: str = "UTC") -> list[dict[str, Any]]:
    """Return the coverage row of each file, whatever it is, without joining anything."""
    gathered = _gather(paths, tz, None, None)
    rows = [
        *gathered.coverage,
        *(
            {"path": text, "kind": "unreadable", "lines": 0, "parsed": 0, "continuation": 0, "rejected": 0}
            for text in gathered.problems
        ),
    ]
    if not rows:
        _refuse_nothing(paths, gathered)
    return rows


def check_input(paths: Sequence[str | Path], tz: str = "UTC") -> None:
    """Refuse, as `load` would, what does not exist or holds nothing that can be read; stops at the first that can.

    Raises
    ------
    SourceError
    """
    _check_zone(tz)
    if "-" in paths:
        return
    gathered = _Gathered()

    def told(error: SourceError) -> None:
        gathered.problems.append(str(error))

    for opened in open_sources(paths, on_problem=told):
        head = opened.head().decode("utf-8", "replace")
        if "\x00" not in head[:4096] and (
            sniff_format(head) is not None or jobs.recognises(head) or bench.recognises(head)
        ):
            return
        gathered.coverage.append({"kind": "foreign" if head else "empty"})
        if opened.problem:
            told(SourceError(opened.problem, where=opened.address, hint="copy the file anew"))
    _refuse_nothing(paths, gathered)


def _gather(paths: Sequence[str | Path], tz: str, on_problem: OnProblem | None, progress: Progress | None) -> _Gathered:
    _check_zone(tz)
    gathered = _Gathered()

    def told(error: SourceError) -> None:
        gathered.problems.append(str(error))
        if on_problem:
            on_problem(error)

    for opened in open_sources(paths, on_problem=told):
        if progress:
            progress(opened.address)
        _read(opened, gathered, tz)
        if opened.problem:
            told(
                SourceError(opened.problem, where=opened.address, hint="what came before was read; copy the file anew")
            )
    return gathered


def _check_zone(tz: str) -> None:
    try:
        pd.Timestamp("2026-01-01").tz_localize(tz)
    except (LookupError, ValueError, TypeError, OSError) as problem:
        raise SettingsError(
            f"{tz!r} is not a time zone", where="--tz", hint="write it like UTC, Asia/Shanghai or +08:00"
        ) from problem


def _read(opened: Opened, gathered: _Gathered, tz: str) -> None:
    head = opened.head().decode("utf-8", "replace")
    row: dict[str, Any] = {"path": opened.address, "kind": "foreign", "parsed": 0, "continuation": 0, "rejected": 0}
    if not head:
        row |= {"kind": "empty", "lines": 0}
    elif "\x00" in head[:4096]:
        row |= {"lines": opened.drain(), "note": "not text"}
    elif _FOREIGN.search(opened.address):
        row |= {"lines": opened.drain(), "note": "another program's file"}
    elif not jobs.recognises(head) and sniff_format(head) is not None:
        part = read_log(opened, tz=tz)
        gathered.versions += part.versions
        row = part.coverage
        if opened.sha256 in gathered.hashes:
            row["note"] = f"the same bytes as {gathered.hashes[opened.sha256]}; its records count once"
        else:
            gathered.hashes[opened.sha256] = opened.address
            gathered.events.append(part.events)
    else:
        row |= _read_whole(opened, head, gathered)
    gathered.coverage.append({**row, "size_bytes": opened.size_bytes, "sha256": opened.sha256})


def _read_whole(opened: Opened, head: str, gathered: _Gathered) -> dict[str, Any]:
    """Read a file that is not a log as a whole, and say in the coverage row what it was."""
    if head.startswith(("# HELP", "# TYPE")):
        text = opened.text()
        gathered.versions += [(component, f"v{release}") for component, release in _VERSION_METRIC.findall(text)]
        return {"kind": "metrics", "lines": text.count("\n"), "parsed": text.count("\n")}
    if jobs.recognises(head):
        return _read_jobs(opened, gathered)
    text = opened.text()
    lines = text.count("\n") + (not text.endswith("\n"))
    if bench.recognises(head):
        gathered.runs += bench.read_bench(text, opened.address)
        return {"kind": "bench", "lines": lines, "parsed": lines}
    rendered = _rendered(text, opened.address)
    if rendered is not None:
        gathered.rendered.append(rendered)
        return {
            "kind": "configuration",
            "component": rendered.component,
            "host": rendered.host,
            "lines": lines,
            "parsed": lines,
        }
    return {"lines": lines, "rejected": lines, "note": "no line of it is of a known format"}


def _rendered(text: str, address: str) -> RenderedFile | None:
    if not _CONFIGURATION.search(text[:65536]) or len(text) > 1 << 20:
        return None
    try:
        return read_rendered(text, address)
    except SettingsError:
        return None


def _read_jobs(opened: Opened, gathered: _Gathered) -> dict[str, Any]:
    text = opened.text()
    lines = text.count("\n") + (not text.endswith("\n"))
    try:
        gathered.jobs += jobs.read_jobs(text, opened.address)
    except (ValueError, AttributeError, TypeError) as problem:
        gathered.problems.append(
            str(
                SourceError(
                    f"is not the JSON it looks like: {problem}", where=opened.address, hint="save the API's answer anew"
                )
            )
        )
        return {"kind": "jobs", "lines": lines, "rejected": lines}
    return {"kind": "jobs", "lines": lines, "parsed": lines}


def _refuse_nothing(paths: Sequence[str | Path], gathered: _Gathered) -> None:
    if gathered.events or gathered.jobs or gathered.runs:
        return
    where = ", ".join(str(path) for path in paths)
    if gathered.problems and not gathered.coverage:
        raise SourceError(f"nothing could be read: {gathered.problems[0].removeprefix(where + ': ')}", where=where)
    if all(row["kind"] == "empty" for row in gathered.coverage):
        raise SourceError(
            "is empty", where=where, hint="name a log of a client, scheduler or manager, job JSON, or a dfbench table"
        )
    reason = f"; {gathered.problems[0]}" if gathered.problems else ""
    raise SourceError(
        f"nothing in it is a log, job JSON or benchmark table{reason}",
        where=where,
        hint="`dfly-analysis inspect` says what each file was taken for",
    )


def _join(gathered: _Gathered, given: Settings) -> Dataset:
    events = (
        pd.concat(gathered.events, ignore_index=True)
        if gathered.events
        else EVENTS.frame().assign(**dict.fromkeys(DETAILS))
    )
    events = events.sort_values(["time", "log_path", "log_line"], kind="stable", ignore_index=True)
    found = {
        component: max((release for name, release in gathered.versions if name == component), key=_order)
        for component, _ in gathered.versions
    }
    settings = given.with_versions(**found).with_rendered(gathered.rendered)
    pieces, tasks = rebuild(events, limits_of(settings))
    job_frame = jobs.build_jobs(gathered.jobs, events)
    owner = jobs.job_of_url(job_frame, events)
    tasks["job_id"] = tasks["url"].map(owner).where(tasks["role"] == "seedClient").astype("str")
    return Dataset(
        events=EVENTS.check(events), pieces=pieces, tasks=tasks, jobs=job_frame, runs=RUNS.frame(gathered.runs),
        coverage=COVERAGE.frame(gathered.coverage), settings=settings, lacks=what_lacks(events, pieces, tasks), problems=tuple(gathered.problems),
    )  # fmt: skip


def _order(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", release)[:3])


def limits_of(settings: Settings) -> Limits:
    """Return the limits that shape attempts, from the settings in force."""
    client = settings.versions.get("client") or settings.versions.get("seedClient")

    def timeout_s(role: str, host: str) -> float | None:
        return settings.get("download.pieceTimeout", role, host).seconds if role in ("client", "seedClient") else None

    def write_timeout_s(role: str, host: str) -> float | None:
        return (
            settings.get("storage.writePieceTimeout", role, host).seconds if role in ("client", "seedClient") else None
        )

    def in_flight(role: str, host: str) -> int | None:
        number = (
            settings.get("download.concurrentPieceCount", role, host).number
            if role in ("client", "seedClient")
            else None
        )
        return int(number) if number else None

    cancelled = siblings_cancelled(client)
    return Limits(timeout_s, in_flight, lambda _role, _host: cancelled, write_timeout_s)


def what_lacks(events: pd.DataFrame, pieces: pd.DataFrame, tasks: pd.DataFrame) -> tuple[str, ...]:
    """Say what the input does not hold and what that costs, a sentence each."""
    components = set(events["component"].dropna())
    said = []
    if "client" not in components and len(events):
        said.append(
            "No client log: failed pieces, their reasons and restarts are not seen; outcomes come from the scheduler alone."
        )
    if "scheduler" not in components and len(events):
        said.append(
            "No scheduler log: lengths and costs of pieces are known only where the clients print them (info level up to v1.4.0)."
        )
    source = pieces[pieces["origin"] == "source"]
    if len(tasks) and not (source["outcome"] == "ok").any():
        said.append(
            "No finished piece from the source is seen: the law of a piece's time cannot be fitted; add the scheduler's core.log."
        )
    reported = int((source["outcome"] == "ok").sum())
    whole = tasks[(tasks["outcome"] == "ok") & (tasks["origin"] == "source") & tasks["n_pieces"].notna()]
    expected = int(whole["n_pieces"].sum())
    seen = int(source[(source["outcome"] == "ok") & source["peer_id"].isin(whole["peer_id"])].shape[0])
    if expected and seen < 0.98 * expected:
        said.append(
            f"{expected - seen} of {expected} pieces of tasks that went well at the source left no record (direct passes are not reported); {reported} are seen."
        )
    unknown = int((tasks["outcome"] == "unknown").sum())
    if unknown:
        said.append(f"{unknown} tasks have no end in these logs: they ran on, or the log was cut.")
    return tuple(said)
