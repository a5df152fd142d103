"""The clocks or time zones of the logs disagree."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of
from dfly_analysis.findings import Finding
from dfly_analysis.schema import Severity

ABOUT = load_check("clock_or_zone_wrong")
_SHARED = """
    SELECT peer_id FROM events WHERE event_id = 'peer_registered'
    INTERSECT SELECT peer_id FROM events WHERE event_id = 'task_started' AND component = 'client'
"""


def check(dataset: Dataset) -> Finding:
    if not dataset.clocks:
        if not dataset.rows(f"{_SHARED} LIMIT 1"):
            return ABOUT.unknown("no task is logged by both a client and a scheduler")
        return ABOUT.absent("clients, schedulers and jobs log the same tasks in the order they must")
    hosts = [one.clock for one in dataset.clocks if one.component == "client"]
    where = f"event_id IN ('task_started', 'peer_registered') AND peer_id IN ({_SHARED})"
    if hosts and len(hosts) == len(dataset.clocks):
        where += f" AND host IN ({', '.join('?' * len(hosts))})"
    else:
        hosts = []
    evidence = evidence_of(dataset, where, hosts)
    severity: Severity = "low" if all(one.is_corrected for one in dataset.clocks) else "medium"
    facts = [one.describe() for one in dataset.clocks]
    return ABOUT.present(severity, *facts, count=len(facts), tasks=0, evidence=evidence)
