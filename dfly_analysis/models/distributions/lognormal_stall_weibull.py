"""Log-normal with stalls whose waits are Weibull-distributed, the exponential among them."""

from __future__ import annotations

import numpy as np

from dfly_analysis.models.distribution import LARGEST_LOG, Array, Parameters, Shape
from dfly_analysis.models.distributions.stall_mixture import STALL_SHAPES, STARTS, WAIT, StallMixture


class LogNormalStallWeibull(StallMixture):
    """``P(wait > w) = exp(-(w / wait) ** wait_power)``."""

    name = "stall"
    shapes = (*STALL_SHAPES, WAIT, Shape("wait_power", 0.0, 0.4, "log", reach=1.2))
    starts = tuple((*start, 0.0) for start in STARTS)

    def wait_density(self, log_wait: Array, shape: Parameters) -> Array:
        power = self.shapes[3].bounded(shape[1])
        z = np.exp(power) * (log_wait - shape[0])
        return np.asarray(power + z - np.exp(np.minimum(z, LARGEST_LOG)))

    def wait_survival(self, log_wait: Array, shape: Parameters) -> Array:
        power = self.shapes[3].bounded(shape[1])
        return np.asarray(-np.exp(np.minimum(np.exp(power) * (log_wait - shape[0]), LARGEST_LOG)))


DISTRIBUTION = LogNormalStallWeibull()
