"""Where the time of each task went: `task_segments` and `task_time`, whose parts add up to the duration of the task."""

import duckdb

from dfly_analysis.reconstruction.event_records import sql

PARTS = (
    "registration", "scheduling", "source", "parents", "local", "retries", "parent_wait", "slots", "idle", "writing", "not_logged",
)  # fmt: skip
"""Parts of a task's time, in the order in which they are shown."""
STEPS = {
    "peer_registered": "scheduling",
    "source_round_started": "source_wait", "peer_source_started": "source_wait", "scheduler_round_failed": "source_wait",
    "parent_round_started": "parent_wait", "peer_parents_started": "parent_wait",
}  # fmt: skip
"""What a peer waits for from an event on."""
_WHEN = " ".join(f"WHEN '{event}' THEN '{step}'" for event, step in STEPS.items())
STEP = f"CASE event_id {_WHEN} ELSE 'second_round' END"
SECOND_ROUND = "(event_id = 'pieces_planned' AND stage = 'downloading from scheduler' AND trim(pieces) <> '')"
"""Pieces that the scheduler's round left over: the client fetches them from the source, and logs none that comes through."""


def create_task_time(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `task_segments` (attempts in flight and step of each peer, from moment to moment) and `task_time` (seconds by part); tasks whose start or end is not logged have no row."""
    connection.execute(sql("task_time", STEP=STEP, STEPS=tuple(STEPS), SECOND_ROUND=SECOND_ROUND))
