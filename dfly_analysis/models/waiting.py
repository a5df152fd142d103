"""Laws of attempts of which a few stall: they wait for a time that does not depend on their size."""

from __future__ import annotations

import numpy as np

from dfly_analysis.models.law import LARGEST_LOG, SCALE, Array, Law, Parameters, Shape
from dfly_analysis.models.laws.lognormal import LAW as LOGNORMAL

LOG_SMALLEST = -650.0
STALL_SHAPES = (SCALE, Shape("share", -3.5, -3.5, 2.0, "logit"))


class Stalling(Law):
    """``(1 - share)`` log-normal; ``share`` the median of that plus a wait, smoothed by the transfer's own spread.

    The sum of a log-normal and a wait has no closed form. The time of a stalled attempt beyond the usual one is taken
    as ``s * log(exp(wait / s) - 1)``, which is the wait itself where it is long against the spread ``s`` of a transfer.
    """

    heterogeneous = True
    kin = "stall"
    proportional = False

    def wait_density(self, log_wait: Array, shape: Parameters) -> Array:
        """Return the log density of the log of a wait."""
        raise NotImplementedError

    def wait_survival(self, log_wait: Array, shape: Parameters) -> Array:
        """Return the log of the probability to wait for longer."""
        raise NotImplementedError

    def log_density(self, y: Array, location: Array, shape: Parameters) -> Array:
        """Return the log density of ``y``."""
        usual = LOGNORMAL.log_density(y, location, shape[:1])
        log_wait, log_slope = _wait(y, location, shape)
        stalled = self.wait_density(log_wait, shape[2:]) - log_wait + log_slope + y
        return _mixed(usual, np.maximum(stalled, LOG_SMALLEST), shape[1])

    def log_survival(self, y: Array, location: Array, shape: Parameters) -> Array:
        """Return the log of the probability to last beyond ``y``."""
        usual = LOGNORMAL.log_survival(y, location, shape[:1])
        stalled = self.wait_survival(_wait(y, location, shape)[0], shape[2:])
        return _mixed(usual, np.maximum(stalled, LOG_SMALLEST), shape[1])


def _wait(y: Array, location: Array, shape: Parameters) -> tuple[Array, Array]:
    """Return the log of the wait that makes an attempt last ``exp(y)``, and the log of its slope in that time."""
    variance = np.exp(np.clip(2.0 * shape[0], -LARGEST_LOG, 2.0))
    usual = np.exp(np.clip(location, -LARGEST_LOG, LARGEST_LOG))
    spread = usual * np.sqrt(np.expm1(variance))
    late = (np.exp(np.minimum(y, LARGEST_LOG)) - usual) / spread
    soft = np.logaddexp(0.0, late)
    return np.log(spread) + np.log(np.maximum(soft, 1e-300)), late - soft


def _mixed(usual: Array, rare: Array, share_logit: Array) -> Array:
    return np.asarray(np.logaddexp(usual - np.logaddexp(0.0, share_logit), rare - np.logaddexp(0.0, -share_logit)))
