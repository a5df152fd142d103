"""Failures are concentrated in one period."""

import numpy as np

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of, failed_tasks, iso
from dfly_analysis.diagnosis.proportion_tests import SOURCE_ATTEMPTS, Comparison, Proportion, overdispersion
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.units import format_duration

ABOUT = load_check("bad_hour")
_WIDTHS_S = (10, 60, 300, 900, 3600, 6 * 3600, 86400)
_MOST_PERIODS, FEWEST_PERIODS = 48, 4
_ATTEMPTS = f"""
    WITH attempts AS ({SOURCE_ATTEMPTS}), observed AS (
        SELECT started, ended, bad, peer_id FROM attempts
        UNION ALL SELECT started, ended, outcome <> 'ok', peer_id FROM tasks
        WHERE outcome IN ('ok', 'failed') AND ended IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.peer_id = tasks.peer_id)
    ) SELECT nanoseconds(coalesce(started, ended)) AS began, bad, coalesce(peer_id, '') AS peer_id FROM observed
"""
"""When pieces, and tasks without known pieces, began (or ended, if no start is logged). By starts, since what a timeout ends ends
late, and the last period would contain little else."""


def check(dataset: Dataset) -> Finding:
    ((n, bad, earliest, latest),) = dataset.rows(
        f"SELECT count(*), count(*) FILTER (bad), min(began), max(began) FROM ({_ATTEMPTS})"
    )
    if not n:
        return ABOUT.unknown(message("no attempt with an end is logged"))
    if not bad:
        return ABOUT.absent(message("no attempt failed"))
    span_s = (latest - earliest) / 1e9
    width_s = next((width for width in _WIDTHS_S if span_s / width <= _MOST_PERIODS), _WIDTHS_S[-1])
    if span_s < FEWEST_PERIODS * width_s:
        return ABOUT.unknown(message("the attempts cover only {duration}", duration=format_duration(span_s)))
    worst = _worst_period(dataset, width_s)
    if worst is None:
        width = format_duration(width_s)
        return ABOUT.absent(message("no period of {width} is clearly worse than the rest", width=width))
    begin, end, period = worst
    reason = message(
        "from {begin} to {end} {bad:,} of {n:,} attempts failed ({share}, at least {low}); at all other times {rest}, at most {high}",
        begin=iso(begin), end=iso(end), bad=period.own.bad, n=period.own.n, **period.shares(),
    )  # fmt: skip
    within = "BETWEEN ? AND ?"
    tasks = failed_tasks(dataset, f"nanoseconds(coalesce(started, ended)) {within}", (begin, end))
    lines = evidence_of(
        dataset, f"nanoseconds(time) {within} AND event_id IN ('piece_failed', 'task_failed')", (begin, end)
    )
    return ABOUT.present("medium", reason, count=period.own.bad, tasks=tasks, times=[begin, end], evidence=lines)


def _worst_period(dataset: Dataset, width_s: int) -> tuple[int, int, Comparison] | None:
    """Return begin, end and failures of the worst run of adjacent periods that stands out."""
    width = width_s * 1_000_000_000
    rows = dataset.rows(
        f"SELECT began // ? AS period, peer_id, count(*) FILTER (bad), count(*) FROM ({_ATTEMPTS}) GROUP BY ALL ORDER BY ALL",
        (width,),
    )
    periods, _, bad, n = map(np.array, zip(*rows, strict=True))
    dispersion = overdispersion(periods.tolist(), bad.tolist(), n.tolist())
    begins, place = np.unique(periods, return_inverse=True)
    sums = [np.cumsum([0, *np.bincount(place, of)]).astype(int).tolist() for of in (bad, n)]
    whole = Proportion(sums[0][-1], sums[1][-1])
    runs = []
    for first in range(len(begins)):
        for last in range(first, min(first + len(begins) // 2, len(begins))):
            own = Proportion(*(total[last + 1] - total[first] for total in sums))
            run = Comparison(own, whole - own, dispersion)
            if run.stands_out():
                runs.append((int(begins[first]) * width, (int(begins[last]) + 1) * width, run))
    return max(runs, key=lambda run: run[2].gap(), default=None)
