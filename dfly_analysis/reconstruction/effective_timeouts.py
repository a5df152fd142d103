"""The settings that bound and shape a piece, handed in so that reconstruction need not know where they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dfly_analysis.reconstruction.temporary_tables import FLAG, NUMBER, TEXT, WHOLE, create_from_rows

if TYPE_CHECKING:
    import duckdb

EARLY_S = 0.05
LATE_S = 0.35
LATE_SHARE = 0.02
AT_TIMEOUT = f"(({{duration}}) - ({{timeout}}) BETWEEN -{EARLY_S} AND greatest({LATE_S}, {LATE_SHARE} * ({{timeout}})))"
"""`is_at_timeout` as an SQL expression."""


@dataclass(frozen=True)
class EffectiveTimeouts:
    """Settings in force, by role and host.

    Attributes
    ----------
    piece_timeout_s : callable (role, host) -> float or None
        Timeout of one request for a piece, seconds; None where unknown.
    pieces_in_flight : callable (role, host) -> int or None
        Pieces of one task that a host fetches at a time.
    siblings_cancelled : callable (role, host) -> bool
        Whether the failure of one piece cancels the other pieces of the task that are in flight.
    write_timeout_s : callable (role, host) -> float or None
        Timeout of receiving and writing the body of a piece, seconds; None where the release has none.
    """

    piece_timeout_s: Callable[[str, str], float | None] = lambda _role, _host: None
    pieces_in_flight: Callable[[str, str], int | None] = lambda _role, _host: None
    siblings_cancelled: Callable[[str, str], bool] = lambda _role, _host: True
    write_timeout_s: Callable[[str, str], float | None] = lambda _role, _host: None

    def shortest_s(self, role: str, host: str) -> float | None:
        """Return the timeout that expires first, seconds: both clocks cover the same body."""
        known = [timeout for timeout in (self.piece_timeout_s(role, host), self.write_timeout_s(role, host)) if timeout]
        return min(known, default=None)


def is_at_timeout(duration_s: float, timeout_s: float | None) -> bool:
    """Return whether a request ran as long as its timeout allows.

    Timers never fire early (on real runs 6 ms at most, the jitter of log lines) but a busy process sees them late.
    """
    if timeout_s is None:
        return False
    return -EARLY_S <= duration_s - timeout_s <= max(LATE_S, LATE_SHARE * timeout_s)


_WITH_SETTINGS = """
CREATE OR REPLACE TEMP TABLE _identities AS
SELECT identity.*, timeout_s, in_flight, cancelling FROM _identities AS identity JOIN _settings AS setting
    ON setting.role IS NOT DISTINCT FROM identity.role AND setting.host IS NOT DISTINCT FROM identity.host
"""


def add_settings(connection: duckdb.DuckDBPyConnection, timeouts: EffectiveTimeouts) -> None:
    """Add the settings in force to `_identities`, evaluated once for each role and host."""
    pairs = connection.execute("SELECT DISTINCT role, host FROM _identities").fetchall()
    types = {"role": TEXT, "host": TEXT, "timeout_s": NUMBER, "in_flight": WHOLE, "cancelling": FLAG}
    rows = [
        (*pair, timeouts.shortest_s(*pair), timeouts.pieces_in_flight(*pair), bool(timeouts.siblings_cancelled(*pair)))
        for pair in pairs
    ]
    create_from_rows(connection, "_settings", types, rows)
    connection.execute(_WITH_SETTINGS)
