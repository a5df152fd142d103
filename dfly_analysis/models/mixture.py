"""Laws that are several log-normals at once, with their derivatives in closed form."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from dfly_analysis.models.distribution import Array, Distribution, Parameters
from dfly_analysis.models.root_finding import crossing

_LOG_ROOT_TWO_PI = 0.5 * np.log(2.0 * np.pi)
_STEP = 1e-5
# What is left out: less than any number of attempts can tell.
_MIN_LOG_SHARE = -23.0


class Components(NamedTuple):
    """The log-normals of a mixture along the first axis: logs of their shares, shifts of the location, logs of their scales."""

    log_share: Array
    shift: Array
    log_scale: Array


class LogNormalMixture(Distribution):
    """A mixture of log-normals; a law of this kind says only what its components are."""

    def components(self, shape: Parameters) -> Components:
        """Return the components under the shapes; these may be arrays of draws."""
        raise NotImplementedError

    def log_density(self, y: Array, location: Array, shape: Parameters) -> Array:
        """Return the log density of ``y``."""
        return _density(self._aligned(shape, y, location), y - location)

    def log_survival(self, y: Array, location: Array, shape: Parameters) -> Array:
        """Return the log of the probability to last beyond ``y``."""
        return _survival(self._aligned(shape, y, location), y - location)

    def scores(self, y: Array, location: Array, shape: Parameters, *, survival: bool) -> list[Array]:
        """Return each row's derivatives."""
        return self.value_and_scores(y, location, shape, survival=survival)[1]

    def value_and_scores(
        self, y: Array, location: Array, shape: Parameters, *, survival: bool
    ) -> tuple[Array, list[Array]]:
        """Return the law's log with its derivatives: those of the components, each with the share it has in the row."""
        vector = np.array([float(value) for value in shape])
        parts = self.components(vector)
        weighty = _weighty(parts)
        log_share, shift, log_scale = (part[weighty][:, None] for part in parts)
        inverse = np.exp(-log_scale)
        z = (y - location - shift) * inverse
        single = special.log_ndtr(-z) if survival else -0.5 * z * z - log_scale
        logs = log_share + single
        most = logs.max(axis=0)
        held = np.exp(logs - most)
        total = held.sum(axis=0)
        held /= total
        value = most + np.log(total) - (0.0 if survival else _LOG_ROOT_TWO_PI)
        hazard = np.exp(-0.5 * z * z - _LOG_ROOT_TWO_PI - single) if survival else z
        by_shift = held * hazard * inverse
        by_scale = held * (hazard * z if survival else z * z - 1.0)
        slopes = self._slopes(vector)[weighty]
        result = slopes[:, 0].T @ held + slopes[:, 1].T @ by_shift + slopes[:, 2].T @ by_scale
        return value, [by_shift.sum(axis=0), *result]

    def quantile(self, p: Array, location: Array, shape: Parameters) -> Array:
        """Return ``y`` below which a share ``p`` lies, between that of the fastest and that of the slowest component."""
        share = np.asarray(p, dtype=float)
        parts = self._aligned(shape, share, location)
        single = location + parts.shift - np.exp(parts.log_scale) * special.ndtri(1.0 - share)
        low, high = single.min(axis=0), single.max(axis=0)
        target = np.log1p(-share)
        return crossing(lambda y: _survival(parts, y - location) - target, low, high)

    def _aligned(self, shape: Parameters, *others: Array) -> Components:
        """Return the components with axes enough to go with other arrays."""
        parts = self.components(shape)
        parts = Components(*(part[_weighty(parts)] for part in parts))
        missing = max(np.ndim(other) for other in others) - (parts.log_share.ndim - 1)
        if missing <= 0:
            return parts
        return Components(*(np.reshape(part, (len(part), *(1,) * missing, *part.shape[1:])) for part in parts))

    def _slopes(self, shape: Array) -> Array:
        """Return the derivatives of the components by the shapes, ``(components, 3, shapes)``."""
        count = len(shape)
        steps = _STEP * np.eye(count)
        moved = np.concatenate([shape + steps, shape - steps])
        parts = np.stack([np.asarray(part) for part in self.components(tuple(moved.T))], axis=1)
        return np.asarray((parts[..., :count] - parts[..., count:]) / (2.0 * _STEP))


def _density(parts: Components, z: Array) -> Array:
    """Return the log density at logs of time less the location."""
    inner = (z - parts.shift) * np.exp(-parts.log_scale)
    return np.asarray(_log_sum(parts.log_share - parts.log_scale - 0.5 * inner * inner) - _LOG_ROOT_TWO_PI)


def _survival(parts: Components, z: Array) -> Array:
    """Return the log of the survival at logs of time less the location."""
    return _log_sum(parts.log_share + special.log_ndtr(-(z - parts.shift) * np.exp(-parts.log_scale)))


def stacked(*values: Array | float) -> Array:
    """Return values that broadcast as one array with a first axis for the components."""
    return np.stack(np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in values)))


def _weighty(parts: Components) -> npt.NDArray[np.bool_]:
    """Return which components have a share worth their work, in any of the draws."""
    return np.asarray(parts.log_share.reshape(len(parts.log_share), -1).max(axis=1) > _MIN_LOG_SHARE)


def _log_sum(logs: Array) -> Array:
    most = logs.max(axis=0)
    return np.asarray(most + np.log(np.exp(logs - most).sum(axis=0)))
