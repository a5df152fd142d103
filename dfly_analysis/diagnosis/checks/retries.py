"""Much of the tasks' time was spent on attempts at pieces that were thrown away."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import times_and_evidence
from dfly_analysis.diagnosis.time_parts import part_of_time
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message, plural
from dfly_analysis.units import format_duration, format_share

ABOUT = load_check("retries")
LARGE, MIN_LOW = 0.2, 0.05
_PEERS = "SELECT peer_id FROM pieces WHERE outcome = 'ok' AND NOT successes_not_logged"
_THROWN_AWAY = "outcome <> 'ok' AND ended IS NOT NULL AND duration_s IS NOT NULL"


def check(dataset: Dataset) -> Finding:
    found = part_of_time(dataset, ("retries",), f"peer_id IN ({_PEERS})")
    if found is None:
        return ABOUT.unknown(message("no task is logged with its finished pieces"))
    shares = {name: format_share(getattr(found.share, name)) for name in ("value", "low", "high")}
    ((lost, attempts, tasks),) = dataset.rows(f"""
        SELECT count(*) FILTER ({_THROWN_AWAY}), count(*) FILTER (ended IS NOT NULL),
            count(DISTINCT peer_id) FILTER ({_THROWN_AWAY} AND peer_id IN (SELECT peer_id FROM tasks WHERE {FAILED}))
        FROM pieces WHERE peer_id IN ({_PEERS})
    """)
    if found.share.value < LARGE or found.share.low < MIN_LOW:
        return ABOUT.absent(
            message(
                "{value} ({low} to {high}) of the time of {n:,} tasks were spent on pieces that were thrown away",
                n=found.tasks,
                **shares,
            )
        )
    facts = [
        message(
            "{value} ({low} to {high}) of the {duration} that {n:,} tasks took were spent on pieces that were thrown away",
            duration=format_duration(found.total_s), n=found.tasks, **shares,
        ),
        plural("{lost:,} of {n} attempt", "{lost:,} of {n} attempts", attempts, lost=lost),
    ]  # fmt: skip
    lines = f"event_id IN ('piece_failed', 'content_write_failed') AND peer_id IN ({_PEERS})"
    return ABOUT.present(
        "high" if tasks else "medium", *facts, count=lost, tasks=tasks, **times_and_evidence(dataset, lines)
    )
