"""Where falling curves cross zero, many at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_MOST_STEPS = 80
_NEAR, _NARROW = 1e-11, 1e-10


def crossing(falling: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return where each of many curves crosses zero (Chandrupatla, Advances in Engineering Software 28, 1997).

    Parameters
    ----------
    falling : callable
        Values of all curves at one place each; above 0 on the left, below on the right.
    low, high : array
        Bounds, one a curve. Where both ends lie on one side of zero, the end that is nearer to it is the answer.

    Returns
    -------
    array
        To ten digits after the point.
    """
    here, there = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    value, opposite = falling(here), falling(there)
    outside = np.where(value <= 0.0, here, there)
    missed = (value <= 0.0) | (opposite >= 0.0)
    part = np.full(here.shape, 0.5)
    for _ in range(_MOST_STEPS):
        width = np.abs(there - here)
        best = np.where(np.abs(value) < np.abs(opposite), here, there)
        if ((width <= _NARROW) | (np.minimum(np.abs(value), np.abs(opposite)) <= _NEAR) | missed).all():
            break
        place = here + part * (there - here)
        found = falling(place)
        same = (found > 0.0) == (value > 0.0)
        before, earlier = np.where(same, here, there), np.where(same, value, opposite)
        there, opposite = np.where(same, there, here), np.where(same, opposite, value)
        here, value = place, found
        part = _next_part((here, there, before), (value, opposite, earlier))
    return np.where(missed, outside, best)


def _next_part(places: tuple[Array, Array, Array], values: tuple[Array, Array, Array]) -> Array:
    """Return how far to go from the first place to the second: by an inverse parabola where it can be trusted, else halfway."""
    (here, there, before), (value, opposite, earlier) = places, values
    with np.errstate(all="ignore"):
        xi, phi = (here - there) / (before - there), (value - opposite) / (earlier - opposite)
        trusted = (phi * phi < xi) & ((1.0 - phi) ** 2 < 1.0 - xi)
        parabola = value / (opposite - value) * earlier / (opposite - earlier)
        parabola += (before - here) / (there - here) * value / (earlier - value) * opposite / (earlier - opposite)
        least = np.minimum(0.5 * _NARROW / np.abs(there - here), 0.5)
        part = np.where(trusted & np.isfinite(parabola), parabola, 0.5)
        return np.asarray(np.clip(part, least, 1.0 - least))
