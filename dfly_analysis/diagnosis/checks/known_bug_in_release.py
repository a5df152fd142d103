"""Tasks failed in a way that the client's release is known for, and a later one is not."""

from __future__ import annotations

from dfly_analysis.catalog.error_signatures import signatures_in
from dfly_analysis.catalog.known_bugs import KnownBug, load_known_bugs
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural, time_range
from dfly_analysis.findings import Finding

ABOUT = Check(
    "known_fault_of_release",
    "Tasks failed as the client's release is known to fail",
    method="The words of failed tasks and how long they ran, against the known faults of the client's release.",
    remedy="Go to a release without the fault; where content may have been damaged, clear the stores of seed clients and clients first.",
    collect="name the release with --client, or add the client's log from its start on, or its metrics.txt",
)


def check(dataset: Dataset) -> Finding:
    """Look for failures that a later release does not have."""
    versions = dataset.settings.versions
    release = versions.get("client") or versions.get("seedClient")
    ((tasks, n_failed),) = dataset.rows("SELECT count(*), count(*) FILTER (outcome IN ('failed', 'died')) FROM tasks")
    if not n_failed:
        return ABOUT.absent("no task failed") if tasks else ABOUT.unknown("no task is seen")
    if release is None:
        return ABOUT.unknown("the client's release is not known")
    known = [fault for fault in load_known_bugs() if fault.affects(release)]
    shown = [
        (peer, fault)
        for peer, text, ran_s in dataset.rows("""
            SELECT peer_id, concat_ws(chr(10), first_error, last_error), duration_s FROM tasks
            WHERE outcome IN ('failed', 'died') ORDER BY peer_id
        """)
        for fault in known
        if _shows(fault, text, ran_s)
    ]
    if not shown:
        return ABOUT.absent(f"no failed task shows a known fault of client {release}")
    faults = {fault.id: fault for _, fault in shown}
    peers = {peer for peer, _ in shown}
    description = "; ".join(
        f"{one.title.lower()} up to {one.until}, not from {one.fixed_in} on" for one in faults.values()
    )
    lines, parameters = "event_id = 'task_failed' AND list_contains(?, peer_id)", ([*peers],)
    reason = f"{plural(len(peers), 'failed task')} on client {release}: {description}."
    return ABOUT.present(
        "high",
        reason,
        count=len(shown),
        tasks=len(peers),
        times=time_range(dataset, lines, parameters),
        evidence=evidence_of(dataset, lines, parameters),
    )


def _shows(fault: KnownBug, text: str, ran_s: float | None) -> bool:
    if fault.longer_than_s and not (ran_s or 0.0) > fault.longer_than_s:
        return False
    return any(one.id in fault.signatures for one in signatures_in(text))
