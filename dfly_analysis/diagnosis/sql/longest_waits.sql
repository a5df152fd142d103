-- The longest wait of each task whose pieces are logged: between two ends of pieces, or to the end of the task or of its host's log.
CREATE OR REPLACE TEMP TABLE longest_waits AS
WITH usual AS (
        SELECT role, median(duration_s) AS piece_s FROM pieces WHERE outcome = 'ok' AND duration_s > 0 AND origin <> 'local' GROUP BY role
    ),
    seen AS (
        SELECT peer_id, count(DISTINCT piece_number) FILTER (outcome = 'ok') AS finished, bool_or(successes_not_logged AND retry_round = 1) AS is_partial
        FROM pieces WHERE ended IS NOT NULL AND peer_id IS NOT NULL GROUP BY peer_id
    ),
    log_ends AS (SELECT host, max(epoch_ns(time)) AS last_ns FROM events WHERE host IS NOT NULL GROUP BY host),
    second_roundes AS (SELECT peer_id, min(epoch_ns(time)) AS second_ns FROM events WHERE $SECOND_ROUND GROUP BY peer_id),
    known AS (
        SELECT task.peer_id, task.task_id, task.role, task.host, task.url, task.outcome, task.n_pieces, coalesce(finished, 0) AS finished, piece_s,
            epoch_ns(task.started) AS start_ns,
            least(coalesce(epoch_ns(task.ended), last_ns), coalesce(second_ns, 9223372036854775807)) AS end_ns, task.ended IS NULL AND second_ns IS NULL AS is_open
        FROM tasks AS task JOIN usual USING (role) LEFT JOIN seen USING (peer_id) LEFT JOIN log_ends USING (host) LEFT JOIN second_roundes USING (peer_id)
        WHERE task.started IS NOT NULL AND task.peer_id IS NOT NULL AND task.outcome <> 'died' AND NOT coalesce(is_partial, false)
            AND (task.outcome <> 'ok' OR coalesce(finished, 0) >= 0.5 * task.n_pieces)
    ),
    numbered AS MATERIALIZED (SELECT row_number() OVER () AS number, * FROM known),
    marks AS (
        SELECT number, start_ns AS ns FROM numbered WHERE end_ns >= start_ns UNION ALL SELECT number, end_ns FROM numbered WHERE end_ns >= start_ns
        UNION ALL SELECT number, epoch_ns(pieces.ended) FROM pieces JOIN numbered USING (peer_id) WHERE epoch_ns(pieces.ended) BETWEEN start_ns AND end_ns
    ),
    gaps AS (SELECT number, ns AS until_ns, lag(ns) OVER turns AS from_ns, lag(number) OVER turns AS before FROM marks WINDOW turns AS (ORDER BY number, ns)),
    longest AS (
        SELECT number, arg_max(from_ns, until_ns - from_ns) AS from_ns, arg_max(until_ns, until_ns - from_ns) AS until_ns FROM gaps
        WHERE number = before GROUP BY number
    )
SELECT numbered.* EXCLUDE (number), from_ns, until_ns, (until_ns - from_ns) / 1e9 AS wait_s, greatest($MIN_S, $TIMES * piece_s) AS limit_s
FROM numbered JOIN longest USING (number)
