"""Several fitted laws as one answer: weighted by how well they fit, and as uncertain as they disagree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dfly_analysis.fits import Interval
from dfly_analysis.models.law import LARGEST_LOG, Array
from dfly_analysis.models.likelihood import N_DRAWS, Fitted

# A law this much worse by a criterion has lost: its weight would be below one in four hundred.
WORST_DIFFERENCE = 12.0
_WIDENING_TEMPER = 0.5


@dataclass(frozen=True)
class Average:
    """Laws with their weights (Burnham and Anderson, Model Selection and Multimodel Inference, 2002, ch. 4).

    The distribution answered from is the weighted mixture of the laws', so that a quantile and a rate always agree.
    The interval is made of draws from every law's own uncertainty, with flatter weights, so that a law which fits a
    little worse still widens what lies beyond the data.

    Attributes
    ----------
    members : tuple of Fitted
        Best first.
    weights, spread_weights : array
        One a member, for the value and for the interval.
    """

    members: tuple[Fitted, ...]
    weights: Array
    spread_weights: Array

    @property
    def best(self) -> Fitted:
        """Return the law with the best criterion."""
        return self.members[0]

    def log_quantile(self, x: float, p: Array) -> Array:
        """Return the quantiles of the mixture, in logs of the rows' unit."""
        points = [np.array([member.model.quantile(member.theta, np.array(x), p)]) for member in self.members]
        low, high = np.min(points, axis=0).ravel(), np.max(points, axis=0).ravel()
        for _ in range(50):
            middle = 0.5 * (low + high)
            below = 1.0 - self.survival(x, middle) < p
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.asarray(0.5 * (low + high))

    def survival(self, x: float, y: Array) -> Array:
        """Return the mixture's survival at logs of time."""
        made = [np.exp(m.model.log_survival(m.theta, np.array(x), y)) for m in self.members]
        return np.asarray(np.tensordot(self.weights, np.array(made), 1))

    def drawn_log_quantile(self, x: float, p: float) -> Array:
        """Return the quantile under each drawn parameter, shape ``(members, draws)``."""
        made = [m.model.quantile(m.drawn[0], np.array(x), np.array(p)) for m in self.members]
        return np.clip(np.array(made), -LARGEST_LOG, LARGEST_LOG)

    def drawn_survival(self, x: float, y: Array) -> Array:
        """Return the survival under each drawn parameter, shape ``(members, draws, *y)``."""
        made = []
        for member in self.members:
            theta = tuple(value.reshape(-1, *(1,) * np.ndim(y)) for value in member.drawn[0])
            made.append(np.exp(member.model.log_survival(theta, np.array(x), y)))
        return np.array(made)

    def interval(self, value: float, drawn: Array, level: float) -> Interval:
        """Return a value with the interval that holds a share ``level`` of the draws."""
        sample = drawn.reshape(len(self.members), -1)
        weights = np.concatenate([w * m.drawn[1] for w, m in zip(self.spread_weights, self.members, strict=True)])
        order = np.argsort(sample, axis=None)
        place = np.cumsum(weights[order])
        edges = np.searchsorted(place, [0.5 - level / 2.0, 0.5 + level / 2.0])
        low, high = sample.ravel()[order][np.minimum(edges, len(order) - 1)]
        return Interval(value, min(float(low), value), max(float(high), value))


def average(candidates: list[Fitted]) -> Average:
    """Weigh fitted laws.

    The value is weighed by Schwarz's criterion, which does not buy a parameter for a wiggle of the sample; the interval
    by Akaike's, tempered, which keeps every law that may be true.

    Parameters
    ----------
    candidates : list of Fitted
        At least one.

    Returns
    -------
    Average
        Without the laws that have lost by both.
    """
    effect = min(candidates, key=lambda fitted: fitted.criterion()).design_effect
    rows = candidates[0].model.rows
    cost = max(2.0, float(np.log(rows.weight[rows.event].sum() / effect)))
    ranked = sorted(candidates, key=lambda fitted: fitted.criterion(effect, cost))
    sparing = np.array([fitted.criterion(effect, cost) for fitted in ranked])
    lavish = np.array([fitted.criterion(effect) for fitted in ranked])
    sparing, lavish = sparing - sparing.min(), lavish - lavish.min()
    # A wait that does not grow with size bends a stand-in, which knows only proportion, into a tail without end.
    waits = not ranked[0].model.law.proportional
    fits = np.array([not (waits and fitted.model.law.stand_in) for fitted in ranked])
    kept = np.flatnonzero(((sparing < WORST_DIFFERENCE) | (lavish < WORST_DIFFERENCE)) & fits)
    members = tuple(ranked[place] for place in kept)
    wide = 0.5 * _shares(lavish[kept] * _WIDENING_TEMPER) + 0.5 * _shares(sparing[kept])
    return Average(members, _shares(sparing[kept]), wide)


def _shares(difference: Array) -> Array:
    made = np.exp(-0.5 * difference)
    return np.asarray(made / made.sum())


__all__ = ["N_DRAWS", "WORST_DIFFERENCE", "Average", "average"]
