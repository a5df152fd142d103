"""Inverse Gaussian: how long a transfer takes whose rate wavers at random about a mean (a Brownian motion's first passage)."""

import numpy as np
from scipy import special

from dfly_analysis.models import distribution as base
from dfly_analysis.models.distribution import LARGEST_LOG, LOG_ROOT_TWO_PI, Array, Parameters, Shape


class InverseGaussian(base.Distribution):
    """Mean ``exp(location)``; ``scale`` squared is the variance over the squared mean."""

    name = "inverse_gaussian"
    shapes = (Shape("scale", -0.7, 1.5, "log"),)

    def log_density(self, y: Array, location: Array, shape: Parameters) -> Array:
        z = np.clip(y - location, -LARGEST_LOG, LARGEST_LOG)
        inverse = np.exp(-shape[0])
        # (t - 1)^2 / t = 4 sinh(z / 2)^2
        return np.asarray(-0.5 * z - shape[0] - LOG_ROOT_TWO_PI - 2.0 * (np.sinh(0.5 * z) * inverse) ** 2)

    def log_survival(self, y: Array, location: Array, shape: Parameters) -> Array:
        z = np.clip(y - location, -LARGEST_LOG, LARGEST_LOG)
        inverse = np.exp(-shape[0])
        first = special.log_ndtr(-2.0 * np.sinh(0.5 * z) * inverse)
        second = 2.0 * inverse**2 + special.log_ndtr(-2.0 * np.cosh(0.5 * z) * inverse)
        return np.asarray(first + np.log1p(-np.exp(np.minimum(second - first, -1e-12))))

    def value_and_scores(self, y: Array, location: Array, shape: Parameters, *, survival: bool) -> base.Derivatives:
        if survival:
            return super().value_and_scores(y, location, shape, survival=True)
        z = np.clip(y - location, -LARGEST_LOG, LARGEST_LOG)
        inverse = np.exp(-2.0 * shape[0])
        slopes = [0.5 + np.sinh(z) * inverse, -1.0 + 4.0 * np.sinh(0.5 * z) ** 2 * inverse]
        return self.log_density(y, location, shape), slopes
