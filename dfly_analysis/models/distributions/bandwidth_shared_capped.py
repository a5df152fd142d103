"""A link shared by a random number of pieces up to a limit, as a client's own limit on the pieces in flight sets it."""

from __future__ import annotations

import numpy as np

from dfly_analysis.models.distribution import Array, Parameters, Shape
from dfly_analysis.models.distributions.bandwidth_shared import BandwidthShared

# How sharply the limit ends the number.
_END = 5.0


class BandwidthSharedCapped(BandwidthShared):
    """A shared link with at most ``most`` pieces at once: apart from the other, since few samples rule out either for sure."""

    name = "shared_link_limited"
    shapes = (*BandwidthShared.shapes, Shape("most", 2.2, 0.7, "log", reach=2.0))
    starts = ((0.2, 0.2, 1.8), (-0.2, 0.1, 2.5))  # up to six at a time, and up to twelve

    def weigh(self, others: Array, log_factorial: Array, shape: Parameters) -> Array:
        most = np.exp(self.shapes[3].bounded(np.asarray(shape[2])))
        return super().weigh(others, log_factorial, shape) - np.logaddexp(0.0, _END * (others + 1.0 - most))


DISTRIBUTION = BandwidthSharedCapped()
