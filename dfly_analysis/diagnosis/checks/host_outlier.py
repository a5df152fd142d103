"""One host fails far more often than its peers."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural
from dfly_analysis.findings import Finding
from dfly_analysis.fits import Interval, wilson
from dfly_analysis.units import format_share

ABOUT = Check(
    "host_outlier",
    "One host fails far more often than its peers",
    method="The share of pieces from the source that fail on each host, against that of all other hosts of its role together.",
    remedy="Look at that host first: its link, its disk, its limits, its settings; a change for all hosts cures what all hosts have.",
    collect="logs of two hosts of one role at least, with finished pieces in them",
)
FEWEST_FAILURES, FEWEST_HOSTS = 5, 2
_TIMES, _LEAST_SHARE = 2.0, 0.01
Row = tuple[str, str, int, int]


def check(dataset: Dataset) -> Finding:
    """Compare the share of failed pieces of each host with that of the others of its role."""
    table = _failures_by_host(dataset)
    if len(table) < FEWEST_HOSTS:
        return ABOUT.unknown("pieces of fewer than two hosts can be compared")
    compared = 0
    for role, host, bad, n in sorted(table, key=lambda row: (-row[2] / row[3], row[1])):
        others = [row for row in table if row[0] == role and row[1] != host]
        compared += bool(others)
        own, rest = wilson(bad, n), wilson(sum(row[2] for row in others), sum(row[3] for row in others))
        if others and bad >= FEWEST_FAILURES and own.low > max(_TIMES * rest.high, _LEAST_SHARE):
            return _bad_host(dataset, (role, host, bad, n), own, rest, len(others))
    if not compared:
        return ABOUT.unknown("no two hosts of one role fetched pieces from the source")
    return ABOUT.absent("no host fails clearly more often than the others of its role")


def _failures_by_host(dataset: Dataset) -> list[Row]:
    """Return role, host, failed and all pieces; where nobody logs survivors, shares say nothing and the rows are left out."""
    pieces = dataset.pieces
    told = (
        (pieces["origin"] == "source") & pieces["host"].notna() & pieces["ended"].notna() & ~pieces["survivors_unseen"]
    )
    pieces = pieces[told & (pieces["outcome"] != "cancelled")]
    counts = pieces.assign(bad=pieces["outcome"] != "ok").groupby(["role", "host"])["bad"].agg(["sum", "size"])
    return [
        (str(role), str(host), int(bad), int(n))
        for (role, host), bad, n in zip(counts.index, counts["sum"], counts["size"], strict=True)
    ]


def _bad_host(dataset: Dataset, row: Row, own: Interval, rest: Interval, others: int) -> Finding:
    _, host, bad, n = row
    reason = (
        f"{host}: {bad} of {plural(n, 'piece')} failed ({format_share(own.value)}, at least {format_share(own.low)}); "
        f"its {plural(others, 'peer')}: {format_share(rest.value)}, at most {format_share(rest.high)}."
    )
    lines = dataset.events[(dataset.events["host"] == host) & (dataset.events["event_id"] == "piece_failed")]
    tasks = int((dataset.failed_tasks["host"] == host).sum())
    return ABOUT.present("high", reason, count=bad, tasks=tasks, times=lines["time"], evidence=evidence_of(lines))
