"""Log-normal with stalls whose waits are Weibull-distributed, the exponential among them."""

from __future__ import annotations

import numpy as np

from dfly_analysis.models.distribution import LARGEST_LOG, Array, Parameters, Shape
from dfly_analysis.models.distributions.stall_mixture import STALL_SHAPES, StallMixture


class LogNormalStallWeibull(StallMixture):
    """``P(wait > w) = exp(-(w / wait) ** wait_power)``."""

    name = "stall"
    title = "log-normal with stalls"
    shapes = (
        *STALL_SHAPES,
        Shape("wait", 1.5, 1.0, 1.0, "log", "s"),
        Shape("wait_power", 0.0, 0.0, 0.4, "log", reach=1.2),
    )

    @property
    def starts(self) -> tuple[tuple[float, ...], ...]:
        """Where to begin: waits as long as a transfer, and ten times that."""
        return ((-3.0, 0.5, 0.0), (-4.0, 2.3, 0.0))

    def wait_density(self, log_wait: Array, shape: Parameters) -> Array:
        """Return the log density of the log of a wait."""
        power = self.shapes[3].held(shape[1])
        z = np.exp(power) * (log_wait - shape[0])
        return np.asarray(power + z - np.exp(np.minimum(z, LARGEST_LOG)))

    def wait_survival(self, log_wait: Array, shape: Parameters) -> Array:
        """Return the log of the probability to wait for longer."""
        power = self.shapes[3].held(shape[1])
        return np.asarray(-np.exp(np.minimum(np.exp(power) * (log_wait - shape[0]), LARGEST_LOG)))


DISTRIBUTION = LogNormalStallWeibull()
