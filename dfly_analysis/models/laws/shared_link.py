"""A link shared by a random number of pieces: time is size times the number of pieces at once over the bandwidth."""

from __future__ import annotations

import numpy as np
from scipy import special

from dfly_analysis.models.law import SCALE, Array, Parameters, Shape
from dfly_analysis.models.mixture import Components, LogNormalMixture, stacked

_MOST = 28
_OTHERS = np.arange(_MOST, dtype=float)
_LOG_FACTORIAL = special.gammaln(_OTHERS + 1.0)
_LOG_SHARING = np.log1p(_OTHERS)


class SharedLink(LogNormalMixture):
    """``D = (1 + others) * size / bandwidth``, the bandwidth log-normal, ``P(others = k) ~ exp(crowding k) / k! ** evenness``.

    Conway and Maxwell's law of a count (1962): with evenness 1 pieces come independently (Poisson), with 0 they queue
    (geometric), above 1 they are spread more evenly than chance.
    """

    name = "shared_link"
    title = "link shared by a varying number of pieces"
    shapes = (SCALE, Shape("crowding", 0.5, 0.3, 1.0), Shape("evenness", -0.4, -0.4, 1.1, "log", reach=2.5))

    @property
    def starts(self) -> tuple[tuple[float, ...], ...]:
        """Return where to begin: two others at a time, and a queue."""
        return ((0.7, 0.0), (-0.4, -1.5))

    def components(self, shape: Parameters) -> Components:
        """Return one log-normal for each number of pieces at once."""
        scale, crowding, evenness = shape
        axes = (slice(None), *(None,) * np.ndim(scale))
        logs = _OTHERS[axes] * crowding - np.exp(self.shapes[2].held(evenness)) * _LOG_FACTORIAL[axes]
        most = logs.max(axis=0)
        log_share: Array = logs - (most + np.log(np.exp(logs - most).sum(axis=0)))
        return Components(log_share, np.broadcast_to(_LOG_SHARING[axes], log_share.shape), stacked(*[scale] * _MOST))


LAW = SharedLink()
