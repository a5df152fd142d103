"""What a simulated pipeline is given, and what comes of it. Frozen."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

# Times are tabled against the normal score of a probability, which is even where it matters: in the tail.
SCORES = np.linspace(-4.0, 5.0, 181)


@dataclass(frozen=True)
class Layers:
    """Layers to fetch, in the order in which they are handed out; arrays of one length.

    Attributes
    ----------
    n_pieces, passes : array of int
        Pieces, and rounds over what is missing.
    whole, last : array of int
        Size class of whole pieces, and of the last one.
    link : array of int
        Which link it comes over, from 0.
    arrival_s : array
        When it may begin, seconds, ascending.
    """

    n_pieces: Index
    passes: Index
    whole: Index
    last: Index
    link: Index
    arrival_s: Array


@dataclass(frozen=True)
class ClientBehaviour:
    """Settings and what the client's release does.

    Attributes
    ----------
    slots, lanes : int
        Pieces of one layer in flight, and layers in flight.
    timeout_s : (float, float)
        What cuts an attempt in the first and in later passes.
    siblings_cancelled, noticed_at_once : bool
        Whether a failed piece takes the others of its round with it, and whether the round ends at once or only when its
        last piece has got a slot. Where siblings are not cancelled, they run on and a failed piece is tried anew beside them.
    limit_bps : float
        Of the client's own rate limiter; infinite where there is none.
    """

    slots: int
    lanes: int
    timeout_s: tuple[float, float]
    siblings_cancelled: bool = True
    noticed_at_once: bool = False
    limit_bps: float = float("inf")


@dataclass(frozen=True)
class Assumptions:
    """What is assumed of the source, in several variants.

    Attributes
    ----------
    log_time : array
        Log seconds of an attempt at the usual load, shape (variants, 2 passes, size classes, `SCORES`).
    hazard_per_s, at_start : array
        Other failures, per second and at the start of an attempt, shape (variants, 2 passes).
    contention, usual_contention : array
        How much one more piece in flight slows the others, then and when the law was seen; shape (variants).
    usual_load : float
        Pieces in flight on a link when the law was seen.
    contention_exponent : float
        1 for a throughput that saturates softly, large for a link that is full at a stroke.
    usual_bps : float
        What a usual piece is carried at under the usual load, bytes per second: a faster one loads the link for more than one
        piece, a slower one for less. 0 where each loads it alike.
    retry_failure_correlation : array
        Share of the failures of a pass that repeat for sure in the next, shape (variants); none where empty.
    class_bytes : array
        Bytes of each size class.
    """

    log_time: Array
    hazard_per_s: Array
    at_start: Array
    contention: Array
    usual_contention: Array
    usual_load: float
    contention_exponent: float
    class_bytes: Array
    usual_bps: float = 0.0
    retry_failure_correlation: Array = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Outcome:
    """What came of each copy (row) and layer (column).

    Attributes
    ----------
    started_s, ended_s : array
    ok : array of bool
    attempts, cut, failed : array
        Attempts of each copy that were not cancelled, those that a timeout cut, and those that failed for any cause.
    """

    started_s: Array
    ended_s: Array
    ok: Flags
    attempts: Array
    cut: Array
    failed: Array


def throughput_shape(in_flight: Array | float, contention: Array | float, contention_exponent: float) -> Array:
    """Return the speed of one piece of several in flight, of that of a piece alone: ``(1 + (c n)^k)^(-1/k)``."""
    return np.asarray(
        (1.0 + (np.asarray(contention) * in_flight) ** contention_exponent) ** (-1.0 / contention_exponent)
    )
