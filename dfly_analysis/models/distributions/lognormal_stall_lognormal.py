"""Log-normal with stalls whose waits are log-normal too: seldom short, at times very long."""

from __future__ import annotations

import numpy as np

from dfly_analysis.models.distribution import Array, Parameters, Shape
from dfly_analysis.models.distributions.lognormal import DISTRIBUTION as LOGNORMAL
from dfly_analysis.models.distributions.stall_mixture import STALL_SHAPES, STARTS, WAIT, StallMixture


class LogNormalStallLogNormal(StallMixture):
    """``log(wait)`` is normal with median ``wait`` and standard deviation ``wait_scale``."""

    name = "stall_lognormal"
    shapes = (*STALL_SHAPES, WAIT, Shape("wait_scale", -0.1, 0.4, "log", reach=1.2))
    starts = tuple((*start, -0.1) for start in STARTS)

    def wait_density(self, log_wait: Array, shape: Parameters) -> Array:
        return np.asarray(LOGNORMAL.log_density(log_wait, shape[0], [self.shapes[3].bounded(shape[1])]))

    def wait_survival(self, log_wait: Array, shape: Parameters) -> Array:
        return np.asarray(LOGNORMAL.log_survival(log_wait, shape[0], [self.shapes[3].bounded(shape[1])]))


DISTRIBUTION = LogNormalStallLogNormal()
