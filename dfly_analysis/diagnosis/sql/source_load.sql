-- Requests in flight from moment to moment, and their sum over time until then.
CREATE OR REPLACE TEMP TABLE source_load AS
SELECT host, ns, in_flight, coalesce(sum(in_flight * (next_ns - ns)) OVER (PARTITION BY host ORDER BY ns ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::DOUBLE AS area
FROM (
    SELECT host, ns, sum(sum(delta)) OVER (PARTITION BY host ORDER BY ns) AS in_flight, lead(ns) OVER (PARTITION BY host ORDER BY ns) AS next_ns
    FROM (
        SELECT $HOST AS host, from_ns AS ns, 1 AS delta FROM _timed_attempts WHERE flight IN ('source', 'retries')
        UNION ALL SELECT $HOST, until_ns, -1 FROM _timed_attempts WHERE flight IN ('source', 'retries')
    ) GROUP BY host, ns
)
