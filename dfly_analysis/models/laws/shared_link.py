"""A link shared by a random number of pieces: time is size times the number of pieces at once over the bandwidth."""

from __future__ import annotations

import numpy as np
from scipy import special

from dfly_analysis.models.law import SCALE, Array, Parameters, Shape
from dfly_analysis.models.mixture import Components, LogNormalMixture, stacked

_MOST = 20
_OTHERS = np.arange(_MOST, dtype=float)
_LOG_FACTORIAL = special.gammaln(_OTHERS + 1.0)
_LOG_SHARING = np.log1p(_OTHERS)


class SharedLink(LogNormalMixture):
    """``D = (1 + others) * size / bandwidth``, ``others`` negative binomial, the bandwidth log-normal.

    The negative binomial holds the Poisson (pieces come independently) and the geometric law (a queue) as ends.
    """

    name = "shared_link"
    title = "link shared by a varying number of pieces"
    heterogeneous = False
    shapes = (
        SCALE,
        Shape("others", 0.7, 0.5, 0.7, "log"),
        Shape("clumping", -1.5, -1.5, 1.2, "log"),
    )

    @property
    def starts(self) -> tuple[tuple[float, ...], ...]:
        """Return where to begin: two others and a link that is shared evenly, or in clumps."""
        return ((0.7, -2.5), (0.3, 0.0))

    def components(self, shape: Parameters) -> Components:
        """Return one log-normal for each number of pieces at once."""
        scale, others, clumping = shape
        log_share = _log_negative_binomial(np.exp(others), np.exp(-clumping))
        axes = (slice(None), *(None,) * np.ndim(scale))
        shift = np.broadcast_to(_LOG_SHARING[axes], log_share.shape)
        return Components(log_share, shift, stacked(*[scale] * _MOST))


def _log_negative_binomial(mean: Array, size: Array) -> Array:
    count = _OTHERS.reshape(-1, *(1,) * np.ndim(mean))
    factorial = _LOG_FACTORIAL.reshape(count.shape)
    total = np.log(size + mean)
    logs = special.gammaln(count + size) - special.gammaln(size) - factorial
    logs = logs + size * (np.log(size) - total) + count * (np.log(mean) - total)
    # What lies beyond the most that are counted is shared out among the others.
    most = logs.max(axis=0)
    return np.asarray(logs - (most + np.log(np.exp(logs - most).sum(axis=0))))


LAW = SharedLink()
