"""The engine: an embedded DuckDB with bounded memory over Arrow tables and Parquet parts."""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import numpy as np
import pyarrow as pa

from dfly_analysis.arrow_values import arrow_array
from dfly_analysis.dataset.parquet_schema import table_schema
from dfly_analysis.errors import TableError
from dfly_analysis.readers.logs.event_schema import arrow_schema
from dfly_analysis.schema import EVENTS, Table
from dfly_analysis.sql_scripts import text_literal
from dfly_analysis.workers import worker_count

if TYPE_CHECKING:
    import pandas as pd

LIMIT_MIB, LARGEST_LIMIT_MIB = 192, 2048
"""What DuckDB may hold before it spills to the temporary folder, and before it gives up."""
IDLE_MIB = 64
T = TypeVar("T")
_BATCH_ROWS = 1 << 16
_FILES = pa.schema([("log_path", pa.string()), ("file_order", pa.int64()), ("newest_first", pa.bool_())])


class Engine:
    """One DuckDB database in memory that spills to `folder`, which goes when the engine does; each query holds `lock`, and who makes a table for queries that follow holds it over all."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dfly-analysis-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        self.lock = threading.RLock()
        config: dict[str, Any] = {"threads": worker_count(), "autoinstall_known_extensions": False}
        connection = duckdb.connect(":memory:", config=config)
        connection.execute(f"SET memory_limit = '{LIMIT_MIB}MiB'")
        connection.execute(f"SET temp_directory = {text_literal(str(self.folder / 'spill'))}")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE MACRO nanoseconds(t) AS epoch_ns(t)")
        connection.execute(r"CREATE MACRO run_of(host) AS regexp_extract(host, ' \((.*)\)$', 1)")
        self._limit_mib = LIMIT_MIB
        self._connections = [connection]
        # At the end of the interpreter too, where a dataset may still be held by a cache: the database reports what is left.
        weakref.finalize(self, _close, self._connections)
        self.add_rows("files", (), _FILES)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The database; use a cursor of it in each thread."""
        return self._connections[0]

    def with_memory(self, statements: Callable[[], T]) -> T:
        """Run statements; those that cannot spill what they need again with a quarter more memory, up to `LARGEST_LIMIT_MIB`."""
        while True:
            try:
                return statements()
            except duckdb.OutOfMemoryException as problem:
                if self._limit_mib >= LARGEST_LIMIT_MIB:
                    reason, hint = f"needs more than {self._limit_mib} MiB of memory", "analyse fewer logs at a time"
                    raise TableError(reason, where="SQL query", hint=hint) from problem
                self._limit_mib = min(self._limit_mib * 5 // 4, LARGEST_LIMIT_MIB)
                self.connection.execute(f"SET memory_limit = '{self._limit_mib}MiB'")

    def release_memory(self) -> None:
        """Move what is held to disk as far as possible, and hold less from now on, unless a query needs more."""
        with self.lock:
            for limit_mib in (IDLE_MIB // 4, IDLE_MIB):
                with suppress(duckdb.OutOfMemoryException):  # what queries hold cannot be moved
                    self.connection.execute(f"SET memory_limit = '{limit_mib}MiB'")
                    self._limit_mib = limit_mib

    def add_arrow(self, name: str, table: pa.Table) -> None:
        """Add a relation that holds an Arrow table."""
        with self.lock:
            self.connection.register(name, table)

    def set_events(
        self, tables: Sequence[pa.Table], parts: Sequence[Path], files: Sequence[tuple[str, int, bool]]
    ) -> None:
        """Define `events` over tables and parts, and `files`: the address of each log, its place, whether its newest record is first."""
        self.add_arrow("events_in_memory", pa.concat_tables([pa.Table.from_batches([], arrow_schema()), *tables]))
        query = "SELECT * FROM events_in_memory"
        if parts:
            names = ", ".join(text_literal(str(path)) for path in parts)
            query += f" UNION ALL BY NAME SELECT * FROM read_parquet([{names}], hive_partitioning = false)"
        self.execute(f"CREATE VIEW events AS {query}")
        self.add_rows("files", files, _FILES)

    def add_frame(self, table: Table, frame: pd.DataFrame) -> None:
        """Add a relation that holds a DataFrame in the types of its table."""
        arrow = pa.Table.from_pandas(frame, frame_schema(table, frame), preserve_index=False)
        if table is EVENTS:
            for field in arrow_schema():
                if field.name not in arrow.column_names:
                    arrow = arrow.append_column(field, pa.nulls(len(arrow), field.type))
        self.add_arrow(table.name, arrow)

    def add_rows(self, name: str, rows: Sequence[Any], schema: pa.Schema) -> None:
        """Add a relation of rows, each a mapping by column or a tuple; missing values are null."""
        named = [dict(zip(schema.names, row, strict=True)) if isinstance(row, tuple) else row for row in rows]
        columns = [_column([row.get(field.name) for row in named], field.type) for field in schema]
        self.add_arrow(name, pa.table(columns, schema))

    def add_table_rows(self, table: Table, rows: Sequence[Any]) -> None:
        """Add a table of rows that are not yet in its types."""
        if rows:
            self.add_frame(table, table.frame(rows))
        else:
            self.add_rows(table.name, (), table_schema(table))

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement that returns nothing."""
        with self.lock:
            self.with_memory(lambda: self.connection.execute(statement, list(parameters)))

    def arrow(self, query: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """Return the rows of a query as an Arrow table; raises `TableError` with DuckDB's error message."""
        try:
            with self.lock:
                found = partial(self.connection.sql, query, params=list(parameters))
                return self.with_memory(lambda: found().to_arrow_reader(_BATCH_ROWS).read_all())
        except duckdb.Error as problem:
            raise TableError(" ".join(str(problem).split()), where="SQL query") from problem

    def reader(self, query: str, batch_rows: int) -> pa.RecordBatchReader:
        """Return the rows of a query in batches; to be read before the next query."""
        return self.connection.sql(query).to_arrow_reader(batch_rows)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query as tuples of Python values."""
        table = self.arrow(query, parameters)
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True)) if table.num_columns else []

    def frame(self, query: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """Return the rows of a query as a DataFrame; text is ``str``, whole numbers with gaps are ``Int64``."""
        import pandas as pd

        table = self.arrow(query, parameters)
        columns: dict[str, Any] = {}
        for field in table.schema:
            column = table.column(field.name)
            if pa.types.is_integer(field.type) and column.null_count:
                columns[field.name] = column.to_pandas(types_mapper={field.type: pd.Int64Dtype()}.get)
            elif pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
                columns[field.name] = column.cast(pa.string()).to_pandas().astype("str")
            elif pa.types.is_nested(field.type):
                columns[field.name] = [tuple(one) if isinstance(one, list) else one for one in column.to_pylist()]
            else:
                columns[field.name] = column.to_pandas()
        return pd.DataFrame(columns)

    def ordered_frame(self, table: Table, where: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """Return the rows of a table that satisfy a condition; records by time, those of one moment by file (the older of a rotated set first) and line."""
        if table is not EVENTS:
            return self.frame(f"SELECT * FROM {table.name} WHERE {where}", parameters)
        query = f"""
            SELECT * EXCLUDE (read_order, file_order, newest_first)
            FROM (SELECT *, row_number() OVER () AS read_order FROM events) LEFT JOIN files USING (log_path) WHERE {where}
            ORDER BY time, coalesce(file_order, -1), CASE WHEN newest_first THEN -log_line ELSE log_line END, read_order
        """
        return self.frame(query, parameters)


def frame_schema(table: Table, frame: pd.DataFrame) -> pa.Schema:
    """Return the Arrow schema of a DataFrame in the types of its table; further columns as Arrow infers them."""
    own = arrow_schema() if table is EVENTS else table_schema(table)
    known = {field.name: field.type for field in own}
    types = ((name, known.get(name) or pa.array(frame[name], from_pandas=True).type) for name in frame.columns)
    return pa.schema(list(types))


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_timestamp(kind):
        return arrow_array(values, kind)
    times = np.array(values, f"M8[{kind.unit}]")  # Arrow does not take moments one by one
    return arrow_array(times.view(np.int64), pa.int64(), np.isnat(times)).view(kind)


def _close(connections: list[duckdb.DuckDBPyConnection]) -> None:
    while connections:
        connections.pop().close()
