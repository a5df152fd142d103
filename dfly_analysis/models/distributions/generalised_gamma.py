"""Generalised gamma: one family that holds the log-normal (shape 0), the Weibull (1) and the gamma (shape = scale)."""

from __future__ import annotations

import numpy as np
from scipy import special

from dfly_analysis.models.distribution import (
    LARGEST_LOG,
    SCALE,
    Array,
    Parameters,
    Shape,
    StandardDistribution,
    central,
    log_positive,
)

_SMALLEST_SHAPE = 0.01
_LARGEST_SHAPE = 4.0


class GeneralisedGamma(StandardDistribution):
    """Prentice's form, which passes smoothly through the log-normal (Prentice, Biometrika 61, 1974)."""

    name = "generalised_gamma"
    title = "generalised gamma"
    shapes = (SCALE, Shape("shape", 0.3, 0.3, 1.0))

    @property
    def starts(self) -> tuple[tuple[float, ...], ...]:
        """Where to begin: a tail lighter and one heavier than the log-normal's."""
        return ((0.4,), (-0.4,))

    def density_z(self, z: Array, shape: Parameters) -> Array:
        """Return the log density of the standardised residual."""
        q, a = _shape_and_power(shape[0])
        qz = np.clip(q * z, -LARGEST_LOG * 10, LARGEST_LOG)
        return np.asarray(np.log(np.abs(q)) + a * np.log(a) - special.gammaln(a) + a * (qz - np.exp(qz)))

    def survival_z(self, z: Array, shape: Parameters) -> Array:
        """Return the log survival of the standardised residual."""
        q, a = _shape_and_power(shape[0])
        u = a * np.exp(np.clip(q * z, -LARGEST_LOG * 10, LARGEST_LOG))
        if np.ndim(q) == 0:
            return log_positive(special.gammaincc(a, u) if q > 0 else special.gammainc(a, u))
        return log_positive(np.where(q > 0, special.gammaincc(a, u), special.gammainc(a, u)))

    def slopes_z(self, z: Array, shape: Parameters, *, survival: bool) -> list[Array]:
        """Return the derivatives: by the residual in closed form, by the shape by difference."""
        function = self.survival_z if survival else self.density_z
        by_shape = central(lambda step: function(z, [shape[0] + step]))
        if survival:
            return [-np.exp(np.minimum(self.density_z(z, shape) - self.survival_z(z, shape), LARGEST_LOG)), by_shape]
        q, a = _shape_and_power(shape[0])
        return [np.asarray(a * q * (1.0 - np.exp(np.clip(q * z, -LARGEST_LOG * 10, LARGEST_LOG)))), by_shape]

    def quantile_z(self, p: Array, shape: Parameters) -> Array:
        """Return the quantile of the standardised residual."""
        q, a = _shape_and_power(shape[0])
        u = np.where(q > 0, special.gammainccinv(a, 1.0 - p), special.gammaincinv(a, 1.0 - p))
        return np.asarray(log_positive(u / a) / q)


def _shape_and_power(shape: Array) -> tuple[Array, Array]:
    # Beyond the largest shape nearly all the mass would sit in one point, where its quantile has no digits.
    shape = _LARGEST_SHAPE * np.tanh(np.asarray(shape, dtype=float) / _LARGEST_SHAPE)
    q = np.where(np.abs(shape) < _SMALLEST_SHAPE, np.copysign(_SMALLEST_SHAPE, shape), shape)
    return q, 1.0 / (q * q)


DISTRIBUTION = GeneralisedGamma()
