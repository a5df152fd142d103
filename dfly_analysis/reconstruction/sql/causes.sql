-- One cause for each failed task: by its texts, else by its pieces, else by what happened to its process.
-- A host that only passes on the failure of another takes the cause of that one.
CREATE OR REPLACE TEMP TABLE _causes AS
WITH failed AS (SELECT peer, task_id, appeared, outcome FROM _tasks WHERE outcome IN ('failed', 'died')),
    texts AS (
        SELECT peer, arg_min(class.cause, rank) FILTER (class.cause NOT IN ('unknown', 'cancelled')) AS cause,
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
    dead AS (
        SELECT peer, host, coalesce(last_time, $LAST) AS last_time FROM _tasks WHERE outcome = 'died'
    ),
    next AS (
        SELECT dead.peer, dead.host, last_time, coalesce(starts.time, $LAST - $EARLY_NS) + $EARLY_NS AS until
        FROM dead ASOF LEFT JOIN _process_starts AS starts ON starts.host = dead.host AND dead.last_time < starts.time
    ),
    -- Kubernetes keeps the last of several terminations: an earlier one of the same host is taken to be alike; memory is the likeliest reason.
    death AS (
        SELECT peer,
            coalesce(arg_min(cause, position) FILTER (ended.time BETWEEN last_time - $EARLY_NS AND until), arg_max(cause, position), 'resource_limit') AS cause,
            coalesce(arg_min(confidence, position) FILTER (ended.time BETWEEN last_time - $EARLY_NS AND until), 'medium') AS confidence
        FROM next LEFT JOIN _terminations AS ended USING (host) GROUP BY peer
    ),
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
FROM own LEFT JOIN known USING (task_id);
