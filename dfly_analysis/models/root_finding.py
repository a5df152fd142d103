"""Where falling curves cross zero, many at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_MAX_STEPS = 80
_NARROW, _NEAR = 1e-10, 1e-11
_ONE_SIDE = -1
# The search takes no infinity; so steep a value leads it to halve as infinity would.
_STEEPEST = 1e30


def crossing(falling: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return where each of many curves crosses zero (Chandrupatla's method, as scipy has it).

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
    from scipy.optimize import elementwise

    places = np.array(low, dtype=float)
    curves = np.arange(places.size).reshape(places.shape)

    def some(place: Array, *given: Any) -> Array:
        """Return values of the curves that are still searched; the others stay where they were."""
        (which,) = given
        places.flat[which] = place
        return np.asarray(np.clip(falling(places), -_STEEPEST, _STEEPEST).flat[which])

    found = elementwise.find_root(
        some,
        (low, high),
        args=(curves,),
        tolerances={"xatol": _NARROW, "xrtol": 0.0, "fatol": _NEAR, "frtol": 0.0},
        maxiter=_MAX_STEPS,
    )
    (left, right), (above, _) = found.bracket, found.f_bracket
    return np.asarray(np.where(found.status != _ONE_SIDE, found.x, np.where(above <= 0.0, left, right)))
