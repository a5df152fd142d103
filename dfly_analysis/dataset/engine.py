"""The engine: an embedded DuckDB with bounded memory over Arrow tables and Parquet parts."""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import numpy as np
import pyarrow as pa

from dfly_analysis.dataset.parquet_schema import table_schema
from dfly_analysis.errors import TableError
from dfly_analysis.readers.logs.event_schema import arrow_schema
from dfly_analysis.schema import EVENTS, Table
from dfly_analysis.workers import worker_count

if TYPE_CHECKING:
    import pandas as pd

LIMIT_MIB, LARGEST_LIMIT_MIB = 256, 2048
"""What DuckDB may hold before it spills to the temporary folder, and before it gives up."""
T = TypeVar("T")
_BATCH_ROWS = 1 << 16
_FILES = pa.schema([("log_path", pa.string()), ("file_order", pa.int64()), ("newest_first", pa.bool_())])


class Engine:
    """One DuckDB database in memory that spills to a temporary folder, which goes when the engine does.

    Attributes
    ----------
    folder : Path
        For spilled data and for parts of records.
    lock : threading.RLock
        Each query holds it; who makes a table for queries that follow holds it over all of them.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dfly-analysis-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        self.lock = threading.RLock()
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{LIMIT_MIB}MiB",
                "threads": worker_count(),
                "temp_directory": str(self.folder / "spill"),
                "autoinstall_known_extensions": False,
            },
        )
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE MACRO nanoseconds(t) AS epoch_ns(t)")
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
        """Run statements; where they need more memory than they may have, again with a quarter more, up to `LARGEST_LIMIT_MIB`.

        Some operators of DuckDB cannot spill all they hold.

        Raises
        ------
        TableError
            Where that is not enough.
        """
        while True:
            try:
                return statements()
            except duckdb.OutOfMemoryException as problem:
                if self._limit_mib >= LARGEST_LIMIT_MIB:
                    raise TableError(
                        f"needs more than {self._limit_mib} MiB of memory",
                        where="SQL query",
                        hint="analyse fewer logs at a time",
                    ) from problem
                self._limit_mib = min(self._limit_mib * 5 // 4, LARGEST_LIMIT_MIB)
                self.connection.execute(f"SET memory_limit = '{self._limit_mib}MiB'")

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
            names = ", ".join(quoted(str(path)) for path in parts)
            query += f" UNION ALL BY NAME SELECT * FROM read_parquet([{names}], hive_partitioning = false)"
        self.execute(f"CREATE VIEW events AS {query}")
        rows = [
            {"log_path": path, "file_order": place, "newest_first": newest_first} for path, place, newest_first in files
        ]
        self.add_rows("files", rows, _FILES)

    def add_frame(self, table: Table, frame: pd.DataFrame) -> None:
        """Add a relation that holds a DataFrame in the types of its table."""
        arrow = pa.Table.from_pandas(frame, frame_schema(table, frame), preserve_index=False)
        if table is EVENTS:
            for field in arrow_schema():
                if field.name not in arrow.column_names:
                    arrow = arrow.append_column(field, pa.nulls(len(arrow), field.type))
        self.add_arrow(table.name, arrow)

    def add_rows(self, name: str, rows: Sequence[Any], schema: pa.Schema) -> None:
        """Add a relation of rows, each a mapping by column; what a row lacks is null."""
        self.add_arrow(
            name, pa.table([_column([row.get(field.name) for row in rows], field.type) for field in schema], schema)
        )

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
        """Return the rows of a query as an Arrow table.

        Raises
        ------
        TableError
            With DuckDB's own words.
        """
        try:
            with self.lock:
                return self.with_memory(
                    lambda: self.connection.sql(query, params=list(parameters)).to_arrow_reader(_BATCH_ROWS).read_all()
                )
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
        """Return the rows of a table that satisfy a condition, records in the order they were written."""
        rows = self.frame(f"SELECT * FROM {table.name} WHERE {where}", parameters)
        return self._in_written_order(rows) if table is EVENTS else rows

    def _in_written_order(self, records: pd.DataFrame) -> pd.DataFrame:
        """Return records by time, those of one moment by file (the older of a rotated set first) and line."""
        files = {path: (place, newest_first) for path, place, newest_first in self.rows("SELECT * FROM files")}
        codes, paths = records["log_path"].factorize()
        known = np.array([files.get(path, (-1, False)) for path in paths] + [(-1, False)], np.int64)
        line = records["log_line"].to_numpy(np.int64, na_value=-1)
        line = np.where(known[codes, 1] > 0, -line, line)
        time = records["time"].astype("int64").to_numpy()
        order = np.lexsort((line, known[codes, 0], np.where(records["time"].isna(), np.iinfo(np.int64).max, time)))
        return records.iloc[order].reset_index(drop=True)


def frame_schema(table: Table, frame: pd.DataFrame) -> pa.Schema:
    """Return the Arrow schema of a DataFrame in the types of its table; further columns as Arrow infers them."""
    own = arrow_schema() if table is EVENTS else table_schema(table)
    fields = [
        own.field(name) if name in own.names else pa.field(name, pa.array(frame[name], from_pandas=True).type)
        for name in frame.columns
    ]
    return pa.schema(fields)


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_timestamp(kind):
        return pa.array(values, kind)
    return pa.array(np.array(values, "M8[ns]"), pa.timestamp("ns")).cast(kind)  # Arrow does not take moments one by one


def _close(connections: list[duckdb.DuckDBPyConnection]) -> None:
    while connections:
        connections.pop().close()


def quoted(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
