-- Pulls of blobs that had been preheated before, whether they used another task id, and whether a seed client had evicted the task.
CREATE OR REPLACE TEMP TABLE preheated_pulls AS
WITH ready AS (
        SELECT $BLOB AS blob, min(ended) AS since, list(DISTINCT task_id) AS ids, any_value(peer_id) AS preheat_peer FROM tasks
        WHERE role = 'seedClient' AND outcome = 'ok' AND url IS NOT NULL GROUP BY blob
    ),
    pulls AS (SELECT *, $BLOB AS blob FROM tasks WHERE role = 'client' AND url IS NOT NULL),
    evictions AS (
        SELECT regexp_extract(message, '^evict task ([0-9a-zA-Z_-]+)', 1) AS task_id, host AS seed, epoch_ns(time) AS evicted_ns FROM events
        WHERE component = 'client' AND role = 'seedClient' AND starts_with(message, 'evict task ')
    ),
    gone AS (SELECT task_id, min(evicted_ns) AS evicted_ns FROM evictions GROUP BY task_id)
SELECT pulls.*, preheat_peer, NOT list_contains(ids, pulls.task_id) AS is_other, coalesce(evicted_ns BETWEEN epoch_ns(since) AND epoch_ns(started), false) AS is_evicted
FROM pulls JOIN ready USING (blob) LEFT JOIN gone ON gone.task_id = pulls.task_id
WHERE (started < since) IS NOT TRUE
