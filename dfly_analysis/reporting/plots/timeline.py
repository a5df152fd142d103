"""Failures against time: how many of which kind, on which host, and how often a piece was tried again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dfly_analysis.reporting.plots.style import (
    CAUSE_COLOURS,
    COLOURS,
    FAINT,
    HATCHES,
    INK,
    Figure,
    NotDrawn,
    drawing,
    finish,
)
from dfly_analysis.units import format_duration

WIDTHS_S = (10, 30, 60, 300, 600, 1800, 3600, 6 * 3600, 86400)
MAX_BINS = 90
MAX_HOSTS = 20
_WORDS = {"timeout": "cut by the timeout", "reset": "connection cut", "storage": "storage error", "origin": "registry error", "cancelled": "cancelled with a sibling", "unknown": "unknown end"}  # fmt: skip


def draw_timeline(pieces: pd.DataFrame, tasks: pd.DataFrame) -> Figure | NotDrawn:
    """Draw failures against time, by kind and by host.

    Parameters
    ----------
    pieces, tasks : DataFrame
        As in `dfly_analysis.schema`. Pieces that failed are shown, by outcome; where there are none, failed tasks by cause.

    Returns
    -------
    Figure or NotDrawn
    """
    failures, what = _failures(pieces, tasks)
    if not len(failures):
        return NotDrawn("Nothing failed at a known time.")
    times = pd.concat([failures["time"], tasks["started"], tasks["ended"], pieces["started"]]).dropna()
    width_s = _width_s((times.max() - times.min()).total_seconds())
    begin = times.min().floor(f"{width_s}s")
    n_bins = int((times.max() - begin).total_seconds() // width_s) + 1
    slot = ((failures["time"] - begin).dt.total_seconds() // width_s).astype(int)
    counts = pd.crosstab(slot, failures["kind"]).reindex(range(n_bins), fill_value=0)
    repeated = _retries(pieces, begin, width_s, n_bins)
    hosts = failures["host"].fillna("unknown host").value_counts()
    shown = list(hosts.index[:MAX_HOSTS])
    with drawing(400 + 24 * len(shown)) as canvas:
        top, middle, bottom = canvas.subplots(3, 1, sharex=True, height_ratios=(210, 100, 40 + 24 * len(shown)))
        edges = begin + pd.to_timedelta(np.arange(n_bins) * width_s, "s")
        _bars(top, edges, counts, width_s)
        top.set(ylabel=f"per {format_duration(width_s)}", title=f"Failed {what}")
        middle.bar(edges, repeated, width=pd.Timedelta(width_s * 0.92, "s"), align="edge", color=FAINT)
        middle.set(ylabel=f"per {format_duration(width_s)}", title="Attempts at a piece after its first")
        _whole(middle)
        _strips(bottom, edges, failures, slot, shown, width_s)
        return finish(
            canvas,
            int((counts.to_numpy() > 0).sum()) + n_bins,
            alt=_alt(failures, what, width_s, repeated, hosts),
            caption=f"From above: failed {what} by kind; attempts at a piece after its first; the failures by host; darker is more. Times in UTC."
            + (f" The {MAX_HOSTS} hosts with most failures of {len(hosts):,}." if len(hosts) > MAX_HOSTS else ""),
            columns=("Host", *(_word(kind) for kind in counts.columns), "All"),
            rows=_table(failures, list(counts.columns)),
        )


def _failures(pieces: pd.DataFrame, tasks: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    failed = ~pieces["outcome"].isin(["ok"]) & pieces["outcome"].notna()
    bad = pieces.loc[failed, ["started", "ended", "outcome", "host"]]
    time = bad["ended"].fillna(bad["started"])
    result = pd.DataFrame({"time": time, "kind": bad["outcome"], "host": bad["host"]}).dropna(subset=["time"])
    if len(result):
        return result, "pieces"
    lost = tasks[tasks["outcome"].isin(["failed", "died"])]
    time = lost["ended"].fillna(lost["started"])
    kind = lost["cause"].fillna("unknown")
    return pd.DataFrame({"time": time, "kind": kind, "host": lost["host"]}).dropna(subset=["time"]), "tasks"


def _width_s(span_s: float) -> int:
    return next((width for width in WIDTHS_S if span_s / width <= MAX_BINS), WIDTHS_S[-1])


def _retries(pieces: pd.DataFrame, begin: pd.Timestamp, width_s: int, n_bins: int) -> np.ndarray[Any, Any]:
    repeated = pieces.loc[(pieces["attempt"] > 1).fillna(value=False), "started"].dropna()
    slot = ((repeated - begin).dt.total_seconds() // width_s).astype(int)
    return np.bincount(slot[(slot >= 0) & (slot < n_bins)], minlength=n_bins)


def _bars(axes: Any, edges: Any, counts: pd.DataFrame, width_s: int) -> None:
    below = np.zeros(len(edges))
    for kind in counts.columns:
        tall = counts[kind].to_numpy()
        colour = COLOURS.get(str(kind)) or CAUSE_COLOURS.get(str(kind), INK)
        axes.bar(edges, tall, width=pd.Timedelta(width_s * 0.92, "s"), bottom=below, align="edge", color=colour, hatch=HATCHES.get(str(kind)), edgecolor="white", linewidth=0.3, label=_word(kind))  # fmt: skip
        below += tall
    axes.margins(x=0.01)
    _whole(axes)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)


def _whole(axes: Any) -> None:
    axes.set_ylim(bottom=0)
    axes.yaxis.get_major_locator().set_params(integer=True)


def _strips(axes: Any, edges: Any, failures: pd.DataFrame, slot: Any, hosts: list[str], width_s: int) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    grid = pd.crosstab(failures["host"].fillna("unknown host"), slot).reindex(hosts, fill_value=0)
    most = max(int(grid.to_numpy().max()), 1)
    for place, host in enumerate(hosts):
        counts = grid.loc[host].to_dict()
        for column in (column for column, count in counts.items() if count):
            share = float(counts[column]) / most
            axes.barh(place, pd.Timedelta(width_s, "s"), left=edges[column], height=0.82, color=COLOURS["timeout"], alpha=0.25 + 0.75 * share)  # fmt: skip
    axes.set_yticks(range(len(hosts)), hosts)
    axes.set_ylim(len(hosts) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_title(f"By host, at most {most:,} per {format_duration(width_s)}")
    locator = AutoDateLocator(tz="UTC")  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz="UTC"))  # type: ignore[no-untyped-call]


def _word(kind: Any) -> str:
    return _WORDS.get(str(kind), str(kind).replace("_", " "))


def _alt(failures: pd.DataFrame, what: str, width_s: int, repeated: np.ndarray[Any, Any], hosts: Any) -> str:
    kinds = ", ".join(f"{count:,} {_word(kind)}" for kind, count in failures["kind"].value_counts().items())
    first, last = (f"{time:%Y-%m-%d %H:%M:%S}" for time in (failures["time"].min(), failures["time"].max()))
    return (
        f"{len(failures):,} failed {what} from {first} to {last} UTC, counted per {format_duration(width_s)}: {kinds}. "
        f"{int(repeated.sum()):,} attempts after the first. Most on {hosts.index[0]} ({int(hosts.iloc[0]):,}), {len(hosts):,} hosts in all."
    )


def _table(failures: pd.DataFrame, kinds: list[Any]) -> list[tuple[str, ...]]:
    counts = pd.crosstab(failures["host"].fillna("unknown host"), failures["kind"]).reindex(columns=kinds, fill_value=0)
    order = counts.sum(axis=1).sort_values(ascending=False).index
    return [(str(host), *(f"{count:,}" for count in counts.loc[host]), f"{int(counts.loc[host].sum()):,}") for host in order]  # fmt: skip
