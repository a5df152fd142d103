"""One host fails far more often than its peers."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnose.evidence import evidence_of, plural
from dfly_analysis.findings import Finding
from dfly_analysis.fits import wilson
from dfly_analysis.units import format_share

ID, TITLE = "host_outlier", "One host fails far more often than its peers"
FEWEST_FAILURES, FEWEST_HOSTS = 5, 2


def check(dataset: Dataset) -> Finding:
    """Compare the rate of failed pieces from the source of each host with that of the others of its role."""
    pieces = dataset.pieces[
        (dataset.pieces["origin"] == "source") & dataset.pieces["host"].notna() & dataset.pieces["ended"].notna()
    ]
    pieces = pieces[pieces["outcome"] != "cancelled"]
    counts = pieces.assign(bad=pieces["outcome"] != "ok").groupby(["role", "host"])["bad"].agg(["sum", "size"])
    table = [
        (str(role), str(host), int(bad), int(n))
        for (role, host), bad, n in zip(counts.index, counts["sum"], counts["size"], strict=True)
    ]
    if len(table) < FEWEST_HOSTS:
        return Finding(ID, TITLE, "unknown", "info", reason="pieces of fewer than two hosts are seen")
    for role, host, bad, n in sorted(table, key=lambda entry: -entry[2]):
        others = [entry for entry in table if entry[0] == role and entry[1] != host]
        own, rest = wilson(bad, n), wilson(sum(entry[2] for entry in others), sum(entry[3] for entry in others))
        if others and bad >= FEWEST_FAILURES and own.low > max(2 * rest.high, 0.01):
            reason = (
                f"{host}: {bad} of {plural(n, 'piece')} failed ({format_share(own.value)}, at least {format_share(own.low)}); "
                f"its {plural(len(others), 'peer')}: {format_share(rest.value)}, at most {format_share(rest.high)}."
            )
            lines = dataset.events[(dataset.events["host"] == host) & (dataset.events["event_id"] == "piece_failed")]
            tasks = int((dataset.failed_tasks["host"] == host).sum())
            return Finding(
                ID,
                TITLE,
                "present",
                "high" if tasks else "low",
                bad,
                tasks,
                None,
                None,
                None,
                reason,
                None,
                evidence_of(lines),
            )
    return Finding(
        ID, TITLE, "absent", "info", reason="failure rates of the hosts' pieces lie within each other's intervals"
    )
