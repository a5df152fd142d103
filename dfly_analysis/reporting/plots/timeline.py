"""Failures against time: how many of which kind, on which host, and how often a piece was retried."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.messages import join, message
from dfly_analysis.reporting.figures import Figure, NotDrawn
from dfly_analysis.reporting.labels import CAUSES, OUTCOMES, moment
from dfly_analysis.reporting.plots.style import (
    CAUSE_COLOURS,
    COLOURS,
    FAINT,
    HATCHES,
    INK,
    PAPER,
    drawing,
    finish,
    legend,
    whole_numbers,
)
from dfly_analysis.units import format_duration

WIDTHS_S = (10, 30, 60, 300, 600, 1800, 3600, 6 * 3600, 86400)
MAX_BINS = 90
MAX_HOSTS, MAX_ROWS = 20, 50
_TITLES = {"pieces": message("Failed attempts at pieces"), "tasks": message("Failed tasks")}
_CAPTIONS = {
    "pieces": message("From top to bottom: failed attempts at pieces by outcome, retries, and failures by host (darker is more). Times are UTC."),
    "tasks": message("From top to bottom: failed tasks by cause, retries, and failures by host (darker is more). Times are UTC."),
}  # fmt: skip
_FAILURES = {
    "pieces": "SELECT coalesce(ended, started) AS time, outcome AS kind, coalesce(host, 'unknown host') AS host FROM pieces WHERE outcome <> 'ok' AND time IS NOT NULL",
    "tasks": f"SELECT coalesce(ended, started) AS time, coalesce(cause, 'unknown') AS kind, coalesce(host, 'unknown host') AS host FROM tasks WHERE {FAILED} AND time IS NOT NULL",
}  # fmt: skip


def draw_timeline(dataset: Dataset) -> Figure | NotDrawn:
    """Draw failures against time, by kind and by host: pieces that failed by outcome, or failed tasks by cause where none did."""
    what = next((what for what, query in _FAILURES.items() if dataset.rows(f"SELECT 1 FROM ({query}) LIMIT 1")), None)
    if what is None:
        return NotDrawn(message("No failure has a known time."))
    failures = _FAILURES[what]
    by_host = dataset.rows(f"SELECT host, kind, count(*) FROM ({failures}) GROUP BY ALL ORDER BY 3 DESC, 1, 2")
    everything = f"SELECT time FROM ({failures}) UNION ALL SELECT started FROM tasks UNION ALL SELECT ended FROM tasks UNION ALL SELECT started FROM pieces"
    first, last = dataset.rows(f"SELECT nanoseconds(min(time)), nanoseconds(max(time)) FROM ({everything})")[0]
    width_s = next((width for width in WIDTHS_S if (last - first) / 1e9 / width <= MAX_BINS), WIDTHS_S[-1])
    width_ns = width_s * 10**9
    begin = first // width_ns * width_ns
    n_bins = (last - begin) // width_ns + 1
    bin_of = f"(nanoseconds({{}}) - {begin}) // {width_ns}".format
    by_kind = _binned(dataset.rows(f"SELECT kind, {bin_of('time')}, count(*) FROM ({failures}) GROUP BY ALL"), n_bins)
    retried = (f"SELECT '', {bin_of('started')}, count(*) FROM pieces WHERE attempt > 1 AND started IS NOT NULL GROUP BY ALL")  # fmt: skip
    retries = _binned(dataset.rows(retried), n_bins).get("", np.zeros(n_bins, int))
    hosts, kinds = Counter[str](), Counter[str]()
    for host, kind, n in by_host:
        hosts[host] += n
        kinds[kind] += n
    shown = [host for host, _ in hosts.most_common(MAX_HOSTS)]
    of_shown = f"SELECT host, {bin_of('time')}, count(*) FROM ({failures}) WHERE list_contains(?, host) GROUP BY ALL"
    edges = pd.Timestamp(begin, tz="UTC") + pd.to_timedelta(np.arange(n_bins) * width_s, "s")
    width = format_duration(width_s)
    per = message("per {width}", width=width)
    with drawing(300 + 24 * len(shown)) as canvas:
        top, middle, bottom = canvas.subplots(3, 1, sharex=True, height_ratios=(150, 60, 40 + 24 * len(shown)))
        _bars(top, edges, by_kind, width_s)
        legend(top)
        top.set(ylabel=canvas.label(per), title=_TITLES[what])
        bars = middle.bar(edges, retries, width=pd.Timedelta(width_s * 0.92, "s"), align="edge", color=FAINT)
        for bar, time, n in zip(bars, edges, retries, strict=True):
            canvas.hover(bar, message("{time} UTC: {n:,}", time=moment(time), n=n))
        middle.set(ylabel=canvas.label(per), title=message("Retries"))
        whole_numbers(middle)
        _strips(bottom, edges, _binned(dataset.rows(of_shown, [shown]), n_bins), shown, width_s)
        times = dataset.rows(f"SELECT nanoseconds(min(time)), nanoseconds(max(time)) FROM ({failures})")[0]
        since, until = map(moment, times)
        table = {(host, kind): n for host, kind, n in by_host}
        columns = sorted(kinds)
        return finish(
            canvas,
            alt=message(
                "{title}: {n:,} from {since} to {until} UTC, in bins of {width}: {kinds}. {retries:,} retries. Most on {host} ({most:,}), {hosts:,} hosts in all.",
                title=_TITLES[what], n=hosts.total(), since=since, until=until, width=width, retries=retries.sum(),
                kinds=join([message("{kind} {n:,}", kind=kind_label(kind), n=count) for kind, count in kinds.most_common()], ", "),
                host=shown[0], most=hosts[shown[0]], hosts=len(hosts),
            ),
            caption=join([_CAPTIONS[what], *([message("Shown are the {n} hosts with most failures, of {total:,}.", n=MAX_HOSTS, total=len(hosts))] if len(hosts) > MAX_HOSTS else [])]),
            columns=(message("Host"), *map(kind_label, columns), message("All")),
            rows=[
                (host, *(f"{table.get((host, kind), 0):,}" for kind in columns), f"{n:,}")
                for host, n in hosts.most_common(MAX_ROWS)
            ],
        )  # fmt: skip


def _binned(rows: Sequence[tuple[Any, ...]], n_bins: int) -> dict[str, np.ndarray[Any, Any]]:
    """Return counts by bin for each name, sorted by name."""
    result: dict[str, np.ndarray[Any, Any]] = {}
    for name, place, n in sorted(rows):
        result.setdefault(name, np.zeros(n_bins, int))[place] = n
    return result


def _bars(axes: Any, edges: Any, by_kind: dict[str, np.ndarray[Any, Any]], width_s: int) -> None:
    below = np.zeros(len(edges))
    for kind, counts in by_kind.items():
        colour = COLOURS.get(kind) or CAUSE_COLOURS.get(kind, INK)
        some = np.flatnonzero(counts)
        bars = axes.bar(edges[some], counts[some], width=pd.Timedelta(width_s * 0.92, "s"), bottom=below[some], align="edge", color=colour, hatch=HATCHES.get(kind), edgecolor=PAPER, linewidth=0.3, label=kind_label(kind))  # fmt: skip
        for bar, place in zip(bars, some, strict=True):
            axes.figure.hover(bar, message("{time} UTC: {n:,} {kind}", time=moment(edges[place]), n=counts[place], kind=kind_label(kind)))  # fmt: skip
        below += counts
    axes.margins(x=0.01)
    whole_numbers(axes)


def _strips(axes: Any, edges: Any, grid: dict[str, np.ndarray[Any, Any]], hosts: list[str], width_s: int) -> None:
    most = max(int(counts.max()) for counts in grid.values())
    for place, host in enumerate(hosts):
        for column in np.flatnonzero(grid[host]):
            n = grid[host][column]
            (bar,) = axes.barh(place, pd.Timedelta(width_s, "s"), left=edges[column], height=0.82, color=COLOURS["timeout"], alpha=0.25 + 0.75 * n / most)  # fmt: skip
            axes.figure.hover(bar, message("{host}, {time} UTC: {n:,}", host=host, time=moment(edges[column]), n=n))
    axes.set_yticks(range(len(hosts)), hosts)
    axes.set_ylim(len(hosts) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_title(axes.figure.label(message("By host, at most {n:,} per {width}", n=most, width=format_duration(width_s))))  # fmt: skip
    axes.set_xlabel(message("time, UTC"))
    locator = AutoDateLocator(tz="UTC")  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz="UTC"))  # type: ignore[no-untyped-call]


def kind_label(kind: str) -> str:
    """Return the label of an outcome of a piece or a cause of a task."""
    return {**CAUSES, **OUTCOMES}.get(kind, kind)
