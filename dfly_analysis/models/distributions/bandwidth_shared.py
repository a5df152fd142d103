"""A link shared by a random number of pieces: time is size times the number of pieces at once over the bandwidth."""

import numpy as np
from scipy import special

from dfly_analysis.models.distribution import SCALE, Array, Parameters, Shape, log_sum
from dfly_analysis.models.distributions.lognormal_mixture import Components, LogNormalMixture

_MIN_VARIANCE = 0.02
# How sharply the limit ends the number of pieces.
_END = 5.0
_OTHERS = np.arange(48.0)
_LOG_FACTORIAL = special.gammaln(_OTHERS + 1.0)
_LOG_SHARING = np.log1p(_OTHERS)


class BandwidthShared(LogNormalMixture):
    """``D = (1 + others) * size / bandwidth``, the bandwidth log-normal, ``P(others = k) ~ exp(contention k) / k! ** evenness``.

    The Conway-Maxwell-Poisson distribution of a count (1962): with evenness 1 pieces come independently (Poisson), with 0 they queue
    (geometric), above 1 they are spread more evenly than chance.
    """

    name = "shared_link"
    family = "shared_link"
    shapes: tuple[Shape, ...] = (SCALE, Shape("contention", 0.3, 1.0), Shape("evenness", 0.7, 0.7))
    starts: tuple[tuple[float, ...], ...] = ((0.7, 1.0), (-0.4, 0.1))  # two others at a time, and a queue

    def start_of_search(self, theta: Array) -> Array:
        share = np.exp(self.components(theta[2:]).log_share)
        mean = float(share @ _LOG_SHARING)
        variance = float(share @ _LOG_SHARING**2) - mean * mean
        result = theta.copy()
        result[0] -= mean
        result[2] = 0.5 * np.log(max(np.exp(2.0 * theta[2]) - variance, _MIN_VARIANCE))
        return result

    def components(self, shape: Parameters) -> Components:
        scale = np.asarray(shape[0], dtype=float)
        axes = (slice(None), *(None,) * np.ndim(scale))
        logs = self.weigh(_OTHERS[axes], _LOG_FACTORIAL[axes], shape[1:])
        log_share: Array = logs - log_sum(logs)
        return Components(log_share, *(np.broadcast_to(one, log_share.shape) for one in (_LOG_SHARING[axes], scale)))

    def weigh(self, others: Array, log_factorial: Array, shape: Parameters) -> Array:
        """Return the log of the chance of each number of others, up to a constant."""
        return np.asarray(others * shape[0] - np.maximum(shape[1], 0.0) * log_factorial)


class BandwidthSharedCapped(BandwidthShared):
    """A shared link with at most ``most`` pieces at once, as a client's own limit sets it; few samples rule out either for sure."""

    name = "shared_link_limited"
    shapes = (*BandwidthShared.shapes, Shape("most", 2.2, 0.7, "log", reach=2.0))
    starts = ((0.2, 0.2, 1.8), (-0.2, 0.1, 2.5))  # up to six at a time, and up to twelve

    def weigh(self, others: Array, log_factorial: Array, shape: Parameters) -> Array:
        most = np.exp(self.shapes[3].bounded(np.asarray(shape[2])))
        return super().weigh(others, log_factorial, shape) - np.logaddexp(0.0, _END * (others + 1.0 - most))
