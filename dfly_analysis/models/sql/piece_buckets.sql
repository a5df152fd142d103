-- Buckets of finished pieces by host and origin, and how many pieces of each bucket that host's log shows too: those that ended while
-- the process counted. Where no host of the metrics is one of the logs, their names differ, and what counts twice is not known.
WITH counted AS (
    SELECT *, CASE regexp_extract(label, '(?:^| )type=(\w+)', 1)
        WHEN 'BACK_TO_SOURCE' THEN 'source' WHEN 'REMOTE_PEER' THEN 'parent' END AS origin
    FROM runs WHERE metric = '$METRIC' AND kind = 'histogram' AND host IS NOT NULL
    QUALIFY ended IS NULL OR bool_and(ended IS NOT NULL) OVER (PARTITION BY host) -- a dump goes before a server, which counts the same
), buckets AS (
    SELECT host, origin, any_value(role) AS role, lower_s, upper_s, sum(n)::DOUBLE AS n, min(min(started)) OVER process AS first,
        CASE WHEN bool_and(bool_and(ended IS NOT NULL)) OVER process THEN max(max(ended)) OVER process END AS last
    FROM counted WHERE origin IS NOT NULL GROUP BY host, origin, lower_s, upper_s
    WINDOW process AS (PARTITION BY host, origin)
)
SELECT buckets.host, buckets.origin, any_value(buckets.role) AS role, lower_s, upper_s, any_value(n) AS n,
    count(pieces.host)::DOUBLE AS logged, coalesce(sum(size_bytes), 0)::DOUBLE AS logged_bytes
FROM buckets LEFT JOIN pieces ON pieces.host = buckets.host AND pieces.origin = buckets.origin AND outcome = 'ok'
    AND duration_s <= upper_s AND (duration_s > lower_s OR lower_s = 0)
    AND coalesce(pieces.ended >= first, true) AND coalesce(pieces.ended <= last, true)
WHERE EXISTS (FROM counted JOIN pieces USING (host)) OR NOT EXISTS (FROM pieces WHERE host IS NOT NULL)
GROUP BY buckets.host, buckets.origin, lower_s, upper_s ORDER BY ALL
