"""Log-normal with stalls whose waits are log-normal too: seldom short, at times very long."""

from __future__ import annotations

import numpy as np

from dfly_analysis.models.distribution import Array, Parameters, Shape
from dfly_analysis.models.distributions.lognormal import DISTRIBUTION as LOGNORMAL
from dfly_analysis.models.distributions.stall_mixture import STALL_SHAPES, StallMixture


class LogNormalStallLogNormal(StallMixture):
    """``log(wait)`` is normal with median ``wait`` and standard deviation ``wait_scale``."""

    name = "stall_lognormal"
    title = "log-normal with log-normal stalls"
    shapes = (
        *STALL_SHAPES,
        Shape("wait", 1.5, 1.0, 1.0, "log", "s"),
        Shape("wait_scale", -0.1, -0.1, 0.4, "log", reach=1.2),
    )

    @property
    def starts(self) -> tuple[tuple[float, ...], ...]:
        """Where to begin: waits as long as a transfer, and ten times that."""
        return ((-3.0, 0.5, -0.1), (-4.0, 2.3, -0.1))

    def wait_density(self, log_wait: Array, shape: Parameters) -> Array:
        """Return the log density of the log of a wait."""
        return np.asarray(LOGNORMAL.log_density(log_wait, shape[0], [self.shapes[3].held(shape[1])]))

    def wait_survival(self, log_wait: Array, shape: Parameters) -> Array:
        """Return the log of the probability to wait for longer."""
        return np.asarray(LOGNORMAL.log_survival(log_wait, shape[0], [self.shapes[3].held(shape[1])]))


DISTRIBUTION = LogNormalStallLogNormal()
