"""Which piece timeout: the smallest that surely meets a target, what waiting for the dead costs, and how the answer moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd

from dfly_analysis.errors import TableError
from dfly_analysis.fits import Interval
from dfly_analysis.knowledge.pieces import (
    passes_of_a_single_piece,
    piece_attempts,
    piece_length_bytes,
    siblings_cancelled,
)

_SHORTEST_S, _LONGEST_S = 1e-2, 30.0 * 86_400.0
_LEVEL = 0.95


class PieceFailure(Protocol):
    """What is asked of a law of a piece's time."""

    def failure_rate(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> Interval:
        """Return the chance that an attempt fails, for any cause."""
        ...

    def timeout_rate(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> Interval:
        """Return the chance that a timeout cuts an attempt."""
        ...


class Throughput(Protocol):
    """What is asked of a capacity: what a link carries with so many pieces in flight."""

    def throughput(self, in_flight: float) -> Interval:
        """Return bytes per second."""
        ...


@dataclass(frozen=True)
class LayerShape:
    """A layer and how a client fetches it.

    Attributes
    ----------
    size_bytes, piece_bytes : float
    slots : int
        Pieces in flight.
    passes : int
    siblings_cancelled : bool
        Whether a lost round takes what is in flight with it, so that those pieces have one try left.
    """

    size_bytes: float
    piece_bytes: float
    slots: int
    passes: int = 2
    siblings_cancelled: bool = True

    @property
    def n_pieces(self) -> int:
        """Return how many pieces it has."""
        return int(np.ceil(self.size_bytes / self.piece_bytes))

    @classmethod
    def of_client(
        cls, size_bytes: float, slots: int, client_version: str | None = None, piece_bytes: float | None = None
    ) -> LayerShape:
        """Return a layer as a client's release cuts and fetches it."""
        piece = min(float(piece_bytes or piece_length_bytes(int(size_bytes), client_version)), float(size_bytes))
        single = size_bytes <= piece
        passes = passes_of_a_single_piece(client_version) if single else piece_attempts(client_version).passes
        return cls(float(size_bytes), piece, max(1, slots), passes, siblings_cancelled(client_version))


@dataclass(frozen=True)
class TimeoutChoice:
    """A piece timeout for a layer and a target.

    Attributes
    ----------
    layer : LayerShape
    target_failure_rate : float
    timeout_s : float
        The smallest whose upper failure bound meets the target; infinite where none up to 30 days does.
    estimate_s : float
        The smallest whose estimate meets it.
    failure_rate : Interval
        Of a layer at ``timeout_s``.
    waited_s : Interval
        Expected seconds in which a slot waits for an attempt that the limit then cuts, a layer.
    layer_delay_s : Interval
        The same over the slots: what the waiting adds to a layer's time, about.
    """

    layer: LayerShape
    target_failure_rate: float
    timeout_s: float
    estimate_s: float
    failure_rate: Interval
    waited_s: Interval
    layer_delay_s: Interval


def layer_failure_chance(attempt_failure: float, layer: LayerShape) -> float:
    """Return the chance that a layer fails, from that of one attempt.

    Where siblings run on, or there is a single pass, each piece has its tries for itself: ``1 - (1 - f^passes)^n``. Where a lost
    round cancels what is in flight, those ``slots`` pieces begin anew with one try left. With ``e = n - slots`` pieces
    that end before the last has its slot, the layer comes through with
    ``(1-f)^n + (1-f)^e (1 - (1-f)^s) (1-f)^(s/2) + ((1-f^2)^e - (1-f)^e) (1-f)^s``: no failure; a first failure among the last
    ``s``, when about half of them are still in flight; a failure before.

    Parameters
    ----------
    attempt_failure : float
        0 to 1.
    layer : LayerShape

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    TableError
        Where the chance is none.
    """
    if not 0.0 <= attempt_failure <= 1.0:
        raise TableError(f"a chance of {attempt_failure} cannot be", where="layer_failure_chance")
    f, n = attempt_failure, layer.n_pieces
    if f >= 1.0:
        return 1.0
    if layer.passes < 2 or not layer.siblings_cancelled:
        return float(-np.expm1(n * np.log1p(-(f**layer.passes))))
    slots = min(layer.slots, n)
    early, well = n - slots, np.log1p(-f)
    late_loss = -np.expm1(slots * well)
    through = np.exp(n * well) + np.exp((early + 0.5 * slots) * well) * late_loss
    through += (np.exp(early * np.log1p(-f * f)) - np.exp(early * well)) * np.exp(slots * well)
    # For small chances the sum above loses its digits; what is left out there is of second order.
    small = f * f * (early * (slots + 1) + 0.5 * slots * slots) if n * f < 1e-6 else 0.0
    return float(np.clip(small or 1.0 - through, 0.0, 1.0))


def choose_timeout(
    fit: PieceFailure, layer: LayerShape, target_failure_rate: float, *, slower: float = 1.0, competing: bool = False
) -> TimeoutChoice:
    """Choose a piece timeout.

    Parameters
    ----------
    fit : DurationFit
        Of attempts at pieces.
    layer : LayerShape
    target_failure_rate : float
        Share of such layers that may fail, between 0 and 1.
    slower : float
        How many times as long as seen each attempt takes, e.g. because more share the link.
    competing : bool
        Whether resets and the like count too; no timeout cures those.

    Returns
    -------
    TimeoutChoice

    Raises
    ------
    TableError
        Where an argument is out of range.
    """
    if not (0.0 < target_failure_rate < 1.0 and slower > 0.0):
        raise TableError(
            f"a target of {target_failure_rate} at {slower} times the time cannot be", where="choose_timeout"
        )
    asked = fit.failure_rate if competing else fit.timeout_rate
    size = min(layer.piece_bytes, layer.size_bytes)

    def rate(timeout_s: float) -> Interval:
        one = asked(size, timeout_s / slower, _LEVEL)
        return Interval(*(layer_failure_chance(end, layer) for end in (one.value, one.low, one.high)))

    estimate = _smallest(lambda t: rate(t).value <= target_failure_rate)
    sure = max(estimate, _smallest(lambda t: rate(t).high <= target_failure_rate))
    at = min(sure, _LONGEST_S)
    cut = fit.timeout_rate(size, at / slower, _LEVEL)
    waited = Interval(*(layer.n_pieces * end * at for end in (cut.value, cut.low, cut.high)))
    delay = Interval(*(end / min(layer.slots, layer.n_pieces) for end in (waited.value, waited.low, waited.high)))
    return TimeoutChoice(layer, target_failure_rate, sure, estimate, rate(at), waited, delay)


def timeout_sensitivity(  # noqa: PLR0913 - each is one thing that may change
    fit: PieceFailure,
    layer: LayerShape,
    target_failure_rate: float,
    *,
    capacity: Throughput | None = None,
    client_version: str | None = None,
    targets: Sequence[float] = (1e-2, 1e-3, 1e-4),
    sizes_bytes: Sequence[float] = (),
    speeds: Sequence[float] = (0.5, 2.0),
    slots: Sequence[int] = (),
) -> pd.DataFrame:
    """Return how the chosen timeout moves, one thing changed at a time.

    Parameters
    ----------
    fit : DurationFit
    layer : LayerShape
        The layer asked for.
    target_failure_rate : float
    capacity : CapacityFit, optional
        Says how much slower a piece is with other numbers in flight; without it pieces do not feel each other.
    client_version : str, optional
        Cuts the layers of other sizes.
    targets, sizes_bytes, speeds, slots : sequences
        Other targets, layer sizes, bandwidths (as multiples of that seen) and pieces in flight.

    Returns
    -------
    DataFrame
        ``changed`` (asked, target, size, bandwidth or concurrency), ``target_failure_rate``, ``size_bytes``, ``piece_bytes``, ``slots``,
        ``speed``, ``timeout_s``, ``estimate_s``, ``waited_s`` (expected, a layer); the first row is what was asked.
    """
    rows: list[tuple[str, LayerShape, float, float, float]] = [("asked", layer, target_failure_rate, 1.0, 1.0)]
    rows += [("target", layer, target, 1.0, 1.0) for target in targets if target != target_failure_rate]
    for size in sizes_bytes:
        rows.append(("size", LayerShape.of_client(size, layer.slots, client_version), target_failure_rate, 1.0, 1.0))
    rows += [("bandwidth", layer, target_failure_rate, speed, 1.0 / speed) for speed in speeds]
    for count in slots:
        slower = 1.0
        if capacity is not None:
            slower = count / layer.slots * capacity.throughput(layer.slots).value / capacity.throughput(count).value
        rows.append(("concurrency", replace(layer, slots=count), target_failure_rate, 1.0, slower))
    made = []
    for changed, one, target, speed, slower in rows:
        choice = choose_timeout(fit, one, target, slower=slower)
        made.append(
            (changed, target, one.size_bytes, one.piece_bytes, one.slots, speed, choice.timeout_s, choice.estimate_s, choice.waited_s.value)
        )  # fmt: skip
    names = ["changed", "target_failure_rate", "size_bytes", "piece_bytes", "slots", "speed", "timeout_s", "estimate_s", "waited_s"]  # fmt: skip
    return pd.DataFrame(made, columns=names)


def _smallest(meets: Callable[[float], bool]) -> float:
    """Return the smallest timeout that meets a condition which, once met, stays so; to a thousandth."""
    if not meets(_LONGEST_S):
        return float("inf")
    low, high = np.log(_SHORTEST_S), np.log(_LONGEST_S)
    while high - low > 1e-3:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if meets(float(np.exp(middle))) else (middle, high)
    return float(np.exp(high))
