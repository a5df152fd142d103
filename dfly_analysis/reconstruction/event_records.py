"""The records that reconstruction needs, in the order they were written, each with its peer: `_identities` and `_records`.

`_identities` holds each combination of component, role, host, task, peer and file once; `_records` refers to it by number.
"""

import duckdb

from dfly_analysis.catalog.log_events import ERROR_LEVELS, EVERYWHERE
from dfly_analysis.errors import DflyError
from dfly_analysis.reconstruction.temporary_tables import NUMBER, TEXT, create_from_rows
from dfly_analysis.units import parse_duration

STARTED = "piece_started"
ENDS = ("piece_finished", "piece_report_closed")
FAILURES = ("piece_failed", "content_write_failed", "backend_failed", "parent_piece_failed")
DELETED = "piece_deleted"
PLANNED = "pieces_planned"
ROUND_EVENTS = (PLANNED, "source_round_failed", "task_failed")
"""Events of a peer's rounds, not of one piece."""
PIECE_EVENTS = (STARTED, *ENDS, *FAILURES, DELETED)
REPORTED = "piece_reported"
FAILURE_TEXTS = (
    "source_round_failed", "task_failed", "scheduler_round_failed", "scheduler_call_failed", "task_failure_repeated",
    "preheat_stream_failed", "preheat_failed", "peer_failed",
)  # fmt: skip
"""Events whose text gives the reason of a failed task: first the text with the whole chain of errors, then the last error, then earlier ones."""
TASK_STARTS = ("task_started", "peer_registered")
CLIENT_TASK_ENDS = ("task_finished", "task_output_written")
SCHEDULER_TASK_ENDS = ("peer_finished", "peer_failed")
ORIGINS = ("source", "parent", "local")
SOURCE, PARENT, LOCAL = range(3)
_EVENTS = tuple(
    dict.fromkeys(
        (*PIECE_EVENTS, *ROUND_EVENTS, REPORTED, *FAILURE_TEXTS, *TASK_STARTS, *CLIENT_TASK_ENDS, *SCHEDULER_TASK_ENDS, *EVERYWHERE)
    )
)  # fmt: skip
_MOST_PIECES = 1 << 31
CLIENT, SCHEDULER = 1, 2
LAST = (1 << 63) - 1
"""Nanoseconds; sorts what has no time last."""
_SECOND_ROUND, _AGAIN = "downloading from scheduler", "removing the finished piece"


def quoted(texts: tuple[str, ...] | frozenset[str]) -> str:
    """Return texts as an SQL list in parentheses."""
    return "(" + ", ".join(f"'{text}'" for text in sorted(texts)) + ")"


_NEEDED = f"""((event_id IS NOT NULL AND (peer_id IS NOT NULL OR task_id IS NOT NULL)) OR event_id IN {quoted(EVERYWHERE)}
    OR (peer_id IS NOT NULL AND level IN {quoted(ERROR_LEVELS)}))"""
_FILES = r"""
CREATE OR REPLACE TEMP TABLE files AS
WITH spans AS (
        SELECT log_path, min(time) AS first, max(time) AS last, coalesce(try_cast(
            regexp_extract(log_path, '\.([0-9]{1,3})(\.(gz|xz|bz2|zst))?$', 1) AS INTEGER), 0) AS age
        FROM events GROUP BY log_path
    ),
    reversed AS (
        SELECT log_path FROM events JOIN spans USING (log_path) WHERE first < last
        GROUP BY log_path HAVING min(log_line) FILTER (time = first) > max(log_line) FILTER (time = last)
    )
SELECT log_path, row_number() OVER (ORDER BY age DESC, log_path) AS file_order, reversed.log_path IS NOT NULL AS newest_first
FROM spans LEFT JOIN reversed USING (log_path)
"""
_KEYS = ("component", "role", "host", "task_id", "peer_id", "log_path")
_IDENTITIES = f"""
CREATE OR REPLACE TEMP TABLE _identities AS
WITH found AS (SELECT DISTINCT {", ".join(_KEYS)} FROM events WHERE {_NEEDED}),
    ordered AS (
        SELECT found.*, file_order, coalesce(newest_first, false) AS newest_first,
            row_number() OVER (ORDER BY file_order, log_path, {", ".join(_KEYS)}) AS id
        FROM found LEFT JOIN files USING (log_path)
    )
SELECT id::INTEGER AS id, {", ".join(_KEYS)},
    CASE WHEN peer_id IS NOT NULL THEN dense_rank() OVER (ORDER BY peer_id NULLS LAST) END::INTEGER AS peer,
    CASE WHEN task_id IS NOT NULL THEN dense_rank() OVER (ORDER BY task_id, host) END::INTEGER AS place,
    dense_rank() OVER (ORDER BY file_order, log_path)::INTEGER AS file, newest_first,
    CASE component WHEN 'client' THEN 1 WHEN 'scheduler' THEN 2 ELSE 0 END::UTINYINT AS writer
FROM ordered
"""
"""Peers are numbered in the order of their names; `place` numbers pairs of task and host."""
_UNSORTED = f"""
SELECT identity.id, identity.peer, identity.place, identity.file, identity.newest_first, identity.writer, epoch_ns(time) AS time,
    CASE WHEN event_id = 'piece_report_closed' AND contains(left(message, 40), 'Failed') THEN NULL
        ELSE try_cast(event_id AS ENUM{quoted(_EVENTS)}) END AS event,
    CASE WHEN piece_number BETWEEN 0 AND {_MOST_PIECES - 1} THEN piece_number END::INTEGER AS number,
    log_line AS line,
    (CASE origin WHEN 'source' THEN {SOURCE} WHEN 'BACK_TO_SOURCE' THEN {SOURCE} WHEN 'local' THEN {LOCAL} WHEN 'LOCAL_PEER' THEN {LOCAL}
        ELSE CASE WHEN origin IS NOT NULL OR contains(span, 'parent') THEN {PARENT} ELSE {SOURCE} END END)::UTINYINT AS origin,
    parent_id, size_bytes, piece_bytes, cost,
    event_id = 'piece_report_closed' AS is_report_closed, read_order,
    level IN {quoted(ERROR_LEVELS)} AS is_error,
    CASE stage WHEN '{_SECOND_ROUND}' THEN 2 WHEN '{_AGAIN}' THEN 1 ELSE 0 END::UTINYINT AS stage,
    CASE WHEN level IN {quoted(ERROR_LEVELS)} OR event_id IN {quoted((*FAILURE_TEXTS, *FAILURES, *EVERYWHERE))} THEN message END AS message,
    CASE WHEN event_id = '{PLANNED}' THEN pieces ELSE error END AS detail,
    CASE WHEN event_id IN {quoted(FAILURES)} THEN signature END AS signature, url
FROM ($EVENTS WHERE {_NEEDED}) AS event
JOIN _identities AS identity ON {" AND ".join(f"event.{key} IS NOT DISTINCT FROM identity.{key}" for key in _KEYS)}
"""
_RECORDS = f"""
CREATE OR REPLACE TEMP TABLE _records AS
SELECT (row_number() OVER ())::INTEGER AS seq, * EXCLUDE (file, newest_first, read_order)
FROM (
    SELECT * FROM ({_UNSORTED})
    ORDER BY time, file, CASE WHEN newest_first THEN -line ELSE line END, read_order, event, number, id
)
"""
"""In the order they were written; in an export that lists the newest record first, the later line was written earlier."""
_SHARED_LINES = "SELECT 1 FROM events GROUP BY log_path HAVING count(*) > max(log_line) LIMIT 1"
"""Answers of Loki and Grafana hold all records in one line: only the order in which they were read tells which came first."""
_IN_ANY_ORDER, _AS_READ = (
    "SELECT *, 0 AS read_order FROM events",
    "SELECT *, row_number() OVER () AS read_order FROM events",
)
_WITHOUT_PEER = f"FROM _records WHERE peer IS NULL AND place IS NOT NULL AND writer = {CLIENT}"
_FILLED = f"""
CREATE OR REPLACE TEMP TABLE _filled AS
WITH tied AS (
        SELECT _records.place, _records.peer, min(seq) AS seq FROM _records JOIN _identities AS identity USING (id)
        WHERE _records.writer = {CLIENT} AND _records.peer IS NOT NULL AND _records.place IS NOT NULL AND host IS NOT NULL GROUP BY ALL
    ),
    started AS (
        SELECT tied.place, tied.peer, tied.seq, coalesce(time, {LAST}) AS time FROM tied JOIN _records USING (seq)
        QUALIFY row_number() OVER (PARTITION BY tied.place, time ORDER BY tied.seq DESC) = 1
    ),
    earliest AS (SELECT place, arg_min(peer, seq) AS peer FROM tied GROUP BY place),
    unassigned AS (SELECT seq, id, place, coalesce(time, {LAST}) AS time {_WITHOUT_PEER})
SELECT unassigned.seq, unassigned.id AS old_id, coalesce(started.peer, earliest.peer) AS peer
FROM unassigned JOIN earliest USING (place) ASOF LEFT JOIN started ON unassigned.place = started.place AND unassigned.time >= started.time
"""
"""The peer of the same host and task that started last before the record, else the earliest."""
_NEW_IDENTITIES = """
CREATE OR REPLACE TEMP TABLE _new_identities AS
WITH names AS (SELECT DISTINCT peer, peer_id FROM _identities WHERE peer IS NOT NULL),
    filled AS (SELECT DISTINCT old_id, peer FROM _filled)
SELECT old_id, filled.peer, names.peer_id,
    ((SELECT max(id) FROM _identities) + row_number() OVER (ORDER BY old_id, filled.peer))::INTEGER AS id
FROM filled JOIN names USING (peer)
"""
_INSERT_IDENTITIES = """
INSERT INTO _identities BY NAME
SELECT identity.* REPLACE (
    new.id AS id, new.peer AS peer, new.peer_id AS peer_id,
    CASE WHEN suffix(new.peer_id, '-seed') THEN 'seedClient' ELSE role END AS role
)
FROM _new_identities AS new JOIN _identities AS identity ON identity.id = new.old_id
"""
_FILL = """
UPDATE _records SET id = new.id, peer = new.peer
FROM _filled JOIN _new_identities AS new USING (old_id, peer) WHERE _records.seq = _filled.seq
"""
USUAL_COST_S = """CASE WHEN suffix(cost, 'ms') THEN try_cast(left(cost, -2) AS DOUBLE) * 0.001
    WHEN suffix(cost, 's') THEN try_cast(left(cost, -1) AS DOUBLE) END"""
"""Seconds that a piece cost, where they are written as milliseconds or seconds alone; see `create_odd_costs`."""


def create_records(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `_identities` and `_records` from the relations `events` and `files`."""
    ensure_files(connection)
    connection.execute(_IDENTITIES)
    shared_lines = connection.execute(_SHARED_LINES).fetchall()
    connection.execute(_RECORDS.replace("$EVENTS", _AS_READ if shared_lines else _IN_ANY_ORDER))
    if connection.execute(f"SELECT 1 {_WITHOUT_PEER} LIMIT 1").fetchall():
        # Clients v1.0.18 to v1.0.28 leave all ids off the lines of pieces.
        for statement in (_FILLED, _NEW_IDENTITIES, _INSERT_IDENTITIES, _FILL):
            connection.execute(statement)


def ensure_files(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the temporary table `files` where there is no such relation: rotated files by their numbers, else by name."""
    try:
        connection.execute("SELECT log_path, file_order, newest_first FROM files LIMIT 0")
    except duckdb.CatalogException:
        connection.execute(_FILES)


def create_odd_costs(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the temporary table `_odd_costs`: what `parse_duration` reads from costs other than milliseconds and seconds."""
    odd = connection.execute(
        f"SELECT DISTINCT cost FROM _records WHERE event = '{REPORTED}' AND cost IS NOT NULL AND {USUAL_COST_S} IS NULL"
    ).fetchall()
    rows = [(cost, _seconds(cost)) for (cost,) in odd]
    create_from_rows(connection, "_odd_costs", {"cost": TEXT, "seconds": NUMBER}, rows)


def _seconds(cost: str) -> float | None:
    try:
        return parse_duration(cost)
    except DflyError:
        return None
