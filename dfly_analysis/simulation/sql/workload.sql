-- The layers to simulate (`fetches` and `loads` come before): when each came, and whether it had to wait for a lane.
, waits AS (
    SELECT *, row_number() OVER (ORDER BY start_s, host) > 1 AND load = (SELECT max(load) FROM loads)
        AND coalesce(start_s - last_end_s < $SOON_S, false) AS waited
    FROM fetches JOIN loads ON start_s = at_s
), layers AS (
    SELECT size_bytes, piece_bytes, dense_rank() OVER (ORDER BY host) - 1 AS link, start_s, host, waited,
        max(start_s) FILTER (NOT waited) OVER (ORDER BY start_s, host ROWS UNBOUNDED PRECEDING) AS arrival_s,
        sum(size_bytes) OVER (ORDER BY start_s, host ROWS UNBOUNDED PRECEDING) - 0.5 * size_bytes AS done,
        sum(size_bytes) OVER () AS total, row_number() OVER (ORDER BY size_bytes, start_s, host) AS by_size
    FROM waits
)
SELECT size_bytes, piece_bytes, link, arrival_s, (SELECT max(load) FROM loads), (SELECT bool_or(waited) FROM layers)
FROM layers WHERE $CHOSEN ORDER BY start_s, host
