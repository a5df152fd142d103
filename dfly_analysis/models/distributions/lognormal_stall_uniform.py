"""Log-normal with stalls that end at the latest after a time: a server or a proxy that gives up and starts again."""

from __future__ import annotations

import numpy as np

from dfly_analysis.models.distribution import Array, Parameters, Shape
from dfly_analysis.models.distributions.stall_mixture import STALL_SHAPES, StallMixture

# The end is not quite sudden, so that a search which has it too early is led back.
_EDGE, _FALL = -1e-3, 50.0


class LogNormalStallUniform(StallMixture):
    """``P(wait > w) = (1 - w / longest_wait) ** (1 + early)``: even up to the longest where ``early`` is 0."""

    name = "stall_bounded"
    shapes = (*STALL_SHAPES, Shape("longest_wait", 2.5, 1.0, "log", "s"), Shape("early", -2.5, 1.2, "log", reach=2.5))
    starts = ((-3.0, 3.0, -1.0), (-3.5, 4.5, 0.5))  # waits up to ten and thirty times a transfer

    def wait_density(self, log_wait: Array, shape: Parameters) -> Array:
        share_log, early = log_wait - shape[0], np.exp(self.shapes[3].bounded(shape[1]))
        inside = np.log1p(early) + early * _log_left(share_log) + share_log
        return np.where(share_log < _EDGE, inside, np.log(_FALL) + self.wait_survival(log_wait, shape))

    def wait_survival(self, log_wait: Array, shape: Parameters) -> Array:
        share_log, early = log_wait - shape[0], np.exp(self.shapes[3].bounded(shape[1]))
        return np.asarray((1.0 + early) * _log_left(share_log) - _FALL * np.maximum(share_log - _EDGE, 0.0))


def _log_left(share_log: Array) -> Array:
    """Return the log of what is left of the longest wait, up to just before its end."""
    return np.asarray(np.log(-np.expm1(np.minimum(share_log, _EDGE))))


DISTRIBUTION = LogNormalStallUniform()
