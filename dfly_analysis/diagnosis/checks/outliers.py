"""Checks of a host, a registry, a time or a layer that fails more often than the others."""

from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, failed_tasks, times_and_evidence
from dfly_analysis.diagnosis.preheat_jobs import BLOB
from dfly_analysis.diagnosis.proportion_tests import (
    SOURCE_ATTEMPTS,
    Comparison,
    Proportion,
    compare_groups,
    overdispersion,
)
from dfly_analysis.diagnosis.slow_hosts import SlowHost, slow_host
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, message
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration, format_rate, format_size, format_time

_MIN_HOSTS = 2
# Causes outside the host: which host asks when a registry refuses is chance, and one process death fails all tasks of a host.
_EXTERNAL_CAUSES = ("resource_limit", "auth", "origin_registry", "rate_limited", "scheduler_unavailable")
_LINES = ("piece_failed", "task_failed", "content_write_failed")
_ENDED = f"outcome IN ('ok', 'failed') AND host IS NOT NULL AND coalesce(cause, '') NOT IN {_EXTERNAL_CAUSES}"
_BY_TASKS = """
    SELECT concat(role, run_of(host)) AS role, host, {} FROM ({}) WHERE role IS NOT NULL
    GROUP BY role, host, peer_id ORDER BY ALL""".format
_BY_PIECE = _BY_TASKS("count(*) FILTER (bad), count(*)", SOURCE_ATTEMPTS)
# Tasks that lost a piece: failures that come together within a task count once.
_BY_PIECE_LOSS = _BY_TASKS("bool_or(bad)::INTEGER, 1", SOURCE_ATTEMPTS)
_BY_TASK = _BY_TASKS("count(*) FILTER (outcome <> 'ok'), count(*)", f"FROM tasks WHERE {_ENDED}")


def host_outlier(check: Check, dataset: Dataset) -> Finding:
    """One host fails far more often than its peers, or is far slower."""
    groups = [(kind, host) for kind in (_BY_PIECE, _BY_PIECE_LOSS, _BY_TASK) for host in _compare_hosts(dataset, kind)]
    if not groups:
        ((hosts,),) = dataset.rows(f"SELECT count(DISTINCT host) FROM ({SOURCE_ATTEMPTS})")
        if hosts < _MIN_HOSTS:
            return check.unknown("fewer than two hosts have pieces to compare")
        return check.unknown("no two hosts of one role fetched pieces from the registry")
    worse = [(kind, host) for kind, host in groups if host.stands_out()]
    if worse:
        kind, host = max(worse, key=lambda group: (group[0] == _BY_PIECE, group[1].own.bad / group[1].own.n))
        proof = _of_host(dataset, host.group, f"event_id IN {_LINES}")
        return check.present("high", _failure_reason(kind, host), count=host.own.bad, **proof)
    if (slow := slow_host(dataset)) is not None:
        proof = _of_host(dataset, slow.host, "event_id = 'task_started'")
        return check.present("medium", _rate_reason(slow), count=slow.tasks, **proof)
    return check.absent("no host fails clearly more often than the others of its role")


def _compare_hosts(dataset: Dataset, query: str) -> list[Comparison]:
    """Compare the hosts of each role that has several, from rows of role, host, failures and attempts."""
    roles = groupby(dataset.rows(query), itemgetter(0))
    return [host for _, rows in roles for host in compare_groups(row[1:] for row in rows) if host.others]


def _failure_reason(kind: str, host: Comparison) -> Message:
    values = {"bad": host.own.bad, "n": host.own.n}
    if kind == _BY_PIECE:
        failures = message("{bad:,} of {n:,} pieces failed", **values)
    elif kind == _BY_TASK:
        failures = message("{bad:,} of {n:,} tasks failed", **values)
    else:
        failures = message("{bad:,} of {n:,} tasks lost pieces", **values)
    return message(
        "{host}: {failures} ({share}, at least {low}); its peers ({peers:,}): {rest}, at most {high}",
        host=host.group, failures=failures, peers=host.others, **host.shares(),
    )  # fmt: skip


def _rate_reason(slow: SlowHost) -> Message:
    own, peers = format_rate(slow.rate_bps), format_rate(slow.peers_bps)
    return message(
        "{host} downloads pieces at {own} (median of {tasks:,} tasks); its peers ({n:,}): {peers}",
        host=slow.host, own=own, tasks=slow.tasks, n=slow.peers, peers=peers,
    )  # fmt: skip


def _of_host(dataset: Dataset, host: str, where: str) -> dict[str, Any]:
    """Return the failed tasks of a host, and its records that satisfy a condition, as arguments of `Check.present`."""
    records = times_and_evidence(dataset, f"host = ? AND {where}", (host,))
    return {"tasks": failed_tasks(dataset, "host = ?", (host,)), **records}


_MIN_REGISTRIES = 2
_REGISTRY = r"nullif(regexp_extract(url, '^\w+://(?:[^/@]*@)?([^/?#]+)', 1), '')"
_TASKS_OF_REGISTRIES = f"""
    SELECT {_REGISTRY} AS registry, outcome <> 'ok' AS bad, coalesce(job_id, url) AS cluster, peer_id, ended FROM tasks
    WHERE outcome IN ('ok', 'failed', 'died') AND url IS NOT NULL AND origin IS DISTINCT FROM 'parent'
"""


def registry_outlier(check: Check, dataset: Dataset) -> Finding:
    """One registry fails far more often than the others."""
    registries = compare_groups(
        dataset.rows(f"""
            SELECT registry, count(*) FILTER (bad), count(*) FROM ({_TASKS_OF_REGISTRIES}) WHERE registry IS NOT NULL
            GROUP BY registry, cluster ORDER BY ALL
        """)
    )
    if len(registries) < _MIN_REGISTRIES:
        return check.unknown("the input contains tasks of fewer than two registries")
    outliers = [registry for registry in registries if registry.stands_out()]
    if not outliers:
        return check.absent("no registry fails clearly more often than the others")
    worst = max(outliers, key=lambda registry: registry.own.bad)
    name, bad = worst.group, worst.own.bad
    reason = message(
        "{registry}: {bad:,} of {n:,} tasks failed ({share}, at least {low}); other registries ({others:,}): {rest}, at most {high}",
        registry=name, bad=bad, n=worst.own.n, others=worst.others, **worst.shares(),
    )  # fmt: skip
    failed = f"FROM ({_TASKS_OF_REGISTRIES}) WHERE registry = ? AND bad"
    times = dataset.rows(f"SELECT min(nanoseconds(ended)), max(nanoseconds(ended)) {failed}", (name,))[0]
    evidence = evidence_of(dataset, f"event_id = 'task_failed' AND peer_id IN (SELECT peer_id {failed})", (name,))
    return check.present("high", reason, count=bad, tasks=bad, times=times, evidence=evidence)


_WIDTHS_S = (10, 60, 300, 900, 3600, 6 * 3600, 86400)
_MOST_PERIODS, _FEWEST_PERIODS = 48, 4
LIKE_LOAD, _FEWEST_ALIKE = 0.5, 20
"""A time is compared with a period where at least that share of its pieces is in flight, and that many attempts began then."""
_ATTEMPTS = sql("diagnosis", "attempts_in_time", SOURCE_ATTEMPTS=SOURCE_ATTEMPTS)
_LIKE_LOAD = sql("diagnosis", "like_load", ATTEMPTS=_ATTEMPTS, LIKE_LOAD=LIKE_LOAD)


class _Period(NamedTuple):
    begin: int
    end: int
    failures: Comparison
    run: str


def failure_time_cluster(check: Check, dataset: Dataset) -> Finding:
    """Failures are concentrated in one period."""
    spans = dataset.rows(
        f"SELECT run, count(*) FILTER (bad), (max(began) - min(began)) / 1e9 FROM ({_ATTEMPTS}) GROUP BY run ORDER BY run"
    )
    if not spans:
        return check.unknown("no attempt with an end is logged")
    spans = [span for span in spans if span[1]]
    if not spans:
        return check.absent("no attempt failed")
    widths_s = {run: _width_s(span_s) for run, _, span_s in spans if span_s >= _FEWEST_PERIODS * _width_s(span_s)}
    if not widths_s:
        duration = format_duration(max(span_s for _, _, span_s in spans))
        return check.unknown("the attempts cover only {duration}", duration=duration)
    periods = [period for run, width_s in widths_s.items() if (period := _worst_period(dataset, run, width_s))]
    if not periods:
        width = format_duration(max(widths_s.values()))
        return check.absent("no period of {width} is clearly worse than the rest", width=width)
    return _judge(check, dataset, max(periods, key=lambda period: period.failures.gap()))


def _judge(check: Check, dataset: Dataset, period: _Period) -> Finding:
    """Return the finding on the worst period: present only where times of a like load are clearly better."""
    begin, end, failures, run = period
    ((level, bad, n),) = dataset.rows(_LIKE_LOAD, (run, begin, end))
    alike = failures._replace(rest=Proportion(bad, n))
    when = {"begin": format_time(begin), "end": format_time(end)}
    if n < _FEWEST_ALIKE:
        return check.unknown("from {begin} to {end} {bad:,} of {n:,} attempts failed, but at no other time were about as many pieces in flight ({level:,.0f}): the load may explain it", bad=failures.own.bad, n=failures.own.n, level=level or 0, **when)  # fmt: skip
    if not alike.stands_out():
        return check.absent("most failures are from {begin} to {end}, but at other times with about as many pieces in flight ({level:,.0f}) {bad:,} of {n:,} attempts failed: the difference may be chance", level=level, bad=bad, n=n, **when)  # fmt: skip
    reason = message(
        "from {begin} to {end} {bad:,} of {n:,} attempts failed ({share}, at least {low}); at other times with about as many pieces in flight {rest}, at most {high}",
        bad=alike.own.bad, n=alike.own.n, **when, **alike.shares(),
    )  # fmt: skip
    within = "BETWEEN ? AND ? AND coalesce(run_of(host), '') = ?"
    tasks = failed_tasks(dataset, f"nanoseconds(coalesce(started, ended)) {within}", (begin, end, run))
    lines = evidence_of(
        dataset, f"nanoseconds(time) {within} AND event_id IN ('piece_failed', 'task_failed')", (begin, end, run)
    )
    return check.present("medium", reason, count=alike.own.bad, tasks=tasks, times=[begin, end], evidence=lines)


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


_MIN_FAILURES_OF_LAYER = 3
_BLOB_LENGTH = 72


def recurring_layer_failure(check: Check, dataset: Dataset) -> Finding:
    """The same layer fails repeatedly while others arrive."""
    rows = dataset.rows(sql("diagnosis", "failures_by_blob", BLOB=BLOB))
    if not rows:
        return check.unknown("no task with a blob and an end is logged")
    whole = Proportion(sum(row[1] for row in rows), sum(row[2] for row in rows))
    often = (row for row in rows if row[1] >= _MIN_FAILURES_OF_LAYER)
    worst = [row for row in often if Comparison(own := Proportion(*row[1:3]), whole - own).stands_out()]
    if not worst:
        return check.absent(
            "no layer fails clearly more often than the others; most failed tasks of one layer: {n:,}", n=rows[0][1]
        )
    failed, n = sum(row[1] for row in worst), sum(row[2] for row in worst)
    size_bytes = max((row[3] for row in worst if row[3] is not None), default=None)
    blob = str(worst[0][0])[-_BLOB_LENGTH:]
    if size_bytes is not None:
        blob = message("{blob} ({size})", blob=blob, size=format_size(float(size_bytes)))
    reason = message(
        "layers: {layers:,}, the first {blob}: {failed:,} of {n:,} tasks failed; all others: {bad:,} of {others:,}",
        layers=len(worst), blob=blob, failed=failed, n=n, bad=whole.bad - failed, others=whole.n - n,
    )  # fmt: skip
    lines = f"event_id = 'task_failed' AND peer_id IN (SELECT peer_id FROM tasks WHERE {FAILED} AND list_contains(?, {BLOB}))"
    evidence = evidence_of(dataset, lines, ([row[0] for row in worst],))
    times = [time for row in worst for time in row[4:]]
    return check.present("medium", reason, count=failed, tasks=failed, times=times, evidence=evidence)
