"""A task made no progress for far longer than its pieces usually take."""

from collections import Counter
from typing import NamedTuple

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of, format_hosts, iso
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, join, message, plural
from dfly_analysis.reconstruction.task_time import SECOND_ROUND, STEP, STEPS
from dfly_analysis.units import format_duration

ABOUT = load_check("stuck")
MIN_S = 30.0
TIMES = 10.0
_LOGGED = 0.5
_OVERLAP = 0.9
_WAITS = f"""
CREATE OR REPLACE TEMP TABLE stuck_tasks AS
WITH usual AS (
        SELECT role, median(duration_s) AS piece_s FROM pieces WHERE outcome = 'ok' AND duration_s > 0 AND origin <> 'local' GROUP BY role
    ),
    seen AS (
        SELECT peer_id, count(DISTINCT piece_number) FILTER (outcome = 'ok') AS finished, bool_or(successes_not_logged AND retry_round = 1) AS is_partial
        FROM pieces WHERE ended IS NOT NULL AND peer_id IS NOT NULL GROUP BY peer_id
    ),
    log_ends AS (SELECT host, max(epoch_ns(time)) AS last_ns FROM events WHERE host IS NOT NULL GROUP BY host),
    second_roundes AS (SELECT peer_id, min(epoch_ns(time)) AS second_ns FROM events WHERE {SECOND_ROUND} GROUP BY peer_id),
    known AS (
        SELECT task.peer_id, task.task_id, task.role, task.host, task.url, task.outcome, task.n_pieces, coalesce(finished, 0) AS finished, piece_s,
            epoch_ns(task.started) AS start_ns,
            least(coalesce(epoch_ns(task.ended), last_ns), coalesce(second_ns, {(1 << 63) - 1})) AS end_ns, task.ended IS NULL AND second_ns IS NULL AS is_open
        FROM tasks AS task JOIN usual USING (role) LEFT JOIN seen USING (peer_id) LEFT JOIN log_ends USING (host) LEFT JOIN second_roundes USING (peer_id)
        WHERE task.started IS NOT NULL AND task.peer_id IS NOT NULL AND task.outcome <> 'died' AND NOT coalesce(is_partial, false)
            AND (task.outcome <> 'ok' OR coalesce(finished, 0) >= {_LOGGED} * task.n_pieces)
    ),
    marks AS (
        SELECT peer_id, start_ns AS ns FROM known UNION ALL SELECT peer_id, end_ns FROM known
        UNION ALL SELECT peer_id, epoch_ns(ended) FROM pieces SEMI JOIN known USING (peer_id) WHERE ended IS NOT NULL
    ),
    gaps AS (
        SELECT peer_id, ns AS until_ns, lag(ns) OVER turns AS from_ns FROM marks JOIN known USING (peer_id) WHERE ns BETWEEN start_ns AND end_ns
        WINDOW turns AS (PARTITION BY peer_id ORDER BY ns)
    ),
    longest AS (
        SELECT peer_id, arg_max(from_ns, until_ns - from_ns) AS from_ns, arg_max(until_ns, until_ns - from_ns) AS until_ns FROM gaps
        WHERE from_ns IS NOT NULL GROUP BY peer_id
    )
SELECT known.*, from_ns, until_ns, (until_ns - from_ns) / 1e9 AS wait_s, greatest({MIN_S}, {TIMES} * piece_s) AS limit_s
FROM known JOIN longest USING (peer_id)
"""
"""The longest wait of each task whose pieces are logged: between two ends of pieces, or to the end of the task or of its host's log."""
_FOUND = f"""
WITH waits AS (FROM stuck_tasks WHERE wait_s > limit_s),
    in_flight AS (
        SELECT peer_id, mode(origin) AS origin, mode(parent_id) AS parent_id FROM waits JOIN pieces USING (peer_id)
        WHERE started IS NOT NULL AND least(until_ns, coalesce(epoch_ns(ended), until_ns)) - greatest(from_ns, epoch_ns(started)) >= {_OVERLAP} * (until_ns - from_ns)
        GROUP BY peer_id
    ),
    steps AS (
        SELECT peer_id, arg_max({STEP}, time) AS step FROM events JOIN waits USING (peer_id)
        WHERE event_id IN ({", ".join(f"'{event}'" for event in STEPS)}) AND epoch_ns(time) <= from_ns + 1_000_000_000 GROUP BY peer_id
    ),
    endings AS (
        SELECT peer_id, arg_min(pieces.outcome, epoch_ns(ended)) AS piece_outcome FROM waits JOIN pieces USING (peer_id) WHERE epoch_ns(ended) >= until_ns GROUP BY peer_id
    )
SELECT host, wait_s, from_ns, until_ns, outcome, is_open, piece_outcome, piece_s,
    CASE WHEN piece_outcome IS NULL AND finished >= n_pieces AND from_ns > start_ns THEN 'disk' WHEN origin = 'source' OR (origin IS NULL AND step = 'source_wait') THEN 'registry'
        WHEN origin = 'parent' OR (origin IS NULL AND step = 'parent_wait') THEN 'parent' WHEN origin = 'local' THEN 'local' ELSE 'scheduler' END AS waits_for,
    CASE WHEN origin = 'parent' THEN (SELECT any_value(parent.host) FROM tasks AS parent WHERE parent.peer_id = in_flight.parent_id)
        ELSE nullif(regexp_extract(url, '^\\w+://(?:[^/@]*@)?([^/?#]+)', 1), '') END AS whom,
    EXISTS (SELECT 1 FROM waits AS other WHERE other.task_id = waits.task_id AND other.peer_id <> waits.peer_id AND other.from_ns < waits.until_ns AND other.until_ns > waits.from_ns) AS is_shared
FROM waits LEFT JOIN in_flight USING (peer_id) LEFT JOIN steps USING (peer_id) LEFT JOIN endings USING (peer_id)
ORDER BY wait_s DESC, peer_id
"""


class _Wait(NamedTuple):
    """A task's longest time without progress, what it waited for, and what came after."""

    host: str | None
    wait_s: float
    from_ns: int
    until_ns: int
    outcome: str
    is_open: bool
    piece_outcome: str | None
    piece_s: float
    waits_for: str
    whom: str | None
    is_shared: bool


def check(dataset: Dataset) -> Finding:
    dataset.engine.execute(_WAITS)
    ((n, longest),) = dataset.rows("SELECT count(*), max(wait_s) FROM stuck_tasks")
    if not n:
        return ABOUT.unknown(message("no task is logged with its pieces"))
    waits = [_Wait(*row) for row in dataset.rows(_FOUND)]
    if not waits:
        return ABOUT.absent(
            message(
                "the longest time without progress of {n:,} tasks is {longest}",
                n=n,
                longest=format_duration(longest or 0.0),
            )
        )
    worst = waits[0]
    hosts = Counter(wait.host for wait in waits if wait.host is not None)
    targets = Counter(_waits_for(wait) for wait in waits)
    facts = [
        plural(
            "{n} task on {hosts} made no progress for up to {longest}", "{n} tasks on {hosts} made no progress for up to {longest}", len(waits),
            hosts=format_hosts(host for host, _ in hosts.most_common()), longest=format_duration(worst.wait_s),
        ),
        message("a piece usually takes {duration} there", duration=format_duration(worst.piece_s)),
        join([message("waiting for {whom}: {n:,}", whom=whom, n=count) for whom, count in targets.most_common()], ", "),
        message(
            "the longest waited from {begin} to {end}: {ending}", begin=iso(worst.from_ns), end=iso(worst.until_ns), ending=_ending(worst),
        ),
    ]  # fmt: skip
    ((pending,),) = dataset.rows("SELECT count(*) FROM jobs WHERE state IN ('PENDING', 'STARTED', 'RECEIVED', 'RETRY')")
    if pending:
        facts.append(message("jobs still pending when their state was read: {n:,}", n=pending))
    failed = sum(wait.outcome in ("failed", "died") for wait in waits)
    lines = f"event_id IN ('task_started', 'piece_failed', {', '.join(repr(event) for event in STEPS)}) AND peer_id IN (SELECT peer_id FROM stuck_tasks WHERE wait_s > limit_s)"
    times = [time for wait in waits for time in (wait.from_ns, wait.until_ns)]
    evidence = evidence_of(dataset, lines)
    return ABOUT.present(
        "high" if failed else "medium", *facts, count=len(waits), tasks=failed, times=times, evidence=evidence
    )


def _waits_for(wait: _Wait) -> Message:
    if wait.waits_for == "registry":
        return message("the registry {host}", host=wait.whom or "?")
    if wait.waits_for == "parent":
        if wait.is_shared:
            return message("a parent that waits itself")
        return message("the parent {host}", host=wait.whom) if wait.whom else message("a parent")
    if wait.waits_for == "disk":
        return message("the disk, after its last piece")
    return message("a piece of the same host") if wait.waits_for == "local" else message("the scheduler")


def _ending(wait: _Wait) -> Message:
    if wait.is_open and wait.piece_outcome is None:
        return message("the task had not ended when the log ended")
    if wait.piece_outcome == "ok":
        return message("then the transfer went on")
    if wait.piece_outcome == "timeout":
        return message("the piece timeout ended it")
    if wait.piece_outcome is not None:
        return message("the attempt failed")
    return message("the task failed") if wait.outcome == "failed" else message("then the task went on")
