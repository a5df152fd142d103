-- Only seed clients count where there are any: tasks of clients come from peers. Metrics count for hosts without a task in the logs,
-- so that nothing counts twice; the size of a bucket is the geometric middle of its level.
WITH ended AS (
    SELECT * FROM tasks WHERE role = 'seedClient' OR NOT EXISTS (SELECT 1 FROM tasks WHERE role = 'seedClient')
), logged AS (
    SELECT * FROM ended WHERE outcome IN ('ok', 'failed', 'died') AND duration_s > 0 AND size_bytes > 0
), buckets AS (
    SELECT *, greatest(size_lower_bytes, 1)::DOUBLE AS low FROM runs
    WHERE metric = '$METRIC' AND kind = 'histogram' AND size_lower_bytes IS NOT NULL
), counted AS (
    SELECT * FROM buckets WHERE (role = 'seedClient' OR NOT EXISTS (SELECT 1 FROM buckets WHERE role = 'seedClient'))
        AND NOT EXISTS (SELECT 1 FROM logged WHERE logged.host = buckets.host)
)
SELECT NULL::VARCHAR AS origin, role, size_bytes::DOUBLE AS size_bytes, duration_s,
    CASE outcome WHEN 'ok' THEN 'ok' ELSE 'unknown' END AS outcome, NULL::DOUBLE AS timeout_s, NULL::DOUBLE AS upper_s,
    1.0::DOUBLE AS weight, false AS successes_not_logged, $TASK, host, started FROM logged
UNION ALL BY NAME
SELECT role, sqrt(low * coalesce(size_upper_bytes, 2 * low)) AS size_bytes, lower_s AS duration_s, 'ok' AS outcome,
    upper_s, n::DOUBLE AS weight, false AS successes_not_logged, NULL::BIGINT AS task_id, host FROM counted
