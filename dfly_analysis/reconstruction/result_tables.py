"""The two tables that reconstruction delivers, `pieces` and `tasks`, and the sizes that follow from one another."""

import duckdb

from dfly_analysis.reconstruction.event_records import LOCAL, ORIGINS, PARENT, SOURCE
from dfly_analysis.reconstruction.temporary_tables import drop_temporary_tables

PIECE_SIZE = """CASE WHEN attempt.size_bytes > 0 THEN attempt.size_bytes WHEN size.piece_bytes > 0 THEN
    CASE WHEN size.size_bytes = 0 OR attempt.number < greatest(size.n_pieces, 1) - 1
            THEN CASE WHEN size.size_bytes = 0 OR size.size_bytes >= size.piece_bytes THEN size.piece_bytes ELSE size.size_bytes END
        WHEN size.size_bytes = attempt.number * size.piece_bytes THEN size.piece_bytes
        ELSE size.size_bytes - attempt.number * size.piece_bytes END
    END"""
"""Bytes of an `attempt` at a piece, where no record has them, from those of its blob: `_task_sizes AS size`."""
_TASK_SIZES = """
CREATE OR REPLACE TEMP TABLE _task_sizes AS
WITH longest AS (
        SELECT task_id, max(size_bytes) AS bytes FROM _attempts JOIN _identities USING (id) WHERE size_bytes > 0 GROUP BY task_id
    ),
    without_size AS (SELECT peer FROM _tasks WHERE size_bytes IS NULL AND outcome = 'ok'),
    last_pieces AS (
        SELECT peer, number, arg_max(size_bytes, order_in_peer) AS bytes FROM _attempts SEMI JOIN without_size USING (peer)
        WHERE is_ok AND size_bytes > 0 GROUP BY peer, number
    ),
    added AS (SELECT peer, sum(bytes)::BIGINT AS bytes FROM last_pieces GROUP BY peer HAVING count(*) = max(number) + 1),
    own AS (
        SELECT task.peer, task.task_id, appeared, coalesce(task.size_bytes, added.bytes) AS size_bytes,
            CASE WHEN piece_bytes > 0 THEN piece_bytes ELSE longest.bytes END AS piece_bytes, rounds.pieces AS n_pieces
        FROM _tasks AS task LEFT JOIN longest USING (task_id) LEFT JOIN added USING (peer) LEFT JOIN _peer_rounds AS rounds USING (peer)
    ),
    known AS (
        SELECT task_id, arg_max(size_bytes, appeared) FILTER (size_bytes > 0) AS size_bytes,
            arg_max(piece_bytes, appeared) FILTER (piece_bytes > 0) AS piece_bytes,
            arg_max(n_pieces, appeared) FILTER (n_pieces > 0) AS n_pieces
        FROM own WHERE task_id IS NOT NULL GROUP BY task_id
    ),
    shared AS (
        SELECT peer, CASE WHEN own.size_bytes > 0 THEN own.size_bytes ELSE coalesce(known.size_bytes, 0) END AS size_bytes,
            CASE WHEN own.piece_bytes > 0 THEN own.piece_bytes ELSE coalesce(known.piece_bytes, 0) END AS piece_bytes,
            CASE WHEN own.n_pieces > 0 THEN own.n_pieces ELSE coalesce(known.n_pieces, 0) END AS n_pieces
        FROM own LEFT JOIN known USING (task_id)
    )
SELECT peer, size_bytes, piece_bytes,
    CASE WHEN size_bytes > 0 AND piece_bytes > 0 THEN (size_bytes + piece_bytes - 1) // piece_bytes ELSE n_pieces END AS n_pieces
FROM shared
"""
"""Bytes of each peer's blob and of its pieces, 0 where unknown.

Where a client's log does not have the size of a blob, the lengths of its pieces do: the longest is the piece length, and all
together are the blob. What some peers of a task know of it holds for the others.
"""
_TIME = "make_timestamp_ns({})::TIMESTAMPTZ_NS"
_ALL = f"""
CREATE OR REPLACE TEMP TABLE _all_attempts AS
WITH listed AS (
        SELECT id, peer, number, origin, parent_id, size_bytes, started, ended, duration_s, CASE WHEN is_ok THEN 'ok' ELSE 'unknown' END AS outcome,
            NULL::VARCHAR AS signature, round, successes_not_logged, last_id, line, order_in_peer
        FROM _attempts
        UNION ALL
        SELECT id, peer, number, origin, parent_id, NULL, started, ended, duration_s, outcome, signature, round, successes_not_logged, last_id, line, order_in_peer
        FROM _failed_attempts
    )
SELECT attempt.* REPLACE ({PIECE_SIZE} AS size_bytes), row_number() OVER () AS attempt_id
FROM listed AS attempt JOIN _task_sizes AS size ON size.peer = attempt.peer
"""
_PIECES = f"""
CREATE OR REPLACE TABLE pieces AS
WITH several AS (
        FROM _pairs SELECT peer, number WHERE turn = 2 OR end_seq IS NULL UNION FROM _machine_attempts SELECT peer, number
    ),
    repeated AS (
        SELECT attempt_id, row_number() OVER (PARTITION BY peer, number ORDER BY coalesce(started, ended, 0), order_in_peer, attempt_id) AS attempt
        FROM _all_attempts SEMI JOIN several USING (peer, number) QUALIFY attempt > 1
    )
SELECT first.task_id, first.peer_id, first.host, first.role, number::BIGINT AS piece_number, coalesce(repeated.attempt, 1) AS attempt,
    CASE origin {" ".join(f"WHEN {code} THEN '{origin}'" for code, origin in enumerate(ORIGINS))} END AS origin, parent_id, size_bytes,
    {_TIME.format("started")} AS started, {_TIME.format("ended")} AS ended, duration_s, outcome, signature,
    CASE WHEN origin = {SOURCE} THEN first.timeout_s END AS timeout_s, outcome <> 'ok' AS censored, round::BIGINT AS retry_round, successes_not_logged,
    last.log_path, line AS log_line
FROM _all_attempts AS one JOIN _identities AS first ON first.id = one.id JOIN _identities AS last ON last.id = last_id
LEFT JOIN repeated USING (attempt_id)
ORDER BY one.peer, number, coalesce(repeated.attempt, 1)
"""
_TASKS = f"""
CREATE OR REPLACE TABLE tasks AS
WITH errors AS (
        SELECT peer, count(*) AS errors FROM _failed_attempts WHERE outcome NOT IN ('ok', 'cancelled') AND NOT is_open GROUP BY peer
    ),
    fetched AS (
        SELECT peer, sum(size_bytes) FILTER (origin = {SOURCE}) AS source, sum(size_bytes) FILTER (origin = {PARENT}) AS parent
        FROM _all_attempts WHERE outcome = 'ok' AND origin <> {LOCAL} GROUP BY peer
    ),
    listed AS (
        SELECT task.peer, task.task_id, names.peer_id, task.host, task.role, url, nullif(size.size_bytes, 0) AS size_bytes,
            nullif(size.piece_bytes, 0) AS piece_bytes, nullif(size.n_pieces, 0) AS n_pieces, started,
            CASE WHEN outcome IN ('ok', 'failed') THEN ended END AS ended, outcome, cause, confidence, first_error, last_error,
            CASE WHEN outcome = 'failed' THEN greatest(coalesce(errors.errors, 0), 1) ELSE coalesce(errors.errors, 0) END AS n_errors,
            coalesce(source, 0)::BIGINT AS bytes_from_source, coalesce(parent, 0)::BIGINT AS bytes_from_parent,
            place.log_path, task.log_line
        FROM _tasks AS task JOIN _task_sizes AS size USING (peer) JOIN (SELECT DISTINCT peer, peer_id FROM _identities) AS names USING (peer)
        LEFT JOIN _causes USING (peer) LEFT JOIN errors USING (peer) LEFT JOIN fetched USING (peer)
        LEFT JOIN _identities AS place ON place.id = place_id
        WHERE task.task_id IS NOT NULL AND (start_seq IS NOT NULL OR outcome <> 'unknown')
    ),
    all_tasks AS (
        SELECT 0 AS is_implied, coalesce(started, 0) AS began, peer, * EXCLUDE (peer) FROM listed
        UNION ALL BY NAME SELECT 1 AS is_implied, first_seq AS began, * EXCLUDE (first_seq) FROM _implied_tasks
    )
SELECT task_id, peer_id, host, role, url, size_bytes, piece_bytes, n_pieces, {_TIME.format("started")} AS started, {_TIME.format("ended")} AS ended,
    (ended - started) / 1e9 AS duration_s, outcome, cause, confidence, first_error, last_error, n_errors,
    bytes_from_source, bytes_from_parent,
    CASE WHEN bytes_from_source <> 0 AND bytes_from_parent <> 0 THEN 'both' WHEN bytes_from_source <> 0 THEN 'source'
        WHEN bytes_from_parent <> 0 THEN 'parent' END AS origin,
    NULL::VARCHAR AS job_id, log_path, log_line
FROM all_tasks ORDER BY is_implied, began, peer
"""


def create_task_sizes(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `_task_sizes` from `_tasks` and `_attempts`."""
    connection.execute(_TASK_SIZES)


def create_result_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `pieces`, ordered by peer, piece and time, and `tasks`, ordered by the time of start."""
    connection.execute(_ALL)
    drop_temporary_tables(connection, ["_attempts"])
    for statement in (_PIECES, _TASKS):
        connection.execute(statement)
