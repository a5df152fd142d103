-- How many requests to the registry were in flight at most, and in the calmest tenth of the moments in which it refused one for load (429, 401).
WITH changes AS (
    SELECT epoch_ns(started) AS ns, 1 AS change FROM pieces WHERE origin = 'source' AND started IS NOT NULL AND ended > started
    UNION ALL SELECT epoch_ns(ended), -1 FROM pieces WHERE origin = 'source' AND started IS NOT NULL AND ended > started
), loads AS (
    SELECT ns, (sum(change) OVER (ORDER BY ns, change ROWS UNBOUNDED PRECEDING))::BIGINT AS load FROM changes
), refusals AS (
    SELECT DISTINCT host, epoch_ns(time) - 1 AS ns FROM events
    WHERE $REFUSED
)
SELECT (SELECT coalesce(max(load), 0) FROM loads), quantile_cont(load, 0.1) FROM refusals ASOF JOIN loads ON loads.ns <= refusals.ns WHERE load > 0
