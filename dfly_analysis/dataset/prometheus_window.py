"""Asks a live Prometheus for the time that the logs cover."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from dfly_analysis.dataset.file_result import FileResult
from dfly_analysis.errors import SourceError
from dfly_analysis.readers.prometheus import query_prometheus
from dfly_analysis.schema import COVERAGE

MARGIN_S = 60.0  # asked for before and after the logs: counters are scraped late


@dataclass(frozen=True)
class Prometheus:
    """A server, label matchers that narrow its targets, its scrape interval, and the time before now to query where no log has a time."""

    url: str
    selector: str = ""
    step: str = "15s"
    window_s: float = 6 * 3600.0


def query_server(
    prometheus: Prometheus | None, result: FileResult, on_problem: Callable[[SourceError], None] | None
) -> None:
    """Add the metrics of a server to the result; a failed query is a problem like an unreadable file."""
    if prometheus is None:
        return
    start, end = _window(result, prometheus.window_s)
    try:
        part = query_prometheus(prometheus.url, start, end, step=prometheus.step, selector=prometheus.selector)
    except SourceError as problem:
        result.add_problem(problem, on_problem)
        return
    result.runs += [dict(row) for row in part.rows]
    result.versions += [(*found, prometheus.url) for found in part.versions]


def _window(result: FileResult, window_s: float) -> tuple[float, float]:
    """Return the seconds since 1970 at which the logs begin and end, a margin around them, but not beyond now."""
    now = time.time()
    coverage = COVERAGE.frame(result.coverage)
    times = [moment.timestamp() for name in ("first", "last") for moment in coverage[name].dropna()]
    if not times:
        return now - window_s, now
    return min(times) - MARGIN_S, min(max(times) + MARGIN_S, now)
