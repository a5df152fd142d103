"""How fast a request to the registry is, and whether requests share a link."""

from typing import NamedTuple

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.time_parts import ensure_task_time
from dfly_analysis.sql_scripts import sql

MIN_PIECES = 20
_SHARED_SLOPE, _LATE = -0.5, 4.0


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
        dataset.engine.execute(sql("diagnosis", "source_load", HOST=host))
        slopes += [slope for (slope,) in dataset.rows(sql("diagnosis", "rate_slope", HOST=host)) if slope is not None]
    return SourceRates(median_bps, late or 0.0, min(slopes, default=0.0) <= _SHARED_SLOPE)
