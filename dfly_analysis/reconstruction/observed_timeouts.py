"""Learns the timeout really in force where failures pile up well below the one that is believed to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.reconstruction.effective_timeouts import AT_TIMEOUT, LATE_S
from dfly_analysis.reconstruction.event_records import SOURCE

if TYPE_CHECKING:
    import duckdb

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


def correct_timeouts(connection: duckdb.DuckDBPyConnection) -> None:
    """Set the timeout of `_identities`, role by role, where the failures show a shorter one.

    Without rendered configuration or values a default is believed to be in force. Where pieces nevertheless end in clusters at a
    time well below it, or say that their time was up long before it, that time was the timeout. With starts logged: four of
    five failures at one time. Without: the pieces that took the first slots of a round began with it, so the earliest failure
    that names a timeout gives it; a second piece must agree.
    """
    for role, timeout_s in connection.execute(_PILED).fetchall():
        connection.execute("UPDATE _identities SET timeout_s = ? WHERE role IS NOT DISTINCT FROM ?", [timeout_s, role])
