"""Temporary tables of the engine from Python values; all of reconstruction's begin with an underscore."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from dfly_analysis.arrow_values import arrow_array

TEXT, WHOLE, NUMBER, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()


def create_from_rows(
    connection: duckdb.DuckDBPyConnection, name: str, types: Mapping[str, pa.DataType], rows: Iterable[Sequence[Any]]
) -> None:
    """Create or replace a temporary table of rows whose values are in the order of the types."""
    connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
    insert_rows(connection, name, types, rows)


def insert_rows(
    connection: duckdb.DuckDBPyConnection, name: str, types: Mapping[str, pa.DataType], rows: Iterable[Sequence[Any]]
) -> None:
    """Append rows to a temporary table; it is created where there is none."""
    columns = list(zip(*rows, strict=True)) or [()] * len(types)
    arrays = [arrow_array(values, kind) for values, kind in zip(columns, types.values(), strict=True)]
    connection.register("_rows", pa.table(arrays, names=list(types)))
    try:
        connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} AS FROM _rows LIMIT 0")
        connection.execute(f"INSERT INTO {name} FROM _rows")
    finally:
        connection.unregister("_rows")


def drop_temporary_tables(connection: duckdb.DuckDBPyConnection, names: Iterable[str] | None = None) -> None:
    """Drop some temporary tables; all whose names begin with an underscore where none are named."""
    if names is None:
        query = "SELECT table_name FROM duckdb_tables() WHERE temporary AND starts_with(table_name, '_')"
        names = [name for (name,) in connection.execute(query).fetchall()]
    for name in names:
        connection.execute(f"DROP TABLE temp.{name}")
