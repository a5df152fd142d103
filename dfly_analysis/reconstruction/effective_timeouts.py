"""The settings that bound and shape a piece, and the timeout that failures show where they pile up well below the one believed to be in force."""

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from dfly_analysis.reconstruction.event_records import SOURCE
from dfly_analysis.reconstruction.temporary_tables import FLAG, NUMBER, TEXT, WHOLE, create_from_rows

EARLY_S = 0.05
LATE_S = 0.35
LATE_SHARE = 0.02
AT_TIMEOUT = f"(({{duration}}) - ({{timeout}}) BETWEEN -{EARLY_S} AND greatest({LATE_S}, {LATE_SHARE} * ({{timeout}})))"
"""SQL: a request ran as long as its timeout allows. Timers never fire early (6 ms on real runs), but a busy process sees them late."""


def is_at_timeout(duration_s: float, timeout_s: float) -> bool:
    """Return what `AT_TIMEOUT` says, without a query."""
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


_WITH_SETTINGS = """
CREATE OR REPLACE TEMP TABLE _identities AS
SELECT identity.*, timeout_s, in_flight, cancelling FROM _identities AS identity JOIN _settings AS setting
    ON setting.role IS NOT DISTINCT FROM identity.role AND setting.host IS NOT DISTINCT FROM identity.host
"""

WELL_BELOW = 0.9
FEWEST, PILED_SHARE = 5, 0.8
TIGHT_S, TIGHT_SHARE = 0.06, 0.01
"""Timers on real runs fire up to 44 ms late."""
_FAILURES = f"""
SELECT role, CASE WHEN sees_starts THEN duration_s END AS ran_s,
    CASE WHEN NOT (sees_starts AND duration_s IS NOT NULL) AND names_timeout THEN (ended - first_plan_time) / 1e9 END AS since_round_s
FROM _machine_attempts JOIN _identities USING (id)
WHERE outcome = 'failed' AND origin = {SOURCE}
"""
_PILED = f"""
WITH failures AS ({_FAILURES}),
    middle AS (
        SELECT role, count(ran_s) AS ran, median(ran_s) AS middle_s, min(since_round_s) AS earliest_s FROM failures GROUP BY role
    ),
    counted AS (
        SELECT role, ran, middle_s, earliest_s,
            count(*) FILTER (abs(ran_s - middle_s) <= greatest({TIGHT_S}, {TIGHT_SHARE} * middle_s)) AS near,
            count(*) FILTER ({AT_TIMEOUT.format(duration="since_round_s", timeout="earliest_s")}) AS agreeing
        FROM failures JOIN middle USING (role) GROUP BY ALL
    ),
    longest AS (
        SELECT role, max(duration_s) AS longest_s FROM _attempts JOIN _identities AS identity USING (id)
        WHERE is_ok AND origin = {SOURCE} GROUP BY role
    ),
    piled AS (
        SELECT role, CASE WHEN ran >= {FEWEST}
            THEN CASE WHEN near >= {PILED_SHARE} * ran AND coalesce(longest_s, 0) <= middle_s + {LATE_S} THEN middle_s END
            ELSE CASE WHEN earliest_s > 0 AND agreeing >= 2 THEN earliest_s END END AS timeout_s
        FROM counted LEFT JOIN longest USING (role)
    ),
    ids AS (
        SELECT DISTINCT id FROM _attempts WHERE is_ok
        UNION SELECT DISTINCT id FROM _machine_attempts WHERE NOT is_open
    ),
    believed AS (
        SELECT role, min(timeout_s) AS timeout_s FROM ids JOIN _identities USING (id) GROUP BY role
    )
SELECT role, piled.timeout_s FROM piled LEFT JOIN believed USING (role)
WHERE piled.timeout_s IS NOT NULL AND (believed.timeout_s IS NULL OR piled.timeout_s < {WELL_BELOW} * believed.timeout_s)
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


def correct_timeouts(connection: duckdb.DuckDBPyConnection) -> None:
    """Set the timeout of `_identities`, role by role, where failures pile up well below the one believed to be in force.

    With starts logged: four of five failures at one time. Without: the pieces that took the first slots of a round began with it,
    so the earliest failure that names a timeout gives it; a second piece must agree.
    """
    for role, timeout_s in connection.execute(_PILED).fetchall():
        connection.execute("UPDATE _identities SET timeout_s = ? WHERE role IS NOT DISTINCT FROM ?", [timeout_s, role])
