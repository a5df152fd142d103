"""The likelihood of a normal law of rows of which some are lower bounds, in as many steps as there are bounds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from dfly_analysis.models.distribution import Array


class Moments(NamedTuple):
    """All that a normal likelihood asks of rows that finished: how many, their sum and the sum of their squares."""

    rows: int
    total: float
    squares: float

    @classmethod
    def of(cls, seen: Array) -> Moments:
        """Sum up rows; they should lie about 0, or the squares lose digits."""
        return cls(len(seen), float(seen.sum()), float(seen @ seen))


def negative_log_likelihood(theta: Array, seen: Moments, cut: Array) -> tuple[float, Array]:
    """Return the negative log likelihood of a normal law with cut rows, and its gradient."""
    spread, centre = np.exp(theta[1]), theta[0]
    sum_z = (seen.total - seen.rows * centre) / spread
    sum_zz = (seen.squares - 2.0 * centre * seen.total + seen.rows * centre * centre) / (spread * spread)
    q = (cut - centre) / spread
    tail = special.log_ndtr(-q)
    hazard = np.exp(-0.5 * q * q - 0.5 * np.log(2.0 * np.pi) - tail)
    value = 0.5 * sum_zz + seen.rows * theta[1] - tail.sum()
    return float(value), np.array([-(sum_z + hazard.sum()) / spread, seen.rows - sum_zz - hazard @ q])
