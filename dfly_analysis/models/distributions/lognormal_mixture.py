"""Mixtures of log-normals, with their derivatives in closed form."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from dfly_analysis.models import distribution as base
from dfly_analysis.models.distribution import LOG_ROOT_TWO_PI, SCALE, Array, Parameters, Shape, find_roots, log_sum

_STEP = 1e-5
# What is left out: less than any number of attempts can show.
_MIN_LOG_SHARE = -23.0


class Components(NamedTuple):
    """The log-normals of a mixture along the first axis: logs of their shares, shifts of the location, logs of their scales."""

    log_share: Array
    shift: Array
    log_scale: Array


class LogNormalMixture(base.Distribution):
    """A mixture of log-normals; a subclass defines its components."""

    def components(self, shape: Parameters) -> Components:
        """Return the components under the shapes; these may be arrays of draws."""
        raise NotImplementedError

    def log_density(self, y: Array, location: Array, shape: Parameters) -> Array:
        parts = self._aligned(shape, y, location)
        z = (y - location - parts.shift) * np.exp(-parts.log_scale)
        return np.asarray(log_sum(parts.log_share - parts.log_scale - 0.5 * z * z) - LOG_ROOT_TWO_PI)

    def log_survival(self, y: Array, location: Array, shape: Parameters) -> Array:
        return _survival(self._aligned(shape, y, location), y - location)

    def value_and_scores(self, y: Array, location: Array, shape: Parameters, *, survival: bool) -> base.Derivatives:
        vector = np.array([float(value) for value in shape])
        parts = self.components(vector)
        some = _relevant(parts)
        log_share, shift, log_scale = (part[some][:, None] for part in parts)
        inverse = np.exp(-log_scale)
        z = (y - location - shift) * inverse
        single = special.log_ndtr(-z) if survival else -0.5 * z * z - log_scale
        logs = log_share + single
        most = logs.max(axis=0)
        share = np.exp(logs - most)
        total = share.sum(axis=0)
        share /= total
        value = most + np.log(total)
        hazard = np.exp(-0.5 * z * z - LOG_ROOT_TWO_PI - single) if survival else z
        by_shift = share * hazard * inverse
        by_scale = share * (hazard * z if survival else z * z - 1.0)
        slopes = self._slopes(vector)[some]
        by_shape = slopes[:, 0].T @ share + slopes[:, 1].T @ by_shift + slopes[:, 2].T @ by_scale
        return value - (0.0 if survival else LOG_ROOT_TWO_PI), [by_shift.sum(axis=0), *by_shape]

    def quantile(self, p: Array, location: Array, shape: Parameters) -> Array:
        """Return ``y`` below which a share ``p`` lies, between that of the fastest and that of the slowest component."""
        share = np.asarray(p, dtype=float)
        parts = self._aligned(shape, share, location)
        single = location + parts.shift - np.exp(parts.log_scale) * special.ndtri(1.0 - share)
        target = np.log1p(-share)
        return find_roots(lambda y: _survival(parts, y - location) - target, single.min(axis=0), single.max(axis=0))

    def _aligned(self, shape: Parameters, *others: Array) -> Components:
        """Return the components with axes enough to go with other arrays."""
        parts = self.components(shape)
        some = _relevant(parts)
        parts = Components(*(part[some] for part in parts))
        missing = max(np.ndim(other) for other in others) - (parts.log_share.ndim - 1)
        if missing <= 0:
            return parts
        return Components(*(np.reshape(part, (len(part), *(1,) * missing, *part.shape[1:])) for part in parts))

    def _slopes(self, shape: Array) -> Array:
        """Return the derivatives of the components by the shapes, ``(components, 3, shapes)``."""
        count = len(shape)
        steps = _STEP * np.eye(count)
        parts = np.stack(self.components(tuple(np.concatenate([shape + steps, shape - steps]).T)), axis=1)
        return np.asarray((parts[..., :count] - parts[..., count:]) / (2.0 * _STEP))


class TwoComponentMixture(LogNormalMixture):
    """``(1 - share)`` log-normal, ``share`` slower by a factor, with a spread of its own: two kinds of host, link or moment."""

    name = "slow_share"
    heterogeneous = True
    shapes = (
        SCALE, Shape("share", -2.5, 2.0, "logit"), Shape("slower_log", 0.0, 0.5, "log", "log"),
        Shape("slow_scale", -0.7, 0.7, "log", reach=2.0),
    )  # fmt: skip
    starts = ((-3.0, 0.4, -0.7), (-0.7, -0.2, -0.7))  # a small share much slower, and a large one a little slower

    def components(self, shape: Parameters) -> Components:
        scale, share, slower, slow_scale = shape
        return Components(
            _stacked(-np.logaddexp(0.0, share), -np.logaddexp(0.0, -share)), _stacked(0.0 * slower, np.exp(slower)),
            _stacked(scale, self.shapes[3].bounded(slow_scale)),
        )  # fmt: skip


def _survival(parts: Components, z: Array) -> Array:
    """Return the log of the survival at logs of time less the location."""
    return log_sum(parts.log_share + special.log_ndtr(-(z - parts.shift) * np.exp(-parts.log_scale)))


def _stacked(*values: Array | float) -> Array:
    """Return values that broadcast as one array with a first axis for the components."""
    return np.stack(np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in values)))


def _relevant(parts: Components) -> npt.NDArray[np.bool_]:
    """Return which components have a share worth their work, in any of the draws."""
    return np.asarray(parts.log_share.reshape(len(parts.log_share), -1).max(axis=1) > _MIN_LOG_SHARE)
