-- Pulls of clients that downloaded from the registry; redundant if a seed client or another source had the blob, or was downloading it, before.
-- Blobs of one piece, which clients take from the registry without asking the scheduler, are left out.
CREATE OR REPLACE TEMP TABLE source_pulls AS
WITH signs AS (
        SELECT peer_id, coalesce(epoch_ns(started), epoch_ns(ended)) AS ns FROM pieces WHERE outcome = 'ok' AND origin = 'source'
        UNION ALL SELECT peer_id, epoch_ns(time) FROM events WHERE event_id IN ('source_round_started', 'peer_source_started', 'source_round_failed')
        UNION ALL SELECT peer_id, epoch_ns(time) FROM events WHERE event_id = 'task_finished' AND contains(message, 'from source')
    ),
    leaves AS (SELECT peer_id, max(epoch_ns(time)) AS left_ns FROM events WHERE event_id = 'scheduler_round_failed' GROUP BY peer_id),
    turns AS (
        SELECT peer_id, least(min(ns), any_value(left_ns)) AS source_ns FROM signs LEFT JOIN leaves USING (peer_id) WHERE peer_id IS NOT NULL GROUP BY peer_id
    ),
    contacts AS (SELECT DISTINCT peer_id FROM events WHERE event_id IN $CONTACTS AND peer_id IS NOT NULL),
    own AS (
        SELECT peer_id, task_id, host, role, url, coalesce($BLOB, task_id) AS blob, outcome, size_bytes, bytes_from_source, source_ns, epoch_ns(ended) AS end_ns,
            CASE WHEN role = 'client' THEN coalesce(source_ns, epoch_ns(ended)) ELSE epoch_ns(started) END AS has_ns,
            contacts.peer_id IS NOT NULL AS has_contact
        FROM tasks LEFT JOIN turns USING (peer_id) LEFT JOIN contacts USING (peer_id)
        WHERE peer_id IS NOT NULL AND (role <> 'client' OR contacts.peer_id IS NOT NULL OR n_pieces > 1)
    ),
    restarts AS (SELECT host, max(epoch_ns(time)) AS restart_ns FROM events WHERE event_id = 'process_started' GROUP BY host),
    known AS (
        SELECT blob, min(has_ns, 2) AS has_ns, arg_min(peer_id, has_ns) AS first_peer, count(*) FILTER (role = 'seedClient') AS seeds,
            count(*) FILTER (role = 'seedClient' AND (outcome IN ('failed', 'died') OR restart_ns > end_ns)) AS failed_seeds,
            list(DISTINCT task_id) FILTER (role = 'seedClient' AND outcome = 'ok') AS seed_tasks
        FROM own LEFT JOIN restarts USING (host) GROUP BY blob
    )
SELECT own.* EXCLUDE (has_ns), seeds, failed_seeds,
    coalesce(nullif(bytes_from_source, 0), CASE WHEN own.outcome = 'ok' THEN size_bytes END, 0)::BIGINT AS source_bytes,
    coalesce(CASE WHEN first_peer = own.peer_id THEN known.has_ns[2] ELSE known.has_ns[1] END < source_ns, false) AS is_redundant,
    coalesce(len(seed_tasks) > 0 AND NOT list_contains(seed_tasks, own.task_id), false) AS is_other_task
FROM own JOIN known USING (blob) WHERE own.role = 'client' AND source_ns IS NOT NULL
