-- How many fetches run at each moment, those that begin with it among them, and when the last one before it ended.
, changes AS (
    SELECT start_s AS at_s, 1 AS change, host FROM fetches UNION ALL SELECT end_s, -1, host FROM fetches
), loads AS (
    SELECT DISTINCT at_s, greatest(sum(change) OVER (ORDER BY at_s RANGE UNBOUNDED PRECEDING), 1) AS load,
        max(CASE WHEN change < 0 THEN at_s END) OVER (ORDER BY at_s RANGE UNBOUNDED PRECEDING) AS last_end_s
    FROM changes
)
