"""Checks of tasks that made no progress for a while."""

from collections import Counter
from typing import NamedTuple

from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check, add_relation
from dfly_analysis.diagnosis.evidence import evidence_at, evidence_of, format_hosts
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, join, message, plural
from dfly_analysis.readers.progress import SOURCE, read_sample, still_samples
from dfly_analysis.reconstruction.task_time import SECOND_ROUND, STEP, STEPS
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration, format_rate, format_share, format_time

_MIN_S, _TIMES = 30.0, 10.0  # a wait is at least so long, and so many times the median time of a piece there
_STILL_SAMPLES = 2  # so many states of a progress bar after one that they repeat
_LONG_PENDING_S = 300.0


def _measure_waits(dataset: Dataset) -> None:
    """Make the table `longest_waits`: the longest time without progress of each task."""
    dataset.engine.execute(sql("diagnosis", "longest_waits", SECOND_ROUND=SECOND_ROUND, MIN_S=_MIN_S, TIMES=_TIMES))


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


def stuck(check: Check, dataset: Dataset) -> Finding:
    """A task made no progress for far longer than its pieces usually take."""
    _measure_waits(dataset)
    ((n, longest),) = dataset.rows("SELECT count(*), max(wait_s) FROM longest_waits")
    if not n:
        return _without_tasks(check, dataset)
    waits = [_Wait(*row) for row in dataset.rows(sql("diagnosis", "stuck_waits", STEP=STEP, STEPS=tuple(STEPS)))]
    if not waits:
        return check.absent(
            "the longest time without progress of {n:,} tasks is {longest}",
            n=n,
            longest=format_duration(longest or 0.0),
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
            "the longest waited from {begin} to {end}: {ending}", begin=format_time(worst.from_ns), end=format_time(worst.until_ns), ending=_ending(worst),
        ),
    ]  # fmt: skip
    ((pending,),) = dataset.rows("SELECT count(*) FROM jobs WHERE state IN ('PENDING', 'STARTED', 'RECEIVED', 'RETRY')")
    if pending:
        facts.append(message("jobs still pending when their state was read: {n:,}", n=pending))
    failed = sum(wait.outcome in ("failed", "died") for wait in waits)
    lines = f"event_id IN ('task_started', 'piece_failed', {', '.join(repr(event) for event in STEPS)}) AND peer_id IN (SELECT peer_id FROM longest_waits WHERE wait_s > limit_s)"
    times = [time for wait in waits for time in (wait.from_ns, wait.until_ns)]
    evidence = evidence_of(dataset, lines)
    return check.present(
        "high" if failed else "medium", *facts, count=len(waits), tasks=failed, times=times, evidence=evidence
    )


def _without_tasks(check: Check, dataset: Dataset) -> Finding:
    """Judge by progress output and by jobs that nobody takes, where no task is logged."""
    rows = dataset.rows(
        "SELECT message, log_path, log_line FROM events WHERE source = ? ORDER BY log_path, log_line", (SOURCE,)
    )
    shown = [(sample, row) for row in rows if (sample := read_sample(row[0]))]
    if shown:
        samples = [sample for sample, _ in shown]
        last = samples[-1]
        still = still_samples(samples)
        values = {"share": format_share(last.share), "rate": format_rate(last.rate_bps)}
        if still >= _STILL_SAMPLES and last.share < 1:
            evidence = evidence_at((path, line, text) for _, (text, path, line) in shown[-still:])
            reason = message("the progress output stands at {share} in its last {n:,} lines", n=still + 1, **values)
            return check.present("high", reason, count=1, tasks=0, evidence=evidence)
        if last.share < 1:
            return check.unknown(
                "the progress output ends at {share}, still advancing at {rate}; the client's log says what came then",
                **values,
            )
        return check.absent("the progress output reaches {share}", **values)
    ((pending, waited_s),) = dataset.rows("""
        SELECT count(*), max(nanoseconds(coalesce(ended, (SELECT max(time) FROM events))) - nanoseconds(created)) / 1e9 FROM jobs WHERE state IN ('PENDING', 'RECEIVED')
    """)
    if not pending:
        return check.unknown("no task is logged with its pieces")
    if not waited_s or waited_s < _LONG_PENDING_S:
        return check.unknown(
            "jobs still pending when their state was read: {n:,}; no task is logged with its pieces", n=pending
        )
    rows = dataset.rows("SELECT log_path, log_line, job_id, state FROM jobs WHERE state IN ('PENDING', 'RECEIVED')")
    evidence = evidence_at(
        (path, line, message("job {job}: state {state}", job=job, state=state)) for path, line, job, state in rows
    )
    waits = message(
        "waiting for {whom}: {n:,}", whom=message("the job queue, from which no scheduler takes them"), n=pending
    )
    longest = message("jobs pending for up to {duration}", duration=format_duration(waited_s))
    return check.present("high", longest, waits, count=pending, tasks=0, evidence=evidence)


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


_TIMEOUTS = ("download.pieceTimeout", "download.collectedPieceTimeout")


def silent_gap(check: Check, dataset: Dataset) -> Finding:
    """A task made no progress for longer than its timeouts allow, without an error."""
    hosts = dataset.rows("SELECT DISTINCT role, host FROM tasks WHERE role IN ('client', 'seedClient')")
    limits = [(role, host, _limit_s(dataset.settings, role, host)) for role, host in hosts]
    add_relation(dataset, "task_limits", limits, role=str, host=str, limit_s=float)
    _measure_waits(dataset)
    dataset.engine.execute(sql("diagnosis", "silent_waits"))
    ((n, known, longest),) = dataset.rows("SELECT count(*), count(limit_s), max(wait_s) FROM waits")
    if not n:
        return check.unknown("no task is logged with its pieces")
    columns = "host, wait_s, limit_s, outcome, begin_ns"
    gaps = dataset.rows(f"SELECT {columns} FROM waits WHERE wait_s > limit_s ORDER BY wait_s DESC, peer_id")
    if not gaps and not known:
        return check.unknown("the piece timeout of these hosts is unknown")
    if not gaps:
        text = format_duration(longest)
        return check.absent(
            "no task without errors waited longer than its piece timeout; the longest wait is {longest}", longest=text
        )
    counts = Counter(row[0] for row in gaps if row[0] is not None)
    reason = message(
        "tasks without progress for up to {longest} and without an error: {n:,}, on {hosts}; the piece timeout there is {limit}",
        n=len(gaps), hosts=format_hosts(sorted(counts, key=lambda host: (-counts[host], host))), longest=format_duration(gaps[0][1]), limit=format_duration(gaps[0][2]),
    )  # fmt: skip
    failed = sum(row[3] in ("failed", "died") for row in gaps)
    lines = "event_id = 'task_started' AND peer_id IN (SELECT peer_id FROM waits WHERE wait_s > limit_s)"
    times, evidence = [row[4] for row in gaps], evidence_of(dataset, lines)
    return check.present("medium", reason, count=len(gaps), tasks=failed, times=times, evidence=evidence)


def _limit_s(settings: Settings, role: str, host: str | None) -> float | None:
    known = [limit for key in _TIMEOUTS if (limit := settings.get(key, role, host).seconds)]
    return max(_MIN_S, min(known)) if known else None
