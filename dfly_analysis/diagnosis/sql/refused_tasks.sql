-- Tasks that were refused for their credentials, tasks that the registry had served before, and tasks that it served later.
WITH refused AS (
    SELECT count(*) AS n, min(nanoseconds(coalesce(ended, started))) AS first_ns, max(nanoseconds(ended)) AS last_ns FROM tasks WHERE $REFUSED
)
SELECT count(*), any_value(n), any_value(first_ns), any_value(last_ns), (any_value(first_ns) - min(nanoseconds(started))) / 1e9,
    count(*) FILTER (outcome = 'ok' AND nanoseconds(ended) < first_ns AND origin IS DISTINCT FROM 'parent'),
    count(*) FILTER (outcome = 'ok' AND nanoseconds(started) > first_ns AND coalesce(bytes_from_source, 0) > 0)
FROM tasks, refused
