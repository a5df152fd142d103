"""Checks of pods, nodes and restarts."""

from collections import Counter
from dataclasses import replace

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_at, evidence_in, failed_tasks, format_hosts
from dfly_analysis.diagnosis.kubernetes import format_termination, pod_rows, terminations
from dfly_analysis.findings import Finding
from dfly_analysis.messages import format_list, join, message
from dfly_analysis.readers.pods import terminations_by_host
from dfly_analysis.sql_scripts import sql


def pod_terminated_abnormally(check: Check, dataset: Dataset) -> Finding:
    """Kubernetes killed or evicted a container of Dragonfly, or it crashed."""
    if not dataset.rows("SELECT 1 FROM pods LIMIT 1"):
        return check.unknown("the input contains nothing of Kubernetes")
    found = list(terminations(dataset))
    restarts = int(dataset.pods["restarts"].fillna(0).max())
    if not found:
        if restarts:
            return check.absent("no container terminated abnormally; most restarts of one container: {n:,}", n=restarts)
        return check.absent("no container terminated abnormally")
    by_host = terminations_by_host(row for row, _ in found)
    pods = {str(row["pod"]) for row, _ in found if row["pod"]}
    count = sum(len(by_host.get(pod, ())) for pod in pods) or len(found)
    hosts = {str(row.get(name)) for row, _ in found for name in ("pod", "node")}
    ((tasks,),) = dataset.rows(
        "SELECT count(*) FROM tasks WHERE outcome = 'died' AND list_contains(?, host)", ([*hosts],)
    )
    texts = [format_termination(row, termination) for row, termination in found]
    facts = [message("pods with abnormal terminations: {n:,}", n=len(pods)), *dict.fromkeys(texts[:3])]
    if restarts:
        facts.append(message("most restarts of one container: {n:,}", n=restarts))
    times = [termination.time for _, termination in found]
    evidence = evidence_at(
        (row["log_path"], row["log_line"], text) for (row, _), text in zip(found, texts, strict=True)
    )
    return check.present("critical", *facts, count=count, tasks=tasks, times=times, evidence=evidence)


_PRESSURE_EVENTS = ("NodeHasDiskPressure", "NodeHasInsufficientMemory", "NodeHasInsufficientPID", "EvictionThresholdMet", "FreeDiskSpaceFailed", "SystemOOM")  # fmt: skip


def node_pressure(check: Check, dataset: Dataset) -> Finding:
    """A node is short of memory, disk or process ids."""
    rows = [row for row in pod_rows(dataset) if row["kind"] in ("node", "event")]
    if not rows:
        return check.unknown("the input contains no node and no event of Kubernetes")
    rows = [row for row in rows if row["reason"] and (row["kind"] == "node" or row["reason"] in _PRESSURE_EVENTS)]
    if not rows:
        return check.absent("no node and no event reports pressure")
    names = [str(row["node"] or row["pod"]) for row in rows]
    nodes, reasons = format_list(sorted(set(names))), format_list(dict.fromkeys(str(row["reason"]) for row in rows), 6)
    reason = message("nodes under pressure: {nodes} ({reasons})", nodes=nodes, reasons=reasons)
    evidence = evidence_at(
        (row["log_path"], row["log_line"], f"{name}: {row['reason']}") for row, name in zip(rows, names, strict=True)
    )
    tasks = failed_tasks(dataset, "cause IN ('resource_limit', 'disk_full')")
    times = [row["time"] for row in rows]
    return check.present("high", reason, count=len(rows), tasks=tasks, times=times, evidence=evidence)


CRASH_LOOP_S = 10.0
_MOST_TERMINATIONS = 3
_RESTARTS = sql("diagnosis", "restarts", CRASH_LOOP_S=CRASH_LOOP_S)
_UNFINISHED = """
    SELECT * FROM events WHERE event_id = 'task_started' AND peer_id IN (SELECT peer_id FROM tasks WHERE outcome = 'died')
    ORDER BY time, log_path, log_line LIMIT 2
"""


def unclean_restart(check: Check, dataset: Dataset) -> Finding:
    """A client's process started again without having shut down."""
    if not dataset.rows("SELECT 1 FROM events WHERE component = 'client' LIMIT 1"):
        return check.unknown("the input contains no client log")
    restarts = dataset.rows(f"SELECT host, nanoseconds(time) FROM ({_RESTARTS}) ORDER BY ALL")
    if not restarts:
        return check.absent("each process started once, or logged its shutdown before it restarted")
    ((died,),) = dataset.rows("SELECT count(*) FROM tasks WHERE outcome = 'died'")
    counts = Counter(host for host, _ in restarts)
    hosts = sorted(counts, key=lambda host: (-counts[host], host))
    found = terminations_by_host(pod_rows(dataset))
    ends = {host: found[host][-1].description for host in hosts if found.get(host)}
    texts = [message("{host} {termination}", host=host, termination=end) for host, end in ends.items()]
    reported = message("Kubernetes reports: {terminations}", terminations=join(texts[:_MOST_TERMINATIONS], "; "))
    facts = [
        message("restarts without a shutdown line: {n:,}, on {hosts}", n=len(restarts), hosts=format_hosts(hosts)),
        message("tasks without an end: {n:,}", n=died),
        reported if ends else message("collect {what}", what=check.collect),
    ]
    evidence = evidence_in(dataset, f"{_RESTARTS} UNION ALL ({_UNFINISHED})")
    times = [time for _, time in restarts]
    finding = check.present("critical", *facts, count=len(restarts), tasks=died, times=times, evidence=evidence)
    # A limit of memory governs it only where Kubernetes says that memory ran out.
    return finding if ends else replace(finding, knob=None)
