"""Failures are concentrated in one period."""

from typing import NamedTuple

import numpy as np

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of, failed_tasks
from dfly_analysis.diagnosis.proportion_tests import SOURCE_ATTEMPTS, Comparison, Proportion, overdispersion
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration, format_time

ABOUT = load_check("bad_hour")
_WIDTHS_S = (10, 60, 300, 900, 3600, 6 * 3600, 86400)
_MOST_PERIODS, FEWEST_PERIODS = 48, 4
LIKE_LOAD, FEWEST_ALIKE = 0.5, 20
"""A time is compared with a period where at least that share of its pieces is in flight, and that many attempts began then."""
_ATTEMPTS = sql("diagnosis", "attempts_in_time", SOURCE_ATTEMPTS=SOURCE_ATTEMPTS)
_LIKE_LOAD = sql("diagnosis", "like_load", ATTEMPTS=_ATTEMPTS, LIKE_LOAD=LIKE_LOAD)


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
        return ABOUT.unknown("no attempt with an end is logged")
    spans = [span for span in spans if span[1]]
    if not spans:
        return ABOUT.absent("no attempt failed")
    widths_s = {run: _width_s(span_s) for run, _, span_s in spans if span_s >= FEWEST_PERIODS * _width_s(span_s)}
    if not widths_s:
        duration = format_duration(max(span_s for _, _, span_s in spans))
        return ABOUT.unknown("the attempts cover only {duration}", duration=duration)
    periods = [period for run, width_s in widths_s.items() if (period := _worst_period(dataset, run, width_s))]
    if not periods:
        width = format_duration(max(widths_s.values()))
        return ABOUT.absent("no period of {width} is clearly worse than the rest", width=width)
    return _judge(dataset, max(periods, key=lambda period: period.failures.gap()))


def _judge(dataset: Dataset, period: _Period) -> Finding:
    """Return the finding on the worst period: present only where times of a like load are clearly better."""
    begin, end, failures, run = period
    ((level, bad, n),) = dataset.rows(_LIKE_LOAD, (run, begin, end))
    alike = failures._replace(rest=Proportion(bad, n))
    when = {"begin": format_time(begin), "end": format_time(end)}
    if n < FEWEST_ALIKE:
        return ABOUT.unknown("from {begin} to {end} {bad:,} of {n:,} attempts failed, but at no other time were about as many pieces in flight ({level:,.0f}): the load may explain it", bad=failures.own.bad, n=failures.own.n, level=level or 0, **when)  # fmt: skip
    if not alike.stands_out():
        return ABOUT.absent("most failures are from {begin} to {end}, but at other times with about as many pieces in flight ({level:,.0f}) {bad:,} of {n:,} attempts failed: the difference may be chance", level=level, bad=bad, n=n, **when)  # fmt: skip
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
