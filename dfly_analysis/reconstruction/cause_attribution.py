"""How failed pieces ended, and one cause for each failed task: by its texts, else by its pieces, else by what happened to its process."""

import duckdb

from dfly_analysis.catalog.error_signatures import cause_of, load_signatures, signatures_in
from dfly_analysis.reconstruction.effective_timeouts import AT_TIMEOUT
from dfly_analysis.reconstruction.event_records import CLIENT, FAILURE_TEXTS, LAST, SCHEDULER, quoted
from dfly_analysis.reconstruction.run_context import EARLY_NS
from dfly_analysis.reconstruction.temporary_tables import TEXT, create_from_rows, insert_rows

_TEXTS_AT_A_TIME = 5_000
_NO_CAUSE = "('unknown', 'cancelled')"
_RANK = "CASE event " + " ".join(f"WHEN '{name}' THEN {rank}" for rank, name in enumerate(FAILURE_TEXTS)) + " END"
_PREHEAT_FAILED = FAILURE_TEXTS.index("preheat_failed")
_FAILURE_TEXTS = f"""
CREATE OR REPLACE TEMP TABLE _failure_texts AS
WITH own AS (
        SELECT peer, {_RANK} AS rank, arg_max(coalesce(message, ''), seq) AS text
        FROM _records WHERE writer = {CLIENT} AND event IN {quoted(FAILURE_TEXTS)} AND peer IS NOT NULL GROUP BY ALL
    ),
    reported AS (
        SELECT peer, {_RANK} AS rank, arg_min(detail, seq) AS text
        FROM _records WHERE writer = {SCHEDULER} AND event = 'peer_failed' AND detail IS NOT NULL AND peer IS NOT NULL GROUP BY ALL
    ),
    verdict AS (SELECT peer, {_PREHEAT_FAILED} AS rank, verdict_text AS text FROM _tasks WHERE is_failed_by_verdict)
FROM own
UNION ALL FROM (FROM reported UNION ALL FROM verdict) AS other ANTI JOIN own USING (peer, rank)
"""
"""The last of the client's texts of each kind, else the first reported to the scheduler."""
_JUDGED = f"""
CREATE OR REPLACE TEMP TABLE _failed_attempts AS
WITH failed AS (
        SELECT machine.*, identity.timeout_s,
            outcome = 'failed' AND known_outcome = 'timeout' AND started IS NULL AND duration_s IS NULL AND identity.timeout_s IS NOT NULL
                AS is_filled
        FROM (FROM _machine_attempts WHERE outcome <> 'ok') AS machine JOIN _identities AS identity USING (id)
    )
SELECT id, peer, number, origin, parent_id, CASE WHEN is_filled THEN ended - trunc(timeout_s * 1e9)::BIGINT ELSE started END AS started, ended,
    CASE WHEN is_filled THEN timeout_s ELSE duration_s END AS duration_s,
    CASE WHEN outcome <> 'failed' THEN outcome
        WHEN known_outcome <> 'unknown' THEN known_outcome
        WHEN {AT_TIMEOUT.format(duration="duration_s", timeout="timeout_s")} THEN 'timeout'
        WHEN names_body AND duration_s < timeout_s THEN 'reset'
        ELSE 'unknown' END AS outcome,
    CASE WHEN outcome <> 'failed' THEN signature
        WHEN known_outcome <> 'unknown' THEN known_id
        WHEN names_body THEN 'error_decoding_response_body' ELSE signature END AS signature,
    round, successes_not_logged, last_id, line, order_in_peer, is_open
FROM failed
"""
"""The outcome of a failed attempt follows from its text, else from its duration: the end of a body is a timeout only at the timeout."""
_JUDGED_BY_TASK = """
UPDATE _failed_attempts SET outcome = class.outcome
FROM _failure_texts AS failure JOIN _text_classes AS class USING (text)
WHERE failure.peer = _failed_attempts.peer AND failure.rank = 0 AND _failed_attempts.outcome = 'unknown' AND NOT is_open AND class.outcome <> 'timeout'
"""
"""A failed piece without an ending of its own takes the one that the text of its round names."""
_BY_DEATH = f"""
WITH dead AS (
        SELECT peer, host, coalesce(last_time, {LAST}) AS last_time FROM _tasks WHERE outcome = 'died'
    ),
    next AS (
        SELECT dead.peer, dead.host, last_time, coalesce(starts.time, {LAST - EARLY_NS}) + {EARLY_NS} AS until
        FROM dead ASOF LEFT JOIN _process_starts AS starts ON starts.host = dead.host AND dead.last_time < starts.time
    )
SELECT peer,
    coalesce(arg_min(cause, position) FILTER (ended.time BETWEEN last_time - {EARLY_NS} AND until), arg_max(cause, position), 'resource_limit') AS cause,
    coalesce(arg_min(confidence, position) FILTER (ended.time BETWEEN last_time - {EARLY_NS} AND until), 'medium') AS confidence
FROM next LEFT JOIN _terminations AS ended USING (host) GROUP BY peer
"""
"""Kubernetes keeps the last of several terminations: an earlier one of the same host is taken to be alike; memory is the likeliest reason."""
_CAUSES = f"""
CREATE OR REPLACE TEMP TABLE _causes AS
WITH failed AS (SELECT peer, task_id, appeared, outcome FROM _tasks WHERE outcome IN ('failed', 'died')),
    texts AS (
        SELECT peer, arg_min(class.cause, rank) FILTER (class.cause NOT IN {_NO_CAUSE}) AS cause,
            arg_min(class.symptom_cause, rank) FILTER (class.symptom_cause IS NOT NULL) AS symptom_cause
        FROM _failure_texts JOIN _text_classes AS class USING (text) GROUP BY peer
    ),
    last_round AS (
        SELECT attempt.* FROM _failed_attempts AS attempt
        WHERE attempt.outcome NOT IN ('ok', 'cancelled') AND NOT is_open
        QUALIFY round = max(round) OVER (PARTITION BY peer)
    ),
    piece_causes AS (
        SELECT peer, order_in_peer, CASE WHEN known.layer = 'cause' THEN known.cause
            ELSE CASE attempt.outcome WHEN 'timeout' THEN 'timeout_too_short' WHEN 'reset' THEN 'network_instability'
                WHEN 'storage' THEN 'storage_io' WHEN 'origin' THEN 'origin_registry' END END AS cause
        FROM last_round AS attempt LEFT JOIN _signatures AS known ON known.id = attempt.signature
    ),
    counted AS (
        SELECT peer, cause, count(*) AS pieces, min(order_in_peer) AS first FROM piece_causes WHERE cause <> 'unknown' GROUP BY peer, cause
    ),
    pieces AS (FROM counted SELECT peer, cause QUALIFY row_number() OVER (PARTITION BY peer ORDER BY pieces DESC, first) = 1),
    death AS ({_BY_DEATH}),
    own AS (
        SELECT failed.*,
            CASE WHEN outcome = 'died' THEN death.cause ELSE coalesce(texts.cause, pieces.cause, symptom_cause, 'unknown') END AS cause,
            CASE WHEN outcome = 'died' THEN death.confidence WHEN texts.cause IS NOT NULL THEN 'high'
                WHEN pieces.cause IS NOT NULL THEN 'medium' ELSE 'low' END AS confidence
        FROM failed LEFT JOIN texts USING (peer) LEFT JOIN pieces USING (peer) LEFT JOIN death USING (peer)
    ),
    known AS (SELECT task_id, arg_max(cause, appeared) AS cause FROM own WHERE cause <> 'unknown' GROUP BY task_id)
SELECT peer, CASE WHEN own.cause = 'unknown' THEN coalesce(known.cause, 'unknown') ELSE own.cause END AS cause,
    CASE WHEN own.cause = 'unknown' AND known.cause IS NOT NULL THEN 'medium' ELSE confidence END AS confidence
FROM own LEFT JOIN known USING (task_id)
"""
"""A host that only passes on the failure of another takes the cause of that one."""


def judge_attempts(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `_failed_attempts`: those of `_machine_attempts` that did not finish, with how they ended."""
    connection.execute(_JUDGED)


def attribute_causes(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `_causes`, one for each failed task, from `_tasks`, `_failed_attempts` and the texts of `_records`."""
    connection.execute(_FAILURE_TEXTS)
    classify_texts(connection, "SELECT DISTINCT text FROM _failure_texts")
    connection.execute(_JUDGED_BY_TASK)
    signatures = [(one.id, one.layer, one.cause) for one in load_signatures()]
    create_from_rows(connection, "_signatures", {"id": TEXT, "layer": TEXT, "cause": TEXT}, signatures)
    connection.execute(_CAUSES)


def classify_texts(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Create `_text_classes`: for each text of a query its cause, the outcome of a piece that it names, and the cause of its symptom."""
    types = dict.fromkeys(("text", "cause", "outcome", "symptom_cause"), TEXT)
    create_from_rows(connection, "_text_classes", types, ())
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE _texts AS SELECT row_number() OVER () AS number, text FROM ({query})"
    )
    ((size,),) = connection.execute("SELECT count(*) FROM _texts").fetchall()
    for after in range(0, size, _TEXTS_AT_A_TIME):
        chosen = "SELECT text FROM _texts WHERE number > ? AND number <= ?"
        texts = connection.execute(chosen, [after, after + _TEXTS_AT_A_TIME]).fetchall()
        insert_rows(connection, "_text_classes", types, [(text, *_class_of(text)) for (text,) in texts])


def _class_of(text: str) -> tuple[str | None, str | None, str | None]:
    known = cause_of(text)
    symptoms = (
        one.cause for one in signatures_in(text) if one.layer == "symptom" and one.cause not in ("unknown", "cancelled")
    )
    symptom = next(symptoms, None)
    return (None, None, symptom) if known is None else (known.cause, known.outcome, symptom)
