-- Pieces, those that finished and failed, and those that failed at their timeout.
WITH cut AS (FROM pieces WHERE $CUT),
    nodes AS (SELECT host, count(*) AS n FROM cut GROUP BY host)
SELECT count(*), count(*) FILTER (outcome = 'ok'),
    count(*) FILTER (outcome NOT IN ('ok', 'cancelled') AND ended IS NOT NULL AND origin <> 'local'),
    (SELECT count(*) FROM cut), (SELECT list(host ORDER BY n DESC, host) FROM nodes),
    (SELECT min(nanoseconds(ended)) FROM cut), (SELECT max(nanoseconds(ended)) FROM cut), (SELECT median(duration_s) FROM cut),
    (SELECT list(DISTINCT timeout_s ORDER BY timeout_s) FILTER (timeout_s IS NOT NULL) FROM cut),
    (SELECT count(*) FROM tasks WHERE $FAILED),
    (SELECT count(*) FROM tasks WHERE $FAILED AND peer_id IN (SELECT peer_id FROM cut))
FROM pieces
