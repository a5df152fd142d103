"""A host's link to the registry: when its pieces ask for more than it carries, all are slowed alike."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.synthetic.state import Clock


class Link:
    """Transfers that share a bandwidth in proportion to their own rates.

    Parameters
    ----------
    clock : Clock
        Of the run.
    bandwidth_bps : float
        Bytes per second of all together.
    """

    def __init__(self, clock: Clock, bandwidth_bps: float) -> None:
        self.clock, self.bandwidth_bps = clock, bandwidth_bps
        self._rates: dict[int, float] = {}
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._asked = self._turn = 0
        # Seconds that a transfer would have progressed for had it been alone since the beginning.
        self._progress_s = self._seen_s = 0.0

    def carry(self, alone_s: float, rate_bps: float, action: Callable[[], None]) -> int:
        """Begin a transfer that would take so long alone; run the action at its end. Return its number."""
        self._advance()
        self._asked += 1
        self._rates[self._asked] = rate_bps
        heapq.heappush(self._waiting, (self._progress_s + alone_s, self._asked, action))
        self._await()
        return self._asked

    def drop(self, number: int) -> None:
        """Forget a transfer that was cut, cancelled or has ended."""
        self._advance()
        if self._rates.pop(number, None) is not None:
            self._await()

    @property
    def _speed(self) -> float:
        wanted = sum(self._rates.values())
        return min(1.0, self.bandwidth_bps / wanted) if wanted else 1.0

    def _advance(self) -> None:
        self._progress_s += (self.clock.now_s - self._seen_s) * self._speed
        self._seen_s = self.clock.now_s

    def _await(self) -> None:
        """Wake up when the next transfer ends, unless something changes before."""
        self._turn += 1
        while self._waiting and self._waiting[0][1] not in self._rates:
            heapq.heappop(self._waiting)
        if self._waiting:
            turn = self._turn
            left_s = max(0.0, self._waiting[0][0] - self._progress_s) / self._speed
            self.clock.after(left_s, lambda: self._end_first() if turn == self._turn else None)

    def _end_first(self) -> None:
        self._advance()
        _, number, action = heapq.heappop(self._waiting)
        del self._rates[number]
        self._await()
        action()
