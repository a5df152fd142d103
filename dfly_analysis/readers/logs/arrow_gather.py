"""What some rows of Arrow's columns hold, as numpy has it; without copies of the columns where the package was compiled."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.native.interface import Column
from dfly_analysis.readers.logs import native_parser
from dfly_analysis.readers.logs.arrow_utils import codes_of, is_there, numbers, values_of
from dfly_analysis.readers.logs.native_parser import address_of
from dfly_analysis.units import seconds_of

Rows = npt.NDArray[np.int64]
_ROOM = 1 << 62
"""How many keys there may be."""


def rows_of_peers(
    event: pa.DictionaryArray,
    task: pa.DictionaryArray,
    peer: pa.DictionaryArray,
    level: pa.DictionaryArray,
    levels: npt.NDArray[np.bool_],
) -> Rows:
    """Return the rows that have a text in `event` and in one of `task` and `peer`, and those of a peer at some levels.

    Parameters
    ----------
    event, task, peer, level : pyarrow.DictionaryArray
    levels : array of bool
        Whether each text of `level` is one of those.
    """
    if not native_parser.is_available():
        of_event, of_task, of_peer = (is_there(column) for column in (event, task, peer))
        return np.flatnonzero((of_event & (of_task | of_peer)) | (of_peer & np.append(levels, False)[codes_of(level)]))
    found = np.empty(len(event), np.int64)
    columns = (ctypes.byref(_column(column)) for column in (event, task, peer, level))
    count = _calls().dfly_rows_of_peers(*columns, address_of(levels), ctypes.c_int64(len(event)), address_of(found))
    return found[:count]


def rows_with_any(
    columns: Sequence[pa.Array], event: pa.DictionaryArray, bulk: npt.NDArray[np.bool_], rows: Rows
) -> Rows:
    """Return which of some rows have something in one of the columns.

    Parameters
    ----------
    columns : sequence of pyarrow.Array
        Of the first nothing counts where the text of `event` is one of those in `bulk`.
    event : pyarrow.DictionaryArray
    bulk : array of bool
        Whether each text of `event` is one of those.
    rows : array of int64

    Returns
    -------
    array of int64
        Places in `rows`, rising.
    """
    if not native_parser.is_available():
        first = is_there(columns[0]) & ~np.append(bulk, False)[codes_of(event)]
        return np.flatnonzero(np.any([first, *map(is_there, columns[1:])], axis=0)[rows])
    found = np.empty(len(rows), np.int64)
    chosen = [columns[0], *(column for column in columns[1:] if column.null_count < len(column))]
    column_structs = (Column * len(chosen))(*map(_column, chosen))
    count = _calls().dfly_rows_with_any(
        column_structs, ctypes.c_int64(len(chosen)), ctypes.byref(_column(event)), address_of(bulk), address_of(rows),
        ctypes.c_int64(len(rows)), address_of(found),
    )  # fmt: skip
    return found[:count]


def codes_at(column: pa.DictionaryArray, rows: Rows, places: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return what stands for the text of each of some rows, -1 where there is none; `places` has it for all texts."""
    if not native_parser.is_available():
        return np.append(places, np.int32(-1))[codes_of(column)[rows]]
    codes = np.empty(len(rows), np.int32)
    _calls().dfly_codes_at(
        ctypes.byref(_column(column)),
        address_of(rows),
        ctypes.c_int64(len(rows)),
        address_of(places),
        address_of(codes),
    )
    return codes


def numbers_at(column: pa.Array, rows: Rows, missing: int) -> npt.NDArray[np.int64]:
    """Return the numbers or times in some rows, with something else where one is missing."""
    if not native_parser.is_available():
        return np.where(is_there(column)[rows], values_of(column)[rows], missing)
    found = np.empty(len(rows), np.int64)
    _calls().dfly_numbers_at(
        ctypes.byref(_column(column)),
        address_of(rows),
        ctypes.c_int64(len(rows)),
        ctypes.c_int64(missing),
        address_of(found),
    )
    return found


def numbered_at(columns: Sequence[pa.DictionaryArray], rows: Rows) -> tuple[npt.NDArray[np.int32], Rows]:
    """Return numbers for the ways in which texts of several columns stand together in some rows, in the order of first standing.

    Returns
    -------
    tuple of (array of int32, array of int64)
        The number of each row, and for each number where in `rows` it stands first.
    """
    keys, room = np.zeros(len(rows), np.int64), 1
    for column in columns:
        size = len(column.dictionary)
        if room * (size + 1) > _ROOM:
            found, first = _number(keys)
            keys, room = found.astype(np.int64), len(first)
        _extend(keys, column, rows)
        room *= size + 1
    return _number(keys)


def seconds_at(column: pa.StringArray, rows: Rows) -> npt.NDArray[np.float64]:
    """Return the durations in some rows, `nan` where none is; see `dfly_analysis.units.seconds_of`."""
    if native_parser.is_available() and (data := column.buffers()[2]) is not None:
        found = np.empty(len(rows), np.float64)
        others = _calls().dfly_seconds_at(
            ctypes.byref(_column(column)), ctypes.c_void_p(data.address), address_of(rows), ctypes.c_int64(len(rows)), address_of(found)
        )  # fmt: skip
        if not others:
            return found
    return seconds_of(column.take(numbers(rows)))


def _extend(keys: Rows, column: pa.DictionaryArray, rows: Rows) -> None:
    size = len(column.dictionary)
    if not native_parser.is_available():
        keys *= size + 1
        keys += codes_of(column)[rows] + 1
        return
    _calls().dfly_extend_keys(
        ctypes.byref(_column(column)),
        address_of(rows),
        ctypes.c_int64(len(rows)),
        ctypes.c_int64(size),
        address_of(keys),
    )


def _number(keys: Rows) -> tuple[npt.NDArray[np.int32], Rows]:
    if not native_parser.is_available():
        _, first, of = np.unique(keys, return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int32)
        rank[np.argsort(first)] = np.arange(len(first))
        return rank[of], np.sort(first)
    found, first = np.empty(len(keys), np.int32), np.empty(len(keys), np.int64)
    count = _calls().dfly_number_keys(address_of(keys), ctypes.c_int64(len(keys)), address_of(found), address_of(first))
    if count < 0:
        raise MemoryError
    return found, first[:count].copy()


def _calls() -> ctypes.PyDLL:
    return native_parser.library().short_calls


def _column(array: pa.Array) -> Column:
    bits, values = array.buffers()[:2]
    return Column(values.address if values else None, bits.address if bits and array.null_count else None, array.offset)
