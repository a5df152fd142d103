"""How long layers take: pieces drawn from a fitted law through the slots of a layer, or bytes over a bandwidth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from dfly_analysis.catalog.piece_length_rules import piece_length_bytes, siblings_cancelled
from dfly_analysis.estimates import DEFAULT_RETRY_CORRELATION, Interval
from dfly_analysis.models import LayerShape, layer_failure_rate

if TYPE_CHECKING:
    import numpy.typing as npt

MARGIN = 3.0
"""A limit this many times the even share of the link leaves room for the tail: documented sizing and real runs agree."""
_RUNS, _MOST_SCHEDULED = 64, 2000
_TAIL = (0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
_SEED = 20260301


class PieceDurationModel(Protocol):
    """What is asked of a fit: `dfly_analysis.models.DurationFit`."""

    def quantiles(self, sizes_bytes: Sequence[float], shares: Sequence[float], level: float = 0.95) -> list[Interval]:
        """Return the times within which shares of attempts of such sizes would finish."""
        ...

    def failure_rate(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> Interval:
        """Return the chance that an attempt fails."""
        ...

    def timeout_rate(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> Interval:
        """Return the chance that a timeout cuts an attempt."""
        ...

    def timeout_rates(self, size_bytes: float, timeouts_s: Sequence[float], level: float = 0.95) -> list[Interval]:
        """Return the chance for each of several timeouts."""
        ...


@dataclass(frozen=True)
class Link:
    """What layers go through.

    Attributes
    ----------
    duration_model : PieceDurationModel or None
        Of a piece, from logs.
    bandwidth_bps : float or None
        Bytes per second of all transfers together; with a law the most that its times are believed for.
    slots : int
        Pieces of one layer in flight.
    timeout_s : float or None
        What cuts a piece.
    client : str or None
        Release, for the length of pieces.
    passes : int
        Attempts each piece gets.
    retry_failure_correlation : Interval
        Share of the failures of a pass that repeat in the next.
    """

    duration_model: PieceDurationModel | None
    bandwidth_bps: float | None
    slots: int
    timeout_s: float | None
    client: str | None
    passes: int = 2
    retry_failure_correlation: Interval = DEFAULT_RETRY_CORRELATION
    _known: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    _model_cache: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """Quantiles by law and size, and times drawn from them, which links may share."""

    @property
    def knows(self) -> bool:
        """Whether times can be told at all."""
        return self.duration_model is not None or self.bandwidth_bps is not None

    def piece_bytes(self, size_bytes: int) -> int:
        """Return the length of a layer's pieces."""
        return max(1, min(piece_length_bytes(size_bytes, self.client), size_bytes))

    def in_flight(self, size_bytes: int) -> int:
        """Return how many pieces of a layer are in flight."""
        return max(1, min(self.slots, math.ceil(size_bytes / self.piece_bytes(size_bytes))))

    def slower(self, sizes: Sequence[int]) -> float:
        """Return how many times longer a piece takes where these layers are fetched at once; 1 where the link bears it."""
        if self.duration_model is None or self.bandwidth_bps is None:
            return 1.0
        requested = sum(
            self.in_flight(size) * self.piece_bytes(size) / self.mean_piece_s(size) for size in sizes if size
        )
        return max(1.0, requested / self.bandwidth_bps)

    def mean_piece_s(self, size_bytes: int) -> float:
        """Return the mean time of a piece of a layer, by the law, seconds."""
        grid, values, _, _ = self._quantiles(self.piece_bytes(size_bytes))
        return sum(0.5 * (a + b) * (q - p) for p, q, a, b in zip(grid, grid[1:], values, values[1:], strict=False))

    def layer_time(self, size_bytes: int, concurrent_sizes: Sequence[int]) -> Interval | None:
        """Return how long a layer takes.

        Parameters
        ----------
        size_bytes : int
        concurrent_sizes : sequence of int
            Sizes of all layers in flight, this one among them.

        Returns
        -------
        Interval or None
            Seconds, 95 %: the law's uncertainty and chance together; without a law the three are equal.
        """
        if not size_bytes:
            return Interval(0.0, 0.0, 0.0)
        if self.duration_model is None:
            if self.bandwidth_bps is None:
                return None
            share = sum(self.in_flight(size) * self.piece_bytes(size) for size in concurrent_sizes if size)
            own = self.in_flight(size_bytes) * self.piece_bytes(size_bytes)
            time = size_bytes / (self.bandwidth_bps * min(1.0, own / share))
            return Interval(time, time, time)
        return self._drawn(size_bytes, self.slower(concurrent_sizes))

    def layer_failure(self, size_bytes: int, concurrent_sizes: Sequence[int]) -> Interval | None:
        """Return the chance that a layer fails, 0 to 1; None where it cannot be told.

        Without a law only two cases are clear: a limit below the even share of the link cuts every piece, so the
        chance is 1. Where there is room, how much is `margin`; the tail is in the logs alone.
        """
        if not size_bytes:
            return Interval(0.0, 0.0, 0.0)
        if self.timeout_s is None:
            return None
        if self.duration_model is None:
            margin = self.margin(size_bytes, concurrent_sizes)
            return Interval(1.0, 1.0, 1.0) if margin is not None and margin < 1.0 else None
        key = ("failure", self._rounded(size_bytes), round(self.slower(concurrent_sizes), 3))
        if key not in self._known:
            limit = self.timeout_s / self.slower(concurrent_sizes)
            slots, piece_bytes = self.in_flight(size_bytes), self.piece_bytes(size_bytes)
            layer = LayerShape(size_bytes, piece_bytes, slots, self.passes, siblings_cancelled(self.client))
            self._known[key] = layer_failure_rate(
                self.duration_model, layer, limit, retry_failure_correlation=self.retry_failure_correlation
            )
        found: Interval = self._known[key]
        return found

    def margin(self, size_bytes: int, concurrent_sizes: Sequence[int]) -> float | None:
        """Return the limit in even shares of the link, the least of the layers in flight; None without a bandwidth."""
        if self.bandwidth_bps is None or self.timeout_s is None or not size_bytes:
            return None
        total = sum(self.in_flight(size) * self.piece_bytes(size) for size in concurrent_sizes if size)
        return self.timeout_s / (total / self.bandwidth_bps)

    def _rounded(self, size_bytes: int) -> int:
        return size_bytes if size_bytes > self.piece_bytes(size_bytes) else 1 << max(0, size_bytes - 1).bit_length()

    def _quantiles(self, piece_bytes: int) -> tuple[list[float], list[float], list[float], list[float]]:
        """Return probabilities and the times of a piece: estimate, lower and upper end."""
        size = 1 << max(12, (piece_bytes - 1).bit_length())  # few sizes, so that few laws are asked
        key = (id(self.duration_model), size)
        if key not in self._model_cache:
            assert self.duration_model is not None
            grid = [*(place / 24 for place in range(1, 24)), *_TAIL]
            found = self.duration_model.quantiles([size] * len(grid), grid)
            result = [[one.value for one in found], [one.low for one in found], [one.high for one in found]]
            self._model_cache[key] = ([0.0, *grid, 1.0], *([side[0], *side, side[-1]] for side in result))
        answer: tuple[list[float], list[float], list[float], list[float]] = self._model_cache[key]
        return answer

    def _drawn(self, size_bytes: int, slower: float) -> Interval:
        key = ("drawn", self._rounded(size_bytes), round(slower, 3))
        if key not in self._known:
            import numpy as np

            first, repeated = self._times(size_bytes)
            limit = self.timeout_s or math.inf
            times = np.minimum(first * slower, limit)
            times += np.where(first * slower > limit, np.minimum(repeated * slower, limit), 0.0)
            done = _makespan(times.reshape(-1, times.shape[-1]), self.in_flight(size_bytes)).reshape(3, _RUNS)
            ends = [float(np.percentile(own, share)) for own, share in zip(done, (50.0, 2.5, 97.5), strict=True)]
            value, low, high = ends
            self._known[key] = Interval(value, min(low, value), max(high, value))
        found: Interval = self._known[key]
        return found

    def _times(self, size_bytes: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return times of a layer's pieces and of their second attempts, by estimate and ends of the law, run and piece."""
        piece = self.piece_bytes(size_bytes)
        n = math.ceil(size_bytes / piece)
        key = ("times", id(self.duration_model), piece, n)
        if key not in self._model_cache:
            import numpy as np

            grid, *sides = self._quantiles(piece)
            rng, known, result = np.random.default_rng(_SEED), np.array(sides), []
            for _ in range(2):
                chance = rng.random((_RUNS, n))
                low = np.searchsorted(grid, chance, side="right") - 1
                part = (chance - np.take(grid, low)) / np.take(np.diff(grid), low)
                result.append(known[:, low] + (known[:, low + 1] - known[:, low]) * part)
            self._model_cache[key] = tuple(result)
        found: tuple[npt.NDArray[Any], npt.NDArray[Any]] = self._model_cache[key]
        return found


def _makespan(times: npt.NDArray[Any], slots: int) -> npt.NDArray[Any]:
    """Return when the last piece ends, a run a row; a piece starts when a slot is free, in order."""
    import numpy as np

    runs, n = times.shape
    if n > _MOST_SCHEDULED:
        return np.asarray(times.sum(axis=1) / slots + 0.5 * times[:, -slots:].max(axis=1))
    free, rows, turns = np.zeros((runs, slots)), np.arange(runs), np.ascontiguousarray(times.T)
    for turn in turns:
        free[rows, free.argmin(axis=1)] += turn
    return np.asarray(free.max(axis=1))


def all_fine(failures: Sequence[Interval | None]) -> Interval | None:
    """Return the chance that at least one of several fails, each by itself; None where one is not known."""
    known = [one for one in failures if one is not None]
    if len(known) < len(failures):
        return Interval(1.0, 1.0, 1.0) if any(one.low >= 1.0 for one in known) else None
    kept = [math.prod(1.0 - getattr(one, end) for one in known) for end in ("value", "low", "high")]
    return Interval(1.0 - kept[0], 1.0 - kept[1], 1.0 - kept[2])
