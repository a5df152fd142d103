"""A task made no progress for longer than its timeouts allow, without an error."""

from collections import Counter

import pyarrow as pa

from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of, format_hosts
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.units import format_duration

ABOUT = load_check("silent_gap")
MIN_S = 30.0
_TIMEOUTS = ("download.pieceTimeout", "download.collectedPieceTimeout")
_MIN_LOGGED = 0.5
_WAITS = f"""
    WITH quiet AS (
        SELECT peer_id, role, host, outcome, n_pieces, nanoseconds(started) AS started, nanoseconds(ended) AS ended FROM tasks
        WHERE outcome <> 'died' AND coalesce(n_errors, 0) = 0 AND first_error IS NULL AND started IS NOT NULL AND peer_id IS NOT NULL
    ), ends AS (
        SELECT peer_id, nanoseconds(ended) AS time FROM pieces SEMI JOIN quiet USING (peer_id) WHERE ended IS NOT NULL
    ), observed AS (
        SELECT quiet.* FROM quiet JOIN (SELECT peer_id, count(*) AS n FROM ends GROUP BY peer_id) USING (peer_id)
        WHERE n >= {_MIN_LOGGED} * n_pieces
    ), last AS (SELECT host, max(nanoseconds(time)) AS until FROM events GROUP BY host
    ), marks AS (
        SELECT peer_id, started AS time FROM observed UNION ALL SELECT peer_id, coalesce(ended, until) FROM observed LEFT JOIN last USING (host)
        UNION ALL SELECT ends.* FROM ends SEMI JOIN observed USING (peer_id)
    ), gaps AS (
        SELECT peer_id, lag(time) OVER turns AS begin_ns, time - lag(time) OVER turns AS gap FROM marks WHERE time IS NOT NULL
        WINDOW turns AS (PARTITION BY peer_id ORDER BY time)
    ), longest AS (SELECT peer_id, max(gap) AS gap, arg_max(begin_ns, gap) AS begin_ns FROM gaps WHERE gap IS NOT NULL GROUP BY peer_id)
    SELECT observed.peer_id, observed.host, outcome, gap / 1e9 AS wait_s, begin_ns, limit_s
    FROM observed JOIN longest USING (peer_id) LEFT JOIN task_limits limits ON limits.role = observed.role AND limits.host IS NOT DISTINCT FROM observed.host
"""
"""Tasks without errors, most of whose pieces are logged, with their longest time without an end of a piece."""


def check(dataset: Dataset) -> Finding:
    hosts = dataset.rows("SELECT DISTINCT role, host FROM tasks WHERE role IN ('client', 'seedClient')")
    limits = [{"role": role, "host": host, "limit_s": _limit_s(dataset.settings, role, host)} for role, host in hosts]
    schema = pa.schema([("role", pa.string()), ("host", pa.string()), ("limit_s", pa.float64())])
    dataset.engine.add_rows("task_limits", limits, schema)
    dataset.engine.execute(f"CREATE OR REPLACE TEMP TABLE waits AS {_WAITS}")
    ((n, known, longest),) = dataset.rows("SELECT count(*), count(limit_s), max(wait_s) FROM waits")
    if not n:
        return ABOUT.unknown(message("no task is logged with its pieces"))
    gaps = dataset.rows("""
        SELECT host, wait_s, limit_s, outcome, begin_ns FROM waits WHERE wait_s > limit_s ORDER BY wait_s DESC, peer_id
    """)
    if not gaps:
        if not known:
            return ABOUT.unknown(message("the piece timeout of these hosts is unknown"))
        longest = format_duration(longest)
        return ABOUT.absent(
            message(
                "no task without errors waited longer than its piece timeout; the longest wait is {longest}",
                longest=longest,
            )
        )
    counts = Counter(row[0] for row in gaps if row[0] is not None)
    reason = message(
        "tasks without progress for up to {longest} and without an error: {n:,}, on {hosts}; the piece timeout there is {limit}",
        n=len(gaps), hosts=format_hosts(sorted(counts, key=lambda host: (-counts[host], host))), longest=format_duration(gaps[0][1]), limit=format_duration(gaps[0][2]),
    )  # fmt: skip
    failed = sum(row[3] in ("failed", "died") for row in gaps)
    lines = "event_id = 'task_started' AND peer_id IN (SELECT peer_id FROM waits WHERE wait_s > limit_s)"
    times, evidence = [row[4] for row in gaps], evidence_of(dataset, lines)
    return ABOUT.present("medium", reason, count=len(gaps), tasks=failed, times=times, evidence=evidence)


def _limit_s(settings: Settings, role: str, host: str | None) -> float | None:
    known = [limit for key in _TIMEOUTS if (limit := settings.get(key, role, host).seconds)]
    return max(MIN_S, min(known)) if known else None
