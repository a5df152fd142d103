"""How fast a request to the registry is, and whether requests share a link."""

from typing import NamedTuple

from dfly_analysis.dataset import Dataset
from dfly_analysis.sql_scripts import sql

MIN_PIECES = 20
_SHARED_SLOPE, _LATE, _SAMPLE = -0.5, 4.0, 20_000


class SourceRates(NamedTuple):
    """Median rate of a request for a piece, bytes a second; the proportion of the time in pieces that took much longer."""

    median_bps: float
    late_share: float


def source_rates(dataset: Dataset) -> SourceRates | None:
    """Return how fast requests to the registry are, None where too few are logged."""
    ((n, median_bps, late),) = dataset.rows(f"""
        WITH own AS (
            SELECT size_bytes / duration_s AS rate, duration_s, median(duration_s) OVER () AS usual_s FROM pieces
            WHERE origin = 'source' AND outcome = 'ok' AND duration_s > 0 AND size_bytes >= 0.5 * (SELECT max(size_bytes) FROM pieces)
        ) SELECT count(*), median(rate), sum(duration_s) FILTER (duration_s > {_LATE} * usual_s) / sum(duration_s) FROM own
    """)
    return SourceRates(median_bps, late or 0.0) if n >= MIN_PIECES else None


def share_a_link(dataset: Dataset) -> bool:
    """Return whether the rate of requests falls as the number in flight (of their host, or of all) rises: with a slope of -1 their sum is constant."""
    return any((slope := _slope(dataset, place)) is not None and slope <= _SHARED_SLOPE for place in ("'all'", "host"))


def _slope(dataset: Dataset, place: str) -> float | None:
    """Return the slope of rates over the requests in flight of the same place; of hosts, as many as have `_SAMPLE` attempts."""
    dataset.engine.execute(sql("diagnosis", "source_moments", PLACE=place, SAMPLE=_SAMPLE))
    slope: float | None
    ((slope,),) = dataset.rows(sql("diagnosis", "rate_slope"))
    return slope
