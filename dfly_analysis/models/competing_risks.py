"""Competing risks: what ends an attempt besides its timeout, and how attempts end under a timeout they did not run with."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from dfly_analysis.estimates import Interval
from dfly_analysis.models.censored_data import Attempts
from dfly_analysis.models.distribution import Array, log_positive
from dfly_analysis.models.model_averaging import Average
from dfly_analysis.schema import OUTCOMES

FAILURES = ("reset", "storage", "origin")
_SEED = 9_137
# Under a constant hazard failures come, on average, at the mean time at risk; far earlier means at the start.
_AT_THE_START = 0.2
_JEFFREYS = 0.5
_MIN_CLUSTERS = 5
_GRID, _EARLY = 40, 0.01


@dataclass(frozen=True)
class Ending:
    """One way an attempt fails besides the timeout: a hazard per second or, at the start of an attempt, a chance ``per_attempt``."""

    outcome: str
    per_attempt: bool
    count: float  # attempts that ended so
    exposure: float  # seconds at risk, or attempts
    dispersion: float  # variance of the count over clusters against Poisson's, at least 1

    @property
    def value(self) -> float:
        return self.count / self.exposure

    def rate(self, level: float = 0.95) -> Interval:
        """Return the hazard per second (or chance per attempt) with Jeffreys' interval, widened by the dispersion."""
        count, exposure = self.count / self.dispersion, self.exposure / self.dispersion
        tail = 0.5 - level / 2.0
        low = float(special.gammaincinv(count + _JEFFREYS, tail)) / exposure if count > 0 else 0.0
        high = float(special.gammaincinv(count + _JEFFREYS, 1.0 - tail)) / exposure
        return Interval(self.value, min(low, self.value), max(high, self.value))

    def draws(self, count: int) -> Array:
        """Return rates drawn from their uncertainty; 0 where it was never seen."""
        if self.count == 0:
            return np.zeros(count)
        seed = _SEED + FAILURES.index(self.outcome)
        result = np.random.default_rng(seed).gamma(self.count / self.dispersion + _JEFFREYS, size=count)
        return np.asarray(result * self.dispersion / self.exposure)


def count_endings(attempts: Attempts) -> Mapping[str, Ending]:
    """Count how attempts failed besides the timeout (reset, storage, origin), and for how long they were at risk."""
    time, weight, result = attempts.middle_s, attempts.weight, {}
    exposure = float(time @ weight)
    for outcome in FAILURES:
        struck = attempts.outcome == OUTCOMES.index(outcome)
        count, per_attempt, dispersion = float(weight[struck].sum()), False, 1.0
        if count:
            usual_time = 0.5 * float((time * time) @ weight) / exposure
            per_attempt = float(time[struck] @ weight[struck]) / count < _AT_THE_START * usual_time
        at_risk = np.ones(len(time)) if per_attempt else time
        total = float(at_risk @ weight)
        for cluster in attempts.clusters.values() if count else ():
            observed, expected = cluster.counts @ struck, cluster.counts @ at_risk * count / total
            if cluster.n >= _MIN_CLUSTERS:
                dispersion = max(dispersion, float(((observed - expected) ** 2).sum() / expected.sum()))
        result[outcome] = Ending(outcome, per_attempt, count, total, dispersion)
    return result


@dataclass(frozen=True)
class Incidence:
    """Cumulative incidence under one timeout: arrays of draws, or one value each."""

    timeout: Array
    others: Mapping[str, Array]

    @property
    def failures(self) -> Array:
        total = self.timeout + sum(self.others.values(), np.zeros_like(self.timeout))
        return np.minimum(total, 1.0)  # the last bit of a sum may lead beyond


def incidence(average: Average, endings: Mapping[str, Ending], x: float, y: float, *, drawn: bool = False) -> Incidence:
    """Return how attempts end under a timeout.

    With survival ``S`` of the uncut time, hazards ``h_k`` per second with sum ``h`` and chances ``q_k`` at the start with
    sum ``q``: ``(1 - q) S(T) exp(-h T)`` is cut, and ``q_k`` or ``(1 - q) h_k * integral of S(t) exp(-h t) from 0 to T``
    ends by ``k``. ``x`` and ``y`` are logs of the size and the timeout in the rows' units; ``drawn`` answers under each drawn parameter.
    """
    # From 0 to the timeout, close together where attempts finish.
    first = min(float(average.log_quantiles(np.array([x]), np.array([_EARLY]))[0]), y - 1.0)
    time = np.concatenate([[0.0], np.exp(np.linspace(first, y, _GRID))])
    log_time = log_positive(time)
    survival = average.drawn_survival(x, log_time) if drawn else average.survival(x, log_time)[None, :]
    rates = {name: one.draws(len(survival)) if drawn else np.array([one.value]) for name, one in endings.items()}
    unit_s = float(np.exp(average.best.model.rows.log_unit))
    none = np.zeros(len(survival))
    at_start = {name: np.minimum(rate, 1.0) for name, rate in rates.items() if endings[name].per_attempt}
    hazards = {name: rate for name, rate in rates.items() if not endings[name].per_attempt}
    hazard = sum(hazards.values(), none)
    left = 1.0 - sum(at_start.values(), none)
    risk = survival * np.exp(-hazard[:, None] * time * unit_s)
    area_s = np.trapezoid(risk, time, axis=1) * unit_s
    # The trapezoids may be a little too large.
    area_s = np.where(hazard > 0, np.minimum(area_s, (1.0 - risk[:, -1]) / np.maximum(hazard, 1e-300)), area_s)
    others = {name: left * rate * area_s for name, rate in hazards.items()} | at_start
    return Incidence(left * risk[:, -1], others)
