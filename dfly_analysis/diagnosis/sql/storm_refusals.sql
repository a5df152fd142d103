-- How often the registry refused requests for load between two times, and with how many requests in flight.
WITH refusals AS (
        SELECT DISTINCT host, epoch_ns(time) AS ns FROM events
        WHERE $REFUSED AND epoch_ns(time) BETWEEN ? AND ?
    ),
    loads AS (
        SELECT refusals.ns, count(pieces.started) AS requests FROM refusals
        LEFT JOIN pieces ON origin = 'source' AND epoch_ns(started) <= refusals.ns AND epoch_ns(ended) > refusals.ns GROUP BY refusals.host, refusals.ns
    )
SELECT count(*), min(requests), max(requests) FROM loads
