"""From events to `pieces` and `tasks`, one stage after the other."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from dfly_analysis.attempts.causes import find_causes
from dfly_analysis.attempts.limits import Limits
from dfly_analysis.attempts.observed import observe_limits
from dfly_analysis.attempts.peers import fill_peers, in_order, process_starts
from dfly_analysis.attempts.pieces import Attempt, attempts_of, judge, read_client_pieces
from dfly_analysis.attempts.reports import join_reports
from dfly_analysis.attempts.siblings import add_cancelled
from dfly_analysis.attempts.tasks import Task, add_pieces, read_tasks, settle_outcomes
from dfly_analysis.knowledge.signature import cause_of
from dfly_analysis.tables import PIECES, TASKS


def rebuild(events: pd.DataFrame, limits: Limits) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rebuild pieces and tasks.

    Parameters
    ----------
    events : pandas.DataFrame
        Rows of `dfly_analysis.tables.EVENTS` with the reader's further columns.
    limits : Limits
        Settings in force.

    Returns
    -------
    tuple of (pandas.DataFrame, pandas.DataFrame)
        `dfly_analysis.tables.PIECES` and `dfly_analysis.tables.TASKS`. Works with the clients' logs alone, the
        scheduler's alone, or both; a piece that both saw is one row.
    """
    events = fill_peers(in_order(events))
    peers = read_client_pieces(events, limits)
    join_reports(peers, events)
    add_cancelled(peers, limits)
    limits = observe_limits(peers.values(), limits)
    attempts = list(attempts_of(peers))
    for attempt in attempts:
        judge(attempt, limits)
    tasks = read_tasks(events)
    settle_outcomes(tasks, events, process_starts(events))
    add_pieces(tasks, attempts)
    _judge_by_task(attempts, tasks)
    causes = find_causes(tasks, attempts)
    return _pieces(attempts, tasks, limits), _tasks(tasks, attempts, causes)


def _judge_by_task(attempts: list[Attempt], tasks: dict[str, Task]) -> None:
    """Give a failed piece without an ending of its own the one that its task's text names."""
    for attempt in attempts:
        task = tasks.get(attempt.peer_id)
        if attempt.outcome == "unknown" and attempt.ended is not None and task and "source_round_failed" in task.texts:
            known = cause_of(task.texts["source_round_failed"])
            attempt.outcome = known.outcome if known is not None and known.outcome != "timeout" else attempt.outcome


def _pieces(attempts: list[Attempt], tasks: dict[str, Task], limits: Limits) -> pd.DataFrame:
    attempts.sort(
        key=lambda attempt: (
            attempt.peer_id,
            attempt.piece_number,
            attempt.started or attempt.ended or pd.Timestamp(0, tz="UTC"),
        )
    )
    numbers: Counter[tuple[str, int]] = Counter()
    rows: list[dict[str, Any]] = []
    for attempt in attempts:
        numbers[attempt.peer_id, attempt.piece_number] += 1
        row = {name: getattr(attempt, name) for name in PIECES.names if hasattr(attempt, name)}
        limit_s = limits.limit_s(attempt.role, attempt.host) if attempt.origin == "source" else None
        row |= {
            "attempt": numbers[attempt.peer_id, attempt.piece_number], "timeout_s": limit_s, "censored": attempt.outcome != "ok",
            "size_bytes": attempt.size_bytes or _size(tasks.get(attempt.peer_id), attempt.piece_number), "survivors_unseen": attempt.survivors_unseen,
        }  # fmt: skip
        rows.append(row)
    return PIECES.frame(rows)


def _size(task: Task | None, piece_number: int) -> int | None:
    if task is None or not task.piece_bytes:
        return None
    if task.size_bytes is None or piece_number < (task.n_pieces or 1) - 1:
        return task.piece_bytes if task.size_bytes is None or task.size_bytes >= task.piece_bytes else task.size_bytes
    return task.size_bytes - piece_number * task.piece_bytes or task.piece_bytes


def _tasks(tasks: dict[str, Task], attempts: list[Attempt], causes: dict[str, tuple[str, str]]) -> pd.DataFrame:
    got: dict[str, Counter[str]] = {}
    for attempt in attempts:
        if attempt.outcome == "ok" and attempt.origin != "local":
            got.setdefault(attempt.peer_id, Counter())[attempt.origin] += (
                attempt.size_bytes or _size(tasks.get(attempt.peer_id), attempt.piece_number) or 0
            )
    rows = []
    for task in tasks.values():
        if task.task_id is None or (task.started is None and task.outcome == "unknown"):
            continue
        cause, confidence = causes.get(task.peer_id, (None, None))
        fetched = got.get(task.peer_id, Counter())
        row = {name: getattr(task, name) for name in TASKS.names if hasattr(task, name)}
        ended = task.ended if task.outcome in ("ok", "failed") else None
        row |= {
            "ended": ended, "cause": cause, "confidence": confidence, "bytes_from_source": fetched["source"], "bytes_from_parent": fetched["parent"],
            "duration_s": (ended - task.started).total_seconds() if ended is not None and task.started is not None else None,
            "origin": "both" if fetched["source"] and fetched["parent"] else "source" if fetched["source"] else "parent" if fetched["parent"] else None,
        }  # fmt: skip
        rows.append(row)
    return TASKS.frame(sorted(rows, key=lambda row: (row["started"] or pd.Timestamp(0, tz="UTC"), row["peer_id"])))
