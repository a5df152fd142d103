"""What every task may have to know of the whole input: when processes started and ended, and what the preheats came to."""

from collections.abc import Mapping
from typing import TypeAlias

import duckdb

from dfly_analysis.catalog.log_events import VERDICTS
from dfly_analysis.reconstruction.event_records import sql
from dfly_analysis.reconstruction.temporary_tables import TEXT, WHOLE, create_from_rows

Termination: TypeAlias = tuple[int | None, str, str]
"""When a process was terminated (nanoseconds since 1970), of which cause, and how sure that is."""
Terminations: TypeAlias = Mapping[str, tuple[Termination, ...]]


def create_run_context(connection: duckdb.DuckDBPyConnection, terminations: Terminations | None) -> None:
    """Create the temporary tables `_process_starts`, `_verdict_records`, `_verdicts` and `_terminations`."""
    failed = tuple(event for event, verdict in VERDICTS.items() if verdict == "failed")
    connection.execute(sql("run_context", VERDICTS=tuple(VERDICTS), FAILED_VERDICTS=failed))
    listed = [(host, at, *one) for host, ends in (terminations or {}).items() for at, one in enumerate(ends)]
    types = {"host": TEXT, "position": WHOLE, "time": WHOLE, "cause": TEXT, "confidence": TEXT}
    create_from_rows(connection, "_terminations", types, listed)
