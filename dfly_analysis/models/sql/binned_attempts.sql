SELECT bin, any_value(origin) AS origin, any_value(role) AS role, any_value(outcome) AS outcome,
    any_value(timeout_s) AS timeout_s, any_value(upper_s) AS upper_s,
    any_value(successes_not_logged) AS successes_not_logged,
    CASE WHEN min(size_bytes) = max(size_bytes) THEN min(size_bytes) ELSE exp(avg(log_size)) END AS size_bytes,
    coalesce(exp(avg(log_duration)), min(duration_s)) AS duration_s, sum(weight) AS weight, min(started) AS started, max(started) AS last_started
FROM ($KEYED) GROUP BY bin ORDER BY bin
