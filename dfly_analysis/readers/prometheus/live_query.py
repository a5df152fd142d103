"""Asks a live Prometheus what Dragonfly's metrics grew by in a window.

Most series need two numbers, at the window's ends. What restarted meanwhile is looked at step by step, since its counters
restarted at 0; ``increase()`` would extrapolate, and would lose the first count of a series that begins inside the window.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dfly_analysis.catalog.monitoring import load_metric_names
from dfly_analysis.errors import SourceError
from dfly_analysis.readers.prometheus.families import MetricsPart, Series, build_rows, wanted_pattern
from dfly_analysis.readers.prometheus.http_api import Answer, Point, Server
from dfly_analysis.readers.prometheus.text_dump import versions_of
from dfly_analysis.units import parse_duration

_VERSIONS = "dragonfly_(client|scheduler|manager|dfdaemon)_version"
_STARTED = "process_start_time_seconds"
_HOST_LABELS = ("pod", "kubernetes_pod_name", "pod_name", "node", "host", "hostname", "instance")
_ALWAYS_OF_TARGET = frozenset({"instance", "job"})
_MAX_POINTS = 10_000  # the server refuses 11 000
_MIN_STEP_S = 0.05
_GLANCES = 1000
_MILLISECOND_S = 1e-3  # what times are sent in
Target = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class _Window:
    server: Server
    start_s: float
    end_s: float
    step_s: float
    matchers: str

    @property
    def glance_s(self) -> float:
        """Return how finely it is looked at who was there when."""
        return max(self.step_s, (self.end_s - self.start_s) / _GLANCES)

    @property
    def length_ms(self) -> int:
        return round((self.end_s - self.start_s) * 1000)

    def selector(self, pattern: str, labels: Iterable[tuple[str, str]] = ()) -> str:
        """Return a selector of the metrics whose names fit, narrowed by the user's matchers and by labels."""
        exact = [f"{name}={_quoted(value)}" for name, value in sorted(labels)]
        return "{" + ",".join([f"__name__=~{_quoted(pattern)}", *filter(None, [self.matchers]), *exact]) + "}"


@dataclass
class _Process:
    """One scraped target, and what its counters grew by."""

    seen_s: float
    component: str | None
    grown: dict[Series, float] = field(default_factory=dict)


def query_prometheus(
    url: str,
    start: datetime | str | float,
    end: datetime | str | float,
    *,
    step: str | float = "15s",
    selector: str = "",
) -> MetricsPart:
    """Ask a Prometheus server for what Dragonfly's histograms and counters grew by in a window.

    Parameters
    ----------
    url : str
        Of the server, or of what speaks its API. ``https://user:password@host`` authenticates with these; otherwise a
        token in the environment variable ``DFLY_ANALYSIS_PROMETHEUS_TOKEN`` is sent as bearer.
    start, end : datetime, str or float
        The window: times with a zone (without one, UTC), ISO texts, or seconds since 1970.
    step : str or float
        How finely restarted processes are looked at; the interval at which they are scraped, or less. At least a
        ten-thousandth of the window.
    selector : str
        Label matchers that narrow the targets, such as ``namespace="dragonfly-system"``.

    Returns
    -------
    MetricsPart
        Rows as `read_metrics` gives them, with `started` and `at_end` of the window; `log_path` is the server's address.
        What a process counted between its last scrape and its end is lost. A process that appears inside the window
        counts whole where it says that it began there, or where it says nothing and the server was already scraping
        others. Quantiles of summaries are left out: they speak of another window.

    Raises
    ------
    SourceError
        Where the server cannot be reached, refuses access, is none, cannot answer, or knows no Dragonfly in that window.
    """
    window = _window(url, start, end, step, selector)
    versions = window.server.query_range(window.selector(_VERSIONS), window.start_s, window.end_s, window.glance_s)
    if not versions:
        raise SourceError(
            f"knows no Dragonfly between {_iso(window.start_s)} and {_iso(window.end_s)}", where=window.server.address,
            hint="look at the window and the selector; are clients, scheduler and manager scraped?",
        )  # fmt: skip
    names = _target_labels(versions)
    processes = _processes(versions, names)
    _grow(window, names, processes)
    rows: list[dict[str, Any]] = []
    for target, process in sorted(processes.items(), key=lambda item: sorted(item[0])):
        common = {
            **_who(dict(target), process.component), "started": datetime.fromtimestamp(window.start_s, UTC),
            "ended": datetime.fromtimestamp(window.end_s, UTC), "log_path": window.server.address, "log_line": None,
        }  # fmt: skip
        rows += [{**row, **common} for row in build_rows(process.grown)]
    found = versions_of((entry.labels.get("__name__", ""), tuple(entry.labels.items())) for entry in versions)
    return MetricsPart(tuple(rows), found, component=None, host=None)


def _window(
    url: str, start: datetime | str | float, end: datetime | str | float, step: str | float, selector: str
) -> _Window:
    server = Server.at(url)
    start_s, end_s = _seconds(start, server), _seconds(end, server)
    if not end_s > start_s:
        raise SourceError("the window ends before it begins", where=server.address, hint="give the earlier time first")
    step_s = max(parse_duration(step), (end_s - start_s) / _MAX_POINTS, _MIN_STEP_S)
    return _Window(server, start_s, end_s, step_s, selector.strip().removeprefix("{").removesuffix("}").strip(" ,"))


def _seconds(time: datetime | str | float, server: Server) -> float:
    if isinstance(time, int | float):
        return float(time)
    try:
        read = datetime.fromisoformat(time) if isinstance(time, str) else time
    except ValueError as problem:
        raise SourceError(
            f"{time!r} is not a time", where=server.address, hint="write it like 2026-05-02T10:00:00Z"
        ) from problem
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _target_labels(versions: Sequence[Answer]) -> frozenset[str]:
    own = {*load_metric_names().version_labels, "__name__"}
    return frozenset(name for entry in versions for name in entry.labels if name not in own) | _ALWAYS_OF_TARGET


def _split(labels: Mapping[str, str], names: frozenset[str]) -> tuple[Target, Series]:
    target = frozenset((name, value) for name, value in labels.items() if name in names)
    own = tuple(sorted((name, value) for name, value in labels.items() if name not in names and name != "__name__"))
    return target, (labels.get("__name__", ""), own)


def _processes(versions: Sequence[Answer], names: frozenset[str]) -> dict[Target, _Process]:
    found: dict[Target, _Process] = {}
    for entry in versions:
        target, (name, _) = _split(entry.labels, names)
        match = re.match(r"dragonfly_(client|scheduler|manager)_", name)
        first_s = min(time for time, _ in entry.points)
        observed = found.setdefault(target, _Process(first_s, match[1] if match else "client"))
        observed.seen_s = min(observed.seen_s, first_s)
    return found


def _grow(window: _Window, names: frozenset[str], processes: Mapping[Target, _Process]) -> None:
    """Fill in what each process's series grew by."""
    wanted = window.selector(f"{wanted_pattern()}|{_STARTED}")
    last = _by_target(window.server.query(wanted, window.end_s), names)
    first = _by_target(window.server.query(wanted, window.start_s), names)
    counters = {name for series in last.values() for name, _ in series} & load_metric_names().failed_of.keys()
    restarted = _restarted(window, names, counters)
    collecting = bool(window.server.query("count(up)", window.start_s))
    for target, process in processes.items():
        at_end, at_start = last.get(target, {}), first.get(target, {})
        whole = _whole(window, process, at_end.get((_STARTED, ())), collecting)
        if whole and target not in restarted and _steady(at_start, at_end):
            process.grown = {series: value - at_start.get(series, 0.0) for series, value in at_end.items()}
        else:
            process.grown = _stepwise(window, names, target, at_start, process, collecting)


def _steady(at_start: Mapping[Series, float], at_end: Mapping[Series, float]) -> bool:
    started_s = [values.get((_STARTED, ()), 0.0) for values in (at_start, at_end)]
    if at_start and abs(started_s[1] - started_s[0]) > 1:
        return False
    return bool(at_end) and all(at_end.get(series, -1.0) >= value for series, value in at_start.items())


def _stepwise(
    window: _Window,
    names: frozenset[str],
    target: Target,
    at_start: Mapping[Series, float],
    process: _Process,
    collecting: bool,
) -> dict[Series, float]:
    steps = int((window.end_s - window.start_s) / window.step_s)
    selector = window.selector(f"{wanted_pattern()}|{_STARTED}", target)
    answers = window.server.query_range(selector, window.end_s - steps * window.step_s, window.end_s, window.step_s)
    points = {_split(entry.labels, names)[1]: entry.points for entry in answers}
    started_s = points.pop((_STARTED, ()), ((0.0, None),))[0][1]
    whole = _whole(window, process, started_s, collecting)
    return {
        # a series later than its process began while it was being scraped
        series: increase(
            observed, at_start.get(series, 0.0 if whole or observed[0][0] > process.seen_s + window.glance_s else None)
        )
        for series, observed in points.items()
    }


def _by_target(answers: Iterable[Answer], names: frozenset[str]) -> dict[Target, dict[Series, float]]:
    found: dict[Target, dict[Series, float]] = {}
    for entry in answers:
        target, series = _split(entry.labels, names)
        found.setdefault(target, {})[series] = entry.points[-1][1]
    return found


def _whole(window: _Window, process: _Process, started_s: float | None, collecting: bool) -> bool:
    """Return whether all is known that a process counted in the window: it was there before, or it began inside."""
    if process.seen_s < window.start_s + _MILLISECOND_S:
        return True
    if started_s is not None:
        return started_s >= window.start_s
    return collecting  # others were scraped before it was there to be scraped


def _restarted(window: _Window, names: frozenset[str], counters: Iterable[str]) -> frozenset[Target]:
    found = set()
    for name in sorted(counters):
        answers = window.server.query(f"resets({window.selector(name)}[{window.length_ms}ms]) > 0", window.end_s)
        found |= {_split(entry.labels, names)[0] for entry in answers}
    return frozenset(found)


def increase(points: Sequence[Point], baseline: float | None) -> float:
    """Return what a counter grew by; where it falls it restarted at 0."""
    grown = 0.0
    before = points[0][1] if baseline is None and points else baseline or 0.0
    for _, value in points:
        grown += value - before if value >= before else value
        before = value
    return grown


def _who(labels: Mapping[str, str], component: str | None) -> dict[str, str | None]:
    host = next((labels[name] for name in _HOST_LABELS if labels.get(name)), None)
    named = " ".join(labels.get(name, "") for name in ("container", "job", "component", "pod", "instance", "service"))
    return {"host": host, "role": "seedClient" if component == "client" and "seed" in named.lower() else component}


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _iso(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="seconds")
