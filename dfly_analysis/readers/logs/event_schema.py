"""The columns every reader of logs delivers, as Arrow types (texts that repeat are dictionaries), and their values in numpy."""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.arrow_values import arrow_array, is_there, numpy_array
from dfly_analysis.schema import EVENTS, INTEGER, TEXT, TIME

DETAILS = (
    "origin", "parent_id", "size_bytes", "piece_bytes", "pieces", "stage", "cost", "error", "detail", "host_id", "text",
)  # fmt: skip
"""Columns that readers add to those of `dfly_analysis.schema.EVENTS`."""
TEXT_CAP = 600  # characters that are kept of a record as it was written
BAD_LEVELS = frozenset({"WARN", "ERROR", "FATAL"})
_NUMBERS = {"size_bytes", "piece_bytes", *(column.name for column in EVENTS.columns if column.dtype == INTEGER)}
_UNIQUE = frozenset({"message", "pieces", "cost", "error", "detail", "text"})


class Coded(NamedTuple):
    """A column of texts that repeat."""

    codes: npt.NDArray[np.int32]  # place in `values`, -1 for none
    values: pa.StringArray  # each text once


def coded(codes: npt.NDArray[np.int32], values: pa.StringArray) -> pa.DictionaryArray:
    """Return texts that repeat; codes are places in the values, below 0 where there is none."""
    return pa.DictionaryArray.from_arrays(arrow_array(codes, pa.int32(), codes < 0), values, safe=False)


def values_of(array: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return whole numbers, or times in nanoseconds, as numpy has them; 0 where one is missing."""
    return numpy_array(array.cast(pa.int64()), 0)


def codes_of(array: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    """Return the places in the dictionary, -1 where there is none."""
    return numpy_array(array.indices, -1)


def codes_and_texts(table: pa.Table, name: str) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Return a column of texts that repeat: the place of each row's text, -1 for none, and the texts."""
    column = table.column(name).unify_dictionaries()
    parts = [codes_of(chunk) for chunk in column.chunks]
    return np.concatenate([np.empty(0, np.int32), *parts]), column.chunk(0).dictionary.to_pylist() if parts else []


def lengths_of(texts: pa.StringArray | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return how many bytes each text has, 0 where there is none."""
    import pyarrow.compute as pc  # takes 0.1 s, which a pasted line need not wait for

    return values_of(pc.binary_length(texts))


@cache
def arrow_schema() -> pa.Schema:
    """Return the schema of a part: `EVENTS` and behind it `DETAILS`."""
    kinds = {
        **dict.fromkeys(_NUMBERS, pa.int64()), **dict.fromkeys(_UNIQUE, pa.string()),
        **{column.name: pa.timestamp("ns", "UTC") for column in EVENTS.columns if column.dtype == TIME},
    }  # fmt: skip
    names, text = [*(column.name for column in EVENTS.columns), *DETAILS], pa.dictionary(pa.int32(), pa.string())
    return pa.schema([(name, kinds.get(name, text)) for name in names])


def pandas_types() -> list[tuple[str, str]]:
    """Return each column of `arrow_schema` with its type in pandas, as `dfly_analysis.schema` names it."""
    own = {column.name: column.dtype for column in EVENTS.columns}
    return [(name, own.get(name) or (INTEGER if name in _NUMBERS else TEXT)) for name in arrow_schema().names]


def is_relevant(table: pa.Table) -> npt.NDArray[np.bool_]:
    """Return for each record whether it carries information for an analysis: known events, warnings and errors."""
    codes, levels = codes_and_texts(table, "level")
    is_bad: npt.NDArray[np.bool_] = np.array([*(level in BAD_LEVELS for level in levels), False])[codes]
    return is_there(table.column("event_id")) | is_bad
