"""A client's process started again without having shut down."""

from collections import Counter
from dataclasses import replace

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_in, format_hosts
from dfly_analysis.diagnosis.kubernetes import pod_rows
from dfly_analysis.findings import Finding
from dfly_analysis.messages import join, message
from dfly_analysis.readers.pods import terminations_by_host
from dfly_analysis.sql_scripts import sql

ABOUT = load_check("restart_without_goodbye")
CRASH_LOOP_S = 10.0
_MAX_HOSTS = 3
_RESTARTS = sql("diagnosis", "restarts", CRASH_LOOP_S=CRASH_LOOP_S)
_UNFINISHED = """
    SELECT * FROM events WHERE event_id = 'task_started' AND peer_id IN (SELECT peer_id FROM tasks WHERE outcome = 'died')
    ORDER BY time, log_path, log_line LIMIT 2
"""


def check(dataset: Dataset) -> Finding:
    if not dataset.rows("SELECT 1 FROM events WHERE component = 'client' LIMIT 1"):
        return ABOUT.unknown("the input contains no client log")
    restarts = dataset.rows(f"SELECT host, nanoseconds(time) FROM ({_RESTARTS}) ORDER BY ALL")
    if not restarts:
        return ABOUT.absent("each process started once, or logged its shutdown before it restarted")
    ((died,),) = dataset.rows("SELECT count(*) FROM tasks WHERE outcome = 'died'")
    counts = Counter(host for host, _ in restarts)
    hosts = sorted(counts, key=lambda host: (-counts[host], host))
    found = terminations_by_host(pod_rows(dataset))
    ends = {host: found[host][-1].description for host in hosts if found.get(host)}
    texts = [message("{host} {termination}", host=host, termination=end) for host, end in ends.items()]
    reported = message("Kubernetes reports: {terminations}", terminations=join(texts[:_MAX_HOSTS], "; "))
    facts = [
        message("restarts without a shutdown line: {n:,}, on {hosts}", n=len(restarts), hosts=format_hosts(hosts)),
        message("tasks without an end: {n:,}", n=died),
        reported if ends else message("collect {what}", what=ABOUT.collect),
    ]
    evidence = evidence_in(dataset, f"{_RESTARTS} UNION ALL ({_UNFINISHED})")
    times = [time for _, time in restarts]
    finding = ABOUT.present("critical", *facts, count=len(restarts), tasks=died, times=times, evidence=evidence)
    # A limit of memory governs it only where Kubernetes says that memory ran out.
    return finding if ends else replace(finding, knob=None)
