"""Log-logistic: like the log-normal with a tail that falls only as a power of time."""

from __future__ import annotations

import numpy as np
from scipy import special

from dfly_analysis.models.distribution import Array, Parameters, StandardDistribution


class LogLogistic(StandardDistribution):
    """``P(D > t) = 1 / (1 + (t / exp(location)) ** (1 / scale))``."""

    name = "loglogistic"

    def density_z(self, z: Array, shape: Parameters) -> Array:
        return z - 2.0 * np.logaddexp(0.0, z)

    def survival_z(self, z: Array, shape: Parameters) -> Array:
        return -np.logaddexp(0.0, z)

    def slopes_z(self, z: Array, shape: Parameters, *, survival: bool) -> list[Array]:
        gone = special.expit(z)
        return [-gone if survival else 1.0 - 2.0 * gone]

    def quantile_z(self, p: Array, shape: Parameters) -> Array:
        return np.log(p) - np.log1p(-p)
