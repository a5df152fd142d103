"""Times of pieces in two runs: the ratio of their medians; attempts that timed out are right-censored."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfly_analysis.comparison.proportions import FROM_SOURCE, cluster_expression
from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Interval
from dfly_analysis.models.kaplan_meier import kaplan_meier

MIN_COUNT = 20
MAX_ATTEMPTS = 50_000
"""Of more attempts in a run, whole clusters are sampled."""
_TIMED = f"{FROM_SOURCE} AND duration_s > 0 AND coalesce(outcome, '') <> 'unknown'"
_DRAWS = 200
_SEED = 20261123


@dataclass(frozen=True)
class TimeEffect:
    """How the time of pieces of one length from the source changed: medians by Kaplan and Meier, seconds, over all attempts.

    The ratio is after by before, with a 95 % interval by bootstrap over clusters.
    """

    size_bytes: int
    n_before: int
    n_after: int
    before_s: float
    after_s: float
    ratio: Interval


def time_effect(before: Dataset, after: Dataset) -> TimeEffect | None:
    """Return the change of the median time of a piece; None where no length is 20 times in both runs, or half did not finish."""
    runs = (before, after)
    query = f"SELECT size_bytes, count(*) FROM pieces WHERE {_TIMED} AND outcome = 'ok' AND size_bytes IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
    counts = [dict(run.rows(query)) for run in runs]
    often = {size: min(n, counts[1].get(size, 0)) for size, n in counts[0].items()}
    size = max(often, key=lambda one: often[one], default=None)
    if size is None or often[size] < MIN_COUNT:
        return None
    attempts = [_attempts(run, size) for run in runs]
    medians = [_median(one["duration_s"].to_numpy(float), one["censored"].to_numpy(bool)) for one in attempts]
    if not np.isfinite(medians).all():
        return None
    drawn = [_drawn_medians(one, seed) for one, seed in zip(attempts, (_SEED, _SEED + 1), strict=True)]
    ratios = drawn[1] / drawn[0]
    value, finite = medians[1] / medians[0], ratios[np.isfinite(ratios)]
    low, high = np.quantile(finite, [0.025, 0.975]) if len(finite) > _DRAWS // 2 else (0.0, np.inf)
    ratio = Interval(value, min(float(low), value), max(float(high), value))
    return TimeEffect(int(size), len(attempts[0]), len(attempts[1]), medians[0], medians[1], ratio)


def _attempts(run: Dataset, size: int) -> pd.DataFrame:
    """Return cluster, duration and censoring of the attempts at pieces of one length, or of a sample of clusters."""
    where = f"{_TIMED} AND size_bytes = {int(size)}"
    cluster = cluster_expression(run, where)
    every = -(-run.rows(f"SELECT count(*) FROM pieces WHERE {where}")[0][0] // MAX_ATTEMPTS)
    query = f"SELECT {cluster} AS cluster, duration_s, outcome IS DISTINCT FROM 'ok' AS censored FROM pieces WHERE {where} AND hash({cluster}) % {every} = 0"
    return run.sql(query)


def _median(duration_s: NDArray[np.float64], censored: NDArray[np.bool_]) -> float:
    curve = kaplan_meier(duration_s, censored)
    at = np.flatnonzero(np.asarray(curve.y) <= 0.5)
    return float(curve.x[at[0]]) if len(at) else float("inf")


def _drawn_medians(attempts: pd.DataFrame, seed: int) -> NDArray[np.float64]:
    """Return medians of draws of whole clusters, with replacement."""
    draw = np.random.default_rng(seed)
    duration, censored = attempts["duration_s"].to_numpy(float), attempts["censored"].to_numpy(bool)
    members = list(attempts.groupby("cluster", sort=True).indices.values())
    result = []
    for _ in range(_DRAWS):
        rows = np.concatenate([members[place] for place in draw.integers(0, len(members), len(members))])
        result.append(_median(duration[rows], censored[rows]))
    return np.array(result)
