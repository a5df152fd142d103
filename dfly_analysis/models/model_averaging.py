"""Model averaging: several fitted models as one answer, weighted by how well they fit, and as uncertain as they disagree."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dfly_analysis.estimates import Interval
from dfly_analysis.models.distribution import LARGEST_LOG, Array, find_roots, log_positive
from dfly_analysis.models.maximum_likelihood import Fitted

N_DRAWS = 600
# A model this much worse by a criterion has lost: its weight would be below one in four hundred.
WORST_DIFFERENCE = 12.0
_WIDENING_TEMPER = 0.5
_MIN_DRAWS = 8
# A twentieth of all: either end of a 95 % interval lies amid those of an alternative that is beyond the rest.
_ALTERNATIVE_DRAWS = 32
_NEARLY = 0.15
_MIN_WEIGHT = 1e-3


@dataclass(frozen=True)
class Average:
    """Models, best first, with their weights (Burnham and Anderson, Model Selection and Multimodel Inference, 2002, ch. 4): a mixture."""

    members: tuple[Fitted, ...]
    weights: Array
    spread_weights: Array
    """Of the draws, flatter: a model which fits a little worse still widens what lies beyond the data."""
    alternatives: tuple[Fitted, ...] = ()
    """The best model fitted to what the data may be as well: of the draws, not of the value."""
    slower_log: float = 0.0  # by how much the log of each transfer's time is above what was fitted

    @property
    def best(self) -> Fitted:
        return self.members[0]

    @cached_property
    def _residuals(self) -> dict[tuple[int, float], Array]:
        """Cache quantiles of the draws without their location, by model and share: they are the same for every size."""
        return {}

    @cached_property
    def draws(self) -> tuple[tuple[Fitted, tuple[Array, ...]], ...]:
        """Return about `N_DRAWS` draws of parameters in all, to each model its share of them."""
        counts = np.round(self.spread_weights * N_DRAWS).astype(int).tolist()
        drawn = [(one, one.draw(n)) for one, n in zip(self.members, counts, strict=True) if n >= _MIN_DRAWS]
        drawn += [(one, one.draw(_ALTERNATIVE_DRAWS)) for one in self.alternatives]
        return tuple((one, (theta[0] + self.slower_log, *theta[1:])) for one, theta in drawn)

    def log_quantiles(self, x: Array, p: Array) -> Array:
        """Return quantiles of the mixture, in logs of the rows' unit, one for each pair of a size and a share."""
        points = [np.broadcast_to(m.model.quantile(m.theta, x, p), x.shape) for m, w in self._weighty]
        target = np.log1p(-p)
        low, high = np.min(points, axis=0), np.max(points, axis=0)
        return find_roots(lambda y: log_positive(self.survival(x, y)) - target, low, high)

    def survival(self, x: float | Array, y: Array) -> Array:
        """Return the mixture's survival at logs of time, of one size or of a size for each."""
        result = [w * np.exp(m.model.log_survival(m.theta, np.array(x), y)) for m, w in self._weighty]
        return np.asarray(np.minimum(np.sum(result, axis=0), 1.0))  # the last bit of a sum of weights may lead beyond

    def drawn_log_quantiles(self, x: Array, p: Array) -> Array:
        """Return quantiles under each drawn parameter, one for each pair of a size and a share: shape ``(draws, pairs)``."""
        result = []
        for place, (member, theta) in enumerate(self.draws):
            model, columns = member.model, tuple(value[:, None] for value in theta)
            if not model.distribution.proportional:
                result.append(model.quantile(columns, x, p))
                continue
            shares = p.tolist()
            if new := [share for share in dict.fromkeys(shares) if (place, share) not in self._residuals]:
                nowhere = np.zeros(len(theta[0]))
                found = model.distribution.quantile(np.array(new)[:, None], nowhere, theta[2:])
                self._residuals.update({(place, share): row for share, row in zip(new, found, strict=True)})
            residual = np.stack([self._residuals[place, share] for share in shares], axis=1)
            result.append(model.with_overhead(columns, model.located(columns, x) + residual))
        return np.asarray(np.clip(np.concatenate(result), -LARGEST_LOG, LARGEST_LOG))

    def drawn_survival(self, x: float, y: Array) -> Array:
        """Return the survival under each drawn parameter, shape ``(draws, *y)``."""
        result = []
        for member, theta in self.draws:
            columns = tuple(value.reshape(-1, *(1,) * np.ndim(y)) for value in theta)
            result.append(np.exp(member.model.log_survival(columns, np.array(x), y)))
        return np.asarray(np.minimum(np.concatenate(result), 1.0))  # as above

    def interval(self, value: float, drawn: Array, level: float) -> Interval:
        """Return a value with the interval that holds a share ``level`` of the draws, see `ends`."""
        low, high = self.ends(drawn, level)
        return Interval(value, min(float(low), value), max(float(high), value))

    def ends(self, drawn: Array, level: float) -> tuple[Array, Array]:
        """Return the ends of intervals of draws along the first axis: of all, and of each model nearly as good as the best."""
        tails = (0.5 - level / 2.0, 0.5 + level / 2.0)
        low, high = _quantiles(drawn, tails)
        begin, most = 0, max(len(theta[0]) for _, theta in self.draws)
        for _, theta in self.draws:
            end = begin + len(theta[0])
            if end - begin >= _NEARLY * most and end - begin < len(drawn):
                own_low, own_high = _quantiles(drawn[begin:end], tails)
                low, high = np.minimum(low, own_low), np.maximum(high, own_high)
            begin = end
        return low, high

    @cached_property
    def _weighty(self) -> tuple[tuple[Fitted, float], ...]:
        kept = np.where(self.weights > _MIN_WEIGHT, self.weights, 0.0)
        members = (member.slower(self.slower_log) for member in self.members)
        return tuple((m, float(w)) for m, w in zip(members, kept / kept.sum(), strict=True) if w)


def average(candidates: list[Fitted]) -> Average:
    """Weight fitted models, at least one: the value by Schwarz's criterion, the interval by Akaike's, tempered, which is wider."""
    rows = candidates[0].model.rows
    cost = max(2.0, 0.5 * float(np.log(rows.weight[~rows.cut].sum())))
    ranked = sorted(candidates, key=lambda fitted: fitted.criterion(1.0, cost))
    families = [fitted.model.distribution.family or fitted.model.distribution.name for fitted in ranked]
    votes = Counter(families)
    shared = np.array([2.0 * np.log(votes[family]) for family in families])
    bic = np.array([fitted.criterion(1.0, cost) for fitted in ranked]) + shared
    aic = np.array([fitted.criterion() for fitted in ranked]) + shared
    bic, aic = bic - bic.min(), aic - aic.min()
    # A wait that does not grow with size bends a stand-in, which knows only proportion, into a tail without end.
    waits = not ranked[0].model.distribution.proportional
    fits = np.array([not (waits and fitted.model.distribution.is_fallback) for fitted in ranked])
    kept = np.flatnonzero(((bic < WORST_DIFFERENCE) | (aic < WORST_DIFFERENCE)) & fits)
    members = tuple(ranked[place] for place in kept)
    wide = 0.5 * _shares(aic[kept] * _WIDENING_TEMPER) + 0.5 * _shares(bic[kept])
    return Average(members, _shares(bic[kept]), wide)


def _quantiles(drawn: Array, shares: tuple[float, ...]) -> tuple[Array, ...]:
    """Return quantiles along the first axis as `numpy.quantile` does, which takes ten times as long over so few."""
    ordered = np.sort(drawn, axis=0)
    result = []
    for share in shares:
        place = share * (len(ordered) - 1)
        below = int(place)
        lower, upper = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
        result.append(lower + (upper - lower) * (place - below))
    return tuple(result)


def _shares(difference: Array) -> Array:
    result = np.exp(-0.5 * difference)
    return np.asarray(result / result.sum())
