"""Log-normal with a share of slow attempts: two kinds of host, link or moment, both in proportion to size."""

from __future__ import annotations

import numpy as np

from dfly_analysis.models.distribution import SCALE, Parameters, Shape
from dfly_analysis.models.distributions.lognormal_mixture import Components, LogNormalMixture, stacked


class TwoComponentMixture(LogNormalMixture):
    """``(1 - share)`` log-normal, ``share`` log-normal again but slower by a factor and with a spread of its own."""

    name = "slow_share"
    heterogeneous = True
    shapes = (
        SCALE,
        Shape("share", -2.5, 2.0, "logit"),
        Shape("slower_log", 0.0, 0.5, "log", "log"),
        Shape("slow_scale", -0.7, 0.7, "log", reach=2.0),
    )
    starts = ((-3.0, 0.4, -0.7), (-0.7, -0.2, -0.7))  # a small share much slower, and a large one a little slower

    def components(self, shape: Parameters) -> Components:
        scale, share, slower, slow_scale = shape
        return Components(
            stacked(-np.logaddexp(0.0, share), -np.logaddexp(0.0, -share)),
            stacked(0.0 * slower, np.exp(slower)),
            stacked(scale, self.shapes[3].bounded(slow_scale)),
        )
