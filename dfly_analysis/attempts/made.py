"""A table as it is made: columns of numbers, which become a frame for people or Arrow for files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from dfly_analysis.attempts.words import NO_TIME, NONE, FlagArray, NumberArray, Words
from dfly_analysis.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Integers:
    """A column of whole numbers of which some are missing."""

    numbers: NumberArray
    missing: FlagArray


@dataclass(frozen=True)
class Times:
    """A column of times, nanoseconds since 1970; `NO_TIME` where missing."""

    times: NumberArray


Typed: TypeAlias = "Words | Integers | Times | np.ndarray[Any, Any] | list[Any]"


@dataclass(frozen=True)
class Made:
    """A table, put together and not yet written out.

    Attributes
    ----------
    table : Table
        Its schema.
    size : int
        Rows.
    columns : mapping of str to Typed
        What is left out is missing in every row.
    """

    table: Table
    size: int
    columns: Mapping[str, Typed]

    @classmethod
    def of(cls, table: Table, frame: pd.DataFrame) -> Made:
        """Return a frame in the types of its schema as a table that is put together."""
        return cls(table, len(frame), {column.name: _typed(frame[column.name]) for column in table.columns})

    def with_column(self, name: str, column: Typed) -> Made:
        """Return the table with another column."""
        return replace(self, columns={**self.columns, name: column})

    def frame(self) -> pd.DataFrame:
        """Return the table in the types of its schema."""
        return self.table.frame({name: _series(column) for name, column in self.columns.items()})

    def sketch(self, names: Collection[str]) -> pd.DataFrame:
        """Return some columns, of which texts that repeat stay categories: cheap, to count and compare."""
        return pd.DataFrame({name: _category(self.columns[name]) for name in names}, copy=False)

    def arrow(self, schema: pa.Schema) -> pa.Table:
        """Return the table as Arrow.

        Parameters
        ----------
        schema : pyarrow.Schema
            The columns wanted, with texts as dictionaries.
        """
        import pyarrow as pa

        arrays = [
            _array(self.columns[field.name], field.type)
            if field.name in self.columns
            else pa.nulls(self.size, field.type)
            for field in schema
        ]
        return pa.Table.from_arrays(arrays, schema=schema)


def _typed(column: pd.Series[Any]) -> Typed:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return Times(column.dt.tz_localize(None).to_numpy("M8[ns]").view(np.int64))
    if isinstance(column.dtype, pd.Int64Dtype):
        return Integers(column.fillna(0).to_numpy(np.int64), column.isna().to_numpy())
    if column.dtype == "str":
        return [None if missing else text for text, missing in zip(column, column.isna(), strict=True)]
    return column.to_numpy()


def _series(column: Typed) -> Any:
    if isinstance(column, Words):
        return pd.Series(pd.array(column.words.tolist(), dtype="str").take(column.codes, allow_fill=True))
    if isinstance(column, Times):
        return pd.Series(column.times.view("M8[ns]")).dt.tz_localize("UTC")
    if isinstance(column, Integers):
        return pd.Series(pd.arrays.IntegerArray(column.numbers.astype(np.int64), column.missing))
    return column


def _category(column: Typed) -> Any:
    if isinstance(column, Words):
        return pd.Categorical.from_codes(column.codes, categories=pd.Index(column.words), validate=False)
    return _series(column)


def _array(column: Typed, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if isinstance(column, Words):
        places = pa.array(column.codes.astype(np.int32), mask=column.codes == NONE)
        return pa.DictionaryArray.from_arrays(places, pa.array(column.words.tolist(), kind.value_type), safe=False)
    if isinstance(column, Times):
        return pa.array(column.times, pa.int64(), mask=column.times == NO_TIME).cast(kind)
    if isinstance(column, Integers):
        return pa.array(column.numbers, kind, mask=column.missing)
    if pa.types.is_dictionary(kind):
        return pa.array(column, kind.value_type, from_pandas=True).dictionary_encode()
    return pa.array(column, kind, from_pandas=True)
