"""The records that reconstruction needs, by what their events say; every constant here can be used in the scripts of `sql`."""

from dfly_analysis import sql_scripts
from dfly_analysis.catalog.log_events import ERROR_LEVELS, EVERYWHERE
from dfly_analysis.catalog.log_events import VERDICTS as _VERDICTS
from dfly_analysis.sql_scripts import text_list

STARTED = "piece_started"
ENDS = ("piece_finished", "piece_report_closed")
FAILURES = ("piece_failed", "content_write_failed", "backend_failed", "parent_piece_failed")
DELETED = "piece_deleted"
PLANNED = "pieces_planned"
ROUND_EVENTS = (PLANNED, "source_round_failed", "task_failed")  # events of a peer's rounds, not of one piece
PIECE_EVENTS = (STARTED, *ENDS, *FAILURES, DELETED)
REPORTED = "piece_reported"
PIECE_RECORDS = (*PIECE_EVENTS, REPORTED)
FAILURE_TEXTS = (
    "source_round_failed", "task_failed", "scheduler_round_failed", "scheduler_call_failed", "task_failure_repeated",
    "preheat_stream_failed", "preheat_failed", "peer_failed",
)  # fmt: skip
"""Events whose text gives the reason of a failed task: first the text with the whole chain of errors, then the last error, then earlier ones."""
WITH_MESSAGE = (*FAILURE_TEXTS, *FAILURES, *EVERYWHERE)
VERDICTS = tuple(_VERDICTS)
FAILED_VERDICTS = tuple(event for event, verdict in _VERDICTS.items() if verdict == "failed")
TASK_STARTS = ("task_started", "peer_registered")
CLIENT_TASK_ENDS = ("task_finished", "task_output_written")
SCHEDULER_TASK_ENDS = ("peer_finished", "peer_failed")
ORIGINS = ("source", "parent", "local")
SOURCE, PARENT, LOCAL = range(3)
EVENTS = tuple(
    dict.fromkeys((*PIECE_RECORDS, *ROUND_EVENTS, *WITH_MESSAGE, *TASK_STARTS, *CLIENT_TASK_ENDS, *SCHEDULER_TASK_ENDS))
)
LAST_PIECE = (1 << 31) - 1
CLIENT, SCHEDULER = 1, 2
LAST = (1 << 63) - 1  # nanoseconds; sorts what has no time last
EARLY_NS = 2_000_000_000  # Kubernetes reports whole seconds
OPEN_ORDER, REPORT_ORDER, INFERRED_ORDER = 1 << 42, 1 << 40, 1 << 41
"""Attempts of a peer at a piece that began in the same moment: by their ends, then reported, then inferred, then open ones."""
NEEDED = f"""((event_id IS NOT NULL AND (peer_id IS NOT NULL OR task_id IS NOT NULL)) OR event_id IN {text_list(EVERYWHERE)}
    OR (peer_id IS NOT NULL AND level IN {text_list(ERROR_LEVELS)}))"""
ACTING = f"writer = {CLIENT} AND event IN {text_list(PIECE_EVENTS)} AND peer IS NOT NULL AND number IS NOT NULL AND place IS NOT NULL"
OWN_ERROR = f"writer = {CLIENT} AND is_error AND NOT coalesce(is_report_closed, false)"
TEXT_RANK = "CASE event " + " ".join(f"WHEN '{name}' THEN {rank}" for rank, name in enumerate(FAILURE_TEXTS)) + " END"
PREHEAT_RANK = FAILURE_TEXTS.index("preheat_failed")
USUAL_COST_S = """CASE WHEN suffix(cost, 'ms') THEN try_cast(left(cost, -2) AS DOUBLE) * 0.001
    WHEN suffix(cost, 's') THEN try_cast(left(cost, -1) AS DOUBLE) END"""
"""Seconds that a piece cost, where they are written as milliseconds or seconds alone; `_odd_costs` has the others."""


def sql(name: str, **values: object) -> str:
    """Return a script of this package, with a constant of this module, or a value given, for each ``$NAME``."""
    constants = {name: value for name, value in globals().items() if name.isupper()}
    return sql_scripts.sql("reconstruction", name, **constants | values)
