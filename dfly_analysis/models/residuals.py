"""The Kaplan-Meier survival of residuals of all sizes together: what the data alone show, as far as they reach."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import special

from dfly_analysis.estimates import Interval
from dfly_analysis.models.distribution import Array
from dfly_analysis.models.kaplan_meier import survival_steps
from dfly_analysis.models.maximum_likelihood import Fitted

# The curve ends with the last attempt of all, and where nearly all that would still run have been cut: what finishes
# after its timeout, by a late clock, shows nothing of the others.
_MIN_AT_RISK = 2.0
_MIN_SHARE_AT_RISK = 0.15
_QUARTILE = 0.6745
_ONE_SIZE = 0.02
_POINTS = 16  # that stand for the attempts of a bucket


@dataclass(frozen=True)
class Residuals:
    """Survival of what remains of a time after overhead and size, as ``fitted`` has them, are taken out."""

    fitted: Fitted
    residual: Array  # where something finished, in logs
    survival: Array  # the share that lasts longer; ``least`` and ``most`` are the middle half of its uncertainty
    least: Array
    most: Array
    distance: float  # the largest to the model
    expected: float  # what chance reaches in one of twenty fits (Kolmogorov's bound)
    moved: bool = False  # whether the model is that of a source of another speed than was seen

    def slower(self, by_log: float) -> Self:
        """Return the same residuals with the model of a slower source: see `Fitted.slower`."""
        return replace(self, fitted=self.fitted.slower(by_log), moved=self.moved or by_log != 0.0)

    def pooled(self, x: float) -> bool:
        """Return whether the residuals are those of this size: under the model they are alike for all, or the data have no other."""
        if self.fitted.model.distribution.proportional or self.moved:
            return self.fitted.model.distribution.proportional
        sizes = self.fitted.model.rows.x
        return bool(max(sizes.max(), x) - min(sizes.min(), x) < _ONE_SIZE)

    def widened_quantile(self, interval: Interval, x: float, p: float) -> Interval:
        """Stretch an interval of the log of a time to the data's own quantile, as far as the data reach."""
        if not self.pooled(x):
            return interval
        early = int(np.searchsorted(-self.least, p - 1.0))
        late = min(int(np.searchsorted(-self.most, p - 1.0)), len(self.most) - 1)
        low = self._time(self.residual[early], x) if early < len(self.least) else interval.low
        return Interval(interval.value, min(interval.low, low), max(interval.high, self._time(self.residual[late], x)))

    def widened_survival(self, interval: Interval, x: float, y: float) -> Interval:
        """Stretch an interval of a survival to the data's own, as far as the data reach."""
        if not self.pooled(x):
            return interval
        model, theta = self.fitted.model, self.fitted.theta
        residual = float(model.after_overhead(theta, np.array(y)) - model.located(theta, np.array(x)))
        place = int(np.searchsorted(self.residual, residual, side="right"))
        least, most = (float(self.least[place - 1]), float(self.most[place - 1])) if place else (1.0, 1.0)
        high = max(interval.high, most) if place < len(self.residual) else interval.high
        return Interval(interval.value, min(interval.low, least), high)

    def _time(self, residual: float, x: float) -> float:
        model, theta = self.fitted.model, self.fitted.theta
        overhead = float(model.overhead(theta))
        return float(np.logaddexp(residual + model.located(theta, np.array(x)), np.log(max(overhead, 1e-300))))


def take_residuals(fitted: Fitted) -> Residuals:
    """Take overhead and size, as a fitted model has them, out of the times."""
    model, theta, rows = fitted.model, fitted.theta, fitted.model.rows
    y, x, weight, finished = _within_buckets(fitted)
    residual = model.after_overhead(theta, y) - model.located(theta, x)
    time, survival, variance = survival_steps(residual, finished, weight)
    order = np.argsort(residual)
    at_risk = np.cumsum(weight[order][::-1])[::-1][np.searchsorted(residual[order], time)]
    before = np.concatenate([[1.0], survival[:-1]])
    total = float(rows.weight.sum())
    known = (at_risk >= _MIN_AT_RISK) & (at_risk >= _MIN_SHARE_AT_RISK * before * total)
    inside = np.arange(len(time)) < max(int(np.argmin(known)) if not known.all() else len(time), 1)
    # Under a distribution with stalls the residual depends on size, so its survival is averaged over the rows at each time.
    expected = _model_survival(fitted, time)
    gap = np.maximum(np.abs(survival - expected), np.abs(before - expected))[inside]
    half = np.exp(_QUARTILE * np.sqrt(variance) / np.maximum(-np.log(np.clip(survival, 1e-12, 1.0)), 1e-12))
    least, most = np.minimum.accumulate(survival**half), np.minimum.accumulate(survival ** (1.0 / half))
    bound = float(special.kolmogi(0.05) / np.sqrt(total))
    return Residuals(fitted, time[inside], survival[inside], least[inside], most[inside], float(gap.max()), bound)


def _within_buckets(fitted: Fitted) -> tuple[Array, Array, Array, npt.NDArray[np.bool_]]:
    """Return logs of times and sizes, weights, and what finished; inside a bucket, where data show nothing, times are the model's."""
    model, rows = fitted.model, fitted.model.rows
    between = ~(rows.event | rows.cut)
    if not between.any():
        return rows.y, rows.x, rows.weight, ~rows.cut
    x = np.repeat(rows.x[between], _POINTS)
    first, last = (
        np.exp(model.log_survival(fitted.theta, rows.x[between], end[between])) for end in (rows.y, rows.upper)
    )
    share = (np.arange(_POINTS) + 0.5) / _POINTS
    inside = model.quantile(
        fitted.theta, x, np.clip(1.0 - first[:, None] - share * (last - first)[:, None], 1e-12, 1.0 - 1e-12).ravel()
    )
    ends = np.repeat(rows.y[between], _POINTS), np.repeat(rows.upper[between], _POINTS)
    return (
        np.append(rows.y[~between], np.clip(inside, *ends)), np.append(rows.x[~between], x),
        np.append(rows.weight[~between], np.repeat(rows.weight[between] / _POINTS, _POINTS)),
        np.append(~rows.cut[~between], np.ones(len(x), dtype=bool)),
    )  # fmt: skip


def _model_survival(fitted: Fitted, residual: Array) -> Array:
    model, theta, rows = fitted.model, fitted.theta, fitted.model.rows
    if model.distribution.proportional:  # the residual is the same for all sizes
        return np.exp(model.distribution.log_survival(residual, np.array(0.0), theta[2:]))
    places = np.round(rows.x, 1)
    result = np.zeros(len(residual))
    for place in np.unique(places):
        share = rows.weight[places == place].sum() / rows.weight.sum()
        location = model.located(theta, np.array(place))
        result += share * np.exp(model.distribution.log_survival(residual + location, location, theta[2:]))
    return result
