"""Writes a table to a file as it is made, bucket by bucket."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from dfly_analysis.loading.parquet import open_writer
from dfly_analysis.loading.schemas import table_schema
from dfly_analysis.tables import TIME, Table

if TYPE_CHECKING:
    import pyarrow as pa

    from dfly_analysis.attempts import Made


class TableWriter:
    """Writes what of a table is made to a file; a context that closes it."""

    def __init__(self, path: Path, table: Table) -> None:
        self._schema = _written_schema(table)
        rising = [column.name for column in table.columns if column.dtype == TIME or column.name == "log_line"]
        alike = [column.name for column in table.columns if column.name not in {*rising, "duration_s"}]
        self._writer = open_writer(
            path,
            self._schema,
            compression="lz4",
            store_schema=False,
            use_dictionary=alike,
            column_encoding=dict.fromkeys(rising, "DELTA_BINARY_PACKED"),
            write_statistics=rising,
        )

    def write(self, made: Made) -> None:
        """Append rows."""
        self._writer.write_table(as_arrow(made, self._schema))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.add_key_value_metadata(self._schema.metadata)
        self._writer.close()


def as_arrow(made: Made, schema: pa.Schema) -> pa.Table:
    """Return a table that is put together as Arrow.

    Parameters
    ----------
    made : Made
    schema : pyarrow.Schema
        The columns wanted, with texts as dictionaries; those that the table lacks are missing.
    """
    import pyarrow as pa

    columns = made.columns
    arrays = [
        _array(columns[field.name], field.type) if field.name in columns else pa.nulls(made.size, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(column: Any, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    from dfly_analysis.attempts import Words
    from dfly_analysis.attempts.made import Integers, Times
    from dfly_analysis.logs import arrow

    if pa.types.is_dictionary(kind):
        words = column if isinstance(column, Words) else Words.read(column)
        return arrow.coded(words.codes.astype(np.int32), arrow.strings(words.words.tolist(), kind.value_type))
    if isinstance(column, Times):
        return arrow.moments(column.times.view("M8[ns]"))
    if isinstance(column, Integers):
        return arrow.numbers(column.numbers.astype(np.int64, copy=False), column.missing)
    if pa.types.is_floating(kind):
        return arrow.numbers(column, np.isnan(column), kind)
    return arrow.flags(column) if pa.types.is_boolean(kind) else arrow.numbers(column.astype(np.int64))


@cache
def _written_schema(table: Table) -> pa.Schema:
    """Return the columns as they are handed over, texts as dictionaries, and for readers that they are ordinary texts."""
    import pyarrow as pa

    text, plain = pa.large_string(), table_schema(table)
    for_arrow = {b"ARROW:schema": base64.b64encode(plain.serialize().to_pybytes())}
    handed = [(field.name, pa.dictionary(pa.int32(), text) if field.type == text else field.type) for field in plain]
    return pa.schema(handed, plain.metadata | for_arrow)
