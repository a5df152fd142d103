"""Log-normal with a share of slow attempts: two kinds of host, link or moment, both in proportion to size."""

from __future__ import annotations

import numpy as np

from dfly_analysis.models.law import SCALE, Array, Law, Parameters, Shape
from dfly_analysis.models.laws.lognormal import LAW as LOGNORMAL


class SlowShare(Law):
    """``(1 - share)`` log-normal, ``share`` log-normal again but slower by a factor and with a spread of its own."""

    name = "slow_share"
    title = "log-normal with a slow share"
    heterogeneous = True
    shapes = (
        SCALE,
        Shape("share", -2.5, -2.5, 2.0, "logit"),
        Shape("slower_log", 0.0, 0.0, 0.7, "log", "log"),
        Shape("slow_scale", -0.7, -0.7, 0.7, "log"),
    )

    @property
    def starts(self) -> tuple[tuple[float, ...], ...]:
        """Return where to begin: a small share much slower, and a large one a little slower."""
        return ((-3.0, 0.4, -0.7), (-0.7, -0.2, -0.7))

    def log_density(self, y: Array, location: Array, shape: Parameters) -> Array:
        """Return the log density of ``y``."""
        usual = LOGNORMAL.log_density(y, location, shape[:1])
        slow = LOGNORMAL.log_density(y, location + np.exp(shape[2]), shape[3:])
        return mixed(usual, slow, shape[1])

    def log_survival(self, y: Array, location: Array, shape: Parameters) -> Array:
        """Return the log of the probability to last beyond ``y``."""
        usual = LOGNORMAL.log_survival(y, location, shape[:1])
        slow = LOGNORMAL.log_survival(y, location + np.exp(shape[2]), shape[3:])
        return mixed(usual, slow, shape[1])


def mixed(usual: Array, rare: Array, share_logit: Array) -> Array:
    """Return the log of the mean of two log probabilities, the second with the share given by its logit."""
    return np.logaddexp(usual - np.logaddexp(0.0, share_logit), rare - np.logaddexp(0.0, -share_logit))


LAW = SlowShare()
