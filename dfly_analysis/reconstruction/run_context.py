"""What every task may have to know of the whole input: when processes started and ended, and what the preheats came to."""

from collections.abc import Mapping
from typing import TypeAlias

import duckdb

from dfly_analysis.catalog.log_events import VERDICTS
from dfly_analysis.reconstruction.event_records import quoted
from dfly_analysis.reconstruction.temporary_tables import TEXT, WHOLE, create_from_rows

Termination: TypeAlias = tuple[int | None, str, str]
"""When a process was terminated (nanoseconds since 1970), of which cause, and how sure that is."""
Terminations: TypeAlias = Mapping[str, tuple[Termination, ...]]

EARLY_NS = 2_000_000_000
"""Kubernetes reports whole seconds."""
_FAILED = frozenset(event for event, verdict in VERDICTS.items() if verdict == "failed")
_PROCESS_STARTS = """
CREATE OR REPLACE TEMP TABLE _process_starts AS
SELECT host, time, min(seq) AS seq FROM _records JOIN _identities USING (id)
WHERE event = 'process_started' AND host IS NOT NULL AND time IS NOT NULL GROUP BY host, time
"""
_VERDICT_RECORDS = f"""
CREATE OR REPLACE TEMP TABLE _verdict_records AS
SELECT seq, time, nullif(task_id, '') AS task_id, nullif(url, '') AS url, event IN {quoted(_FAILED)} AS failed,
    coalesce(detail, message, '') AS text, log_path, line
FROM _records JOIN _identities USING (id) WHERE event IN {quoted(frozenset(VERDICTS))}
"""
_VERDICTS = """
CREATE OR REPLACE TEMP TABLE _verdicts AS
WITH named AS (FROM _verdict_records SELECT task_id AS key, seq UNION ALL FROM _verdict_records SELECT url, seq),
    last AS (SELECT key, max(seq) AS seq FROM named WHERE key IS NOT NULL GROUP BY key)
SELECT key, failed, text FROM last JOIN _verdict_records USING (seq)
"""
"""By task id and by URL; the last record decides."""


def create_run_context(connection: duckdb.DuckDBPyConnection, terminations: Terminations | None) -> None:
    """Create the temporary tables `_process_starts`, `_verdict_records`, `_verdicts` and `_terminations`."""
    for statement in (_PROCESS_STARTS, _VERDICT_RECORDS, _VERDICTS):
        connection.execute(statement)
    listed = [(host, at, *one) for host, ends in (terminations or {}).items() for at, one in enumerate(ends)]
    types = {"host": TEXT, "position": WHOLE, "time": WHOLE, "cause": TEXT, "confidence": TEXT}
    create_from_rows(connection, "_terminations", types, listed)
