"""Fit one law by its censored likelihood: the best parameters, how uncertain they are, and draws from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import optimize, special

from dfly_analysis.models.law import Array, Law, Parameters, central
from dfly_analysis.models.observations import Attempts, Index, Rows

N_DRAWS = 600
_PROPOSAL_FREEDOM = 5
_SEED = 20_241
_SLOPE_PRIOR_SD = 0.25
_OVERHEAD_PRIOR = (-2.0, 3.0)
_FEWEST_CLUSTERS = 5
POWER, OVERHEAD = "power", "overhead"


@dataclass(frozen=True)
class Model:
    """A law with the way its location depends on size.

    ``power``: time grows as a power of size, with a prior that holds the power near 1 where the sizes say nothing.
    ``overhead``: a constant time before a transfer in proportion to size.

    Attributes
    ----------
    law : Law
    form : str
    rows : Rows
    """

    law: Law
    form: str
    rows: Rows

    @property
    def name(self) -> str:
        """Return the law's name, with the form where it is not the usual one."""
        return self.law.name if self.form == POWER else f"{self.law.name}+overhead"

    @cached_property
    def least_y(self) -> float:
        """Return the log of the shortest time of an attempt that finished."""
        return float(self.rows.y[self.rows.event].min())

    def located(self, theta: Parameters, x: Array) -> Array:
        """Return the location of the log of the time after the overhead."""
        return np.asarray(theta[0] + (theta[1] * x if self.form == POWER else x))

    def overhead(self, theta: Parameters) -> Array:
        """Return the overhead, in units of the rows."""
        if self.form == POWER:
            return np.zeros_like(theta[1])
        return np.asarray(0.999 * np.exp(self.least_y) * special.expit(theta[1]))

    def after_overhead(self, theta: Parameters, y: Array) -> Array:
        """Return the log of the time left after the overhead."""
        if self.form == POWER:
            return y
        return np.log(np.maximum(np.exp(y) - self.overhead(theta), 1e-9 * np.exp(y)))

    def log_survival(self, theta: Parameters, x: Array, y: Array) -> Array:
        """Return the log of the probability that an attempt lasts beyond ``y``."""
        return self.law.log_survival(self.after_overhead(theta, y), self.located(theta, x), theta[2:])

    def quantile(self, theta: Parameters, x: Array, p: Array) -> Array:
        """Return the log of the time below which a share ``p`` of attempts lies."""
        y = self.law.quantile(p, self.located(theta, x), theta[2:])
        return y if self.form == POWER else np.logaddexp(y, np.log(np.maximum(self.overhead(theta), 1e-300)))

    @cached_property
    def _priors(self) -> tuple[Array, Array]:
        means = [0.0, *((1.0,) if self.form == POWER else _OVERHEAD_PRIOR[:1])]
        spreads = [np.inf, *((_SLOPE_PRIOR_SD,) if self.form == POWER else _OVERHEAD_PRIOR[1:])]
        means += [shape.prior_mean for shape in self.law.shapes]
        spreads += [shape.prior_sd for shape in self.law.shapes]
        return np.array(means), np.array(spreads) ** -2.0

    @cached_property
    def _parts(self) -> tuple[tuple[Array, Array], tuple[Array, Array], Array]:
        rows, event = self.rows, self.rows.event
        order = np.concatenate([np.flatnonzero(event), np.flatnonzero(~event)])
        return (rows.y[event], rows.x[event]), (rows.y[~event], rows.x[~event]), order

    @property
    def order(self) -> Array:
        """Return the rows in the order ``contributions`` gives them: finished first."""
        return self._parts[2]

    def contributions(self, theta: Parameters) -> Array:
        """Return each row's log likelihood, finished rows first."""
        (y, x), (y_cut, x_cut), _ = self._parts
        inner = self.after_overhead(theta, y)
        density = self.law.log_density(inner, self.located(theta, x), theta[2:]) + (y - inner)
        return np.concatenate([density, self.log_survival(theta, x_cut, y_cut)], axis=-1) if len(y_cut) else density

    def scores(self, theta: Array) -> Array:
        """Return each row's derivatives, shape ``(rows, parameters)``, finished rows first."""
        made = np.empty((len(self.rows.y), len(theta)))
        done, (seen, cut, _) = 0, self._parts
        for survival, (y, x) in ((False, seen), (True, cut)):
            if len(y):
                part = made[done : done + len(y)]
                part[:, 0], *rest = self._part_scores(theta, y, x, survival=survival)
                part[:, 1:] = np.stack(rest, axis=1)
                done += len(y)
        return made

    def _part_scores(self, theta: Array, y: Array, x: Array, *, survival: bool) -> list[Array]:
        inner = self.after_overhead(theta, y)
        by_location, *by_shape = self.law.scores(inner, self.located(theta, x), theta[2:], survival=survival)
        if self.form == POWER:
            return [by_location, by_location * x, *by_shape]

        def moved(step: float) -> Array:
            there = theta.copy()
            there[1] += step
            inner = self.after_overhead(there, y)
            place = self.located(theta, x)
            if survival:
                return self.law.log_survival(inner, place, theta[2:])
            return self.law.log_density(inner, place, theta[2:]) - inner

        return [by_location, central(moved), *by_shape]

    def penalty(self, theta: Array) -> Array:
        """Return the negative log of the priors, up to a constant; parameters along the last axis."""
        mean, precision = self._priors
        return np.asarray(0.5 * (precision * (theta - mean) ** 2).sum(axis=-1))

    def objective(self, theta: Array) -> tuple[float, Array]:
        """Return the penalised negative log likelihood per attempt, and its gradient."""
        weight = self.rows.weight[self.order]
        total = weight.sum()
        mean, precision = self._priors
        value = -(weight @ self.contributions(theta)) + self.penalty(theta)
        gradient = -(weight @ self.scores(theta)) + precision * (theta - mean)
        return float(value / total), gradient / total

    def guessed_covariance(self, theta: Array) -> Array:
        """Return the inverse of the summed products of scores, per attempt: where a search may take its metric from."""
        weight, scores = self.rows.weight[self.order], np.nan_to_num(self.scores(theta))
        curvature = (scores * weight[:, None]).T @ scores + np.diag(self.prior_precision)
        curvature += 1e-3 * np.diag(np.diag(curvature))
        try:
            made = np.linalg.inv(curvature) * weight.sum()
        except np.linalg.LinAlgError:  # the scores say nothing of some direction
            return np.eye(len(theta))
        return np.asarray(0.5 * (made + made.T)) if np.isfinite(made).all() else np.eye(len(theta))

    @property
    def prior_precision(self) -> Array:
        """Return the precision of each parameter's prior."""
        return self._priors[1]


@dataclass(frozen=True)
class Fitted:
    """A model at its best parameters.

    Attributes
    ----------
    model : Model
    theta : array
    log_likelihood : float
        Without the priors.
    attempts : Attempts
        For the clusters.
    """

    model: Model
    theta: Array
    log_likelihood: float
    attempts: Attempts

    @cached_property
    def _uncertainty(self) -> tuple[Array, float]:
        with np.errstate(all="ignore"):
            return _uncertainty(self.model, self.theta, self.attempts)

    @property
    def spread(self) -> Array:
        """Return the covariance of the parameters: the larger of the model's own and the one robust to shared fates."""
        return self._uncertainty[0]

    @property
    def design_effect(self) -> float:
        """Return how many times the robust variance is the model's own, on average, at least 1."""
        return self._uncertainty[1]

    @property
    def parameter_count(self) -> int:
        """Return how many parameters were fitted."""
        return len(self.theta)

    def criterion(self, design_effect: float = 1.0, cost: float = 2.0) -> float:
        """Return Akaike's criterion, or another with its own cost of a parameter.

        The likelihood is divided by the design effect (QAIC): attempts that share a fate carry less evidence between
        laws than their number says.
        """
        return -2.0 * self.log_likelihood / design_effect + cost * self.parameter_count

    @cached_property
    def drawn(self) -> tuple[tuple[Array, ...], Array]:
        """Return parameters drawn from their uncertainty, one array of ``N_DRAWS`` each, and the draws' weights.

        Drawn from a Student's law with the covariance found, with a fixed seed. Where the data say little of a
        parameter the likelihood is no bell, so each draw is weighed by it (importance sampling).
        """
        count = len(self.theta)
        source = np.random.default_rng(_SEED)
        half = source.standard_normal((N_DRAWS // 2, count))
        half /= np.sqrt(source.chisquare(_PROPOSAL_FREEDOM, N_DRAWS // 2) / _PROPOSAL_FREEDOM)[:, None]
        normal = np.concatenate([half, -half])
        values, vectors = np.linalg.eigh(self.spread)
        made = self.theta + (normal * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        theta = tuple(made.T)
        weights = self._importance(theta, normal)
        if self.model.form == POWER and self.theta[1] >= 0:
            theta = (theta[0], np.maximum(theta[1], 0.0), *theta[2:])
        return theta, weights

    def _importance(self, theta: tuple[Array, ...], normal: Array) -> Array:
        effect = self.design_effect
        columns = [value[:, None] for value in theta]
        with np.errstate(all="ignore"):
            likelihood = self.model.contributions(columns) @ self.model.rows.weight[self.model.order]
            aim = likelihood / effect - self.model.penalty(np.array(theta).T) / effect
            freedom, count = _PROPOSAL_FREEDOM, len(theta)
            proposed = -0.5 * (freedom + count) * np.log1p((normal**2).sum(axis=1) / freedom)
            ratio = np.nan_to_num(aim - proposed, nan=-np.inf)
            weights = np.exp(ratio - ratio.max())
        # No single draw may stand for more than one in twenty.
        weights = np.minimum(weights / weights.sum(), 0.05)
        return np.asarray(weights / weights.sum())


def maximise(model: Model, start: Sequence[float] | Array, attempts: Attempts) -> Fitted | None:
    """Find the best parameters.

    Parameters
    ----------
    model : Model
    start : sequence of float
        Intercept, slope (or logit of the overhead) and log scale to begin with; the law adds its own.
    attempts : Attempts
        For the clusters.

    Returns
    -------
    Fitted or None
        None where the search did not end at finite numbers.
    """
    best = None
    with np.errstate(all="ignore"):
        for extra in model.law.starts:
            begin = np.array([*start, *extra])
            options: Any = {"gtol": 1e-5, "maxiter": 200, "hess_inv0": model.guessed_covariance(begin)}
            found: Any = optimize.minimize(model.objective, begin, jac=True, method="BFGS", options=options)
            if np.isfinite(found.fun) and np.isfinite(found.x).all() and (best is None or found.fun < best.fun):
                best = found
        if best is None:
            return None
        likelihood = float(model.rows.weight[model.order] @ model.contributions(best.x))
    return Fitted(model, best.x, likelihood, attempts) if np.isfinite(likelihood) else None


def _uncertainty(model: Model, theta: Array, attempts: Attempts) -> tuple[Array, float]:
    total, count = model.rows.weight.sum(), len(theta)
    curvature = np.empty((count, count))
    for place in range(count):
        step = np.zeros(count)
        step[place] = 1e-3
        curvature[place] = (model.objective(theta + step)[1] - model.objective(theta - step)[1]) * total / 2e-3
    curvature = 0.5 * (curvature + curvature.T)
    outer = np.linalg.inv(model.guessed_covariance(theta)) * total
    root = _root(curvature, outer)
    scores = np.empty((len(model.rows.y), count))
    scores[model.order] = model.scores(theta)
    scores = scores @ root
    excess = np.zeros((count, count))
    effects = [1.0]
    for codes in attempts.clusters.values():
        meat, inflation = _meat(scores, model.rows, attempts, codes)
        sizes, axes = np.linalg.eigh(meat - np.eye(count))
        effects.append(1.0 + float(sizes.mean()))
        candidate = (axes * np.maximum(sizes, 0.0)) @ axes.T * inflation
        excess = candidate if np.trace(candidate) > np.trace(excess) else excess
    return root @ (np.eye(count) + excess) @ root.T, max(effects)


def _root(curvature: Array, outer: Array) -> Array:
    """Return a root of the inverse curvature; where a search ended on a ridge, the scores' products stand in for it."""
    if np.isfinite(curvature).all() and np.linalg.eigvalsh(curvature).min() > 0:
        values, vectors = np.linalg.eigh(curvature)
        ratio = np.linalg.eigvals(np.linalg.solve(outer, curvature)).real
        if ratio.min() > 0.05:
            return np.asarray(vectors / np.sqrt(values))
    values, vectors = np.linalg.eigh(outer)
    return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-9)))


def _meat(scores: Array, rows: Rows, attempts: Attempts, codes: Index) -> tuple[Array, float]:
    """Return the variance of the summed scores over clusters, and the factor for their small number."""
    held = codes.copy()
    missing = codes < 0
    held[missing] = codes.max() + 1 + np.arange(missing.sum())
    groups = int(held.max()) + 1
    if groups < _FEWEST_CLUSTERS:
        return np.eye(scores.shape[1]), 1.0
    sums = np.stack(
        [np.bincount(held, weights=column[rows.row_of] * attempts.weight, minlength=groups) for column in scores.T],
        axis=1,
    )
    sums -= sums.mean(axis=0)
    student = float(special.stdtrit(groups - 1, 0.975)) / float(special.ndtri(0.975))
    return sums.T @ sums * groups / (groups - 1), student**2
