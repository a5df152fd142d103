-- How long each finished task took, with the copy of its output, and the part of that for writing.
CREATE OR REPLACE TEMP TABLE disk_times AS
WITH copies AS (
        SELECT peer_id, max(epoch_ns(events.time)) AS copied_ns FROM events WHERE event_id IN ('task_output_written', 'task_finished') GROUP BY peer_id
    ),
    written AS (SELECT peer_id, sum(seconds) AS seconds FROM task_time WHERE part = 'writing' GROUP BY peer_id)
SELECT peer_id, host, duration_s + copy_s AS total_s, coalesce(seconds, 0) + copy_s AS disk_s
FROM (
    SELECT task.peer_id, host, duration_s, greatest(coalesce((copied_ns - epoch_ns(ended)) / 1e9, 0), 0) AS copy_s
    FROM tasks AS task LEFT JOIN copies USING (peer_id) WHERE outcome = 'ok' AND duration_s > 0 AND task.peer_id IS NOT NULL
) LEFT JOIN written USING (peer_id)
