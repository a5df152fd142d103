"""A link shared by a random number of pieces: time is size times the number of pieces at once over the bandwidth."""

from __future__ import annotations

import numpy as np
from scipy import special

from dfly_analysis.models.law import SCALE, Array, Parameters, Shape
from dfly_analysis.models.mixture import Components, LogNormalMixture

_MOST = 26
# How sharply a limit on the number ends it.
_END = 5.0
_LEAST_VARIANCE = 0.02
_OTHERS = np.arange(_MOST, dtype=float)
_LOG_FACTORIAL = special.gammaln(_OTHERS + 1.0)
_LOG_SHARING = np.log1p(_OTHERS)


class SharedLink(LogNormalMixture):
    """``D = (1 + others) * size / bandwidth``, the bandwidth log-normal, ``P(others = k) ~ exp(crowding k) / k! ** evenness``.

    Conway and Maxwell's law of a count (1962): with evenness 1 pieces come independently (Poisson), with 0 they queue
    (geometric), above 1 they are spread more evenly than chance. A limit on the pieces in flight ends it at ``most``.
    """

    name = "shared_link"
    title = "link shared by a varying number of pieces"
    shapes = (
        SCALE,
        Shape("crowding", 0.5, 0.3, 1.0),
        Shape("evenness", 0.7, 0.7, 0.7),
        Shape("most", 3.0, 3.0, 1.0, "log", reach=2.5),
    )

    @property
    def starts(self) -> tuple[tuple[float, ...], ...]:
        """Return where to begin: two others at a time, a queue, and up to six at a time."""
        return ((0.7, 1.0, 3.0), (-0.4, 0.1, 3.0), (0.2, 0.2, 1.8))

    def placed(self, theta: Array) -> Array:
        """Take what sharing adds to location and spread out of the beginning."""
        share = np.exp(self.components(theta[2:]).log_share)
        mean = float(share @ _LOG_SHARING)
        variance = float(share @ _LOG_SHARING**2) - mean * mean
        made = theta.copy()
        made[0] -= mean
        made[2] = 0.5 * np.log(max(np.exp(2.0 * theta[2]) - variance, _LEAST_VARIANCE))
        return made

    def components(self, shape: Parameters) -> Components:
        """Return one log-normal for each number of pieces at once."""
        scale, crowding, evenness, most = shape
        axes = (slice(None), *(None,) * np.ndim(scale))
        others = _OTHERS[axes]
        logs = others * crowding - np.maximum(evenness, 0.0) * _LOG_FACTORIAL[axes]
        logs = logs - np.logaddexp(0.0, _END * (others + 1.0 - np.exp(self.shapes[3].held(most))))
        largest = logs.max(axis=0)
        log_share: Array = logs - (largest + np.log(np.exp(logs - largest).sum(axis=0)))
        return Components(
            log_share,
            np.broadcast_to(_LOG_SHARING[axes], log_share.shape),
            np.broadcast_to(np.asarray(scale, dtype=float), log_share.shape),
        )


LAW = SharedLink()
