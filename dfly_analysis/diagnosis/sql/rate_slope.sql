WITH timed AS (
        SELECT $HOST AS host, epoch_ns(started) AS from_ns, epoch_ns(ended) AS until_ns, ln(size_bytes / duration_s) AS rate FROM pieces
        WHERE origin = 'source' AND outcome = 'ok' AND duration_s > 0 AND size_bytes >= 0.5 * (SELECT max(size_bytes) FROM pieces) AND host IS NOT NULL
    ),
    begun AS (
        SELECT timed.*, area + in_flight * (from_ns - ns) AS begin_area FROM timed ASOF JOIN source_load AS load ON load.host = timed.host AND timed.from_ns >= load.ns
    ),
    ended AS (
        SELECT begun.*, (area + in_flight * (until_ns - ns) - begin_area) / (until_ns - from_ns) AS requests
        FROM begun ASOF JOIN source_load AS load ON load.host = begun.host AND begun.until_ns >= load.ns WHERE until_ns > from_ns
    )
SELECT regr_slope(rate, ln(requests)) FROM ended WHERE requests > 0
