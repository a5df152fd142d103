"""Log-normal with stalls: a small share of attempts waits, for a time that does not depend on their size."""

from __future__ import annotations

import numpy as np
from scipy import special

from dfly_analysis.models.law import LARGEST_LOG, SCALE, Array, Law, Parameters, Shape
from dfly_analysis.models.laws.lognormal import LAW as LOGNORMAL
from dfly_analysis.models.laws.slow_share import mixed

_LOG_SMALLEST = -650.0


class Stall(Law):
    """``(1 - share)`` log-normal, ``share`` the same plus an exponential wait.

    The sum of a log-normal and an exponential has no closed form; the log-normal is taken by its mean and variance as
    a normal there, which gives the exponentially modified normal. It is the rare part, and its tail is the wait's.
    """

    name = "stall"
    title = "log-normal with stalls"
    heterogeneous = True
    proportional = False
    shapes = (
        SCALE,
        Shape("share", -3.5, -3.5, 2.0, "logit"),
        Shape("wait", 1.5, 1.0, 1.5, "log", "s"),
    )

    @property
    def starts(self) -> tuple[tuple[float, ...], ...]:
        """Return where to begin: waits as long as a transfer, and ten times that."""
        return ((-3.0, 0.5), (-4.0, 2.3))

    def log_density(self, y: Array, location: Array, shape: Parameters) -> Array:
        """Return the log density of ``y``."""
        usual = LOGNORMAL.log_density(y, location, shape[:1])
        tail = _waiting(y, location, shape)[1]
        return mixed(usual, np.maximum(tail - shape[2] + y, _LOG_SMALLEST), shape[1])

    def log_survival(self, y: Array, location: Array, shape: Parameters) -> Array:
        """Return the log of the probability to last beyond ``y``."""
        usual = LOGNORMAL.log_survival(y, location, shape[:1])
        before, tail = _waiting(y, location, shape)
        return mixed(usual, np.minimum(np.logaddexp(before, tail), 0.0), shape[1])


def _waiting(y: Array, location: Array, shape: Parameters) -> tuple[Array, Array]:
    """Return the logs of the two parts of the survival: still transferring, and waiting."""
    variance = np.exp(np.clip(2.0 * shape[0], -LARGEST_LOG, 3.0))
    mean = np.exp(np.clip(location + 0.5 * variance, -LARGEST_LOG, LARGEST_LOG))
    spread = mean * np.sqrt(np.expm1(variance))
    wait = np.exp(np.clip(shape[2], -LARGEST_LOG, LARGEST_LOG))
    late = np.exp(np.minimum(y, LARGEST_LOG)) - mean
    ratio = spread / wait
    tail = -late / wait + 0.5 * ratio * ratio + special.log_ndtr(late / spread - ratio)
    return np.asarray(special.log_ndtr(-late / spread)), np.maximum(tail, _LOG_SMALLEST)


LAW = Stall()
