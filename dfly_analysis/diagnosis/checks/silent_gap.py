"""A task made no progress for longer than the client's patience, and nobody called it an error."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from dfly_analysis.config import Settings
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, format_hosts, plural
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_duration

ABOUT = Check(
    "silent_gap",
    "A task made no progress for longer than a configured patience, without an error",
    method="The longest time between two pieces of each task, against the patience for a piece on that host (download.pieceTimeout, download.collectedPieceTimeout); tasks with errors are left to the checks that explain them.",
    remedy="Look at what the task waited for: a parent that itself waits for a slow source, a rate limit, the scheduler. A shorter download.collectedPieceTimeout ends the wait for a parent sooner.",
    collect="the scheduler's core.log, which reports each piece, or client logs at debug level",
    knob="download.collectedPieceTimeout",
)
MIN_S = 30.0
_UNITS = ("download.pieceTimeout", "download.collectedPieceTimeout")
_SURELY = 0.5


def check(dataset: Dataset) -> Finding:
    """Look for the longest wait of each task whose pieces are seen."""
    hosts = dataset.rows("SELECT DISTINCT role, host FROM tasks WHERE role IN ('client', 'seedClient')")
    patience = [
        {"role": role, "host": host, "patience_s": limit_s}
        for role, host in hosts
        if (limit_s := _patience_s(dataset.settings, role, host)) is not None
    ]
    schema = pa.schema([("role", pa.string()), ("host", pa.string()), ("patience_s", pa.float64())])
    dataset.engine.add_rows("patience", patience, schema)
    dataset.engine.execute(f"CREATE OR REPLACE TEMP TABLE waits AS {_WAITS}")
    ((n, known, longest),) = dataset.rows("SELECT count(*), count(patience_s), max(wait_s) FROM waits")
    if not n:
        return ABOUT.unknown("no task is seen with its pieces")
    long = dataset.rows("""
        SELECT host, wait_s, patience_s, outcome, begin_ns FROM waits WHERE wait_s > patience_s ORDER BY wait_s DESC, peer_id
    """)
    if not long:
        if not known:
            return ABOUT.unknown("no patience is known for these hosts")
        return ABOUT.absent(
            f"no task without errors waited longer than its patience; {format_duration(longest)} at most"
        )
    counts = Counter(row[0] for row in long if row[0] is not None)
    reason = (
        f"{plural(len(long), 'task')} on {format_hosts(sorted(counts, key=lambda host: (-counts[host], host)))} made no progress "
        f"for up to {format_duration(long[0][1])} without an error; the patience for a piece there is {format_duration(long[0][2])}."
    )
    failed = sum(row[3] in ("failed", "died") for row in long)
    lines = "event_id = 'task_started' AND peer_id IN (SELECT peer_id FROM waits WHERE wait_s > patience_s)"
    times = [row[4] for row in long]
    return ABOUT.present(
        "medium", reason, count=len(long), tasks=failed, times=times, evidence=evidence_of(dataset, lines)
    )


_WAITS = f"""
    WITH quiet AS (
        SELECT peer_id, role, host, outcome, n_pieces, nanoseconds(started) AS started, nanoseconds(ended) AS ended FROM tasks
        WHERE outcome <> 'died' AND coalesce(n_errors, 0) = 0 AND first_error IS NULL AND started IS NOT NULL AND peer_id IS NOT NULL
    ), ends AS (
        SELECT peer_id, nanoseconds(ended) AS time FROM pieces SEMI JOIN quiet USING (peer_id) WHERE ended IS NOT NULL
    ), seen AS (
        SELECT quiet.* FROM quiet JOIN (SELECT peer_id, count(*) AS n FROM ends GROUP BY peer_id) USING (peer_id)
        WHERE n >= {_SURELY} * n_pieces
    ), last AS (SELECT host, max(nanoseconds(time)) AS until FROM events GROUP BY host
    ), marks AS (
        SELECT peer_id, started AS time FROM seen UNION ALL SELECT peer_id, coalesce(ended, until) FROM seen LEFT JOIN last USING (host)
        UNION ALL SELECT ends.* FROM ends SEMI JOIN seen USING (peer_id)
    ), gaps AS (
        SELECT peer_id, lag(time) OVER turns AS begin_ns, time - lag(time) OVER turns AS gap FROM marks WHERE time IS NOT NULL
        WINDOW turns AS (PARTITION BY peer_id ORDER BY time)
    ), widest AS (SELECT peer_id, max(gap) AS gap, arg_max(begin_ns, gap) AS begin_ns FROM gaps WHERE gap IS NOT NULL GROUP BY peer_id)
    SELECT seen.peer_id, seen.host, outcome, gap / 1e9 AS wait_s, begin_ns, patience_s
    FROM seen JOIN widest USING (peer_id) LEFT JOIN patience ON patience.role = seen.role AND patience.host IS NOT DISTINCT FROM seen.host
"""
"""Tasks without errors, most of whose pieces are seen, with their longest time without an end of a piece."""


def _patience_s(settings: Settings, role: str, host: str | None) -> float | None:
    known = [limit for key in _UNITS if (limit := settings.get(key, role, host).seconds)]
    return max(MIN_S, min(known)) if known else None
