"""How fast a request to the registry is, and whether requests share a link."""

from typing import NamedTuple

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.time_parts import ensure_task_time

MIN_PIECES = 20
_SHARED_SLOPE, _LATE = -0.5, 4.0
_IN_FLIGHT = """
CREATE OR REPLACE TEMP TABLE {name} AS
SELECT host, ns, in_flight, coalesce(sum(in_flight * (next_ns - ns)) OVER (PARTITION BY host ORDER BY ns ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::DOUBLE AS area
FROM (
    SELECT host, ns, sum(sum(delta)) OVER (PARTITION BY host ORDER BY ns) AS in_flight, lead(ns) OVER (PARTITION BY host ORDER BY ns) AS next_ns
    FROM (
        SELECT {host} AS host, from_ns AS ns, 1 AS delta FROM _timed_attempts WHERE flight IN ('source', 'retries')
        UNION ALL SELECT {host}, until_ns, -1 FROM _timed_attempts WHERE flight IN ('source', 'retries')
    ) GROUP BY host, ns
)
"""
"""Requests in flight from moment to moment, and their sum over time until then."""
_SLOPE = """
WITH timed AS (
        SELECT {host} AS host, epoch_ns(started) AS from_ns, epoch_ns(ended) AS until_ns, ln(size_bytes / duration_s) AS rate FROM pieces
        WHERE origin = 'source' AND outcome = 'ok' AND duration_s > 0 AND size_bytes >= 0.5 * (SELECT max(size_bytes) FROM pieces) AND host IS NOT NULL
    ),
    begun AS (
        SELECT timed.*, area + in_flight * (from_ns - ns) AS begin_area FROM timed ASOF JOIN {name} AS load ON load.host = timed.host AND timed.from_ns >= load.ns
    ),
    ended AS (
        SELECT begun.*, (area + in_flight * (until_ns - ns) - begin_area) / (until_ns - from_ns) AS requests
        FROM begun ASOF JOIN {name} AS load ON load.host = begun.host AND begun.until_ns >= load.ns WHERE until_ns > from_ns
    )
SELECT regr_slope(rate, ln(requests)) FROM ended WHERE requests > 0
"""


class SourceRates(NamedTuple):
    """Median rate of a request for a piece, bytes a second; the proportion of the time in pieces that took much longer; whether requests share a link."""

    median_bps: float
    late_share: float
    is_shared: bool


def source_rates(dataset: Dataset) -> SourceRates | None:
    """Return how fast requests to the registry are, None where too few are logged.

    Requests share a link where their rate falls as the number in flight (of their host, or of all) rises: with a slope of -1 in
    logarithms the sum is constant.
    """
    ensure_task_time(dataset)
    ((n, median_bps, late),) = dataset.rows(f"""
        WITH own AS (
            SELECT size_bytes / duration_s AS rate, duration_s, median(duration_s) OVER () AS usual_s FROM pieces
            WHERE origin = 'source' AND outcome = 'ok' AND duration_s > 0 AND size_bytes >= 0.5 * (SELECT max(size_bytes) FROM pieces)
        ) SELECT count(*), median(rate), sum(duration_s) FILTER (duration_s > {_LATE} * usual_s) / sum(duration_s) FROM own
    """)
    if n < MIN_PIECES:
        return None
    slopes = []
    for host in ("'all'", "host"):
        dataset.engine.execute(_IN_FLIGHT.format(name="source_load", host=host))
        slopes += [
            slope for (slope,) in dataset.rows(_SLOPE.format(name="source_load", host=host)) if slope is not None
        ]
    return SourceRates(median_bps, late or 0.0, min(slopes, default=0.0) <= _SHARED_SLOPE)
