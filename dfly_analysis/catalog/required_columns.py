"""Events and columns that attempts are reconstructed from; apart from the reconstruction, so that reading need not import it."""

from __future__ import annotations

COLUMNS = (
    "time", "level", "component", "role", "host", "span", "message", "event_id", "signature", "task_id", "peer_id", "piece_number", "url",
    "log_path", "log_line", "origin", "parent_id", "size_bytes", "piece_bytes", "pieces", "stage", "cost", "error",
)  # fmt: skip
VERDICTS = {"preheat_failed": "failed", "preheat_stream_failed": "failed", "preheat_succeeded": "ok"}
"""Events that say how a preheat ended, and how."""
EVERYWHERE = frozenset({"process_started", *VERDICTS})
"""Events that speak of all tasks of a host, or of one that no other record names."""
COLUMNS_EVERYWHERE = ("time", "event_id", "host", "task_id", "url", "error", "message", "log_path", "log_line")
"""What of those is looked at."""
ERROR_LEVELS = frozenset({"ERROR", "FATAL"})
