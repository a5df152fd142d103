"""A client's process started again though nobody told it to stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_in, format_hosts, plural
from dfly_analysis.diagnosis.kubernetes import COLLECT, terminations_of_host
from dfly_analysis.findings import Finding

ABOUT = Check(
    "restart_without_goodbye",
    "A client's process ended without a word and started again",
    method="A second start of a host's process without a line of shutdown before it.",
    remedy="Find out what ended it: most often memory. Give the pod the memory it needs, or let it fetch less at once.",
    collect=COLLECT,
    knob="resources.limits.memory",
)
CRASH_LOOP_S = 10.0


_RESTARTS = f"""
    WITH marks AS (
        SELECT DISTINCT ON (host, time, event_id) * FROM events
        WHERE component = 'client' AND event_id IN ('process_started', 'process_stopped')
        ORDER BY host, time, event_id, log_path, log_line
    ), again AS (
        SELECT * FROM marks QUALIFY event_id = 'process_started' AND host IS NOT NULL
        AND lag(event_id) OVER (PARTITION BY host ORDER BY time, event_id) = 'process_started'
    )
    SELECT * FROM again
    QUALIFY coalesce(nanoseconds(time) - lag(nanoseconds(time)) OVER (PARTITION BY host ORDER BY time) > {CRASH_LOOP_S} * 1e9, true)
"""
"""Starts that no shutdown of the same host goes before. A start logged in two files (the log's own and the container's output)
counts once, as do starts of a crash loop."""


def check(dataset: Dataset) -> Finding:
    """Look for a second start of a host's process without a shutdown before it."""
    if not dataset.rows("SELECT 1 FROM events WHERE component = 'client' LIMIT 1"):
        return ABOUT.unknown("the input holds no client log")
    restarts = dataset.rows(f"SELECT host, nanoseconds(time) FROM ({_RESTARTS}) ORDER BY ALL")
    if not restarts:
        return ABOUT.absent("each process started once, or said goodbye before it started anew")
    ((died,),) = dataset.rows("SELECT count(*) FROM tasks WHERE outcome = 'died'")
    counts = Counter(host for host, _ in restarts)
    hosts = sorted(counts, key=lambda host: (-counts[host], host))
    reason = (
        f"{plural(len(restarts), 'restart')} without a shutdown line on {format_hosts(hosts)}; "
        f"{plural(died, 'task')} had no end; {_why(dataset, hosts)}."
    )
    evidence = evidence_in(dataset, f"{_RESTARTS} UNION ALL ({_FIRST_OF_DIED})")
    times = [time for _, time in restarts]
    return ABOUT.present("critical", reason, count=len(restarts), tasks=died, times=times, evidence=evidence)


_FIRST_OF_DIED = """
    SELECT * FROM events WHERE event_id = 'task_started' AND peer_id IN (SELECT peer_id FROM tasks WHERE outcome = 'died')
    ORDER BY time, log_path, log_line LIMIT 2
"""


def _why(dataset: Dataset, hosts: Sequence[str]) -> str:
    """Say what Kubernetes knows of it, else what to collect."""
    terminations = {host: terminations_of_host(dataset, host) for host in hosts}
    descriptions = [
        f"{host} {terminations[-1].description}" for host, terminations in terminations.items() if terminations
    ]
    if not descriptions:
        return ABOUT.collect
    return f"Kubernetes says: {'; '.join(descriptions[:3])}"
