"""Tasks: one row a peer, from its own records, the scheduler's, and its pieces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from dfly_analysis.attempts.peers import started_anew
from dfly_analysis.attempts.pieces import Attempt, piece_numbers

_STARTS = frozenset({"task_started", "peer_registered"})
_CLIENT_ENDS = frozenset({"task_finished", "task_output_written"})
# Records that say why: the text with the whole chain of sources first, then the final word, then what led to it.
TELLING = (
    "source_round_failed",
    "task_failed",
    "scheduler_round_failed",
    "scheduler_call_failed",
    "task_failure_repeated",
    "preheat_stream_failed",
    "preheat_failed",
    "peer_failed",
)
_ERROR_LEVELS = frozenset({"ERROR", "FATAL"})


@dataclass
class Task:
    """One peer's attempt at one blob while it is being put together."""

    peer_id: str
    task_id: str | None = None
    host: str | None = None
    role: str | None = None
    url: str | None = None
    size_bytes: int | None = None
    piece_bytes: int | None = None
    n_pieces: int | None = None
    started: pd.Timestamp | None = None
    ended: pd.Timestamp | None = None
    last_seen: pd.Timestamp | None = None
    outcome: str = "unknown"
    in_client_log: bool = False
    scheduler_says: str | None = None
    texts: dict[str, str] = field(default_factory=dict)
    first_error: str | None = None
    last_error: str | None = None
    n_errors: int = 0
    job_id: str | None = None
    log_path: str | None = None
    log_line: int | None = None


def read_tasks(events: pd.DataFrame) -> dict[str, Task]:
    """Put the records of each peer together.

    Parameters
    ----------
    events : pandas.DataFrame
        With peers filled in, in the order they were written.

    Returns
    -------
    dict of str to Task
        By peer id.
    """
    tasks: dict[str, Task] = {}
    chosen = events[events["peer_id"].notna() & (events["event_id"].notna() | events["level"].isin(_ERROR_LEVELS))]
    row: Any
    for row in chosen.itertuples(index=False):
        task = tasks.setdefault(row.peer_id, Task(row.peer_id))
        _who(task, row)
        if row.component == "client":
            _client_record(task, row)
        elif row.component == "scheduler":
            _scheduler_record(task, row)
    return tasks


def _who(task: Task, row: Any) -> None:
    task.task_id = task.task_id or _text(row.task_id)
    task.host = task.host or _text(row.host)
    task.role = task.role or _text(row.role)
    task.url = task.url or _text(row.url)
    if pd.notna(row.piece_bytes):
        task.piece_bytes = int(row.piece_bytes)
    if pd.notna(row.size_bytes) and row.event_id != "piece_reported":
        task.size_bytes = int(row.size_bytes)


def _client_record(task: Task, row: Any) -> None:
    if not task.in_client_log:
        task.in_client_log, task.started, task.log_path, task.log_line = True, None, None, None
    task.last_seen = row.time
    if row.event_id in _STARTS and task.started is None:
        _place(task, row)
        task.started = row.time
    elif row.event_id in _CLIENT_ENDS and task.outcome != "failed":
        task.outcome = "ok"
        task.ended = task.ended or row.time
    elif row.event_id == "task_failed":
        task.outcome, task.ended = "failed", row.time
        _place(task, row)
    if row.event_id == "pieces_planned" and task.n_pieces is None and (numbers := piece_numbers(row.pieces)):
        task.n_pieces = max(numbers) + 1
    if row.event_id in TELLING:
        task.texts[row.event_id] = row.message
    if row.level in _ERROR_LEVELS and row.event_id != "piece_report_closed":
        task.first_error = task.first_error or row.message
        task.last_error = row.message
    if task.log_path is None:
        _place(task, row)


def _scheduler_record(task: Task, row: Any) -> None:
    if not task.in_client_log:
        task.last_seen = row.time
        if row.event_id in _STARTS and task.started is None:
            task.started = row.time
            _place(task, row)
    if row.event_id in ("peer_finished", "peer_failed"):
        task.scheduler_says = row.event_id
        if not task.in_client_log:
            task.ended = row.time
        if row.event_id == "peer_finished" and pd.notna(row.size_bytes):
            task.size_bytes = int(row.size_bytes)
    if row.event_id == "peer_failed" and isinstance(row.error, str):
        task.texts.setdefault("peer_failed", row.error)


def _place(task: Task, row: Any) -> None:
    task.log_path, task.log_line = row.log_path, int(row.log_line)


def settle_outcomes(tasks: dict[str, Task], events: pd.DataFrame, starts: dict[str, list[pd.Timestamp]]) -> None:
    """Decide the outcome of tasks whose own records do not: deaths, and peers that only the scheduler saw.

    Parameters
    ----------
    tasks : dict of str to Task
        Scratch, changed in place.
    events : pandas.DataFrame
    starts : dict of str to list of Timestamp
        Process starts by host.
    """
    jobs = events[events["event_id"].isin(["preheat_failed", "preheat_stream_failed", "preheat_succeeded"])]
    verdicts = {"preheat_failed": "failed", "preheat_stream_failed": "failed", "preheat_succeeded": "ok"}
    by_key: dict[str, tuple[str, str]] = {}
    row: Any
    for row in jobs.itertuples(index=False):
        for key in (row.task_id, row.url):
            if isinstance(key, str):
                by_key[key] = (verdicts[row.event_id], row.error if isinstance(row.error, str) else row.message)
    for task in tasks.values():
        if task.outcome != "unknown":
            continue
        if task.in_client_log:
            if (
                task.host
                and task.last_seen is not None
                and task.started is not None
                and started_anew(starts, task.host, task.last_seen)
            ):
                task.outcome = "died"
            continue
        _settle_by_scheduler(task, by_key)


def _settle_by_scheduler(task: Task, by_key: dict[str, tuple[str, str]]) -> None:
    job = by_key.get(task.task_id or "") or by_key.get(task.url or "")
    if task.scheduler_says == "peer_finished":
        task.outcome = "ok"
    elif job and task.role == "seedClient":
        task.outcome = job[0]
        if job[0] == "failed":
            task.texts.setdefault("preheat_failed", job[1])
            task.first_error = task.last_error = job[1]


def add_pieces(tasks: dict[str, Task], attempts: Iterable[Attempt]) -> None:
    """Learn sizes and the number of failures from the pieces.

    Where a client's log does not say the size of a blob, the lengths of its pieces do: the longest is the piece length.
    """
    longest: dict[str, int] = {}
    by_peer: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_peer.setdefault(attempt.peer_id, []).append(attempt)
        if attempt.size_bytes:
            longest[attempt.task_id] = max(longest.get(attempt.task_id, 0), attempt.size_bytes)
    for task in tasks.values():
        own = by_peer.get(task.peer_id, [])
        task.n_errors = sum(attempt.outcome not in ("ok", "cancelled") and attempt.ended is not None for attempt in own)
        if task.outcome == "failed" and not task.n_errors:
            task.n_errors = 1
        task.piece_bytes = task.piece_bytes or longest.get(task.task_id or "")
        if task.size_bytes is None and task.outcome == "ok":
            sizes = {
                attempt.piece_number: attempt.size_bytes
                for attempt in own
                if attempt.outcome == "ok" and attempt.size_bytes
            }
            if sizes and len(sizes) == max(sizes) + 1:
                task.size_bytes = sum(sizes.values())
    _share_sizes(tasks)


def _share_sizes(tasks: dict[str, Task]) -> None:
    sizes = {task.task_id: task.size_bytes for task in tasks.values() if task.size_bytes}
    lengths = {task.task_id: task.piece_bytes for task in tasks.values() if task.piece_bytes}
    counts = {task.task_id: task.n_pieces for task in tasks.values() if task.n_pieces}
    for task in tasks.values():
        task.size_bytes = task.size_bytes or sizes.get(task.task_id)
        task.piece_bytes = task.piece_bytes or lengths.get(task.task_id)
        if task.size_bytes and task.piece_bytes:
            task.n_pieces = -(-task.size_bytes // task.piece_bytes)
        task.n_pieces = task.n_pieces or counts.get(task.task_id)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
