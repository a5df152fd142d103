-- By host what its counters and its log say of pieces: bytes by origin, answered requests at the source, and failures that are logged.
WITH counted AS (
    SELECT * FROM runs WHERE kind = 'counter' AND host IS NOT NULL
    QUALIFY ended IS NULL OR bool_and(ended IS NOT NULL) OVER (PARTITION BY host)
), counters AS (
    SELECT host, sum(n - coalesce(failures, 0)) FILTER (metric = 'dragonfly_client_backend_request_total' AND label LIKE '%method=GET%')
            ::DOUBLE AS requests,
        sum(bytes_from_source)::DOUBLE AS source, sum(bytes_from_parent)::DOUBLE AS parent
    FROM counted GROUP BY host
), logged AS (
    SELECT host, mode(size_bytes)::DOUBLE AS piece_bytes, count(*) FILTER (outcome != 'ok' AND origin = 'source')::DOUBLE AS unfinished,
        count(*) FILTER (outcome = 'timeout' AND origin = 'source')::DOUBLE AS timeouts,
        mode(timeout_s) FILTER (origin = 'source') AS timeout_s
    FROM pieces GROUP BY host
)
SELECT * FROM counters FULL JOIN logged USING (host)
