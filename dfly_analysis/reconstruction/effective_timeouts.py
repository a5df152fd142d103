"""The settings that bound and shape a piece, and the timeout that failures show where they pile up well below the one believed to be in force."""

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from dfly_analysis.reconstruction.event_records import sql
from dfly_analysis.reconstruction.temporary_tables import FLAG, NUMBER, TEXT, WHOLE, create_from_rows

EARLY_S = 0.05
LATE_S = 0.35
LATE_SHARE = 0.02
"""Timers never fire early (6 ms on real runs), but a busy process sees them late."""


def at_timeout(duration: str, timeout: str) -> str:
    """Return the condition in SQL that a request ran as long as its timeout allows, of two expressions in seconds."""
    return f"(({duration}) - ({timeout}) BETWEEN -{EARLY_S} AND greatest({LATE_S}, {LATE_SHARE} * ({timeout})))"


def is_at_timeout(duration_s: float, timeout_s: float) -> bool:
    """Return what `at_timeout` says, without a query."""
    return -EARLY_S <= duration_s - timeout_s <= max(LATE_S, LATE_SHARE * timeout_s)


@dataclass(frozen=True)
class EffectiveTimeouts:
    """Settings in force, by role and host: timeouts of a request and of writing its body, pieces in flight, and whether a failed piece cancels the others."""

    piece_timeout_s: Callable[[str, str], float | None] = lambda _role, _host: None
    pieces_in_flight: Callable[[str, str], int | None] = lambda _role, _host: None
    siblings_cancelled: Callable[[str, str], bool] = lambda _role, _host: True
    write_timeout_s: Callable[[str, str], float | None] = lambda _role, _host: None

    def shortest_s(self, role: str, host: str) -> float | None:
        """Return the timeout that expires first, seconds: both clocks cover the same body."""
        known = [timeout for timeout in (self.piece_timeout_s(role, host), self.write_timeout_s(role, host)) if timeout]
        return min(known, default=None)


def add_settings(connection: duckdb.DuckDBPyConnection, timeouts: EffectiveTimeouts) -> None:
    """Add the settings in force to `_identities`, evaluated once for each role and host."""
    pairs = connection.execute("SELECT DISTINCT role, host FROM _identities").fetchall()
    types = {"role": TEXT, "host": TEXT, "timeout_s": NUMBER, "in_flight": WHOLE, "cancelling": FLAG}
    known = timeouts.shortest_s, timeouts.pieces_in_flight, timeouts.siblings_cancelled
    rows = [(*pair, *(setting(*pair) for setting in known)) for pair in pairs]
    create_from_rows(connection, "_settings", types, rows)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE _identities AS
        SELECT identity.*, timeout_s, in_flight, cancelling FROM _identities AS identity JOIN _settings AS setting
            ON setting.role IS NOT DISTINCT FROM identity.role AND setting.host IS NOT DISTINCT FROM identity.host
    """)


def correct_timeouts(connection: duckdb.DuckDBPyConnection) -> None:
    """Set the timeout of `_identities`, role by role, where failures pile up well below the one believed to be in force.

    With starts logged: four of five failures at one time. Without: the pieces that took the first slots of a round began with it,
    so the earliest failure that names a timeout gives it; a second piece must agree.
    """
    piled = sql("piled_timeouts", LATE_S=LATE_S, AT_TIMEOUT=at_timeout("since_round_s", "earliest_s"))
    for role, timeout_s in connection.execute(piled).fetchall():
        connection.execute("UPDATE _identities SET timeout_s = ? WHERE role IS NOT DISTINCT FROM ?", [timeout_s, role])
