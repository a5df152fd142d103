"""Failures are concentrated in one period."""

from typing import NamedTuple

import numpy as np

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of, failed_tasks
from dfly_analysis.diagnosis.proportion_tests import SOURCE_ATTEMPTS, Comparison, Proportion, overdispersion
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.units import format_duration, format_time

ABOUT = load_check("bad_hour")
_WIDTHS_S = (10, 60, 300, 900, 3600, 6 * 3600, 86400)
_MOST_PERIODS, FEWEST_PERIODS = 48, 4
LIKE_LOAD, FEWEST_ALIKE = 0.5, 20
"""A time is compared with a period where at least that share of its pieces is in flight, and that many attempts began then."""
_ATTEMPTS = f"""
    WITH attempts AS ({SOURCE_ATTEMPTS}), observed AS (
        SELECT started, ended, bad, peer_id, host FROM attempts
        UNION ALL SELECT started, ended, outcome <> 'ok', peer_id, host FROM tasks
        WHERE outcome IN ('ok', 'failed') AND ended IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.peer_id = tasks.peer_id)
    ) SELECT nanoseconds(coalesce(started, ended)) AS began, bad, coalesce(peer_id, '') AS peer_id, coalesce(run_of(host), '') AS run FROM observed
"""
"""When pieces, and tasks without known pieces, began (or ended, if no start is logged), by run. By starts, since what a timeout ends ends
late, and the last period would contain little else."""
_IN_FLIGHT = f"""
    WITH marks AS (
        SELECT run_of(host) AS run, unnest([nanoseconds(started), nanoseconds(ended)]) AS time, unnest([1, -1]) AS step FROM pieces
        WHERE origin = 'source' AND started IS NOT NULL AND ended IS NOT NULL
    ), steps AS (SELECT time, sum(step) AS step FROM marks WHERE run = $1 GROUP BY time
    ), levels AS (SELECT time, sum(step) OVER (ORDER BY time ROWS UNBOUNDED PRECEDING) AS in_flight FROM steps
    ), loaded AS (
        SELECT began, bad, coalesce(in_flight, 0) AS in_flight, began BETWEEN $2 AND $3 AS is_inside
        FROM ({_ATTEMPTS}) ASOF LEFT JOIN levels ON began >= time WHERE run = $1
    ), usual AS (SELECT median(in_flight) AS level FROM loaded WHERE is_inside)
    SELECT any_value(level), count(*) FILTER (bad), count(*) FROM loaded, usual WHERE NOT is_inside AND in_flight >= {LIKE_LOAD} * level
"""
"""How many pieces were in flight in a period, and the failures and attempts outside it that began while about as many were."""


class _Period(NamedTuple):
    begin: int
    end: int
    failures: Comparison
    run: str


def check(dataset: Dataset) -> Finding:
    spans = dataset.rows(
        f"SELECT run, count(*) FILTER (bad), (max(began) - min(began)) / 1e9 FROM ({_ATTEMPTS}) GROUP BY run ORDER BY run"
    )
    if not spans:
        return ABOUT.unknown(message("no attempt with an end is logged"))
    spans = [span for span in spans if span[1]]
    if not spans:
        return ABOUT.absent(message("no attempt failed"))
    widths_s = {run: _width_s(span_s) for run, _, span_s in spans if span_s >= FEWEST_PERIODS * _width_s(span_s)}
    if not widths_s:
        duration = format_duration(max(span_s for _, _, span_s in spans))
        return ABOUT.unknown(message("the attempts cover only {duration}", duration=duration))
    periods = [period for run, width_s in widths_s.items() if (period := _worst_period(dataset, run, width_s))]
    if not periods:
        width = format_duration(max(widths_s.values()))
        return ABOUT.absent(message("no period of {width} is clearly worse than the rest", width=width))
    return _judge(dataset, max(periods, key=lambda period: period.failures.gap()))


def _judge(dataset: Dataset, period: _Period) -> Finding:
    """Return the finding on the worst period: present only where times of a like load are clearly better."""
    begin, end, failures, run = period
    ((level, bad, n),) = dataset.rows(_IN_FLIGHT, (run, begin, end))
    alike = failures._replace(rest=Proportion(bad, n))
    when = {"begin": format_time(begin), "end": format_time(end)}
    if n < FEWEST_ALIKE:
        return ABOUT.unknown(message("from {begin} to {end} {bad:,} of {n:,} attempts failed, but at no other time were about as many pieces in flight ({level:,.0f}): the load may explain it", bad=failures.own.bad, n=failures.own.n, level=level or 0, **when))  # fmt: skip
    if not alike.stands_out():
        return ABOUT.absent(message("most failures are from {begin} to {end}, but at other times with about as many pieces in flight ({level:,.0f}) {bad:,} of {n:,} attempts failed: the difference may be chance", level=level, bad=bad, n=n, **when))  # fmt: skip
    reason = message(
        "from {begin} to {end} {bad:,} of {n:,} attempts failed ({share}, at least {low}); at other times with about as many pieces in flight {rest}, at most {high}",
        bad=alike.own.bad, n=alike.own.n, **when, **alike.shares(),
    )  # fmt: skip
    within = "BETWEEN ? AND ? AND coalesce(run_of(host), '') = ?"
    tasks = failed_tasks(dataset, f"nanoseconds(coalesce(started, ended)) {within}", (begin, end, run))
    lines = evidence_of(
        dataset, f"nanoseconds(time) {within} AND event_id IN ('piece_failed', 'task_failed')", (begin, end, run)
    )
    return ABOUT.present("medium", reason, count=alike.own.bad, tasks=tasks, times=[begin, end], evidence=lines)


def _width_s(span_s: float) -> int:
    return next((width for width in _WIDTHS_S if span_s / width <= _MOST_PERIODS), _WIDTHS_S[-1])


def _worst_period(dataset: Dataset, run: str, width_s: int) -> _Period | None:
    """Return the worst series of adjacent periods of a run that stands out."""
    width = width_s * 1_000_000_000
    rows = dataset.rows(
        f"SELECT began // ? AS period, peer_id, count(*) FILTER (bad), count(*) FROM ({_ATTEMPTS}) WHERE run = ? GROUP BY ALL ORDER BY ALL",
        (width, run),
    )
    periods, _, bad, n = map(np.array, zip(*rows, strict=True))
    dispersion = overdispersion(periods.tolist(), bad.tolist(), n.tolist())
    begins, place = np.unique(periods, return_inverse=True)
    sums = [np.cumsum([0, *np.bincount(place, of)]).astype(int).tolist() for of in (bad, n)]
    whole = Proportion(sums[0][-1], sums[1][-1])
    found = []
    for first in range(len(begins)):
        for last in range(first, min(first + len(begins) // 2, len(begins))):
            own = Proportion(*(total[last + 1] - total[first] for total in sums))
            failures = Comparison(own, whole - own, dispersion)
            if failures.stands_out():
                found.append(_Period(int(begins[first]) * width, (int(begins[last]) + 1) * width, failures, run))
    return max(found, key=lambda period: period.failures.gap(), default=None)
