-- How many pieces were in flight in a period of a run, and the failures and attempts outside it that began while about as many were.
WITH marks AS (
        SELECT run_of(host) AS run, unnest([nanoseconds(started), nanoseconds(ended)]) AS time, unnest([1, -1]) AS step FROM pieces
        WHERE origin = 'source' AND started IS NOT NULL AND ended IS NOT NULL
    ),
    steps AS (SELECT time, sum(step) AS step FROM marks WHERE run = $$1 GROUP BY time),
    levels AS (SELECT time, sum(step) OVER (ORDER BY time ROWS UNBOUNDED PRECEDING) AS in_flight FROM steps),
    loaded AS (
        SELECT began, bad, coalesce(in_flight, 0) AS in_flight, began BETWEEN $$2 AND $$3 AS is_inside
        FROM ($ATTEMPTS) ASOF LEFT JOIN levels ON began >= time WHERE run = $$1
    ),
    usual AS (SELECT median(in_flight) AS level FROM loaded WHERE is_inside)
SELECT any_value(level), count(*) FILTER (bad), count(*) FROM loaded, usual WHERE NOT is_inside AND in_flight >= $LIKE_LOAD * level
