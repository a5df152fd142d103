"""The two tables, from attempts and tasks as columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dfly_analysis.attempts.causes import Cause
from dfly_analysis.attempts.columns import OK, ORIGINS, SOURCE, Columns
from dfly_analysis.attempts.limits import Limits
from dfly_analysis.attempts.made import Integers, Made, Times
from dfly_analysis.attempts.records import Records
from dfly_analysis.attempts.tasks import Tasks
from dfly_analysis.attempts.typed import FloatArray, at_rows, each_pair, seconds_between, slots_of
from dfly_analysis.attempts.words import NO_TIME, NONE, Array, NumberArray, Words
from dfly_analysis.schema import OUTCOMES, PIECES, TASKS


def make_pieces(records: Records, attempts: Columns, signatures: Sequence[str], limits: Limits) -> Made:
    """Return the table of pieces.

    Parameters
    ----------
    records : Records
    attempts : dict of str to numpy.ndarray
        Of `attempt_columns`, with their sizes filled in as far as known.
    signatures : sequence of str
        What their numbers of signatures stand for.
    limits : Limits

    Returns
    -------
    Made
        `dfly_analysis.schema.PIECES`, by peer, piece and time.
    """
    started = np.where(attempts["started"] != NO_TIME, attempts["started"], attempts["ended"])
    peer = records.peer.rank.take(attempts["peer"])
    rows, repeated = _by_piece(
        slots_of(peer, attempts["piece_number"], len(records.peer.words)), started, attempts["order"]
    )
    codes = {name: _at(column, rows) for name, column in attempts.items()}
    words = {
        "task_id": "task",
        "peer_id": "peer",
        "host": "host",
        "role": "role",
        "parent_id": "parent",
        "log_path": "path",
    }
    return Made(
        PIECES, len(rows), {
            **{column: getattr(records, name).at(codes[name]) for column, name in words.items()},
            **{name: codes[name] for name in ("piece_number", "duration_s", "round", "successes_not_logged")},
            "attempt": repeated + 1,
            "origin": Words(codes["origin"], np.array(ORIGINS, dtype=object)),
            "size_bytes": Integers(codes["size_bytes"], codes["size_bytes"] == NONE),
            "started": Times(codes["started"]), "ended": Times(codes["ended"]),
            "outcome": Words(codes["outcome"], np.array(OUTCOMES, dtype=object)), "signature": Words(codes["signature"], np.array(signatures, dtype=object)),
            "timeout_s": _limits_s(records, codes, limits), "censored": codes["outcome"] != OK,
            "log_line": Integers(codes["log_line"], codes["log_line"] == NONE),
        }
    )  # fmt: skip


def _at(column: Array, rows: NumberArray) -> Array:
    """Return some elements of a column, which may be one value for all."""
    return np.broadcast_to(column[:1], len(rows)) if column.strides == (0,) and len(rows) else column.take(rows)


def _by_piece(
    pieces: tuple[NumberArray, int], started: NumberArray, order: NumberArray
) -> tuple[NumberArray, NumberArray]:
    """Return the places of attempts by piece, time and order, and how many attempts at the piece each has before it."""
    piece, n_pieces = pieces
    count = np.bincount(piece, minlength=n_pieces)
    start = np.cumsum(count) - count
    rows, repeated = np.empty(len(piece), dtype=np.int64), np.zeros(len(piece), dtype=np.int64)
    # most pieces have one attempt; the others' places are put right below
    rows[start.take(piece)] = np.arange(len(piece))
    several = np.flatnonzero(count.take(piece) > 1)
    time = np.where(started[several] == NO_TIME, 0, started[several])
    of = several[np.lexsort((order[several], time, piece[several]))]
    first = np.flatnonzero(np.diff(piece[of], prepend=NONE))
    before = np.arange(len(of)) - np.repeat(first, np.diff(first, append=len(of)))
    places = start[piece[of]] + before
    rows[places], repeated[places] = of, before
    return rows, repeated


def _limits_s(records: Records, codes: Mapping[str, Any], limits: Limits) -> FloatArray:
    """Return the limit in force for each attempt at the source, seconds."""
    hosts, at = each_pair(records.role.at(codes["role"]), records.host.at(codes["host"]))
    known = np.array([limits.limit_s(role, host) for role, host in hosts], dtype=np.float64)
    return np.where(codes["origin"] == SOURCE, known.take(at), np.nan) if len(at) else np.empty(0)


def make_tasks(tasks: Tasks, causes: Mapping[int, Cause], fetched: Mapping[str, NumberArray]) -> Made:
    """Return the table of tasks.

    Parameters
    ----------
    tasks : Tasks
    causes : mapping of int to (str, str)
        Of those that failed, by place in `tasks`: the cause, and how sure it is.
    fetched : mapping of str to numpy.ndarray of int
        Bytes by origin, one element a task.

    Returns
    -------
    Made
        `dfly_analysis.schema.TASKS`, by time of start.
    """
    records = tasks.records
    ends = np.where(np.isin(tasks.outcome, ["ok", "failed"]), tasks.ended_row, NONE)
    started, ended = (at_rows(records.time, rows, NO_TIME) for rows in (tasks.started_row, ends))
    order = np.lexsort((records.peer.rank[tasks.peer], np.where(started == NO_TIME, 0, started)))
    known = (tasks.task != NONE) & ((tasks.started_row != NONE) | (tasks.outcome != "unknown"))
    rows = order[known[order]]
    numbers = {name: getattr(tasks, name)[rows] for name in ("size_bytes", "piece_bytes", "n_pieces")}
    found = [causes.get(at, (None, None)) for at in rows.tolist()]
    words = {"task_id": "task", "peer_id": "peer", "host": "host", "role": "role"}
    path = records.path.at(at_rows(records.path.codes, tasks.placed_row)[rows])
    line = at_rows(records.line, tasks.placed_row)[rows]
    return Made(
        TASKS, len(rows), {
            **{column: getattr(records, of).at(getattr(tasks, of)[rows]) for column, of in words.items()},
            **{name: Integers(values, values <= 0) for name, values in numbers.items()},
            "url": [tasks.url[at] for at in rows], "started": Times(started[rows]), "ended": Times(ended[rows]),
            "duration_s": seconds_between(started, ended)[rows], "outcome": tasks.outcome[rows],
            "cause": [cause for cause, _ in found], "confidence": [confidence for _, confidence in found],
            "first_error": [tasks.first_error.get(at) for at in rows.tolist()], "last_error": [tasks.last_error.get(at) for at in rows.tolist()],
            "n_errors": tasks.n_errors[rows], "bytes_from_source": fetched["source"][rows], "bytes_from_parent": fetched["parent"][rows],
            "origin": _task_origins(fetched).take(rows), "log_path": path, "log_line": Integers(line, line == NONE),
        }
    )  # fmt: skip


def _task_origins(fetched: Mapping[str, NumberArray]) -> Words:
    """Return whether the bytes of each task came from the source, from parents, or from both."""
    from_source, from_parent = fetched["source"] != 0, fetched["parent"] != 0
    codes = from_source + 2 * from_parent.astype(np.int64) - 1
    return Words(codes, np.array(["source", "parent", "both"], dtype=object))
