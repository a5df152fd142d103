"""The ordinary pieces: one start, one finish, and nobody else in their way; paired all at once.

Most records of a client's log are of such pieces. What is left goes to `pieces`, record after record.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dfly_analysis.attempts.background import Background
from dfly_analysis.attempts.pieces import ENDS, MARKS, PIECE_EVENTS
from dfly_analysis.attempts.records import Records, pair_of
from dfly_analysis.attempts.words import NONE, FlagArray, NumberArray

_START, _END, _OTHER = 0, 1, 2
_NUMBER_BITS = 31


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


def piece_key(records: Records) -> NumberArray:
    """Return a number for each record's peer and piece together."""
    return key_of(records.peer.codes, records.number)


def key_of(peer: NumberArray, number: NumberArray) -> NumberArray:
    """Return a number for each peer and piece together."""
    return (peer.astype(np.int64) << _NUMBER_BITS) | number


def pair_up(records: Records, background: Background) -> Paired:
    """Pair the records of ordinary pieces.

    A piece of a task on a host is ordinary where its records are starts, each followed by a finish of the same peer before
    the next start (the last may have none), and no round of such a peer began or was lost while one was under way. A finish
    alone is too. Peers whose starts are not logged have none: their times follow from all their pieces together
    (`siblings`).

    Parameters
    ----------
    records : Records
    background : Background

    Returns
    -------
    Paired
    """
    client = records.component.among({"client"})
    marks = np.flatnonzero(client & records.event.among(MARKS))
    of_piece = client & records.event.among(PIECE_EVENTS) & (records.number != NONE) & (records.task.codes != NONE)
    acting = np.flatnonzero(of_piece & ~_reports_a_failure(records))
    kind = np.where(records.event.among({"piece_started"}), _START, np.where(records.event.among(ENDS), _END, _OTHER))
    starting = np.zeros(len(records.peer.words), dtype=bool)
    starting[records.peer.codes[acting[kind[acting] == _START]]] = True
    where = pair_of(records)
    tractable = starting & _is_steady(records.peer.codes[acting], where[acting], len(starting))
    kind[~tractable[records.peer.codes]] = _OTHER

    rows, first = _by_piece(records, acting, pd.factorize(where)[0])
    started, ended, group = _take_turns(records, rows, first, kind)
    disturbed = np.bincount(group[_is_disturbed(records, marks, started, ended)], minlength=len(first)) > 0
    started, ended, group = (one[~disturbed[group]] for one in (started, ended, group))
    left = np.zeros(len(records), dtype=bool)
    left[marks] = left[acting] = True
    left[started[started != NONE]] = left[ended[ended != NONE]] = False
    return Paired(started, ended, _is_there(records, started, group, background), np.flatnonzero(left), starting)


def _by_piece(records: Records, acting: NumberArray, where: NumberArray) -> tuple[NumberArray, NumberArray]:
    """Return the records of pieces in the order of host, task and piece, and where in this order each piece begins."""
    key = key_of(where, records.number)[acting]
    order = np.argsort(key, kind="stable")
    return acting[order], np.flatnonzero(np.diff(key[order], prepend=NONE))


def _take_turns(
    records: Records, rows: NumberArray, first: NumberArray, kind: NumberArray
) -> tuple[NumberArray, NumberArray, NumberArray]:
    """Return start, finish and piece of all attempts at pieces at which peers took turns; else there are none."""
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
    return np.where(lone[at], NONE, rows[at]), np.where(lone[at], rows[at], ended), group[at]


def _is_there(records: Records, started: NumberArray, group: NumberArray, background: Background) -> FlagArray:
    """Return which attempts found the piece: the one before them at the same piece was made in the same life."""
    again = np.flatnonzero(group == np.roll(group, 1))
    again = again[again > 0]
    there = np.zeros(len(group), dtype=bool)
    lives = [background.lives(records.take(started[rows])) for rows in (again - 1, again)]
    there[again] = lives[0] == lives[1]
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
    of_peer[peer] = where
    steady = np.ones(n_peers, dtype=bool)
    steady[peer[of_peer[peer] != where]] = False
    return steady


def _is_disturbed(records: Records, marks: NumberArray, started: NumberArray, ended: NumberArray) -> FlagArray:
    """Return which pieces had a record of their peer's rounds between start and end, or after a start without an end."""
    place = len(records) + 1
    peer = records.peer.codes.astype(np.int64) * place
    times = np.sort(peer[marks] + marks)
    until = np.where(ended == NONE, peer[started] + place - 1, peer[ended] + ended)
    since = np.where(started == NONE, until, peer[started] + started)
    return np.not_equal(np.searchsorted(times, since), np.searchsorted(times, until))
