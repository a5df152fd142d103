"""Failures crowd into one stretch of time."""

from __future__ import annotations

import numpy as np

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, iso, plural
from dfly_analysis.diagnosis.pieces import SOURCE_ATTEMPTS
from dfly_analysis.diagnosis.proportion_tests import Proportion, inflation_of, stands_out
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
    ((n, bad, earliest, latest),) = dataset.rows(
        f"SELECT count(*), count(*) FILTER (bad), min(began), max(began) FROM ({_ATTEMPTS})"
    )
    if not n:
        return ABOUT.unknown("no attempt with an end is seen")
    if not bad:
        return ABOUT.absent("nothing failed at any time")
    span_s = (latest - earliest) / 1e9
    width_s = next((width for width in _WIDTHS_S if span_s / width <= _MOST_STRETCHES), _WIDTHS_S[-1])
    if span_s < FEWEST_STRETCHES * width_s:
        return ABOUT.unknown(f"the attempts cover {format_duration(span_s)} only")
    worst = _worst_stretches(dataset, width_s)
    if worst is None:
        return ABOUT.absent(f"no stretch of {format_duration(width_s)} is clearly worse than the rest")
    begin, end, own, rest, inflation = worst
    mine, others = own.share(inflation, 0.95), rest.share(inflation, 0.95)
    reason = (
        f"from {iso(begin)} to {iso(end)} {own.bad} of {plural(own.n, 'attempt')} failed ({format_share(mine.value)}, at least "
        f"{format_share(mine.low)}); at all other times {format_share(others.value)}, at most {format_share(others.high)}."
    )
    within = "BETWEEN ? AND ?"
    query = f"SELECT count(*) FROM tasks WHERE {FAILED} AND nanoseconds(coalesce(started, ended)) {within}"
    ((tasks,),) = dataset.rows(query, (begin, end))
    lines = evidence_of(
        dataset, f"nanoseconds(time) {within} AND event_id IN ('piece_failed', 'task_failed')", (begin, end)
    )
    return ABOUT.present("medium", reason, count=own.bad, tasks=tasks, times=[begin, end], evidence=lines)


_ATTEMPTS = f"""
    WITH attempts AS ({SOURCE_ATTEMPTS}), observed AS (
        SELECT started, ended, bad, peer_id FROM attempts
        UNION ALL SELECT started, ended, outcome <> 'ok', peer_id FROM tasks
        WHERE outcome IN ('ok', 'failed') AND ended IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.peer_id = tasks.peer_id)
    ) SELECT nanoseconds(coalesce(started, ended)) AS began, bad, coalesce(peer_id, '') AS peer_id FROM observed
"""
"""When pieces and tasks began, their end where no start is seen; a task whose pieces are seen counts by them alone. By starts,
for what is cut by a timeout ends late, and the last stretch would hold little else."""


def _worst_stretches(dataset: Dataset, width_s: int) -> tuple[int, int, Proportion, Proportion, float] | None:
    """Return the worst run of neighbouring stretches that stands out, with its counts and those of the rest."""
    width = width_s * 1_000_000_000
    rows = dataset.rows(
        f"SELECT began // ? AS stretch, peer_id, count(*) FILTER (bad), count(*) FROM ({_ATTEMPTS}) GROUP BY ALL ORDER BY ALL",
        (width,),
    )
    stretches = np.array([row[0] for row in rows], np.int64)
    failures, attempts = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])
    inflation = inflation_of(stretches.tolist(), failures.tolist(), attempts.tolist())
    begins, place = np.unique(stretches, return_inverse=True)
    bad, n = np.bincount(place, failures).astype(int).tolist(), np.bincount(place, attempts).astype(int).tolist()
    whole = Proportion(sum(bad), sum(n))
    best = None
    for first in range(len(begins)):
        own = Proportion(0, 0)
        for last in range(first, len(begins)):
            own = Proportion(own.bad + bad[last], own.n + n[last])
            rest = whole.without(own)
            if (last - first + 1) * 2 > len(begins):
                break
            if stands_out(own, rest, inflation):
                gain = own.share(inflation).low - rest.share(inflation).high
                if best is None or gain > best[0]:
                    best = (gain, int(begins[first]) * width, (int(begins[last]) + 1) * width, own, rest)
    return None if best is None else (*best[1:], inflation)
