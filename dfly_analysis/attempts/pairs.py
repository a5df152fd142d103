"""The ordinary pieces: one start, one finish, and nobody else in their way; paired all at once.

Most records of a client's log are of such pieces. What is left goes to `pieces`, record after record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from dfly_analysis.attempts.pieces import ENDS, MARKS, PIECE_EVENTS
from dfly_analysis.attempts.records import Records, n_pairs, pair_of
from dfly_analysis.attempts.background import Background
from dfly_analysis.attempts.typed import first_of, last_of, numbered, slots_of
from dfly_analysis.attempts.words import NONE, FlagArray, NumberArray

_START, _END, _OTHER = 0, 1, 2
Kinds: TypeAlias = np.ndarray[Any, np.dtype[np.int8]]


@dataclass(frozen=True)
class Paired:
    """Places of records.

    Attributes
    ----------
    started, ended : numpy.ndarray of int
        Start and finish of each ordinary piece; -1 where there is none.
    found_there : numpy.ndarray of bool
        Whether the piece was there already, fetched before by the same process.
    rest : numpy.ndarray of int
        The other records of pieces, and those of the rounds of all peers, in order.
    starting : numpy.ndarray of bool
        By peer: whether a start of it was logged.
    """

    started: NumberArray
    ended: NumberArray
    found_there: FlagArray
    rest: NumberArray
    starting: FlagArray


def pair_up(records: Records, run_context: Background) -> Paired:
    """Pair the records of ordinary pieces.

    A piece of a task on a host is ordinary where its records are starts, each followed by a finish of the same peer before
    the next start (the last may have none), and no round of such a peer began or was lost while one was under way. A finish
    alone is too. Peers whose starts are not logged have none: their times follow from all their pieces together
    (`siblings`).

    Parameters
    ----------
    records : Records
    run_context : Background

    Returns
    -------
    Paired
    """
    client = records.component.among({"client"})
    marks = np.flatnonzero(client & records.event.among(MARKS))
    of_piece = client & records.event.among(PIECE_EVENTS) & (records.number != NONE) & (records.task.codes != NONE)
    acting = np.flatnonzero(of_piece & ~_reports_a_failure(records))
    kind = _kinds(records)
    starting = np.zeros(len(records.peer.words), dtype=bool)
    starting[records.peer.codes.take(acting.compress(kind.take(acting) == _START)).astype(np.int64)] = True
    where = pair_of(records).take(acting)
    tractable = starting & _is_steady(records.peer.codes.take(acting), where, len(starting))
    if not tractable.all():
        kind[~tractable.take(records.peer.codes)] = _OTHER

    pairs, at = numbered(where, n_pairs(records))
    piece, n_pieces = slots_of(at, records.number.take(acting), len(pairs))
    started, ended, group = _pair(records, acting, piece, n_pieces, kind)
    disturbed = np.bincount(group.compress(_is_disturbed(records, marks, started, ended)), minlength=n_pieces) > 0
    kept = ~disturbed.take(group)
    started, ended, group = (one.compress(kept) for one in (started, ended, group))
    left = np.zeros(len(records), dtype=bool)
    left[marks] = left[acting] = True
    left[started.compress(started != NONE)] = left[ended.compress(ended != NONE)] = False
    return Paired(started, ended, _is_there(records, started, group, run_context), np.flatnonzero(left), starting)


def _kinds(records: Records) -> Kinds:
    """Return for each record whether it begins a piece, ends one, or neither."""
    of_word = [_START if word == "piece_started" else _END if word in ENDS else _OTHER for word in records.event.words]
    return np.array([*of_word, _OTHER], dtype=np.int8).take(records.event.codes)


def _pair(
    records: Records, acting: NumberArray, piece: NumberArray, n_pieces: int, kind: Kinds
) -> tuple[NumberArray, NumberArray, NumberArray]:
    """Return start, finish and piece of all attempts at pieces at which peers took turns, by piece.

    Most pieces have one start and one finish: they are found without sorting.
    """
    count = np.bincount(piece, minlength=n_pieces)
    first, last = first_of(piece, np.arange(len(piece)), n_pieces), last_of(piece, np.arange(len(piece)), n_pieces)
    plain = np.flatnonzero(count == 2)
    begun, finished = acting.take(first.take(plain)), acting.take(last.take(plain))
    in_turn = (kind.take(begun) == _START) & (kind.take(finished) == _END)
    in_turn &= records.peer.codes.take(begun) == records.peer.codes.take(finished)
    plain, begun, finished = (one.compress(in_turn) for one in (plain, begun, finished))
    count[plain] = 0
    others = np.flatnonzero(count.take(piece) > 0)
    if not len(others):
        return begun, finished, plain
    started, ended, group = _take_turns(records, acting.take(others), piece.take(others), kind)
    order = np.argsort(np.concatenate([plain, group]), kind="stable")
    both = ((begun, started), (finished, ended), (plain, group))
    begun, finished, plain = (np.concatenate(pair).take(order) for pair in both)
    return begun, finished, plain


def _take_turns(
    records: Records, rows: NumberArray, piece: NumberArray, kind: Kinds
) -> tuple[NumberArray, NumberArray, NumberArray]:
    """Return start, finish and piece of all attempts at pieces at which peers took turns; else there are none."""
    order = np.argsort(piece, kind="stable")
    rows, piece = rows[order], piece[order]
    first = np.flatnonzero(np.diff(piece, prepend=NONE))
    size = np.diff(first, append=len(rows))
    group = np.repeat(np.arange(len(first)), size)
    turn = np.arange(len(rows)) - np.repeat(first, size)
    peer = records.peer.codes[rows]
    is_start = turn % 2 == 0
    expected = np.where(is_start, _START, _END)
    lone = (size == 1)[group] & (kind[rows] == _END)
    in_turn = (kind[rows] == expected) & (is_start | (peer == np.roll(peer, 1)))
    wild = np.bincount(group[~(in_turn | lone)], minlength=len(first)) > 0
    at = np.flatnonzero(is_start & ~wild[group])
    following = np.append(rows, NONE)[at + 1]
    ended = np.where(turn[at] + 1 < size[group[at]], following, NONE)
    return np.where(lone[at], NONE, rows[at]), np.where(lone[at], rows[at], ended), piece[at]


def _is_there(records: Records, started: NumberArray, group: NumberArray, run_context: Background) -> FlagArray:
    """Return which attempts found the piece: the one before them at the same piece was made in the same life."""
    repeated = np.flatnonzero(group == np.roll(group, 1))
    repeated = repeated[repeated > 0]
    there = np.zeros(len(group), dtype=bool)
    lives = [run_context.lives(records.take(started[rows])) for rows in (repeated - 1, repeated)]
    there[repeated] = lives[0] == lives[1]
    return there


def _reports_a_failure(records: Records) -> FlagArray:
    """Return which reports that found nobody to listen were of a failure; they do not say that the piece is there."""
    reports = np.flatnonzero(records.event.among({"piece_report_closed"}))
    failures = np.zeros(len(records), dtype=bool)
    failures[reports] = ["Failed" in (text or "")[:40] for text in records.take(reports).texts("message")]
    return failures


def _is_steady(peer: NumberArray, where: NumberArray, n_peers: int) -> FlagArray:
    """Return for each peer whether all its records are of one task on one host."""
    of_peer = np.full(n_peers, NONE, dtype=np.int64)
    of_peer[peer.astype(np.int64)] = where
    steady = np.ones(n_peers, dtype=bool)
    steady[peer.compress(of_peer.take(peer) != where)] = False
    return steady


def _is_disturbed(records: Records, marks: NumberArray, started: NumberArray, ended: NumberArray) -> FlagArray:
    """Return which pieces had a record of their peer's rounds between start and end, or after a start without an end."""
    place, n_peers = len(records) + 1, len(records.peer.words)
    peer = records.peer.codes.take(np.where(started == NONE, ended, started)).astype(np.int64)
    until = np.where(ended == NONE, place - 1, ended)
    since = np.where(started == NONE, until, started)
    last = last_of(records.peer.codes, marks, n_peers)
    near = np.flatnonzero(since <= last.take(peer))  # most pieces begin after the last mark
    times = np.sort(records.peer.codes[marks] * np.int64(place) + marks)
    disturbed = np.zeros(len(started), dtype=bool)
    own = peer.take(near) * place
    disturbed[near] = np.searchsorted(times, own + since.take(near)) != np.searchsorted(times, own + until.take(near))
    return disturbed
