"""Much of the tasks' time was spent on attempts at pieces that were thrown away."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import times_and_evidence
from dfly_analysis.diagnosis.time_parts import part_of_time, ratio_text
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message, plural
from dfly_analysis.schema import Severity

ABOUT = load_check("retries")
_PEERS = "SELECT peer_id FROM pieces WHERE outcome = 'ok' AND NOT successes_not_logged"
_THROWN_AWAY = "outcome <> 'ok' AND ended IS NOT NULL AND duration_s IS NOT NULL"


def check(dataset: Dataset) -> Finding:
    found = part_of_time(dataset, ("retries",), f"peer_id IN ({_PEERS})")
    if found is None:
        return ABOUT.unknown("no task is logged with its finished pieces")
    ratio = message("{ratio} were spent on pieces that were thrown away", ratio=ratio_text(found))
    if not found.is_large:
        return ABOUT.absent(ratio)
    failed = f"peer_id IN (SELECT peer_id FROM tasks WHERE {FAILED})"
    ((lost, attempts, tasks),) = dataset.rows(f"""
        SELECT count(*) FILTER ({_THROWN_AWAY}), count(*) FILTER (ended IS NOT NULL),
            count(DISTINCT peer_id) FILTER ({_THROWN_AWAY} AND {failed}) FROM pieces WHERE peer_id IN ({_PEERS})
    """)
    facts = [ratio, plural("{lost:,} of {n} attempt", "{lost:,} of {n} attempts", attempts, lost=lost)]
    lines = f"event_id IN ('piece_failed', 'content_write_failed') AND peer_id IN ({_PEERS})"
    severity: Severity = "high" if tasks else "medium"
    return ABOUT.present(severity, *facts, count=lost, tasks=tasks, **times_and_evidence(dataset, lines))
