"""Maximum likelihood: the best parameters of a model, and their covariance from the likelihood and from the scatter of clusters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from scipy import optimize, special

from dfly_analysis.models.censored_data import Cluster
from dfly_analysis.models.distribution import Array
from dfly_analysis.models.likelihood import POWER, Model

_PROPOSAL_FREEDOM = 5
_SEED = 20_241
_MIN_CLUSTERS = 5
_FAR_BEHIND = 60.0
_SMALL_GAINS = 2


class _Search(NamedTuple):
    """When a search ends: at a gradient per attempt, after steps, or after steps that gained less log likelihood than ``gain``."""

    gradient: float
    steps: int
    gain: float


_ROUGH, _FINE = _Search(1e-3, 40, 0.3), _Search(1e-5, 200, 0.01)


class _Gains:
    """Ends a search along a ridge, where parameters still move but nothing is gained."""

    def __init__(self, least: float) -> None:
        self._least, self._best, self._small = least, float("inf"), 0

    def __call__(self, intermediate_result: Any) -> None:
        gained = self._best - float(intermediate_result.fun)
        self._best = float(intermediate_result.fun)
        self._small = 0 if gained > self._least else self._small + 1
        if self._small == _SMALL_GAINS:
            raise StopIteration


@dataclass(frozen=True)
class Fitted:
    """A model at its maximum-likelihood parameters ``theta``; ``log_likelihood`` is without the priors."""

    model: Model
    theta: Array
    log_likelihood: float

    @cached_property
    def _uncertainty(self) -> tuple[Array, Array, float]:
        with np.errstate(all="ignore"):
            return _uncertainty(self.model, self.theta)

    @property
    def covariance(self) -> Array:
        """Return the covariance of the parameters: the model's own, and what clusters scatter beyond it."""
        root, inflation, _ = self._uncertainty
        inflated = root @ inflation
        return np.asarray(inflated @ inflated.T)

    @property
    def model_covariance(self) -> Array:
        """Return the covariance of the parameters by the likelihood alone."""
        root = self._uncertainty[0]
        return np.asarray(root @ root.T)

    @property
    def design_effect(self) -> float:
        """Return how many times the robust variance is the model's own, on average, at least 1."""
        return self._uncertainty[2]

    def criterion(self, design_effect: float = 1.0, cost: float = 2.0) -> float:
        """Return Akaike's criterion, or another with its own cost of a parameter, corrected for correlated attempts (QAIC)."""
        return -2.0 * self.log_likelihood / design_effect + cost * len(self.theta)

    def slower(self, by_log: float) -> Self:
        """Return the same distribution of a source whose transfers take longer by this log; waits and overhead stay as they are."""
        if by_log == 0.0:
            return self
        return replace(self, theta=np.concatenate([self.theta[:1] + by_log, self.theta[1:]]))

    def draw(self, count: int) -> tuple[Array, ...]:
        """Return parameters drawn from their uncertainty by importance resampling, one array of ``count`` each.

        Proposals are Student's with the covariance of the likelihood; what clusters scatter beyond it stretches the draws afterwards.
        """
        tried = 2 * max(2 * count // 3, 60)
        source = np.random.default_rng(_SEED)
        half = source.standard_normal((tried // 2, len(self.theta)))
        half /= np.sqrt(source.chisquare(_PROPOSAL_FREEDOM, tried // 2) / _PROPOSAL_FREEDOM)[:, None]
        normal = np.concatenate([half, -half])
        root, inflation, _ = self._uncertainty
        weights = self._importance(self.theta + normal @ root.T, normal)
        places = (np.arange(count) + 0.5) / count
        chosen = np.minimum(np.searchsorted(np.cumsum(weights), places), len(weights) - 1)
        result = self.theta + normal[chosen] @ (root @ inflation).T
        if self.model.form == POWER and self.theta[1] >= 0:
            result[:, 1] = np.maximum(result[:, 1], 0.0)
        return tuple(result.T)

    def _importance(self, theta: Array, normal: Array) -> Array:
        model = self.model.coarse
        columns = [value[:, None] for value in theta.T]
        freedom, count = _PROPOSAL_FREEDOM, theta.shape[1]
        with np.errstate(all="ignore"):
            aim = model.contributions(columns) @ model.weight - model.penalty(theta)
            # Coarse rows have their best point a little aside, so their slope at this one is taken out.
            aim += (theta - self.theta) @ (model.objective(self.theta)[1] * model.rows.total)
            proposed = -0.5 * (freedom + count) * np.log1p((normal**2).sum(axis=1) / freedom)
            ratio = np.nan_to_num(aim - proposed, nan=-np.inf, posinf=-np.inf)
            weights = np.exp(ratio - ratio.max())
        # No single draw may stand for more than one in forty.
        weights = np.minimum(weights / weights.sum(), 0.025)
        return np.asarray(weights / weights.sum())


def maximise(model: Model, start: Sequence[float] | Array, ahead: float = float("inf")) -> Fitted | None:
    """Find the best parameters, from intercept, slope (or logit of the overhead) and log scale; None where the search did not converge.

    A model far behind ``ahead``, Akaike's criterion of the best one so far, on coarse rows is not searched further.
    """
    begins = [model.distribution.start_of_search(np.array([*start, *extra])) for extra in model.distribution.starts]
    with np.errstate(all="ignore"):
        if len(begins) > 1:  # which maximum is the highest shows on coarse rows as well
            tried = [found for found in (_climb(model.coarse, begin, _ROUGH) for begin in begins) if found is not None]
            if tried:
                begins = [min(tried, key=lambda found: float(found.fun)).x]
                rough = _at(model, begins[0])
                if rough is not None and rough.criterion() > ahead + _FAR_BEHIND:
                    return rough
        found = _climb(model, begins[0], _FINE)
        return None if found is None else _at(model, found.x)


def _at(model: Model, theta: Array) -> Fitted | None:
    likelihood = float(model.weight @ model.contributions(theta))
    return Fitted(model, theta, likelihood) if np.isfinite(likelihood) else None


def _climb(model: Model, begin: Array, search: _Search) -> Any:
    options: Any = {"gtol": search.gradient, "maxiter": search.steps, "hess_inv0": _metric(model, begin)}
    stop: Any = _Gains(search.gain / model.rows.total)
    found: Any = optimize.minimize(model.objective, begin, jac=True, method="BFGS", options=options, callback=stop)
    return found if np.isfinite(found.fun) and np.isfinite(found.x).all() else None


def _metric(model: Model, theta: Array) -> Array:
    """Return the inverse of the guessed curvature per attempt: what a search begins with."""
    try:
        result = np.linalg.inv(model.curvature_of_scores(theta)) * model.rows.total
    except np.linalg.LinAlgError:  # the scores are zero along some direction
        return np.eye(len(theta))
    return np.asarray(0.5 * (result + result.T)) if np.isfinite(result).all() else np.eye(len(theta))


def _uncertainty(model: Model, theta: Array) -> tuple[Array, Array, float]:
    """Return a root of the likelihood's covariance, how clusters stretch it, and their mean effect."""
    total, count = model.rows.total, len(theta)
    curvature = np.empty((count, count))
    for place in range(count):
        step = np.zeros(count)
        step[place] = 1e-3
        curvature[place] = (model.objective(theta + step)[1] - model.objective(theta - step)[1]) * total / 2e-3
    root = _root(0.5 * (curvature + curvature.T), model.curvature_of_scores(theta))
    scores = np.empty((len(model.rows.y), count))
    scores[model.order] = np.nan_to_num(model.scores(theta), posinf=0.0, neginf=0.0)
    scores = scores @ root
    excess, effects = np.zeros((count, count)), [1.0]
    meats = [((scores * model.rows.weight[:, None]).T @ scores, 1.0)]
    meats += [_meat(scores, cluster) for cluster in model.rows.clusters.values() if cluster.n >= _MIN_CLUSTERS]
    for meat, inflation in meats:
        sizes, axes = np.linalg.eigh(meat - np.eye(count))
        effects.append(1.0 + float(sizes.mean()))
        candidate = (axes * np.maximum(sizes, 0.0)) @ axes.T * inflation
        excess = candidate if np.trace(candidate) > np.trace(excess) else excess
    sizes, axes = np.linalg.eigh(np.eye(count) + excess)
    return root, np.asarray((axes * np.sqrt(sizes)) @ axes.T), max(effects)


def _root(curvature: Array, outer: Array) -> Array:
    """Return a root of the inverse curvature; where a search ended on a ridge, the scores' products stand in for it."""
    if np.isfinite(curvature).all() and np.linalg.eigvalsh(curvature).min() > 0:
        values, vectors = np.linalg.eigh(curvature)
        ratio = np.linalg.eigvals(np.linalg.solve(outer, curvature)).real
        if ratio.min() > 0.05:
            return np.asarray(vectors / np.sqrt(values))
    values, vectors = np.linalg.eigh(outer)
    return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-9)))


def _meat(scores: Array, cluster: Cluster) -> tuple[Array, float]:
    """Return the variance of the summed scores over clusters, and the factor for their small number."""
    n, share = cluster.n, cluster.share_of_scatter
    sums = cluster.counts @ scores
    sums = sums - sums.mean(axis=0)
    few = float(special.stdtrit(n - 1, 0.975) / special.ndtri(0.975)) if share == 1 else 1.0
    return np.asarray(sums.T @ sums * n / (n - 1) * cluster.stands_for), share * few**2
