"""Generalised gamma: one family that holds the log-normal (shape 0), the Weibull (1) and the gamma (shape = scale)."""

import numpy as np
from scipy import special

from dfly_analysis.models import distribution as base
from dfly_analysis.models.distribution import LARGEST_LOG, SCALE, Array, Parameters, Shape, log_positive

_SMALLEST_SHAPE, _LARGEST_SHAPE = 0.01, 4.0


class GeneralisedGamma(base.StandardDistribution):
    """Prentice's form, which passes smoothly through the log-normal (Prentice, Biometrika 61, 1974)."""

    name = "generalised_gamma"
    shapes = (SCALE, Shape("shape", 0.3, 1.0))
    starts = ((0.4,), (-0.4,))  # a tail lighter and one heavier than the log-normal's

    def density_z(self, z: Array, shape: Parameters) -> Array:
        q, a = _shape_and_power(shape[0])
        qz = _clipped(q * z)
        return np.asarray(np.log(np.abs(q)) + a * np.log(a) - special.gammaln(a) + a * (qz - np.exp(qz)))

    def survival_z(self, z: Array, shape: Parameters) -> Array:
        q, a = _shape_and_power(shape[0])
        u = a * np.exp(_clipped(q * z))
        if np.ndim(q) == 0:
            return log_positive(special.gammaincc(a, u) if q > 0 else special.gammainc(a, u))
        return log_positive(np.where(q > 0, special.gammaincc(a, u), special.gammainc(a, u)))

    def slopes_z(self, z: Array, shape: Parameters, *, survival: bool) -> list[Array]:
        function = self.survival_z if survival else self.density_z
        by_shape = base.differentiate(lambda step: function(z, [shape[0] + step]))
        if survival:
            return [-np.exp(np.minimum(self.density_z(z, shape) - self.survival_z(z, shape), LARGEST_LOG)), by_shape]
        q, a = _shape_and_power(shape[0])
        return [np.asarray(a * q * (1.0 - np.exp(_clipped(q * z)))), by_shape]

    def quantile_z(self, p: Array, shape: Parameters) -> Array:
        q, a = _shape_and_power(shape[0])
        u = np.where(q > 0, special.gammainccinv(a, 1.0 - p), special.gammaincinv(a, 1.0 - p))
        return np.asarray(log_positive(u / a) / q)


def _clipped(qz: Array) -> Array:
    return np.clip(qz, -LARGEST_LOG * 10, LARGEST_LOG)


def _shape_and_power(shape: Array) -> tuple[Array, Array]:
    # Beyond the largest shape nearly all the mass would sit in one point, where its quantile has no digits.
    shape = _LARGEST_SHAPE * np.tanh(np.asarray(shape, dtype=float) / _LARGEST_SHAPE)
    q = np.where(np.abs(shape) < _SMALLEST_SHAPE, np.copysign(_SMALLEST_SHAPE, shape), shape)
    return q, 1.0 / (q * q)
