"""Times of pieces in two runs: the ratio of their medians, the cut ones counted as longer than their limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dfly_analysis.comparison.proportions import groups_of
from dfly_analysis.comparison.settings_diff import TimeEffect
from dfly_analysis.estimates import Interval
from dfly_analysis.models import kaplan_meier

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

MIN_COUNT = 20
_DRAWS = 200
_SEED = 20261123


def time_effect(before: pd.DataFrame, after: pd.DataFrame) -> TimeEffect | None:
    """Compare the median time of pieces of one length.

    Parameters
    ----------
    before, after : DataFrame
        Attempts at pieces from the source, ``size_bytes``, ``duration_s``, ``outcome``, ``task_id``, ``started``.

    Returns
    -------
    TimeEffect or None
        None where no length is seen in both runs at least 20 times, or half of the pieces of a run did not finish.
    """
    runs = [_timed(run) for run in (before, after)]
    sizes = [run.loc[run["outcome"] == "ok", "size_bytes"].value_counts() for run in runs]
    shared = sizes[0].index.intersection(sizes[1].index)
    often = [size for size in shared if min(sizes[0][size], sizes[1][size]) >= MIN_COUNT]
    if not often:
        return None
    size = max(often, key=lambda one: min(sizes[0][one], sizes[1][one]))
    alike = [run[run["size_bytes"] == size] for run in runs]
    medians = [_median(run["duration_s"].to_numpy(float), (run["outcome"] != "ok").to_numpy(bool)) for run in alike]
    if not all(map(np.isfinite, medians)):
        return None
    drawn = [_drawn_medians(run, seed) for run, seed in zip(alike, (_SEED, _SEED + 1), strict=True)]
    ratios = drawn[1] / drawn[0]
    value, finite = medians[1] / medians[0], ratios[np.isfinite(ratios)]
    low, high = np.quantile(finite, [0.025, 0.975]) if len(finite) > _DRAWS // 2 else (0.0, np.inf)
    ratio = Interval(value, min(float(low), value), max(float(high), value))
    return TimeEffect(int(size), len(alike[0]), len(alike[1]), medians[0], medians[1], ratio)


def _timed(pieces: pd.DataFrame) -> pd.DataFrame:
    return pieces[(pieces["duration_s"] > 0) & pieces["size_bytes"].notna() & (pieces["outcome"] != "unknown")]


def _median(duration_s: NDArray[np.float64], censored: NDArray[np.bool_]) -> float:
    curve = kaplan_meier(duration_s, censored)
    at = np.flatnonzero(np.asarray(curve.y) <= 0.5)
    return float(curve.x[at[0]]) if len(at) else float("inf")


def _drawn_medians(pieces: pd.DataFrame, seed: int) -> NDArray[np.float64]:
    """Return medians of draws of whole groups, with replacement."""
    draw = np.random.default_rng(seed)
    duration, censored = pieces["duration_s"].to_numpy(float), (pieces["outcome"] != "ok").to_numpy(bool)
    names = groups_of(pieces).to_numpy()
    members = [np.flatnonzero(names == name) for name in np.unique(names)]
    result = []
    for _ in range(_DRAWS):
        rows = np.concatenate([members[place] for place in draw.integers(0, len(members), len(members))])
        result.append(_median(duration[rows], censored[rows]))
    return np.array(result)
