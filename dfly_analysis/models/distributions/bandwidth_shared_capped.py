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
    title = "link shared by a limited number of pieces"
    shapes: tuple[Shape, ...] = (*BandwidthShared.shapes, Shape("most", 2.2, 2.2, 0.7, "log", reach=2.0))

    @property
    def starts(self) -> tuple[tuple[float, ...], ...]:
        """Where to begin: up to six at a time, and up to twelve."""
        return ((0.2, 0.2, 1.8), (-0.2, 0.1, 2.5))

    def weigh(self, others: Array, log_factorial: Array, shape: Parameters) -> Array:
        """Return the log of the chance of each number of others, up to a constant."""
        most = np.exp(self.shapes[3].held(np.asarray(shape[2])))
        return super().weigh(others, log_factorial, shape) - np.logaddexp(0.0, _END * (others + 1.0 - most))


DISTRIBUTION = BandwidthSharedCapped()
