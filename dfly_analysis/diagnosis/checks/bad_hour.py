"""Failures crowd into one stretch of time."""

from __future__ import annotations

import pandas as pd

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, iso, plural
from dfly_analysis.diagnosis.pieces import told_pieces
from dfly_analysis.diagnosis.rates import Counted, inflation_of, stands_out
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_duration, format_share

ABOUT = Check(
    "bad_hour",
    "Failures crowd into one stretch of time",
    method="The share of pieces and tasks that fail in each stretch of the clock, against that of all the rest of the time.",
    remedy="Find out what happened then: a registry restarted or under load, a link that was full, a deployment; what fails all the time needs a setting, what fails for an hour needs a reason.",
    collect="logs that cover the time before and after",
)
_WIDTHS_S = (10, 60, 300, 900, 3600, 6 * 3600, 86400)
_MOST_STRETCHES, FEWEST_STRETCHES = 48, 4


def check(dataset: Dataset) -> Finding:
    """Compare the failed share of each stretch of time with that of the rest."""
    attempts = _attempts(dataset)
    if attempts.empty:
        return ABOUT.unknown("no attempt with an end is seen")
    if not attempts["bad"].any():
        return ABOUT.absent("nothing failed at any time")
    span_s = (attempts["began"].max() - attempts["began"].min()).total_seconds()
    width_s = next((width for width in _WIDTHS_S if span_s / width <= _MOST_STRETCHES), _WIDTHS_S[-1])
    if span_s < FEWEST_STRETCHES * width_s:
        return ABOUT.unknown(f"the attempts cover {format_duration(span_s)} only")
    worst = _crowd(attempts.assign(stretch=attempts["began"].dt.floor(f"{width_s}s")), width_s)
    if worst is None:
        return ABOUT.absent(f"no stretch of {format_duration(width_s)} is clearly worse than the rest")
    begin, end, own, rest, inflation = worst
    mine, others = own.share(inflation, 0.95), rest.share(inflation, 0.95)
    reason = (
        f"from {iso(begin)} to {iso(end)} {own.bad} of {plural(own.n, 'attempt')} failed ({format_share(mine.value)}, at least "
        f"{format_share(mine.low)}); at all other times {format_share(others.value)}, at most {format_share(others.high)}."
    )
    failed = dataset.failed_tasks
    tasks = int(failed["started"].fillna(failed["ended"]).between(begin, end).sum())
    lines = dataset.events[
        dataset.events["time"].between(begin, end) & dataset.events["event_id"].isin(["piece_failed", "task_failed"])
    ]
    return ABOUT.present("medium", reason, count=own.bad, tasks=tasks, times=[begin, end], evidence=evidence_of(lines))


def _attempts(dataset: Dataset) -> pd.DataFrame:
    """Return when pieces and tasks began, their end where no beginning is seen; a task whose pieces are seen counts by them alone.

    By beginnings, for what is cut at a limit ends late, and the last stretch would hold little else.
    """
    pieces = told_pieces(dataset)[["started", "ended", "bad", "peer_id"]]
    tasks = dataset.tasks
    tasks = tasks[
        tasks["outcome"].isin(["ok", "failed"])
        & tasks["ended"].notna()
        & ~tasks["peer_id"].isin(pieces["peer_id"].unique())
    ]
    tasks = tasks.assign(bad=tasks["outcome"] != "ok")[["started", "ended", "bad", "peer_id"]]
    attempts = pd.concat([pieces, tasks], ignore_index=True)
    return attempts.assign(began=attempts["started"].fillna(attempts["ended"]))


def _crowd(attempts: pd.DataFrame, width_s: int) -> tuple[pd.Timestamp, pd.Timestamp, Counted, Counted, float] | None:
    """Return the worst run of neighbouring stretches that stands out, with its counts and those of the rest."""
    counts = attempts.groupby("stretch")["bad"].agg(["sum", "size"]).sort_index()
    whole = Counted(int(counts["sum"].sum()), int(counts["size"].sum()))
    inflation = inflation_of(attempts["bad"], attempts["stretch"], attempts["peer_id"].fillna(""))
    bad, n, begins = counts["sum"].tolist(), counts["size"].tolist(), counts.index.tolist()
    best = None
    for first in range(len(begins)):
        own = Counted(0, 0)
        for last in range(first, len(begins)):
            own = Counted(own.bad + bad[last], own.n + n[last])
            rest = whole.without(own)
            if (last - first + 1) * 2 > len(begins):
                break
            if stands_out(own, rest, inflation):
                gain = own.share(inflation).low - rest.share(inflation).high
                if best is None or gain > best[0]:
                    best = (gain, begins[first], begins[last] + pd.Timedelta(seconds=width_s), own, rest)
    return None if best is None else (*best[1:], inflation)
