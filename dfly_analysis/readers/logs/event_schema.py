"""The columns every reader of logs delivers, as Arrow types: texts that repeat are dictionaries from the start."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

from dfly_analysis.schema import EVENTS, INTEGER, TEXT, TIME

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

DETAILS = (
    "origin",
    "parent_id",
    "size_bytes",
    "piece_bytes",
    "pieces",
    "stage",
    "cost",
    "error",
    "detail",
    "host_id",
    "text",
)
"""Columns that readers add to those of `dfly_analysis.schema.EVENTS`."""  # fmt: skip
_WHOLE = ("piece_number", "size_bytes", "piece_bytes")
TEXT_CAP = 600
"""Characters that are kept of a record as it was written."""
BAD_LEVELS = frozenset({"WARN", "ERROR", "FATAL"})
_NUMBERS = frozenset({*_WHOLE, *(column.name for column in EVENTS.columns if column.dtype == INTEGER)})
_UNIQUE = frozenset({"message", "pieces", "cost", "error", "detail", "text"})


@cache
def arrow_schema() -> pa.Schema:
    """Return the schema of a part: `EVENTS` and behind it `DETAILS`."""
    import pyarrow as pa

    repeated = pa.dictionary(pa.int32(), pa.string())

    def kind(name: str) -> Any:
        if name in _NUMBERS:
            return pa.int64()
        return pa.string() if name in _UNIQUE else repeated

    fields = [
        (column.name, pa.timestamp("ns", "UTC") if column.dtype == TIME else kind(column.name))
        for column in EVENTS.columns
    ]
    return pa.schema([*fields, *((name, kind(name)) for name in DETAILS)])


def pandas_types() -> list[tuple[str, str]]:
    """Return each column of `arrow_schema` with the type that `to_frame` gives it, in the words of `dfly_analysis.schema`."""
    own = {column.name: column.dtype for column in EVENTS.columns}
    return [(name, own.get(name) or (INTEGER if name in _NUMBERS else TEXT)) for name in arrow_schema().names]


def among(table: pa.Table, name: str, chosen: Collection[str]) -> npt.NDArray[np.bool_]:
    """Return for each row whether a column of texts that repeat has one of those texts; each text is looked at once.

    Parameters
    ----------
    table : pyarrow.Table
    name : str
    chosen : collection of str

    Returns
    -------
    array of bool
        False where there is no text.
    """
    import numpy as np

    from dfly_analysis.readers.logs.arrow_utils import codes_of

    parts = [np.zeros(0, np.bool_)]
    for chunk in table.column(name).chunks:
        known = np.array([text in chosen for text in chunk.dictionary.to_pylist()] + [False])
        parts.append(known[codes_of(chunk)])
    return np.concatenate(parts)


def is_relevant(table: pa.Table) -> npt.NDArray[np.bool_]:
    """Return for each record whether it carries information for an analysis: known events, warnings and errors."""
    from dfly_analysis.readers.logs.arrow_utils import is_there

    return is_there(table.column("event_id")) | among(table, "level", BAD_LEVELS)


def to_frame(table: pa.Table, *, categories: bool = False) -> pd.DataFrame:
    """Return the rows as a frame in the types of `EVENTS`; numbers that may be missing are ``Int64``.

    Parameters
    ----------
    table : pyarrow.Table
        In the columns of `arrow_schema`, some of which may be left out.
    categories : bool
        Leave texts that repeat as categories, which takes a fraction of the memory; otherwise they are ``str``.

    Returns
    -------
    pandas.DataFrame
    """
    import pandas as pd
    import pyarrow as pa

    table = table.unify_dictionaries()
    columns: dict[str, Any] = {}
    for field in table.schema:
        array = table.column(field.name)
        if pa.types.is_dictionary(field.type) and not categories:
            array = array.cast(pa.string())
        if field.name in _NUMBERS:
            columns[field.name] = array.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        else:
            columns[field.name] = array.to_pandas()
            if pa.types.is_string(array.type):
                columns[field.name] = columns[field.name].astype("str")
    return pd.DataFrame(columns)
