"""Distributions of attempts of which a few stall: they wait for a time that does not depend on their size."""

import numpy as np
from scipy import special

from dfly_analysis.models import distribution as base
from dfly_analysis.models.distribution import LARGEST_LOG, SCALE, Array, Parameters, Shape, log_positive, log_sum
from dfly_analysis.models.distributions.location_scale import LogNormal

_LOGNORMAL = LogNormal()
_LOG_SMALLEST = -650.0
_SHAPES = (SCALE, Shape("share", -3.5, 2.0, "logit"))
_WAIT = Shape("wait", 1.0, 1.0, "log", "s")
_LARGEST_LOG_VARIANCE = 2.0
# Gauss and Hermite's five points of a standard normal: how long the transfer of a stalled attempt itself takes.
_POINTS = np.array([-2.856970, -1.355626, 0.0, 1.355626, 2.856970])
_LOG_WEIGHTS = np.log([0.011257, 0.222076, 0.533334, 0.222076, 0.011257])
# A point stands for its neighbourhood, which is about this part of the whole spread.
_NEIGHBOURHOOD = 0.4
# The end of the longest wait is not quite sudden, so that a search which has it too early is led back.
_EDGE, _FALL = -1e-3, 50.0


class StallMixture(base.Distribution):
    """``(1 - share)`` log-normal; ``share`` the sum of that and a wait, without a closed form: taken over points of the transfer's time.

    Around each the time beyond it is ``s * log(exp(wait / s) - 1)``: the wait itself where it is long against the spread ``s``.
    """

    heterogeneous = True
    family = "stall"
    proportional = False

    def wait_density(self, log_wait: Array, shape: Parameters) -> Array:
        """Return the log density of the log of a wait."""
        raise NotImplementedError

    def wait_survival(self, log_wait: Array, shape: Parameters) -> Array:
        """Return the log of the probability to wait for longer."""
        raise NotImplementedError

    def log_density(self, y: Array, location: Array, shape: Parameters) -> Array:
        usual = _LOGNORMAL.log_density(y, location, shape[:1])
        log_wait, log_slope = _wait(y, location, shape)
        return _mixed(usual, _summed(self.wait_density(log_wait, shape[2:]) - log_wait + log_slope) + y, shape[1])

    def log_survival(self, y: Array, location: Array, shape: Parameters) -> Array:
        usual = _LOGNORMAL.log_survival(y, location, shape[:1])
        return _mixed(usual, _summed(self.wait_survival(_wait(y, location, shape)[0], shape[2:])), shape[1])

    def value_and_scores(self, y: Array, location: Array, shape: Parameters, *, survival: bool) -> base.Derivatives:
        usual, usual_slopes = _LOGNORMAL.value_and_scores(y, location, shape[:1], survival=survival)
        rare, (by_location, by_scale, *by_own) = self._stalled(y, location, shape, survival=survival)
        value = _mixed(usual, rare, shape[1])
        share = special.expit(shape[1])
        stalled = np.where(rare > _LOG_SMALLEST, np.exp(np.maximum(rare, _LOG_SMALLEST) - value) * share, 0.0)
        pairs = zip(usual_slopes, (by_location, by_scale), strict=True)
        transfer = ((1.0 - stalled) * of_usual + stalled * of_rare for of_usual, of_rare in pairs)
        return value, [*transfer, stalled - share, *(stalled * slope for slope in by_own)]

    def _stalled(self, y: Array, location: Array, shape: Parameters, *, survival: bool) -> base.Derivatives:
        """Return the log of the survival or density of stalled attempts, and its slopes by location, scale and wait."""
        (log_wait, log_slope), own = _wait(y, location, shape), list(shape[2:])
        function = self.wait_survival if survival else self.wait_density
        parts = function(log_wait, own)
        by_wait = base.differentiate(lambda step: function(log_wait + step, own))
        by_own = base.by_shapes(lambda moved: function(log_wait, moved), own)
        waits, slopes = _wait_slopes(y, location, shape)
        by_transfer = [by_wait * of_wait for of_wait in waits]
        if not survival:
            parts = parts - log_wait + log_slope
            by_transfer = [(by_wait - 1.0) * wait + slope for wait, slope in zip(waits, slopes, strict=True)]
        total = _summed(parts)
        weight = np.exp(parts + _by_point(_LOG_WEIGHTS, parts) - total)
        result = [(weight * slope).sum(axis=0) for slope in (*by_transfer, *by_own)]
        return total if survival else total + y, result


def _by_point(values: Array, like: Array) -> Array:
    """Return one value a point, along a new first axis, for arrays of so many axes after it."""
    return values.reshape(-1, *(1,) * (like.ndim - 1))


def _summed(parts: Array) -> Array:
    """Return the log of the weighted sum over the points."""
    return log_sum(parts + _by_point(_LOG_WEIGHTS, parts))


def _transfer(y: Array, location: Array, shape: Parameters) -> tuple[Array, Array, Array, Array]:
    """Return how late attempts are in neighbourhoods of the transfer, its logs, the points in logs, and the size of one."""
    scale = np.exp(np.minimum(shape[0], 0.5 * _LARGEST_LOG_VARIANCE))
    axes = max(np.ndim(y), np.ndim(location), np.ndim(scale))
    points = scale * _POINTS.reshape(-1, *(1,) * axes)
    usual = np.clip(location + points, -LARGEST_LOG, LARGEST_LOG)
    near = _NEIGHBOURHOOD * np.sqrt(np.expm1(np.maximum(scale * scale, np.exp(-LARGEST_LOG))))
    ratio = np.exp(np.minimum(np.minimum(y, LARGEST_LOG) - usual, LARGEST_LOG))
    return (ratio - 1.0) / near, usual, points, near


def _wait(y: Array, location: Array, shape: Parameters) -> tuple[Array, Array]:
    """Return logs of the wait that makes an attempt last ``exp(y)`` and of its slope in that time, at each point of the transfer."""
    late, usual, _, near = _transfer(y, location, shape)
    soft = np.logaddexp(0.0, late)
    return usual + np.log(near) + log_positive(soft), late - soft


def _wait_slopes(y: Array, location: Array, shape: Parameters) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return the derivatives of both of `_wait`, each by location and by the log of the scale."""
    late, _, points, near = _transfer(y, location, shape)
    variance = np.exp(np.maximum(2.0 * np.asarray(shape[0]), -LARGEST_LOG))
    free = 2.0 * np.asarray(shape[0]) < _LARGEST_LOG_VARIANCE
    # Of the log of the neighbourhood's size, and of the points.
    bounded = np.minimum(variance, LARGEST_LOG)
    wider = np.where(free, variance * np.exp(bounded) / np.expm1(bounded), 0.0)
    apart = np.where(free, points, 0.0)
    by_location = -(late + 1.0 / near)
    reached = special.expit(late)
    softened = reached / np.maximum(np.logaddexp(0.0, late), 1e-300)
    waits, slopes = 1.0 + softened * by_location, (1.0 - reached) * by_location
    waits_by_scale = apart * waits + wider * (1.0 - softened * late)
    return (waits, waits_by_scale), (slopes, apart * slopes - wider * (1.0 - reached) * late)


def _mixed(usual: Array, rare: Array, share_logit: Array) -> Array:
    rare = np.maximum(rare, _LOG_SMALLEST)
    return np.asarray(np.logaddexp(usual - np.logaddexp(0.0, share_logit), rare - np.logaddexp(0.0, -share_logit)))


class LogNormalStallWeibull(StallMixture):
    """Waits are Weibull-distributed, the exponential among them: ``P(wait > w) = exp(-(w / wait) ** wait_power)``."""

    name = "stall"
    shapes = (*_SHAPES, _WAIT, Shape("wait_power", 0.0, 0.4, "log", reach=1.2))
    starts = ((-3.0, 0.5, 0.0), (-4.0, 2.3, 0.0))  # waits as long as a transfer, and ten times that

    def wait_density(self, log_wait: Array, shape: Parameters) -> Array:
        power = self.shapes[3].bounded(shape[1])
        z = np.exp(power) * (log_wait - shape[0])
        return np.asarray(power + z - np.exp(np.minimum(z, LARGEST_LOG)))

    def wait_survival(self, log_wait: Array, shape: Parameters) -> Array:
        power = self.shapes[3].bounded(shape[1])
        return np.asarray(-np.exp(np.minimum(np.exp(power) * (log_wait - shape[0]), LARGEST_LOG)))


class LogNormalStallLogNormal(StallMixture):
    """Waits are seldom short, at times very long: ``log(wait)`` is normal with median ``wait`` and standard deviation ``wait_scale``."""

    name = "stall_lognormal"
    shapes = (*_SHAPES, _WAIT, Shape("wait_scale", -0.1, 0.4, "log", reach=1.2))
    starts = ((-3.0, 0.5, -0.1), (-4.0, 2.3, -0.1))

    def wait_density(self, log_wait: Array, shape: Parameters) -> Array:
        return np.asarray(_LOGNORMAL.log_density(log_wait, shape[0], [self.shapes[3].bounded(shape[1])]))

    def wait_survival(self, log_wait: Array, shape: Parameters) -> Array:
        return np.asarray(_LOGNORMAL.log_survival(log_wait, shape[0], [self.shapes[3].bounded(shape[1])]))


class LogNormalStallUniform(StallMixture):
    """Waits end at a longest, where a server or a proxy gives up: ``P(wait > w) = (1 - w / longest_wait) ** (1 + early)``: even up to the longest where ``early`` is 0."""

    name = "stall_bounded"
    shapes = (*_SHAPES, Shape("longest_wait", 2.5, 1.0, "log", "s"), Shape("early", -2.5, 1.2, "log", reach=2.5))
    starts = ((-3.0, 3.0, -1.0), (-3.5, 4.5, 0.5))  # waits up to ten and thirty times a transfer

    def wait_density(self, log_wait: Array, shape: Parameters) -> Array:
        share_log, early = log_wait - shape[0], np.exp(self.shapes[3].bounded(shape[1]))
        inside = np.log1p(early) + early * _log_left(share_log) + share_log
        return np.where(share_log < _EDGE, inside, np.log(_FALL) + self.wait_survival(log_wait, shape))

    def wait_survival(self, log_wait: Array, shape: Parameters) -> Array:
        share_log, early = log_wait - shape[0], np.exp(self.shapes[3].bounded(shape[1]))
        return np.asarray((1.0 + early) * _log_left(share_log) - _FALL * np.maximum(share_log - _EDGE, 0.0))


def _log_left(share_log: Array) -> Array:
    """Return the log of what is left of the longest wait, up to just before its end."""
    return np.asarray(np.log(-np.expm1(np.minimum(share_log, _EDGE))))
