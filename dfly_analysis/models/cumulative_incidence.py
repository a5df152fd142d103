"""How an attempt ends under a timeout it was not seen under: what a longer one gains in timeouts and loses to the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dfly_analysis.estimates import Interval
from dfly_analysis.models.competing_risks import Ending
from dfly_analysis.models.distribution import Array
from dfly_analysis.models.model_averaging import Average

_GRID = 40
_EARLY = 0.01


@dataclass(frozen=True)
class TimeoutChange:
    """What another timeout does to an attempt; differences are drawn together, so their intervals are those of the change.

    Attributes
    ----------
    from_s, to_s : float
        Seconds.
    timeouts, others, failures : Interval
        Change of the share that the timeout cuts, of the share that ends by anything else, and of both together.
    busy_s : Interval
        Change of the mean time for which an attempt holds its slot, seconds.
    """

    from_s: float
    to_s: float
    timeouts: Interval
    others: Interval
    failures: Interval
    busy_s: Interval


@dataclass(frozen=True)
class Incidence:
    """Shares by which attempts end under one timeout; arrays of draws, or one value each.

    Attributes
    ----------
    timeout : array
        Share cut by the timeout.
    others : mapping of str to array
        Share by each other ending.
    busy_s : array
        Mean time until an attempt ends, in the unit of the time it was made from.
    """

    timeout: Array
    others: Mapping[str, Array]
    busy_s: Array

    @property
    def failures(self) -> Array:
        """Return the share that fails for any cause."""
        total = self.timeout + sum(self.others.values(), np.zeros_like(self.timeout))
        return np.minimum(total, 1.0)  # the last bit of a sum may lead beyond


def estimated(average: Average, endings: Mapping[str, Ending], x: float, y: float) -> Incidence:
    """Return the best estimate: ``y`` the log of the timeout and ``x`` the log of the size, in the rows' units.

    With survival ``S`` of the uncut time, hazards ``h_k`` per second with sum ``h`` and chances ``q_k`` at the start with
    sum ``q``: ``(1 - q) S(T) exp(-h T)`` is cut, and ``q_k`` or ``(1 - q) h_k * integral of S(t) exp(-h t) from 0 to T``
    ends by ``k``.
    """
    time = _times(average, x, y)
    survival = average.survival(x, np.log(np.maximum(time, 1e-300)))
    rates = {name: np.array([ending.value]) for name, ending in endings.items()}
    return _incidence(survival[None, :], time, rates, endings, _seconds(average))


def drawn(average: Average, endings: Mapping[str, Ending], x: float, y: float) -> Incidence:
    """Return the same under each drawn parameter."""
    time = _times(average, x, y)
    survival = average.drawn_survival(x, np.log(np.maximum(time, 1e-300)))
    rates = {name: ending.draws(len(survival)) for name, ending in endings.items()}
    return _incidence(survival, time, rates, endings, _seconds(average))


def change(
    average: Average, endings: Mapping[str, Ending], x: float, ys: tuple[float, float], level: float
) -> TimeoutChange:
    """Return what going from one timeout to another does; arguments as of `estimated`, the two timeouts in ``ys``."""
    before, after = (estimated(average, endings, x, y) for y in ys)
    drawn_before, drawn_after = (drawn(average, endings, x, y) for y in ys)

    def between(of: str) -> Interval:
        value = getattr(after, of) - getattr(before, of)
        return average.interval(float(value[0]), getattr(drawn_after, of) - getattr(drawn_before, of), level)

    timeouts, failures = between("timeout"), between("failures")
    others = average.interval(
        float((after.failures - after.timeout - before.failures + before.timeout)[0]),
        drawn_after.failures - drawn_after.timeout - drawn_before.failures + drawn_before.timeout,
        level,
    )
    from_s, to_s = (float(np.exp(y)) * _seconds(average) for y in ys)
    return TimeoutChange(from_s, to_s, timeouts, others, failures, between("busy_s"))


def _seconds(average: Average) -> float:
    return float(np.exp(average.best.model.rows.log_unit))


def _times(average: Average, x: float, y: float) -> Array:
    """Return times from 0 to the timeout, close together where attempts finish."""
    first = min(average.log_quantile(x, _EARLY), y - 1.0)
    return np.concatenate([[0.0], np.exp(np.linspace(first, y, _GRID))])


def _incidence(
    survival: Array, time: Array, rates: Mapping[str, Array], endings: Mapping[str, Ending], unit_s: float
) -> Incidence:
    """Add up: survival by draws and times, rates by draws; hazards are per second."""
    none = np.zeros(len(survival))
    at_start = {name: np.minimum(rate, 1.0) for name, rate in rates.items() if endings[name].per_attempt}
    hazards = {name: rate for name, rate in rates.items() if not endings[name].per_attempt}
    hazard = sum(hazards.values(), none)
    left = 1.0 - sum(at_start.values(), none)
    risk = survival * np.exp(-hazard[:, None] * time * unit_s)
    area_s = (0.5 * (risk[:, 1:] + risk[:, :-1]) * np.diff(time)).sum(axis=1) * unit_s
    # The trapezoids may say a little more than there is.
    area_s = np.where(hazard > 0, np.minimum(area_s, (1.0 - risk[:, -1]) / np.maximum(hazard, 1e-300)), area_s)
    others = {name: left * rate * area_s for name, rate in hazards.items()} | at_start
    return Incidence(left * risk[:, -1], others, left * area_s)
