-- Tasks without errors, most of whose pieces are logged, with their longest time without an end of a piece.
CREATE OR REPLACE TEMP TABLE waits AS
WITH quiet AS (
    SELECT peer_id, role, host, outcome, n_pieces, nanoseconds(started) AS started, nanoseconds(ended) AS ended FROM tasks
    WHERE outcome <> 'died' AND coalesce(n_errors, 0) = 0 AND first_error IS NULL AND started IS NOT NULL AND peer_id IS NOT NULL
), ends AS (
    SELECT peer_id, nanoseconds(ended) AS time FROM pieces SEMI JOIN quiet USING (peer_id) WHERE ended IS NOT NULL
), observed AS (
    SELECT quiet.* FROM quiet JOIN (SELECT peer_id, count(*) AS n FROM ends GROUP BY peer_id) USING (peer_id)
    WHERE n >= 0.5 * n_pieces
), last AS (SELECT host, max(nanoseconds(time)) AS until FROM events GROUP BY host
), marks AS (
    SELECT peer_id, started AS time FROM observed UNION ALL SELECT peer_id, coalesce(ended, until) FROM observed LEFT JOIN last USING (host)
    UNION ALL SELECT ends.* FROM ends SEMI JOIN observed USING (peer_id)
), gaps AS (
    SELECT peer_id, lag(time) OVER turns AS begin_ns, time - lag(time) OVER turns AS gap FROM marks WHERE time IS NOT NULL
    WINDOW turns AS (PARTITION BY peer_id ORDER BY time)
), longest AS (SELECT peer_id, max(gap) AS gap, arg_max(begin_ns, gap) AS begin_ns FROM gaps WHERE gap IS NOT NULL GROUP BY peer_id)
SELECT observed.peer_id, observed.host, outcome, gap / 1e9 AS wait_s, begin_ns, limit_s
FROM observed JOIN longest USING (peer_id) LEFT JOIN task_limits limits ON limits.role = observed.role AND limits.host IS NOT DISTINCT FROM observed.host
