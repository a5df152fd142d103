"""From events to `pieces` and `tasks`, one stage after the other, inside the engine."""

from collections.abc import Mapping
from typing import TypeAlias

import duckdb

from dfly_analysis.errors import DflyError
from dfly_analysis.reconstruction import effective_timeouts
from dfly_analysis.reconstruction.cause_attribution import attribute_causes, classify_texts
from dfly_analysis.reconstruction.effective_timeouts import EffectiveTimeouts, at_timeout
from dfly_analysis.reconstruction.event_records import CLIENT, REPORTED, USUAL_COST_S, sql
from dfly_analysis.reconstruction.problem_peers import create_machine_attempts
from dfly_analysis.reconstruction.temporary_tables import NUMBER, TEXT, WHOLE, create_from_rows, drop_temporary_tables
from dfly_analysis.units import parse_duration

Termination: TypeAlias = tuple[int | None, str, str]
"""When a process was terminated (nanoseconds since 1970), of which cause, and how sure that is."""
Terminations: TypeAlias = Mapping[str, tuple[Termination, ...]]

_OF_RECORDS = (
    "_records", "_first_reports", "_piece_groups", "_pair_candidates", "_problem_records", "_machine_records", "_round_marks",
)  # fmt: skip
"""Tables with a row a record or a report: most of what is held, and not needed to the end."""
_SHARED_LINES = "SELECT 1 FROM events GROUP BY log_path HAVING count(*) > max(log_line) LIMIT 1"
"""Answers of Loki and Grafana hold all records in one line: only the order in which they were read tells which came first."""
_IN_ANY_ORDER, _AS_READ = (f"SELECT *, {order} AS read_order FROM events" for order in ("0", "row_number() OVER ()"))
_WITHOUT_PEER = f"SELECT 1 FROM _records WHERE peer IS NULL AND place IS NOT NULL AND writer = {CLIENT} LIMIT 1"
_ODD_COSTS = (
    f"SELECT DISTINCT cost FROM _records WHERE event = '{REPORTED}' AND cost IS NOT NULL AND {USUAL_COST_S} IS NULL"
)


def reconstruct(
    connection: duckdb.DuckDBPyConnection, timeouts: EffectiveTimeouts, terminations: Terminations | None = None
) -> None:
    """Create or replace the tables `pieces` and `tasks` from the relation `events`, whatever the order of its records.

    Works with the clients' logs alone, the scheduler's alone, or both; a piece that both logged is one row. Only pieces with
    trouble reach Python, in batches of bounded size. The connection is in UTC and holds `events` in the columns of
    `dfly_analysis.readers.logs.event_schema.arrow_schema`, without copies of logs, and, if there is one,
    ``files(log_path, file_order, newest_first)``: of records of one moment those of the file with the lower number were written
    first, and in a file of which the newest record is first those of the later line. Timeouts believed to be in force are
    corrected where failures pile up well below them. `terminations` is by host what Kubernetes knows of the ends of its processes.
    """
    try:
        _create_records(connection)
        effective_timeouts.add_settings(connection, timeouts)
        connection.execute(sql("run_context"))
        ended = [(host, at, *one) for host, ends in (terminations or {}).items() for at, one in enumerate(ends)]
        types = {"host": TEXT, "position": WHOLE, "time": WHOLE, "cause": TEXT, "confidence": TEXT}
        create_from_rows(connection, "_terminations", types, ended)
        connection.execute(sql("start_end_pairing"))
        costs = [(cost, _seconds(cost)) for (cost,) in connection.execute(_ODD_COSTS).fetchall()]
        create_from_rows(connection, "_odd_costs", {"cost": TEXT, "seconds": NUMBER}, costs)
        connection.execute(sql("first_reports"))
        create_machine_attempts(connection)
        connection.execute(sql("attempts"))
        effective_timeouts.correct_timeouts(connection)
        connection.execute(sql("failed_attempts", AT_TIMEOUT=at_timeout("duration_s", "timeout_s")))
        connection.execute(sql("tasks"))
        attribute_causes(connection)
        connection.execute(sql("task_sizes"))
        connection.execute(sql("losses"))
        classify_texts(connection, "SELECT DISTINCT text FROM _losses")
        connection.execute(sql("implied_tasks"))
        drop_temporary_tables(connection, _OF_RECORDS)
        connection.execute(sql("all_attempts"))
        drop_temporary_tables(connection, ["_attempts"])
        connection.execute(sql("result_tables"))
    finally:
        drop_temporary_tables(connection)


def _create_records(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `_identities` and `_records` from the relations `events` and `files`."""
    try:
        connection.execute("SELECT log_path, file_order, newest_first FROM files LIMIT 0")
    except duckdb.CatalogException:
        connection.execute(sql("files"))
    connection.execute(sql("identities"))
    shared_lines = connection.execute(_SHARED_LINES).fetchall()
    connection.execute(sql("records", READ_EVENTS=_AS_READ if shared_lines else _IN_ANY_ORDER))
    if connection.execute(_WITHOUT_PEER).fetchall():
        connection.execute(sql("missing_peers"))


def _seconds(cost: str) -> float | None:
    try:
        return parse_duration(cost)
    except DflyError:
        return None
