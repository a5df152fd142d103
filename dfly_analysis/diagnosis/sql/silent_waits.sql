-- The longest waits of tasks without errors, most of whose pieces are logged, with the piece timeout there.
CREATE OR REPLACE TEMP TABLE waits AS
SELECT found.peer_id, found.host, found.outcome, wait_s, from_ns AS begin_ns, limits.limit_s
FROM longest_waits AS found JOIN tasks USING (peer_id)
LEFT JOIN task_limits limits ON limits.role = found.role AND limits.host IS NOT DISTINCT FROM found.host
WHERE coalesce(n_errors, 0) = 0 AND first_error IS NULL AND finished >= 0.5 * found.n_pieces
