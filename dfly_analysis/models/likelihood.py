"""The likelihood of one distribution with right-censored and interval-censored rows, weighted, with derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import special

from dfly_analysis.models.censored_data import Index, Rows
from dfly_analysis.models.distribution import Array, Distribution, Parameters, differentiate, log_positive

POWER, OVERHEAD = "power", "overhead"
_SLOPE_PRIOR_SD = 0.25
_OVERHEAD_PRIOR = (-2.0, 3.0)
# Below half a per cent of spread a distribution would only follow how times are rounded.
_MIN_LOG_SCALE = -5.3


class _Group(NamedTuple):
    """Rows of one kind: exact, cut or between."""

    kind: str
    y: Array
    upper: Array
    x: Array


@dataclass(frozen=True)
class Model:
    """A distribution with the way its location depends on size."""

    distribution: Distribution
    form: str  # a power of size (its prior keeps it near 1 where sizes are alike), or an overhead before a time in proportion to size
    rows: Rows

    @property
    def name(self) -> str:
        return self.distribution.name if self.form == POWER else f"{self.distribution.name}+overhead"

    @cached_property
    def least_y(self) -> float:
        """Return the log of the shortest time of an attempt that finished."""
        return float(self.rows.upper[~self.rows.cut].min())

    @cached_property
    def coarse(self) -> Model:
        """Return the same model on fewer rows, good enough to compare parameters near the best."""
        return Model(self.distribution, self.form, self.rows.coarse)

    def located(self, theta: Parameters, x: Array) -> Array:
        return np.asarray(theta[0] + (theta[1] * x if self.form == POWER else x))

    def overhead(self, theta: Parameters) -> Array:
        if self.form == POWER:
            return np.zeros_like(theta[1])
        return np.asarray(0.999 * np.exp(self.least_y) * special.expit(theta[1]))

    def after_overhead(self, theta: Parameters, y: Array) -> Array:
        """Return the log of the time left after the overhead."""
        if self.form == POWER:
            return y
        return np.log(np.maximum(np.exp(y) - self.overhead(theta), 1e-9 * np.exp(y)))

    def log_survival(self, theta: Parameters, x: Array, y: Array) -> Array:
        return self.distribution.log_survival(self.after_overhead(theta, y), self.located(theta, x), theta[2:])

    def quantile(self, theta: Parameters, x: Array, p: Array) -> Array:
        return self.with_overhead(theta, self.distribution.quantile(p, self.located(theta, x), theta[2:]))

    def with_overhead(self, theta: Parameters, y: Array) -> Array:
        """Return the log of a time, from that of the time after the overhead."""
        return y if self.form == POWER else np.logaddexp(y, log_positive(self.overhead(theta)))

    @cached_property
    def _priors(self) -> tuple[Array, Array]:
        means = [0.0, *((1.0,) if self.form == POWER else _OVERHEAD_PRIOR[:1])]
        spreads = [np.inf, *((_SLOPE_PRIOR_SD,) if self.form == POWER else _OVERHEAD_PRIOR[1:])]
        means += [shape.prior_mean for shape in self.distribution.shapes]
        spreads += [shape.prior_sd for shape in self.distribution.shapes]
        return np.array(means), np.array(spreads) ** -2.0

    @cached_property
    def _groups(self) -> tuple[_Group, ...]:
        rows = self.rows
        kinds = (("exact", rows.event), ("cut", rows.cut), ("between", ~(rows.event | rows.cut)))
        return tuple(_Group(kind, rows.y[own], rows.upper[own], rows.x[own]) for kind, own in kinds if own.any())

    @cached_property
    def order(self) -> Index:
        """Return the rows in the order ``contributions`` gives them: finished, cut, between two bounds."""
        rows = self.rows
        kinds = np.where(rows.event, 0, np.where(rows.cut, 1, 2))
        return np.argsort(kinds, kind="stable")

    @cached_property
    def weight(self) -> Array:
        return np.asarray(self.rows.weight[self.order])

    def contributions(self, theta: Parameters) -> Array:
        """Return each row's log likelihood, along the last axis in the order of ``order``."""
        result = []
        for kind, y, upper, x in self._groups:
            if kind == "exact":
                inner = self.after_overhead(theta, y)
                result.append(self.distribution.log_density(inner, self.located(theta, x), theta[2:]) + (y - inner))
                continue
            survival = self.log_survival(theta, x, y)
            if kind == "between":
                gone = np.minimum(self.log_survival(theta, x, upper) - survival, -1e-12)
                survival = survival + np.log(-np.expm1(gone))
            result.append(survival)
        return np.concatenate(result, axis=-1)

    def scores(self, theta: Array) -> Array:
        """Return each row's derivatives, shape ``(rows, parameters)``, in the order of ``order``."""
        return self._with_scores(theta)[1]

    def _with_scores(self, theta: Array) -> tuple[Array, Array]:
        result = []
        for kind, y, upper, x in self._groups:
            value, slopes = self._part(theta, y, x, survival=kind != "exact")
            if kind == "between":
                beyond, beyond_slopes = self._part(theta, upper, x, survival=True)
                gone = np.minimum(beyond - value, -1e-12)
                value = value + np.log(-np.expm1(gone))
                slopes = (slopes - np.exp(gone)[:, None] * beyond_slopes) / -np.expm1(gone)[:, None]
            result.append((value, slopes))
        return np.concatenate([value for value, _ in result]), np.concatenate([slopes for _, slopes in result])

    def _part(self, theta: Array, y: Array, x: Array, *, survival: bool) -> tuple[Array, Array]:
        """Return the log of the survival or the density at times, and its derivatives."""
        inner = self.after_overhead(theta, y)
        value, (by_location, *by_shape) = self.distribution.value_and_scores(
            inner, self.located(theta, x), theta[2:], survival=survival
        )
        if self.form == POWER:
            return value, np.stack([by_location, by_location * x, *by_shape], axis=1)
        if not survival:
            value = value + (y - inner)
        by_overhead = self._by_overhead(theta, y, x, by_location, survival=survival)
        return value, np.stack([by_location, by_overhead, *by_shape], axis=1)

    def _by_overhead(self, theta: Array, y: Array, x: Array, by_location: Array, *, survival: bool) -> Array:
        """Return the derivative by the logit of the overhead: what it takes from the time that is left."""
        if self.distribution.proportional:  # a later time is as good as an earlier location
            left = np.maximum(np.exp(y) - self.overhead(theta), 1e-9 * np.exp(y))
            taken = self.overhead(theta) * special.expit(-theta[1]) / left
            return np.asarray(taken * (by_location + (0.0 if survival else 1.0)))

        def moved(step: float) -> Array:
            there = theta.copy()
            there[1] += step
            inner = self.after_overhead(there, y)
            place = self.located(theta, x)
            if survival:
                return self.distribution.log_survival(inner, place, theta[2:])
            return self.distribution.log_density(inner, place, theta[2:]) - inner

        return differentiate(moved)

    def penalty(self, theta: Array) -> Array:
        """Return the negative log of the priors, up to a constant; parameters along the last axis."""
        mean, precision = self._priors
        too_narrow = np.minimum(theta[..., 2] - _MIN_LOG_SCALE, 0.0)
        return np.asarray(0.5 * (precision * (theta - mean) ** 2).sum(axis=-1) + self.rows.total * too_narrow**2)

    def objective(self, theta: Array) -> tuple[float, Array]:
        """Return the penalised negative log likelihood per attempt, and its gradient."""
        total, (mean, precision) = self.rows.total, self._priors
        rows, slopes = self._with_scores(theta)
        value = -(self.weight @ rows) + self.penalty(theta)
        gradient = -(self.weight @ slopes) + precision * (theta - mean)
        gradient[2] += 2.0 * total * min(theta[2] - _MIN_LOG_SCALE, 0.0)
        return float(value / total), gradient / total

    def curvature_of_scores(self, theta: Array) -> Array:
        """Return the summed products of scores and the priors' precision, which guess the curvature."""
        scores = np.nan_to_num(self.scores(theta), posinf=0.0, neginf=0.0)
        result = (scores * self.weight[:, None]).T @ scores + np.diag(self._priors[1])
        return np.asarray(result + 1e-3 * np.diag(np.diag(result)))
