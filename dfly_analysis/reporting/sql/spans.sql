-- A span a row, outer ones first: jobs, tasks, waits, pieces.
WITH peers AS (
        SELECT peer_id, any_value(task_id) AS task_id, any_value(job_id) AS job_id, any_value(host) AS host, any_value(role) AS role, any_value(url) AS url,
            any_value(size_bytes) AS size_bytes, any_value(outcome) AS outcome, min(epoch_ns(started)) AS start_ns, max(epoch_ns(ended)) AS end_ns
        FROM tasks WHERE peer_id IS NOT NULL GROUP BY peer_id
    ),
    last_pieces AS (SELECT peer_id, max(epoch_ns(ended)) AS last_ns FROM pieces WHERE ended IS NOT NULL GROUP BY peer_id)
SELECT coalesce(host, '') AS place, 0 AS rank, 'task' AS kind, start_ns, coalesce(end_ns, last_ns) AS end_ns, peer_id, task_id, job_id, role, url, size_bytes, outcome,
    NULL AS piece_number, NULL AS attempt, NULL AS origin, NULL AS parent_id, NULL AS step
FROM peers LEFT JOIN last_pieces USING (peer_id) WHERE start_ns IS NOT NULL AND coalesce(end_ns, last_ns) >= start_ns
UNION ALL
SELECT coalesce(host, ''), 1, 'wait', from_ns, until_ns, peer_id, task_id, job_id, role, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    CASE WHEN from_ns >= last_ns AND outcome = 'ok' THEN 'writing' ELSE step END
FROM task_segments JOIN peers USING (peer_id) LEFT JOIN last_pieces USING (peer_id) WHERE in_flight = 0
UNION ALL
SELECT coalesce(piece.host, peers.host, ''), 2, 'piece', epoch_ns(started), epoch_ns(ended), peer_id, piece.task_id, job_id, piece.role, NULL, piece.size_bytes, piece.outcome,
    piece_number, attempt, origin, parent_id, NULL
FROM pieces AS piece LEFT JOIN peers USING (peer_id) WHERE started IS NOT NULL AND ended >= started AND peer_id IS NOT NULL
UNION ALL
SELECT 'manager', 0, 'job', epoch_ns(created), epoch_ns(ended), job_id, NULL, job_id, 'manager', image, NULL, state, NULL, NULL, NULL, NULL, NULL
FROM jobs WHERE job_id IS NOT NULL AND ended >= created
ORDER BY place, start_ns, rank, end_ns DESC
