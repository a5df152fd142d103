"""One host fails far more often than its peers, or is far slower."""

from itertools import groupby
from operator import itemgetter

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import failed_tasks, times_and_evidence
from dfly_analysis.diagnosis.proportion_tests import SOURCE_ATTEMPTS, Comparison, compare_groups
from dfly_analysis.diagnosis.slow_hosts import SlowHost, slow_host
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, message
from dfly_analysis.schema import Severity
from dfly_analysis.units import format_rate

ABOUT = load_check("host_outlier")
MIN_HOSTS = 2
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


def check(dataset: Dataset) -> Finding:
    groups = [(kind, host) for kind in (_BY_PIECE, _BY_PIECE_LOSS, _BY_TASK) for host in _compare_hosts(dataset, kind)]
    if not groups:
        ((hosts,),) = dataset.rows(f"SELECT count(DISTINCT host) FROM ({SOURCE_ATTEMPTS})")
        if hosts < MIN_HOSTS:
            return ABOUT.unknown("fewer than two hosts have pieces to compare")
        return ABOUT.unknown("no two hosts of one role fetched pieces from the registry")
    worse = [(kind, host) for kind, host in groups if host.stands_out()]
    if worse:
        kind, host = max(worse, key=lambda group: (group[0] == _BY_PIECE, group[1].own.bad / group[1].own.n))
        return _present("high", _failure_reason(kind, host), host.own.bad, dataset, host.group, f"event_id IN {_LINES}")
    if (slow := slow_host(dataset)) is not None:
        return _present("medium", _rate_reason(slow), slow.tasks, dataset, slow.host, "event_id = 'task_started'")
    return ABOUT.absent("no host fails clearly more often than the others of its role")


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


def _present(severity: Severity, reason: str, count: int, dataset: Dataset, host: str, where: str) -> Finding:
    lines = f"host = ? AND {where}"
    tasks = failed_tasks(dataset, "host = ?", (host,))
    return ABOUT.present(severity, reason, count=count, tasks=tasks, **times_and_evidence(dataset, lines, (host,)))
