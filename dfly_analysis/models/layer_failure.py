"""From the failure of one attempt at a piece to the failure of a layer, and back to the timeout a layer needs."""

import bisect
from dataclasses import dataclass
from typing import Self

import numpy as np

from dfly_analysis.catalog.piece_length_rules import piece_length_bytes, piece_rules, usual_pieces_in_flight
from dfly_analysis.errors import TableError
from dfly_analysis.estimates import DEFAULT_RETRY_CORRELATION, Interval
from dfly_analysis.models.duration import DurationFit

LONGEST_S = 30.0 * 86_400.0
_SHORTEST_S = 1e-3
_CELLS = 2**15  # between the shortest and the longest timeout, by equal factors of less than a thousandth


@dataclass(frozen=True)
class LayerShape:
    """A layer and how a client fetches it."""

    size_bytes: float
    piece_bytes: float
    slots: int  # pieces in flight
    passes: int = 2
    siblings_cancelled: bool = True
    """Whether a round that fails cancels the pieces in flight, which then have one try left."""

    def __post_init__(self) -> None:
        if not (self.size_bytes > 0 and self.piece_bytes > 0 and self.slots >= 1 and self.passes >= 1):
            given = f"{self.size_bytes} B in pieces of {self.piece_bytes} B, {self.slots} slots, {self.passes} passes"
            raise TableError(f"sizes must be above 0, slots and passes at least 1, got {given}", where="LayerShape")
        object.__setattr__(self, "piece_bytes", min(self.piece_bytes, self.size_bytes))

    @property
    def n_pieces(self) -> int:
        return int(np.ceil(self.size_bytes / self.piece_bytes))

    @classmethod
    def of_client(
        cls, size_bytes: float, slots: float | None, client_version: str | None = None, piece_bytes: float | None = None
    ) -> Self:
        """Return a layer as a client's release (the newest known where not given) cuts and fetches it, unless slots or the length of a piece are given."""
        piece = min(float(piece_bytes or piece_length_bytes(int(size_bytes), client_version)), float(size_bytes))
        single = size_bytes <= piece
        passes = piece_rules(client_version).single_passes if single else piece_rules(client_version).passes
        in_flight = usual_pieces_in_flight(client_version) if slots is None else int(slots)
        return cls(float(size_bytes), piece, max(1, in_flight), passes, piece_rules(client_version).siblings_cancelled)


def task_failure_probability(
    piece_failure: float, n_pieces: float, passes: int = 2, *, retry_failure_correlation: float = 0.0
) -> float:
    """Return the probability (0 to 1) that a task fails, from that of one attempt at a piece: ``1 - (1 - f (c + (1 - c) f)^(passes - 1))^n``.

    The task fails where any piece fails in every pass; ``c`` is the share of failures that repeat in the next pass.
    """
    f, c = piece_failure, retry_failure_correlation
    if not (0.0 <= f <= 1.0 and 0.0 <= c <= 1.0 and n_pieces >= 1 and passes >= 1):
        given = f"piece_failure {f}, n_pieces {n_pieces}, passes {passes}, retry_failure_correlation {c}"
        reason = f"probabilities must be between 0 and 1, n_pieces and passes at least 1, got {given}"
        raise TableError(reason, where="task_failure_probability")
    piece = f * (c + (1.0 - c) * f) ** (passes - 1)
    return 1.0 if piece >= 1.0 else float(-np.expm1(n_pieces * np.log1p(-piece)))


def layer_failure_chance(attempt_failure: float, layer: LayerShape, *, retry_failure_correlation: float = 0.0) -> float:
    """Return the probability that a layer fails, from that of one attempt at a piece; it grows with both arguments.

    A piece that failed fails again with ``g = c + (1 - c) f``, where ``c`` is the share of failures that repeat. Where siblings run on,
    or there is a single pass, each piece has its own tries: see `task_failure_probability`. Where a failed round cancels what is in
    flight, those ``s`` pieces start again with one try left. With ``e = n - s`` pieces that end before the last one starts, the layer
    succeeds with ``(1 - f g)^e (1-f)^s``, where nothing fails or only earlier pieces do, plus
    ``(1-f)^e (1 - (1-f)^s) (1-g) (1-f)^((s-1)/2)``: a first failure among the last ``s``, when about half of the others are still in
    flight.
    """
    f, c, n = attempt_failure, retry_failure_correlation, layer.n_pieces
    if layer.passes < 2 or not layer.siblings_cancelled:
        return task_failure_probability(f, n, layer.passes, retry_failure_correlation=c)
    if not (0.0 <= f <= 1.0 and 0.0 <= c <= 1.0):
        reason = f"probabilities must be between 0 and 1, got {f} and a correlation of {c}"
        raise TableError(reason, where="layer_failure_chance")
    if f >= 1.0:
        return 1.0
    slots = min(layer.slots, n)
    early, well = n - slots, np.log1p(-f)
    both_well = np.log1p(-f * (c + (1.0 - c) * f))
    # One less both ways through, as a sum of what is never negative: small chances keep their digits.
    ahead = early * (well - both_well) + 0.5 * (slots + 1) * well
    lost_late = c * np.exp(ahead) - np.expm1(ahead)
    lost = -np.expm1(early * both_well) - np.expm1(slots * well) * np.exp(early * both_well) * lost_late
    return float(np.clip(lost, 0.0, 1.0))


def layer_failure_rate(
    fit: DurationFit, layer: LayerShape, timeout_s: float, level: float = 0.95, *, competing: bool = True,
    retry_failure_correlation: Interval = DEFAULT_RETRY_CORRELATION,
) -> Interval:  # fmt: skip
    """Return the probability that a layer fails at a piece timeout.

    Each end takes the same end of the interval of an attempt's failure and of the correlation: the share of the failures of a pass that
    repeat in the next, by default 0, and a tenth at the upper end, since the passes of a task share host, link and registry.
    ``competing``: whether resets, storage and origin errors count too, or only the timeout.
    """
    requested = fit.failure_rate if competing else fit.timeout_rate
    return _of_layer(requested(layer.piece_bytes, timeout_s, level), layer, retry_failure_correlation)


def timeout_for_target(
    fit: DurationFit, layer: LayerShape, target_failure_rate: float, level: float = 0.95, *,
    retry_failure_correlation: Interval = DEFAULT_RETRY_CORRELATION,
) -> Interval:  # fmt: skip
    """Return the piece timeout at which timeouts fail a layer as rarely as a target between 0 and 1 allows; nothing else is prevented by one.

    The interval (seconds) has as ``value`` where the estimate meets the target, as ``low`` where the lower end of its interval does, and
    as ``high`` where the upper end does: the timeout to set. Infinite where none up to 30 days does.
    """
    if not 0.0 < target_failure_rate < 1.0:
        raise TableError(f"target must be between 0 and 1, got {target_failure_rate}", where="timeout_for_target")

    def timeout_s(cell: int) -> float:
        return float(_SHORTEST_S * (LONGEST_S / _SHORTEST_S) ** (cell / _CELLS))

    def smallest(end: str) -> float:
        def meets(cell: int) -> bool:
            rate = fit.timeout_rate(layer.piece_bytes, timeout_s(cell), level)
            return bool(getattr(_of_layer(rate, layer, retry_failure_correlation), end) <= target_failure_rate)

        cell = 1 + bisect.bisect_left(range(1, _CELLS + 1), True, key=meets)  # once met, it stays so
        return timeout_s(cell) if cell <= _CELLS else float("inf")

    value, low, high = (smallest(end) for end in ("value", "low", "high"))
    return Interval(value, min(low, value), max(high, value))


def _of_layer(attempt: Interval, layer: LayerShape, correlation: Interval) -> Interval:
    ends = ((attempt.value, correlation.value), (attempt.low, correlation.low), (attempt.high, correlation.high))
    return Interval(*(layer_failure_chance(one, layer, retry_failure_correlation=other) for one, other in ends))
