"""One host does far worse than its peers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural, time_range
from dfly_analysis.diagnosis.pieces import SOURCE_ATTEMPTS
from dfly_analysis.diagnosis.proportion_tests import Proportion, inflation_of, stands_out
from dfly_analysis.diagnosis.slow_hosts import SlowHost, slow_host
from dfly_analysis.findings import Finding
from dfly_analysis.schema import Severity
from dfly_analysis.units import format_rate, format_share

ABOUT = Check(
    "host_outlier",
    "One host fails far more often than its peers, or is far slower",
    method="The share of pieces from the source that fail on each host, of its tasks, and how fast its pieces come, against all other hosts of its role together.",
    remedy="Look at that host first: its link, its disk, its limits, its settings; a change for all hosts cures what all hosts have.",
    collect="logs of two hosts of one role at least, with finished pieces in them",
)
MIN_HOSTS = 2
# Whoever refuses or is silent does so to all hosts alike; which of them asks meanwhile is chance. One death takes all tasks along.
_NOT_OF_THE_HOST = ("resource_limit", "auth", "origin_registry", "rate_limited", "scheduler_unavailable")
_LINES = ("piece_failed", "task_failed", "content_write_failed")


@dataclass(frozen=True)
class _Group:
    """What one host's attempts came to, and those of its peers."""

    noun: str
    verb: str
    role: str
    host: str
    own: Proportion
    rest: Proportion
    peers: int
    inflation: float


def check(dataset: Dataset) -> Finding:
    """Compare the failed share of each host's pieces and tasks with that of the others of its role."""
    groups = [*_groups("piece", "failed", _of_pieces(dataset)), *_groups("task", "lost pieces", _by_task(dataset)), *_groups("task", "failed", _of_tasks(dataset))]  # fmt: skip
    if not groups:
        ((hosts,),) = dataset.rows(f"SELECT count(DISTINCT host) FROM ({SOURCE_ATTEMPTS})")
        return ABOUT.unknown("pieces of fewer than two hosts can be compared" if hosts < MIN_HOSTS else "no two hosts of one role fetched pieces from the source")  # fmt: skip
    worse = [one for one in groups if stands_out(one.own, one.rest, one.inflation)]
    if not worse:
        slow = slow_host(dataset)
        if slow is not None:
            return _slow(dataset, slow)
        return ABOUT.absent("no host fails clearly more often than the others of its role")
    return _bad_host(dataset, max(worse, key=lambda one: (one.noun == "piece", one.own.bad / one.own.n)))


_Row = tuple[str, str, int, int]
"""Role, host, failures and attempts of one cluster: of attempts that may fail together."""


def _groups(noun: str, verb: str, clusters: list[_Row]) -> Iterator[_Group]:
    """Yield each host of a role with two or more."""
    for role in sorted({row[0] for row in clusters}):
        rows = [row for row in clusters if row[0] == role]
        counts: dict[str, Proportion] = {}
        for _, host, bad, n in rows:
            known = counts.get(host, Proportion(0, 0))
            counts[host] = Proportion(known.bad + bad, known.n + n)
        if len(counts) < MIN_HOSTS:
            continue
        inflation = inflation_of([row[1] for row in rows], [row[2] for row in rows], [row[3] for row in rows])
        whole = Proportion(sum(one.bad for one in counts.values()), sum(one.n for one in counts.values()))
        for host, own in sorted(counts.items()):
            yield _Group(noun, verb, role, host, own, whole.without(own), len(counts) - 1, inflation)


def _of_pieces(dataset: Dataset) -> list[_Row]:
    return dataset.rows(f"""
        SELECT role, host, count(*) FILTER (bad), count(*) FROM ({SOURCE_ATTEMPTS})
        WHERE role IS NOT NULL GROUP BY role, host, peer_id ORDER BY ALL
    """)


def _by_task(dataset: Dataset) -> list[_Row]:
    """Return tasks, failed where they lost a piece: failures that come together within a task count once."""
    return dataset.rows(f"""
        SELECT role, host, bool_or(bad)::INTEGER, 1 FROM ({SOURCE_ATTEMPTS})
        WHERE role IS NOT NULL GROUP BY role, host, peer_id ORDER BY ALL
    """)


def _of_tasks(dataset: Dataset) -> list[_Row]:
    """Return the tasks that ended and have a host, without those that failed for what no host has part in.

    One death takes all tasks of its host along: that is one event, and a finding of its own.
    """
    causes = ", ".join(f"'{cause}'" for cause in _NOT_OF_THE_HOST)
    return dataset.rows(f"""
        SELECT role, host, count(*) FILTER (outcome <> 'ok'), count(*) FROM tasks
        WHERE outcome IN ('ok', 'failed') AND host IS NOT NULL AND role IS NOT NULL AND coalesce(cause, '') NOT IN ({causes})
        GROUP BY role, host, peer_id ORDER BY ALL
    """)


def _bad_host(dataset: Dataset, one: _Group) -> Finding:
    own, rest = one.own.share(one.inflation, 0.95), one.rest.share(one.inflation, 0.95)
    reason = (
        f"{one.host}: {one.own.bad} of {plural(one.own.n, one.noun)} {one.verb} ({format_share(own.value)}, at least {format_share(own.low)}); "
        f"its {plural(one.peers, 'peer')}: {format_share(rest.value)}, at most {format_share(rest.high)}."
    )
    return _present("high", reason, one.own.bad, dataset, one.host, f"event_id IN {_LINES}")


def _slow(dataset: Dataset, slow: SlowHost) -> Finding:
    reason = (
        f"{slow.host}: a piece comes at {format_rate(slow.rate_bps)} (median of {plural(slow.tasks, 'task')}); "
        f"its {plural(slow.peers, 'peer')}: {format_rate(slow.peers_bps)}."
    )
    return _present("medium", reason, slow.tasks, dataset, slow.host, "event_id = 'task_started'")


def _present(severity: Severity, reason: str, count: int, dataset: Dataset, host: str, where: str) -> Finding:
    lines = f"host = ? AND {where}"
    ((tasks,),) = dataset.rows("SELECT count(*) FROM tasks WHERE outcome IN ('failed', 'died') AND host = ?", (host,))
    times, evidence = time_range(dataset, lines, (host,)), evidence_of(dataset, lines, (host,))
    return ABOUT.present(severity, reason, count=count, tasks=tasks, times=times, evidence=evidence)
