"""Columns of the tables from arrays of numbers, and what is often asked of such arrays."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from dfly_analysis.attempts.words import NO_TIME, NONE, NumberArray, Words

FloatArray: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
_NUMBER_BITS = 31
_ROOM, _ROOM_AT_LEAST = 4, 1 << 16
"""How many places there may be for each element, and for few elements."""


def seconds_between(started: NumberArray, ended: NumberArray) -> FloatArray:
    """Return the seconds between two times, ``nan`` where one is missing."""
    known = (started != NO_TIME) & (ended != NO_TIME)
    return np.where(known, (np.where(known, ended, 0) - np.where(known, started, 0)) / 1e9, np.nan)


def first_of(groups: NumberArray, rows: NumberArray, n_groups: int) -> NumberArray:
    """Return for each group the first of the rows that is in it, -1 where none is; `groups` says each row's group."""
    found = np.full(n_groups, NONE, dtype=np.int64)
    found[groups.take(rows[::-1]).astype(np.int64)] = rows[::-1]  # what is written last stays
    return found


def last_of(groups: NumberArray, rows: NumberArray, n_groups: int) -> NumberArray:
    """Return for each group the last of the rows that is in it, -1 where none is; `groups` says each row's group."""
    found = np.full(n_groups, NONE, dtype=np.int64)
    found[groups.take(rows).astype(np.int64)] = rows
    return found


def each_pair(first: Words, second: Words) -> tuple[list[tuple[Any, Any]], NumberArray]:
    """Return the pairs of texts that occur together, and for each record which of them it is."""
    n_second = len(second.words) + 1
    pairs, at = numbered(
        (first.codes.astype(np.int64) + 1) * n_second + second.codes + 1, (len(first.words) + 1) * n_second
    )
    one, other = pairs // n_second - 1, pairs % n_second - 1
    return list(zip(first.at(one).texts(), second.at(other).texts(), strict=True)), at


def numbered(codes: NumberArray, size: int) -> tuple[NumberArray, NumberArray]:
    """Return the different codes, rising, and which of them each element is; codes are from 0 to below the size."""
    if size > _ROOM * len(codes) + _ROOM_AT_LEAST:
        different, at = np.unique(codes, return_inverse=True)
        return different, at
    observed = np.zeros(size, dtype=bool)
    observed[codes] = True
    return np.flatnonzero(observed), (np.cumsum(observed) - 1).take(codes)


def slots_of(groups: NumberArray, numbers: NumberArray, n_groups: int) -> tuple[NumberArray, int]:
    """Return for each element the place of its group and number among all of them, by group and number, and how many places there are.

    Numbers are from 0. Where they leave no great gaps a group has a place for every number up to its largest, for then
    nothing has to be sorted.
    """
    room = np.zeros(n_groups, dtype=np.int64)
    np.maximum.at(room, groups, numbers + 1)
    if (size := int(room.sum())) <= _ROOM * len(groups) + _ROOM_AT_LEAST:
        return (np.cumsum(room) - room).take(groups) + numbers, size
    different, at = np.unique(key_of(groups, numbers), return_inverse=True)
    return at, len(different)


def key_of(groups: NumberArray, numbers: NumberArray) -> NumberArray:
    """Return a number for each group and number together, by group and number."""
    return (groups.astype(np.int64) << _NUMBER_BITS) | numbers


def first_per_slot(slots: NumberArray, n_slots: int) -> NumberArray:
    """Return the places of the first element of each slot, in order."""
    kept = np.zeros(len(slots), dtype=bool)
    first = first_of(slots, np.arange(len(slots)), n_slots)
    kept[first.compress(first != NONE)] = True
    return np.flatnonzero(kept)


def at_rows(numbers: NumberArray, rows: NumberArray, missing: int = NONE) -> NumberArray:
    """Return the numbers of some rows; what is missing where the row is -1."""
    return np.append(numbers.astype(np.int64), missing).take(rows)
