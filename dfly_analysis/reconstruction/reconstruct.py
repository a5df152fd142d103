"""From events to `pieces` and `tasks`, one stage after the other, inside the engine."""

import duckdb

from dfly_analysis.reconstruction.cause_attribution import attribute_causes, judge_attempts
from dfly_analysis.reconstruction.effective_timeouts import EffectiveTimeouts, add_settings, correct_timeouts
from dfly_analysis.reconstruction.event_records import create_records
from dfly_analysis.reconstruction.problem_peers import create_machine_attempts
from dfly_analysis.reconstruction.result_tables import create_result_tables, create_task_sizes
from dfly_analysis.reconstruction.run_context import Terminations, create_run_context
from dfly_analysis.reconstruction.scheduler_reports import create_attempts, create_first_reports
from dfly_analysis.reconstruction.start_end_pairing import create_pairs
from dfly_analysis.reconstruction.tasks import create_implied_tasks, create_tasks
from dfly_analysis.reconstruction.temporary_tables import drop_temporary_tables

_OF_RECORDS = (
    "_records", "_first_reports", "_piece_groups", "_pair_candidates", "_problem_records", "_machine_records", "_round_marks",
)  # fmt: skip
"""Tables with a row a record or a report: most of what is held, and not needed to the end."""


def reconstruct(
    connection: duckdb.DuckDBPyConnection, timeouts: EffectiveTimeouts, terminations: Terminations | None = None
) -> None:
    """Create or replace the tables `pieces` and `tasks` from the relation `events`, whatever the order of its records.

    Works with the clients' logs alone, the scheduler's alone, or both; a piece that both logged is one row. Only pieces with
    trouble reach Python, in batches of bounded size.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        In UTC. Holds `events` in the columns of `dfly_analysis.readers.logs.event_schema.arrow_schema`, without copies of logs,
        and, if there is one, ``files(log_path, file_order, newest_first)``: of records of one moment those of the file with the
        lower number were written first, and in a file of which the newest record is first those of the later line.
    timeouts : EffectiveTimeouts
        Settings believed to be in force; corrected where failures pile up well below them.
    terminations : mapping of str to tuple of Termination, optional
        By host: what Kubernetes knows of the ends of its processes.
    """
    try:
        create_records(connection)
        add_settings(connection, timeouts)
        create_run_context(connection, terminations)
        create_pairs(connection)
        create_first_reports(connection)
        create_machine_attempts(connection)
        create_attempts(connection)
        correct_timeouts(connection)
        judge_attempts(connection)
        create_tasks(connection)
        attribute_causes(connection)
        create_task_sizes(connection)
        create_implied_tasks(connection)
        drop_temporary_tables(connection, _OF_RECORDS)
        create_result_tables(connection)
    finally:
        drop_temporary_tables(connection)
