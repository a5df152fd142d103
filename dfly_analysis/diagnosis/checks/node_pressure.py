"""A node is short of memory, disk or process ids."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_at, failed_tasks
from dfly_analysis.diagnosis.kubernetes import pod_rows
from dfly_analysis.findings import Finding
from dfly_analysis.messages import format_list, message

ABOUT = load_check("node_pressure")
_EVENTS = ("NodeHasDiskPressure", "NodeHasInsufficientMemory", "NodeHasInsufficientPID", "EvictionThresholdMet", "FreeDiskSpaceFailed", "SystemOOM")  # fmt: skip


def check(dataset: Dataset) -> Finding:
    rows = [row for row in pod_rows(dataset) if row["kind"] in ("node", "event")]
    if not rows:
        return ABOUT.unknown("the input contains no node and no event of Kubernetes")
    rows = [row for row in rows if row["reason"] and (row["kind"] == "node" or row["reason"] in _EVENTS)]
    if not rows:
        return ABOUT.absent("no node and no event reports pressure")
    names = [str(row["node"] or row["pod"]) for row in rows]
    nodes, reasons = format_list(sorted(set(names))), format_list(dict.fromkeys(str(row["reason"]) for row in rows), 6)
    reason = message("nodes under pressure: {nodes} ({reasons})", nodes=nodes, reasons=reasons)
    evidence = evidence_at(
        (row["log_path"], row["log_line"], f"{name}: {row['reason']}") for row, name in zip(rows, names, strict=True)
    )
    tasks = failed_tasks(dataset, "cause IN ('resource_limit', 'disk_full')")
    times = [row["time"] for row in rows]
    return ABOUT.present("high", reason, count=len(rows), tasks=tasks, times=times, evidence=evidence)
