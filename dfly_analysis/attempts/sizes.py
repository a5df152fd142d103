"""What sizes follow from one another: of blobs from their pieces, of pieces from their blob."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dfly_analysis.attempts.columns import LOCAL, OK, ORIGINS, Columns
from dfly_analysis.attempts.pieces import Attempt
from dfly_analysis.attempts.tasks import Tasks
from dfly_analysis.attempts.typed import last_of, slots_of
from dfly_analysis.attempts.words import NONE, NumberArray


def learn_from_pieces(tasks: Tasks, finished: Columns, others: Sequence[Attempt]) -> None:
    """Learn sizes and the number of failures from the pieces.

    Where a client's log does not say the size of a blob, the lengths of its pieces do: the longest is the piece length.

    Parameters
    ----------
    tasks : Tasks
        Scratch, changed in place.
    finished : dict of str to numpy.ndarray
        Of `attempt_columns`, with all lengths that are known.
    others : sequence of Attempt
        Those that did not finish.
    """
    place = place_of_peer(tasks)
    for attempt in others:
        if attempt.outcome not in ("ok", "cancelled") and attempt.ended is not None:
            tasks.n_errors[place[tasks.records.peer.place[attempt.record.peer_id]]] += 1
    tasks.n_errors[(tasks.outcome == "failed") & (tasks.n_errors == 0)] = 1
    sized = np.flatnonzero(finished["size_bytes"] > 0)
    longest = np.zeros(len(tasks.records.task.words) + 1, dtype=np.int64)  # the last is the place of -1
    np.maximum.at(longest, finished["task"].take(sized), finished["size_bytes"].take(sized))
    longest[NONE] = 0
    tasks.piece_bytes = np.where(tasks.piece_bytes > 0, tasks.piece_bytes, longest[tasks.task])
    _add_up(tasks, finished, sized, place)
    _share(tasks)


def place_of_peer(tasks: Tasks) -> NumberArray:
    """Return for each peer its place in `tasks`."""
    place = np.full(len(tasks.records.peer.words), NONE, dtype=np.int64)
    place[tasks.peer] = np.arange(len(tasks))
    return place


def _add_up(tasks: Tasks, finished: Columns, sized: NumberArray, place: NumberArray) -> None:
    """Take the size of a finished blob whose size nobody says from its pieces, where the lengths of all are known."""
    missing = (tasks.size_bytes == NONE) & (tasks.outcome == "ok")
    if not missing.any():
        return
    of_sized = place.take(finished["peer"].take(sized))
    own = sized.compress(missing.take(of_sized) & (finished["outcome"].take(sized) == OK))
    at, number = place.take(finished["peer"].take(own)), finished["piece_number"].take(own)
    piece, n_pieces = slots_of(at, number, len(tasks))
    last = last_of(piece, np.arange(len(own)), n_pieces)
    last = last.compress(last != NONE)
    own, at, number = (one.take(last) for one in (own, at, number))
    highest, total = np.full(len(tasks), NONE, dtype=np.int64), np.zeros(len(tasks), dtype=np.int64)
    np.maximum.at(highest, at, number)
    np.add.at(total, at, finished["size_bytes"][own])
    whole = (highest != NONE) & (np.bincount(at, minlength=len(tasks)) == highest + 1)
    tasks.size_bytes[whole] = total[whole]


def _share(tasks: Tasks) -> None:
    """Share among the peers of a task what some of them know of it."""
    known = {name: _known(tasks, getattr(tasks, name)) for name in ("size_bytes", "piece_bytes", "n_pieces")}
    size = np.where(tasks.size_bytes > 0, tasks.size_bytes, known["size_bytes"])
    length = np.where(tasks.piece_bytes > 0, tasks.piece_bytes, known["piece_bytes"])
    counted = np.where(tasks.n_pieces > 0, tasks.n_pieces, known["n_pieces"])
    tasks.size_bytes, tasks.piece_bytes = size, length
    tasks.n_pieces = np.where((size > 0) & (length > 0), -(-size // np.maximum(length, 1)), counted)


def _known(tasks: Tasks, numbers: NumberArray) -> NumberArray:
    """Return what the last peer that knows it says of each peer's task, 0 where none does."""
    last = last_of(tasks.task, np.flatnonzero((numbers > 0) & (tasks.task != NONE)), len(tasks.records.task.words) + 1)
    at = np.where(tasks.task == NONE, NONE, last[tasks.task])
    return np.where(at == NONE, 0, numbers[at])


def fill_sizes(attempts: Columns, tasks: Tasks) -> Columns:
    """Return attempts with the length that follows from blob and piece length where nobody says it."""
    at = place_of_peer(tasks).take(attempts["peer"])
    number, own = attempts["piece_number"], attempts["size_bytes"]
    size, length, count = tasks.size_bytes.take(at), tasks.piece_bytes.take(at), tasks.n_pieces.take(at)
    is_inner = (size == 0) | (number < np.maximum(count, 1) - 1)
    inner = np.where((size == 0) | (size >= length), length, size)
    left = size - number * length
    follows = np.where(is_inner, inner, np.where(left == 0, length, left))
    return {**attempts, "size_bytes": np.where(own > 0, own, np.where(length > 0, follows, NONE))}


def fetched_bytes(attempts: Columns, tasks: Tasks) -> dict[str, NumberArray]:
    """Return for each task how many bytes came from each origin, as far as seen."""
    origin, size = attempts["origin"], attempts["size_bytes"]
    got = np.flatnonzero((attempts["outcome"] == OK) & (origin != LOCAL) & (size != NONE))
    place = origin.take(got) * np.int64(len(tasks)) + place_of_peer(tasks).take(attempts["peer"].take(got))
    fetched = np.zeros(len(ORIGINS) * len(tasks), dtype=np.int64)
    np.add.at(fetched, place, size.take(got))
    return dict(zip(ORIGINS, fetched.reshape(len(ORIGINS), len(tasks)), strict=True))
