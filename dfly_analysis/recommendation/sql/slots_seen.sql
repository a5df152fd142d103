-- The slack: a slot is taken again within a millisecond of the piece before.
WITH spans AS (
    SELECT host, task_id, nanoseconds(started) * 1e-9::DOUBLE AS start_s, start_s + duration_s * 0.998 - 0.005 AS end_s
    FROM pieces
    WHERE role = ? AND origin = 'source' AND started IS NOT NULL AND duration_s > 0 AND task_id IS NOT NULL
), changes AS (
    SELECT host, task_id, start_s AS at_s, 1 AS change FROM spans
    UNION ALL SELECT host, task_id, greatest(start_s, end_s), -1 FROM spans
), loads AS (
    SELECT sum(change) OVER (PARTITION BY host, task_id ORDER BY at_s, change ROWS UNBOUNDED PRECEDING) AS load FROM changes
)
SELECT greatest(max(load), 1), count(*) FROM loads
