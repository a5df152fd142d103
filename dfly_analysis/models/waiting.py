"""Laws of attempts of which a few stall: they wait for a time that does not depend on their size."""

from __future__ import annotations

import numpy as np
from scipy import special

from dfly_analysis.models.law import LARGEST_LOG, SCALE, Array, Law, Parameters, Shape, central
from dfly_analysis.models.laws.lognormal import LAW as LOGNORMAL

LOG_SMALLEST = -650.0
_LARGEST_LOG_VARIANCE = 2.0
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

    def value_and_scores(
        self, y: Array, location: Array, shape: Parameters, *, survival: bool
    ) -> tuple[Array, list[Array]]:
        """Return the law's log with its derivatives: of the transfer and of the wait, each with its share of the row."""
        usual, (usual_by_location, usual_by_scale) = LOGNORMAL.value_and_scores(
            y, location, shape[:1], survival=survival
        )
        log_wait, log_slope = _wait(y, location, shape)
        function = self.wait_survival if survival else self.wait_density
        rare = function(log_wait, shape[2:])
        by_wait = central(lambda step: function(log_wait + step, shape[2:]))
        by_own = [
            central(lambda step, at=at: function(log_wait, [*shape[2:at], shape[at] + step, *shape[at + 1 :]]))
            for at in range(2, len(shape))
        ]
        wait_slopes, slope_slopes = _wait_slopes(y, location, shape)
        if not survival:
            rare, by_wait = rare - log_wait + log_slope + y, by_wait - 1.0
            slopes = [by_wait * w + s for w, s in zip(wait_slopes, slope_slopes, strict=True)]
        else:
            slopes = [by_wait * w for w in wait_slopes]
        value = _mixed(usual, np.maximum(rare, LOG_SMALLEST), shape[1])
        share = special.expit(shape[1])
        held = np.where(rare > LOG_SMALLEST, np.exp(np.maximum(rare, LOG_SMALLEST) - value) * share, 0.0)
        by_location, by_scale = (
            (1.0 - held) * of_usual + held * of_rare
            for of_usual, of_rare in zip((usual_by_location, usual_by_scale), slopes, strict=True)
        )
        return value, [by_location, by_scale, held - share, *(held * slope for slope in by_own)]

    def scores(self, y: Array, location: Array, shape: Parameters, *, survival: bool) -> list[Array]:
        """Return each row's derivatives."""
        return self.value_and_scores(y, location, shape, survival=survival)[1]


def _wait(y: Array, location: Array, shape: Parameters) -> tuple[Array, Array]:
    """Return the log of the wait that makes an attempt last ``exp(y)``, and the log of its slope in that time."""
    variance = np.exp(np.clip(2.0 * shape[0], -LARGEST_LOG, _LARGEST_LOG_VARIANCE))
    usual = np.exp(np.clip(location, -LARGEST_LOG, LARGEST_LOG))
    spread = usual * np.sqrt(np.expm1(variance))
    late = (np.exp(np.minimum(y, LARGEST_LOG)) - usual) / spread
    soft = np.logaddexp(0.0, late)
    return np.log(spread) + np.log(np.maximum(soft, 1e-300)), late - soft


def _wait_slopes(y: Array, location: Array, shape: Parameters) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return the derivatives of both of `_wait`, each by location and by the log of the scale."""
    log_variance = 2.0 * np.asarray(shape[0])
    variance = np.exp(np.clip(log_variance, -LARGEST_LOG, _LARGEST_LOG_VARIANCE))
    grown = np.expm1(variance)
    # By the log of the scale, of the log of the spread.
    spreads = np.where(log_variance < _LARGEST_LOG_VARIANCE, variance * np.exp(variance) / grown, 0.0)
    ratio = np.exp(np.minimum(y, LARGEST_LOG) - np.clip(location, -LARGEST_LOG, LARGEST_LOG))
    late = (ratio - 1.0) / np.sqrt(grown)
    by_location, by_scale = -ratio / np.sqrt(grown), -late * spreads
    reached = special.expit(late)
    softened = reached / np.maximum(np.logaddexp(0.0, late), 1e-300)
    waits = (1.0 + softened * by_location, spreads + softened * by_scale)
    return waits, ((1.0 - reached) * by_location, (1.0 - reached) * by_scale)


def _mixed(usual: Array, rare: Array, share_logit: Array) -> Array:
    return np.asarray(np.logaddexp(usual - np.logaddexp(0.0, share_logit), rare - np.logaddexp(0.0, -share_logit)))
