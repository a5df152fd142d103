"""What sizes follow from one another: of blobs from their pieces, of pieces from their blob."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dfly_analysis.attempts.columns import LOCAL, OK, ORIGINS
from dfly_analysis.attempts.pieces import Attempt
from dfly_analysis.attempts.tasks import Tasks
from dfly_analysis.attempts.typed import last_of
from dfly_analysis.attempts.words import NONE, NumberArray


def learn_from_pieces(tasks: Tasks, finished: pd.DataFrame, others: Sequence[Attempt]) -> None:
    """Learn sizes and the number of failures from the pieces.

    Where a client's log does not say the size of a blob, the lengths of its pieces do: the longest is the piece length.

    Parameters
    ----------
    tasks : Tasks
        Scratch, changed in place.
    finished : pandas.DataFrame
        Of `attempt_frame`, with all lengths that are known.
    others : sequence of Attempt
        Those that did not finish.
    """
    place = place_of_peer(tasks)
    for attempt in others:
        if attempt.outcome not in ("ok", "cancelled") and attempt.ended is not None:
            tasks.n_errors[place[tasks.records.peer.place[attempt.record.peer_id]]] += 1
    tasks.n_errors[(tasks.outcome == "failed") & (tasks.n_errors == 0)] = 1
    sized = finished[finished["size_bytes"] > 0]
    longest = np.zeros(len(tasks.records.task.words) + 1, dtype=np.int64)  # the last is the place of -1
    np.maximum.at(longest, sized["task"].to_numpy(), sized["size_bytes"].to_numpy())
    longest[NONE] = 0
    tasks.piece_bytes = np.where(tasks.piece_bytes > 0, tasks.piece_bytes, longest[tasks.task])
    _add_up(tasks, sized.assign(at=place[sized["peer"]]))
    _share(tasks)


def place_of_peer(tasks: Tasks) -> NumberArray:
    """Return for each peer its place in `tasks`."""
    place = np.full(len(tasks.records.peer.words), NONE, dtype=np.int64)
    place[tasks.peer] = np.arange(len(tasks))
    return place


def _add_up(tasks: Tasks, sized: pd.DataFrame) -> None:
    """Take the size of a finished blob whose size nobody says from its pieces, where the lengths of all are known."""
    lacking = (tasks.size_bytes == NONE) & (tasks.outcome == "ok")
    own = sized[lacking[sized["at"]] & (sized["outcome"] == OK)].drop_duplicates(["at", "piece_number"], keep="last")
    pieces = own.groupby("at").agg(
        count=("piece_number", "size"), last=("piece_number", "max"), total=("size_bytes", "sum")
    )
    whole = pieces[pieces["count"] == pieces["last"] + 1]
    tasks.size_bytes[whole.index] = whole["total"]


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


def fill_sizes(attempts: pd.DataFrame, tasks: Tasks) -> pd.DataFrame:
    """Return attempts with the length that follows from blob and piece length where nobody says it."""
    at = place_of_peer(tasks)[attempts["peer"]]
    number, own = attempts["piece_number"].to_numpy(), attempts["size_bytes"].to_numpy()
    size, length, count = tasks.size_bytes[at], tasks.piece_bytes[at], tasks.n_pieces[at]
    is_inner = (size == 0) | (number < np.maximum(count, 1) - 1)
    inner = np.where((size == 0) | (size >= length), length, size)
    left = size - number * length
    follows = np.where(is_inner, inner, np.where(left == 0, length, left))
    return attempts.assign(size_bytes=np.where(own > 0, own, np.where(length > 0, follows, NONE)))


def fetched_bytes(attempts: pd.DataFrame, tasks: Tasks) -> dict[str, NumberArray]:
    """Return for each task how many bytes came from each origin, as far as seen."""
    origin, size = attempts["origin"].to_numpy(), attempts["size_bytes"].to_numpy()
    got = np.flatnonzero((attempts["outcome"] == OK) & (origin != LOCAL) & (size != NONE))
    place = origin[got] * np.int64(len(tasks)) + place_of_peer(tasks)[attempts["peer"].to_numpy()[got]]
    fetched = np.zeros(len(ORIGINS) * len(tasks), dtype=np.int64)
    np.add.at(fetched, place, size[got])
    return dict(zip(ORIGINS, fetched.reshape(len(ORIGINS), len(tasks)), strict=True))
