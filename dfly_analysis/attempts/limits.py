"""What the rebuilder must know of the settings in force, handed in so that it need not know where they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

EARLY_S = 0.05
LATE_S = 0.35
LATE_SHARE = 0.02


@dataclass(frozen=True)
class Limits:
    """Settings that bound and shape an attempt.

    Attributes
    ----------
    piece_timeout_s : callable (role, host) -> float or None
        Limit of one request for a piece, seconds; None where unknown.
    pieces_in_flight : callable (role, host) -> int or None
        Pieces of one task that a host fetches at a time.
    siblings_cancelled : callable (role, host) -> bool
        Whether a failed piece takes the task's other pieces with it.
    write_timeout_s : callable (role, host) -> float or None
        Limit of receiving and writing a piece's body, seconds; None where the release has none.
    """

    piece_timeout_s: Callable[[str, str], float | None] = lambda _role, _host: None
    pieces_in_flight: Callable[[str, str], int | None] = lambda _role, _host: None
    siblings_cancelled: Callable[[str, str], bool] = lambda _role, _host: True
    write_timeout_s: Callable[[str, str], float | None] = lambda _role, _host: None

    def limit_s(self, role: str, host: str) -> float | None:
        """Return the limit that cuts first, seconds: both clocks cover the same body."""
        known = [limit for limit in (self.piece_timeout_s(role, host), self.write_timeout_s(role, host)) if limit]
        return min(known, default=None)


def is_at_limit(duration_s: float, limit_s: float | None) -> bool:
    """Return whether an attempt ran as long as the limit lets it.

    Timers never fire early (on real runs 6 ms at most, the jitter of log lines) but a busy process sees them late.
    """
    if limit_s is None:
        return False
    return -EARLY_S <= duration_s - limit_s <= max(LATE_S, LATE_SHARE * limit_s)
