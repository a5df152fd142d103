"""Log-normal: a product of many small slowdowns."""

from __future__ import annotations

import numpy as np
from scipy import special

from dfly_analysis.models.distribution import LOG_ROOT_TWO_PI, Array, Parameters, StandardDistribution


class LogNormal(StandardDistribution):
    """``log D = location + scale * normal``."""

    name = "lognormal"

    def density_z(self, z: Array, shape: Parameters) -> Array:
        return np.asarray(-0.5 * z * z - LOG_ROOT_TWO_PI)

    def survival_z(self, z: Array, shape: Parameters) -> Array:
        return np.asarray(special.log_ndtr(-z))

    def slopes_z(self, z: Array, shape: Parameters, *, survival: bool) -> list[Array]:
        return [-np.exp(-0.5 * z * z - LOG_ROOT_TWO_PI - special.log_ndtr(-z)) if survival else -z]

    def quantile_z(self, p: Array, shape: Parameters) -> Array:
        return np.asarray(-special.ndtri(1.0 - p))
