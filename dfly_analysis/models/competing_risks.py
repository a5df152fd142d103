"""What else ends an attempt: resets, storage and origin errors as hazards per second, or as a chance per attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from dfly_analysis.estimates import Interval
from dfly_analysis.models.censored_data import Attempts
from dfly_analysis.models.distribution import Array
from dfly_analysis.schema import OUTCOMES

FAILURES = ("reset", "storage", "origin")
_SEED = 9_137
# Under a constant hazard failures come, on average, at the mean time at risk; far earlier means at the door.
_AT_THE_DOOR = 0.2
_JEFFREYS = 0.5


@dataclass(frozen=True)
class Ending:
    """One way an attempt fails besides the timeout.

    Attributes
    ----------
    outcome : str
    per_attempt : bool
        Whether it strikes at the start of an attempt, so that its time does not matter; else it is a hazard per second.
    count : float
        Attempts that ended so.
    exposure : float
        Seconds at risk, or attempts where ``per_attempt``.
    dispersion : float
        Variance of the count over clusters against Poisson's, at least 1.
    """

    outcome: str
    per_attempt: bool
    count: float
    exposure: float
    dispersion: float

    @property
    def value(self) -> float:
        """Return the hazard per second, or the chance per attempt."""
        return self.count / self.exposure

    def rate(self, level: float = 0.95) -> Interval:
        """Return the hazard per second (or chance per attempt) with Jeffreys' interval, widened by the dispersion."""
        count, exposure = self.count / self.dispersion, self.exposure / self.dispersion
        tail = 0.5 - level / 2.0
        low = float(special.gammaincinv(count + _JEFFREYS, tail)) / exposure if count > 0 else 0.0
        high = float(special.gammaincinv(count + _JEFFREYS, 1.0 - tail)) / exposure
        return Interval(self.value, min(low, self.value), max(high, self.value))

    def draws(self, count: int) -> Array:
        """Return rates drawn from their uncertainty; none where it was never seen, so that no cause is made up."""
        if self.count == 0:
            return np.zeros(count)
        seed = _SEED + FAILURES.index(self.outcome)
        result = np.random.default_rng(seed).gamma(self.count / self.dispersion + _JEFFREYS, size=count)
        return np.asarray(result * self.dispersion / self.exposure)


def count_endings(attempts: Attempts) -> Mapping[str, Ending]:
    """Count how attempts failed besides the timeout, and for how long they were at risk.

    Parameters
    ----------
    attempts : Attempts

    Returns
    -------
    mapping of str to Ending
        One for each of reset, storage and origin.
    """
    return {outcome: _ending(attempts, outcome) for outcome in FAILURES}


def _ending(attempts: Attempts, outcome: str) -> Ending:
    struck = attempts.outcome == OUTCOMES.index(outcome)
    time, weight = attempts.middle_s, attempts.weight
    exposure, count = float(time @ weight), float(weight[struck].sum())
    per_attempt = False
    if count:
        usual_time = 0.5 * float((time * time) @ weight) / exposure
        per_attempt = float(time[struck] @ weight[struck]) / count < _AT_THE_DOOR * usual_time
    at_risk = weight if per_attempt else time * weight
    return Ending(outcome, per_attempt, count, float(at_risk.sum()), _dispersion(attempts, weight * struck, at_risk))


def _dispersion(attempts: Attempts, struck: Array, at_risk: Array) -> float:
    worst = 1.0
    count = struck.sum()
    if not count:
        return worst
    for codes in attempts.clusters.values():
        inside = codes >= 0
        observed = np.bincount(codes[inside], weights=struck[inside])
        expected = np.bincount(codes[inside], weights=at_risk[inside]) * count / at_risk.sum()
        if len(observed) >= 5:
            worst = max(worst, float(((observed - expected) ** 2).sum() / expected.sum()))
    return worst
