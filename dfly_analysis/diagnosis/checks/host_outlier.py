"""One host does far worse than its peers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural
from dfly_analysis.diagnosis.pieces import told_pieces
from dfly_analysis.diagnosis.rates import Counted, inflation_of, stands_out
from dfly_analysis.diagnosis.slowness import SlowHost, slow_host
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_rate, format_share

ABOUT = Check(
    "host_outlier",
    "One host fails far more often than its peers, or is far slower",
    method="The share of pieces from the source that fail on each host, of its tasks, and how fast its pieces come, against all other hosts of its role together.",
    remedy="Look at that host first: its link, its disk, its limits, its settings; a change for all hosts cures what all hosts have.",
    collect="logs of two hosts of one role at least, with finished pieces in them",
)
FEWEST_HOSTS = 2
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
    own: Counted
    rest: Counted
    peers: int
    inflation: float


def check(dataset: Dataset) -> Finding:
    """Compare the failed share of each host's pieces and tasks with that of the others of its role."""
    pieces = told_pieces(dataset)
    groups = [
        *_groups("piece", "failed", pieces),
        *_groups("task", "lost pieces", _by_task(pieces)),
        *_groups("task", "failed", _own_tasks(dataset)),
    ]
    if not groups:
        hosts = pieces["host"].nunique()
        return ABOUT.unknown("pieces of fewer than two hosts can be compared" if hosts < FEWEST_HOSTS else "no two hosts of one role fetched pieces from the source")  # fmt: skip
    worse = [one for one in groups if stands_out(one.own, one.rest, one.inflation)]
    if not worse:
        slow = slow_host(dataset)
        if slow is not None:
            return _slow(dataset, slow)
        return ABOUT.absent("no host fails clearly more often than the others of its role")
    return _bad_host(dataset, max(worse, key=lambda one: (one.noun == "piece", one.own.bad / one.own.n)))


def _groups(noun: str, verb: str, attempts: pd.DataFrame) -> Iterator[_Group]:
    """Yield each host of a role with two or more."""
    for role, rows in attempts.groupby("role", observed=True):
        counts = rows.groupby("host", observed=True)["bad"].agg(["sum", "size"])
        if len(counts) < FEWEST_HOSTS:
            continue
        inflation = inflation_of(rows["bad"], rows["host"], rows["peer_id"])
        whole = Counted(int(counts["sum"].sum()), int(counts["size"].sum()))
        for host, bad, n in counts.itertuples():
            own = Counted(int(bad), int(n))
            yield _Group(noun, verb, str(role), str(host), own, whole.without(own), len(counts) - 1, inflation)


def _by_task(pieces: pd.DataFrame) -> pd.DataFrame:
    """Return a row a task, bad where it lost a piece: heaps of failures within a task count once."""
    return pieces.groupby(["role", "host", "peer_id"], observed=True)["bad"].any().reset_index()


def _own_tasks(dataset: Dataset) -> pd.DataFrame:
    """Return the tasks that ended and have a host, without those that failed for what no host has part in.

    One death takes all tasks of its host along: that is one event, and a finding of its own.
    """
    tasks = dataset.tasks
    ended = tasks[tasks["outcome"].isin(["ok", "failed"]) & tasks["host"].notna() & tasks["role"].notna()]
    ended = ended[~ended["cause"].isin(_NOT_OF_THE_HOST)]
    return ended.assign(bad=ended["outcome"] != "ok")


def _bad_host(dataset: Dataset, one: _Group) -> Finding:
    own, rest = one.own.share(one.inflation, 0.95), one.rest.share(one.inflation, 0.95)
    reason = (
        f"{one.host}: {one.own.bad} of {plural(one.own.n, one.noun)} {one.verb} ({format_share(own.value)}, at least {format_share(own.low)}); "
        f"its {plural(one.peers, 'peer')}: {format_share(rest.value)}, at most {format_share(rest.high)}."
    )
    events = dataset.events
    lines = events[(events["host"] == one.host) & events["event_id"].isin(_LINES)]
    tasks = int((dataset.failed_tasks["host"] == one.host).sum())
    return ABOUT.present("high", reason, count=one.own.bad, tasks=tasks, times=lines["time"], evidence=evidence_of(lines))  # fmt: skip


def _slow(dataset: Dataset, slow: SlowHost) -> Finding:
    reason = (
        f"{slow.host}: a piece comes at {format_rate(slow.rate_bps)} (median of {plural(slow.tasks, 'task')}); "
        f"its {plural(slow.peers, 'peer')}: {format_rate(slow.peers_bps)}."
    )
    events = dataset.events
    lines = events[(events["host"] == slow.host) & (events["event_id"] == "task_started")]
    tasks = int((dataset.failed_tasks["host"] == slow.host).sum())
    return ABOUT.present(
        "medium", reason, count=slow.tasks, tasks=tasks, times=lines["time"], evidence=evidence_of(lines)
    )
