"""Location-scale families of the log of a time: log-normal, log-logistic and Weibull."""

import numpy as np
from scipy import special

from dfly_analysis.models.distribution import LARGEST_LOG, LOG_ROOT_TWO_PI, Array, Parameters, StandardDistribution


class LogNormal(StandardDistribution):
    """A product of many small slowdowns: ``log D = location + scale * normal``."""

    name = "lognormal"

    def density_z(self, z: Array, shape: Parameters) -> Array:
        return np.asarray(-0.5 * z * z - LOG_ROOT_TWO_PI)

    def survival_z(self, z: Array, shape: Parameters) -> Array:
        return np.asarray(special.log_ndtr(-z))

    def slopes_z(self, z: Array, shape: Parameters, *, survival: bool) -> list[Array]:
        return [-np.exp(-0.5 * z * z - LOG_ROOT_TWO_PI - special.log_ndtr(-z)) if survival else -z]

    def quantile_z(self, p: Array, shape: Parameters) -> Array:
        return np.asarray(-special.ndtri(1.0 - p))


class LogLogistic(StandardDistribution):
    """Its tail falls only as a power of time: ``P(D > t) = 1 / (1 + (t / exp(location)) ** (1 / scale))``."""

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


class Weibull(StandardDistribution):
    """A hazard that grows or falls as a power of time: ``P(D > t) = exp(-(t / exp(location)) ** (1 / scale))``."""

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
