"""Kubernetes ended a container of Dragonfly, or saw it crash."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import be, plural
from dfly_analysis.diagnosis.kubernetes import COLLECT, endings, evidence_of_rows, format_termination
from dfly_analysis.findings import Finding
from dfly_analysis.readers.pods import terminations_by_host

ABOUT = Check(
    "pod_ended_badly",
    "Kubernetes ended a container, evicted a pod, or saw it crash",
    method="The last states, exit codes, evictions and events of the pods in the input.",
    remedy="OOMKilled: raise resources.limits.memory, or fetch less at once (download.concurrentPieceCount, args.concurrent_task_count). Evicted: give the content store a volume of its own, and the pod requests that fit. A crash: go to a newer release.",
    collect=COLLECT,
    knob="resources.limits.memory",
)


def check(dataset: Dataset) -> Finding:
    """Count endings that nobody asked for."""
    if not dataset.rows("SELECT 1 FROM pods LIMIT 1"):
        return ABOUT.unknown("the input holds nothing of Kubernetes")
    ended = list(endings(dataset))
    restarts = int(dataset.pods["restarts"].fillna(0).max() if len(dataset.pods) else 0)
    if not ended:
        more = f", though a container was started anew {plural(restarts, 'time')}" if restarts else ""
        return ABOUT.absent(f"no container ended against its will{more}")
    by_host = terminations_by_host(row for row, _ in ended)
    pods = {str(row["pod"]) for row, _ in ended if row["pod"]}
    count = sum(len(by_host.get(pod, ())) for pod in pods) or len(ended)
    hosts = {str(row.get(name)) for row, _ in ended for name in ("pod", "node")}
    query = "SELECT count(*) FROM tasks WHERE outcome = 'died' AND list_contains(?, host)"
    ((tasks,),) = dataset.rows(query, ([*hosts],))
    evidence = [(row, format_termination(row, termination)) for row, termination in ended]
    shown = "; ".join(dict.fromkeys(text for _, text in evidence[:3]))
    most = f"; up to {plural(restarts, 'restart')} of one container" if restarts else ""
    reason = f"{plural(len(pods), 'pod')} {be(len(pods), 'has', 'have')} ended badly: {shown}{most}."
    times = [termination.time for _, termination in ended if termination.time is not None]
    return ABOUT.present("critical", reason, count=count, tasks=tasks, times=times, evidence=evidence_of_rows(evidence))
