"""Weibull: a hazard that grows or falls as a power of time."""

from __future__ import annotations

import numpy as np

from dfly_analysis.models.distribution import LARGEST_LOG, Array, Parameters, StandardDistribution


class Weibull(StandardDistribution):
    """``P(D > t) = exp(-(t / exp(location)) ** (1 / scale))``."""

    name = "weibull"

    def density_z(self, z: Array, shape: Parameters) -> Array:
        return z - np.exp(np.minimum(z, LARGEST_LOG))

    def survival_z(self, z: Array, shape: Parameters) -> Array:
        return -np.exp(np.minimum(z, LARGEST_LOG))

    def slopes_z(self, z: Array, shape: Parameters, *, survival: bool) -> list[Array]:
        gone = np.exp(np.minimum(z, LARGEST_LOG))
        return [-gone if survival else 1.0 - gone]

    def quantile_z(self, p: Array, shape: Parameters) -> Array:
        return np.log(-np.log1p(-p))
