"""From the failure of one attempt at a piece to the failure of a layer, and back to the timeout a layer needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from dfly_analysis.errors import TableError
from dfly_analysis.fits import Interval

_LONGEST_S = 30.0 * 86_400.0
_SHORTEST_S = 1e-3
# Caution, not a measurement: how many failures of a first pass are taken to repeat in the second for the upper end.
_REPEATING_SHARE = 0.1


class PieceFailure(Protocol):
    """What is asked of a fit of attempts."""

    def failure_rate(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> Interval:
        """Return the chance that an attempt fails, for any cause."""
        ...

    def timeout_rate(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> Interval:
        """Return the chance that a timeout cuts an attempt."""
        ...


def task_failure_probability(
    piece_failure: float, n_pieces: float, passes: int = 2, *, shared_fate: float = 0.0
) -> float:
    """Return the chance that a task fails, from that of one attempt at a piece.

    A client tries a piece under the scheduler, then once more in one direct pass over what is missing; the task fails
    where any piece fails in every pass. With independent attempts that is ``1 - (1 - f ** passes) ** n``. Attempts of
    one task are seldom independent: a registry that is slow for the first attempt is often slow for the second.
    ``shared_fate`` is the share of failures that repeat for sure in the next pass, so a piece fails all passes with
    ``f * (shared_fate + (1 - shared_fate) * f) ** (passes - 1)``.

    Parameters
    ----------
    piece_failure : float
        Of one attempt, 0 to 1.
    n_pieces : float
        Pieces of the task, at least 1.
    passes : int
        Attempts each piece gets; 2 for a layer from the source with client v0.1.13 and later.
    shared_fate : float
        0 (independent) to 1 (a piece that fails once fails again).

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    TableError
        Where an argument is out of range.
    """
    if not (0.0 <= piece_failure <= 1.0 and 0.0 <= shared_fate <= 1.0 and n_pieces >= 1 and passes >= 1):
        given = f"piece_failure {piece_failure}, n_pieces {n_pieces}, passes {passes}, shared_fate {shared_fate}"
        raise TableError(f"no chance follows from {given}", where="task_failure_probability")
    piece = piece_failure * (shared_fate + (1.0 - shared_fate) * piece_failure) ** (passes - 1)
    return 1.0 if piece >= 1.0 else float(-np.expm1(n_pieces * np.log1p(-piece)))


def layer_failure_rate(
    fit: PieceFailure,
    layer_size_bytes: float,
    piece_bytes: float,
    timeout_s: float,
    passes: int = 2,
    level: float = 0.95,
    *,
    competing: bool = True,
) -> Interval:
    """Return the chance that a layer fails at a piece timeout.

    Value and lower end take the passes as independent. The upper end takes the interval's upper end of an attempt's
    failure and lets a tenth of the failures repeat, since the two passes of a task share host, link and registry.

    Parameters
    ----------
    fit : DurationFit
        Of attempts at pieces.
    layer_size_bytes, piece_bytes : float
    timeout_s : float
        Of one attempt.
    passes : int
        Attempts each piece gets.
    level : float
    competing : bool
        Whether resets, storage and origin errors count too; else only the timeout.

    Returns
    -------
    Interval
        A share, 0 to 1.

    Raises
    ------
    TableError
        Where an argument is out of range.
    """
    if not (layer_size_bytes > 0 and piece_bytes > 0):
        raise TableError(
            f"a layer of {layer_size_bytes} bytes in pieces of {piece_bytes} cannot be", where="layer_failure_rate"
        )
    n_pieces = float(np.ceil(layer_size_bytes / piece_bytes))
    size = min(piece_bytes, layer_size_bytes)
    attempt = fit.failure_rate(size, timeout_s, level) if competing else fit.timeout_rate(size, timeout_s, level)
    return Interval(
        value=task_failure_probability(attempt.value, n_pieces, passes),
        low=task_failure_probability(attempt.low, n_pieces, passes),
        high=task_failure_probability(attempt.high, n_pieces, passes, shared_fate=_REPEATING_SHARE),
    )


def timeout_for_target(
    fit: PieceFailure,
    layer_size_bytes: float,
    piece_bytes: float,
    target_failure_rate: float,
    passes: int = 2,
    level: float = 0.95,
    *,
    competing: bool = False,
) -> Interval:
    """Return the piece timeout at which a layer's failure rate meets a target.

    Parameters
    ----------
    fit : DurationFit
    layer_size_bytes, piece_bytes : float
    target_failure_rate : float
        Between 0 and 1.
    passes : int
    level : float
    competing : bool
        Whether resets and the like count too. No timeout cures those, so by default only timeouts do.

    Returns
    -------
    Interval
        Seconds. ``value`` where the estimate meets the target, ``low`` where the lower end of its interval does and
        ``high`` where the upper end does: the timeout to set. Infinite where none up to 30 days does.

    Raises
    ------
    TableError
        Where an argument is out of range.
    """
    if not 0.0 < target_failure_rate < 1.0:
        raise TableError(f"a target of {target_failure_rate} is not between 0 and 1", where="timeout_for_target")

    def rate(timeout_s: float) -> Interval:
        return layer_failure_rate(fit, layer_size_bytes, piece_bytes, timeout_s, passes, level, competing=competing)

    value = _smallest(lambda t: rate(t).value <= target_failure_rate)
    low = _smallest(lambda t: rate(t).low <= target_failure_rate)
    high = _smallest(lambda t: rate(t).high <= target_failure_rate)
    return Interval(value, min(low, value), max(high, value))


def _smallest(meets: Callable[[float], bool]) -> float:
    """Return the smallest timeout that meets a condition which, once met, stays so; to a thousandth."""
    if not meets(_LONGEST_S):
        return float("inf")
    low, high = np.log(_SHORTEST_S), np.log(_LONGEST_S)
    while high - low > 1e-3:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if meets(float(np.exp(middle))) else (middle, high)
    return float(np.exp(high))
