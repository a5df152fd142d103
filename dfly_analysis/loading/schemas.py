"""The schemas of written files: Arrow's types, and beside them what pandas needs to read each column in the type it has here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from dfly_analysis.loading.parquet import open_writer
from dfly_analysis.logs.schema import arrow_schema, pandas_types
from dfly_analysis.tables import FLAG, FLOAT, INTEGER, TEXT, TIME, Table

if TYPE_CHECKING:
    import pyarrow as pa

NOTHING = "nothing"
"""The type of a column of lists that has no row."""
_OF_PANDAS = {
    TEXT: ("unicode", "str", None), TIME: ("datetimetz", "datetime64[ns]", {"timezone": "UTC"}), FLOAT: ("float64", "float64", None),
    INTEGER: ("int64", "Int64", None), FLAG: ("bool", "bool", None), NOTHING: ("empty", "object", None),
}  # fmt: skip
"""Of each type in `dfly_analysis.tables`: pandas' name for it, numpy's, and what else is to be known."""
_VERSION = "3.0.0"
"""Of pandas, the first whose texts are of the type ``str``."""


def metadata_for_pandas(types: Iterable[tuple[str, str]]) -> dict[bytes, bytes]:
    """Return what a file says to pandas, without loading it.

    Parameters
    ----------
    types : iterable of (str, str)
        Name of each column and its type in the words of `dfly_analysis.tables`.
    """
    columns = [
        {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy, "metadata": more}
        for name, (kind, numpy, more) in ((name, _OF_PANDAS[dtype]) for name, dtype in types)
    ]
    said = {
        "index_columns": [],
        "column_indexes": [],
        "attributes": {},
        "columns": columns,
        "creator": {"library": "dfly-analysis", "version": "1"},
        "pandas_version": _VERSION,
    }
    return {b"pandas": json.dumps(said).encode()}


@cache
def part_schema() -> pa.Schema:
    """Return the columns of a part of records."""
    return arrow_schema().with_metadata(metadata_for_pandas(pandas_types()))


@cache
def table_schema(table: Table, more: tuple[tuple[str, str], ...] = ()) -> pa.Schema:
    """Return the columns of a table and more, each name with its type; texts as plain texts."""
    import pyarrow as pa

    kinds = {
        TIME: pa.timestamp("ns", "UTC"), TEXT: pa.large_string(), FLOAT: pa.float64(), INTEGER: pa.int64(), FLAG: pa.bool_(), NOTHING: pa.null(),
    }  # fmt: skip
    types = [*((column.name, column.dtype) for column in table.columns), *more]
    return pa.schema([(name, kinds[dtype]) for name, dtype in types], metadata_for_pandas(types))


def write_rows(
    target: Path | BinaryIO, table: Table, rows: Sequence[Mapping[str, Any]], more: tuple[tuple[str, str], ...] = ()
) -> None:
    """Write rows that are in the types of their table already; what a row lacks is missing.

    Parameters
    ----------
    target : Path or file
    table : Table
    rows : sequence of mappings
    more : tuple of (str, str)
        Further columns, each name with its type.
    """
    import pyarrow as pa

    schema = table_schema(table, more)
    arrays = [_column([row.get(field.name) for row in rows], field.type) for field in schema]
    writer = open_writer(target, schema)
    writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    writer.close()


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    from dfly_analysis.logs import arrow

    if pa.types.is_null(kind):
        return pa.nulls(len(values))
    if pa.types.is_timestamp(kind):
        return arrow.moments(np.array(values, "M8[ns]"))
    if pa.types.is_integer(kind):
        return arrow.whole_numbers(values)
    if pa.types.is_floating(kind):
        return arrow.numbers(np.array(values, np.float64), kind=kind)
    return arrow.flags(np.array(values, np.bool_)) if pa.types.is_boolean(kind) else arrow.strings(values, kind)
