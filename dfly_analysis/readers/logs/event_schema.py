"""The columns every reader of logs delivers, as Arrow types: texts that repeat are dictionaries from the start."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.readers.logs.dictionary_columns import codes_and_texts, is_there
from dfly_analysis.schema import EVENTS, INTEGER, TEXT, TIME

DETAILS = (
    "origin", "parent_id", "size_bytes", "piece_bytes", "pieces", "stage", "cost", "error", "detail", "host_id", "text",
)  # fmt: skip
"""Columns that readers add to those of `dfly_analysis.schema.EVENTS`."""
TEXT_CAP = 600  # characters that are kept of a record as it was written
BAD_LEVELS = frozenset({"WARN", "ERROR", "FATAL"})
_NUMBERS = frozenset(
    {"size_bytes", "piece_bytes", *(column.name for column in EVENTS.columns if column.dtype == INTEGER)}
)
_UNIQUE = frozenset({"message", "pieces", "cost", "error", "detail", "text"})


@cache
def arrow_schema() -> pa.Schema:
    """Return the schema of a part: `EVENTS` and behind it `DETAILS`."""

    def kind(name: str) -> pa.DataType:
        if name in _NUMBERS:
            return pa.int64()
        return pa.string() if name in _UNIQUE else pa.dictionary(pa.int32(), pa.string())

    times = {column.name for column in EVENTS.columns if column.dtype == TIME}
    names = [*(column.name for column in EVENTS.columns), *DETAILS]
    return pa.schema([(name, pa.timestamp("ns", "UTC") if name in times else kind(name)) for name in names])


def pandas_types() -> list[tuple[str, str]]:
    """Return each column of `arrow_schema` with its type in pandas, in the words of `dfly_analysis.schema`."""
    own = {column.name: column.dtype for column in EVENTS.columns}
    return [(name, own.get(name) or (INTEGER if name in _NUMBERS else TEXT)) for name in arrow_schema().names]


def is_relevant(table: pa.Table) -> npt.NDArray[np.bool_]:
    """Return for each record whether it carries information for an analysis: known events, warnings and errors."""
    codes, levels = codes_and_texts(table, "level")
    is_bad: npt.NDArray[np.bool_] = np.array([*(level in BAD_LEVELS for level in levels), False])[codes]
    return is_there(table.column("event_id")) | is_bad
