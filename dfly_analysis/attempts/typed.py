"""Columns of the tables from arrays of numbers, and what is often asked of such arrays."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from dfly_analysis.attempts.words import NO_TIME, NONE, NumberArray, Words

FloatArray: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]


def seconds_between(started: NumberArray, ended: NumberArray) -> FloatArray:
    """Return the seconds between two times, ``nan`` where one is missing."""
    known = (started != NO_TIME) & (ended != NO_TIME)
    return np.where(known, (np.where(known, ended, 0) - np.where(known, started, 0)) / 1e9, np.nan)


def first_of(groups: NumberArray, rows: NumberArray, n_groups: int) -> NumberArray:
    """Return for each group the first of the rows that is in it, -1 where none is; `groups` says each row's group."""
    found = np.full(n_groups, NONE, dtype=np.int64)
    found[groups[rows[::-1]]] = rows[::-1]  # what is written last stays
    return found


def last_of(groups: NumberArray, rows: NumberArray, n_groups: int) -> NumberArray:
    """Return for each group the last of the rows that is in it, -1 where none is; `groups` says each row's group."""
    found = np.full(n_groups, NONE, dtype=np.int64)
    found[groups[rows]] = rows
    return found


def each_pair(first: Words, second: Words) -> tuple[list[tuple[Any, Any]], NumberArray]:
    """Return the pairs of texts that occur together, and for each record which of them it is."""
    pair = first.codes.astype(np.int64) * (len(second.words) + 1) + second.codes
    at, pairs = pd.factorize(pair)
    rows = first_of(at, np.arange(len(at)), len(pairs))
    return list(zip(first.texts(rows), second.texts(rows), strict=True)), at


def at_rows(numbers: NumberArray, rows: NumberArray, missing: int = NONE) -> NumberArray:
    """Return the numbers of some rows; what is missing where the row is -1."""
    return np.append(numbers.astype(np.int64), missing)[rows]
