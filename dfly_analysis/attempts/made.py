"""A table as it is made: columns of numbers, which become a frame for people, or Arrow for files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from dfly_analysis.attempts.words import FlagArray, NumberArray, Words
from dfly_analysis.schema import Table

if TYPE_CHECKING:
    import pandas as pd


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

    def among(self, name: str, chosen: Collection[str]) -> FlagArray:
        """Return for each row whether the text of a column is one of those."""
        return self._words(name).among(chosen)

    def texts(self, name: str, rows: FlagArray) -> list[str | None]:
        """Return the texts of a column in some rows."""
        return self._words(name).texts(rows)

    def _words(self, name: str) -> Words:
        column: Any = self.columns[name]
        return column if isinstance(column, Words) else Words.read(column)


def _typed(column: pd.Series[Any]) -> Typed:
    import pandas as pd

    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return Times(column.dt.tz_localize(None).to_numpy("M8[ns]").view(np.int64))
    if isinstance(column.dtype, pd.Int64Dtype):
        return Integers(column.fillna(0).to_numpy(np.int64), column.isna().to_numpy())
    if column.dtype == "str":
        return [None if missing else text for text, missing in zip(column, column.isna(), strict=True)]
    return column.to_numpy()


def _series(column: Typed) -> Any:
    import pandas as pd

    if isinstance(column, Words):
        return pd.Series(pd.array(column.words.tolist(), dtype="str").take(column.codes, allow_fill=True))
    if isinstance(column, Times):
        return pd.Series(column.times.view("M8[ns]")).dt.tz_localize("UTC")
    if isinstance(column, Integers):
        return pd.Series(pd.arrays.IntegerArray(column.numbers.astype(np.int64), column.missing))
    return column
