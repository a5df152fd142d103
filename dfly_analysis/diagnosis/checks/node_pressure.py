"""A node ran short of memory, disk or process ids."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import be, plural
from dfly_analysis.diagnosis.kubernetes import evidence_of_rows, pod_rows
from dfly_analysis.findings import Finding

ABOUT = Check(
    "node_pressure",
    "A node is short of memory, disk or process ids",
    method="Conditions of the nodes, and events that speak of pressure.",
    remedy="Give Dragonfly's pods requests that fit what they use and a volume for their content, so that the node is not overbooked.",
    collect="add `kubectl describe nodes` or `kubectl get nodes -o json`, and `kubectl get events -A -o json`",
)
_EVENTS = ("NodeHasDiskPressure", "NodeHasInsufficientMemory", "NodeHasInsufficientPID", "EvictionThresholdMet", "FreeDiskSpaceFailed", "SystemOOM")  # fmt: skip


def check(dataset: Dataset) -> Finding:
    """Look for conditions that are on, and for events that say one was."""
    rows = pod_rows(dataset)
    node_rows = [row for row in rows if row["kind"] in ("node", "event")]
    if not node_rows:
        return ABOUT.unknown("the input holds no node and no event of Kubernetes")
    pressed = [row for row in node_rows if row["reason"] and (row["kind"] == "node" or row["reason"] in _EVENTS)]
    if not pressed:
        return ABOUT.absent("no node and no event speaks of pressure")
    nodes = sorted({str(row["node"] or row["pod"]) for row in pressed})
    kinds = ", ".join(dict.fromkeys(str(row["reason"]) for row in pressed))
    reason = f"{plural(len(nodes), 'node')} {be(len(nodes), 'was', 'were')} under pressure: {', '.join(nodes[:4])} ({kinds})."
    ((tasks,),) = dataset.rows("""
        SELECT count(*) FROM tasks WHERE outcome IN ('failed', 'died') AND cause IN ('resource_limit', 'disk_full')
    """)
    evidence = [(row, f"{row['node'] or row['pod']}: {row['reason']}") for row in pressed]
    return ABOUT.present("high", reason, count=len(pressed), tasks=tasks, times=[row["time"] for row in pressed], evidence=evidence_of_rows(evidence))  # fmt: skip
