"""The Kaplan-Meier survival: what right-censored data show without a distribution."""

import numpy as np
import numpy.typing as npt
from scipy import special

from dfly_analysis.errors import TableError
from dfly_analysis.estimates import Curve
from dfly_analysis.models.distribution import Array


def kaplan_meier(
    durations: npt.ArrayLike, censored: npt.ArrayLike, weights: npt.ArrayLike | None = None, *, level: float = 0.95
) -> Curve:
    """Return the survival of durations of which some are right-censored.

    ``censored`` is true where a time is a lower bound, ``weights`` is how many attempts each entry stands for; the pointwise interval is
    by Greenwood's variance on the log-log scale. ``x`` of the curve are the distinct times at which something finished, ``y`` the share
    that lasts longer; it is empty where nothing finished. `TableError` is raised where the arrays differ in length.
    """
    time, cut = np.asarray(durations, dtype=float), np.asarray(censored, dtype=bool)
    weight = np.ones(len(time)) if weights is None else np.asarray(weights, dtype=float)
    if not len(time) == len(cut) == len(weight):
        raise TableError(f"arrays differ in length: {len(time)} durations, {len(cut)} flags, {len(weight)} weights")
    if not (~cut).any():
        return Curve()
    points, survival, variance = survival_steps(time, ~cut, weight)
    inside = (survival > 0) & (survival < 1)
    spread = np.zeros_like(survival)
    spread[inside] = np.sqrt(variance[inside]) / np.abs(np.log(survival[inside]))
    factor = np.exp(float(special.ndtri(0.5 + level / 2.0)) * spread)
    low, high = survival**factor, survival ** (1.0 / factor)
    return Curve(tuple(points.tolist()), tuple(survival.tolist()), tuple(low.tolist()), tuple(high.tolist()))


def survival_steps(time: Array, event: npt.NDArray[np.bool_], weight: Array) -> tuple[Array, Array, Array]:
    """Return the times at which something finished, the survival after each, and Greenwood's sum."""
    points, place = np.unique(time, return_inverse=True)
    leaving = np.bincount(place, weights=weight)
    finished = np.bincount(place, weights=weight * event)
    at_risk = np.cumsum(leaving[::-1])[::-1]
    some = finished > 0
    points, finished, at_risk = points[some], finished[some], at_risk[some]
    left = np.maximum(at_risk - finished, 0.0)
    survival = np.cumprod(left / at_risk)
    variance = np.cumsum(finished / (at_risk * np.maximum(left, 1e-300)))
    return points, survival, np.where(left > 0, variance, 0.0)
