"""The Arrow types of the tables, in files and in the engine."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from dfly_analysis.logs.schema import arrow_schema
from dfly_analysis.tables import FLAG, FLOAT, INTEGER, TEXT, TIME, Table

_TYPES = {
    TIME: pa.timestamp("ns", "UTC"), TEXT: pa.string(), FLOAT: pa.float64(), INTEGER: pa.int64(), FLAG: pa.bool_(),
}  # fmt: skip


@cache
def part_schema() -> pa.Schema:
    """Return the columns of a part of records."""
    return arrow_schema()


@cache
def table_schema(table: Table) -> pa.Schema:
    """Return the columns of a table, text as plain text."""
    return pa.schema([(column.name, _TYPES[column.dtype]) for column in table.columns])
