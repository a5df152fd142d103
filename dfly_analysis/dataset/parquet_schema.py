"""The Arrow types of the tables, in files and in the engine."""

import json
from collections.abc import Iterable
from functools import cache

import pyarrow as pa

from dfly_analysis.readers.logs.event_schema import arrow_schema, pandas_types
from dfly_analysis.schema import FLAG, FLOAT, INTEGER, TEXT, TIME, Table

_TYPES = {
    TIME: pa.timestamp("ns", "UTC"), TEXT: pa.string(), FLOAT: pa.float64(), INTEGER: pa.int64(), FLAG: pa.bool_(),
}  # fmt: skip


@cache
def part_schema() -> pa.Schema:
    """Return the columns of a part of records."""
    return with_pandas_metadata(arrow_schema(), pandas_types())


@cache
def table_schema(table: Table) -> pa.Schema:
    """Return the columns of a table, text as plain text."""
    return pa.schema([(column.name, _TYPES[column.dtype]) for column in table.columns])


_PANDAS_TYPES = {
    TIME: ("datetimetz", "datetime64[ns]", {"timezone": "UTC"}), TEXT: ("unicode", "str", None), FLOAT: ("float64", "float64", None),
    INTEGER: ("int64", "Int64", None), FLAG: ("bool", "bool", None),
}  # fmt: skip


def with_pandas_metadata(schema: pa.Schema, types: Iterable[tuple[str, str]]) -> pa.Schema:
    """Return a schema whose metadata lets pandas read columns in the types of `dfly_analysis.schema`; others as they are."""
    columns = [
        {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy_type, "metadata": details}
        for name, (kind, numpy_type, details) in ((name, _PANDAS_TYPES[dtype]) for name, dtype in types)
    ]
    metadata = {
        "index_columns": [], "column_indexes": [], "attributes": {}, "columns": columns,
        "creator": {"library": "dfly-analysis", "version": "1"}, "pandas_version": "3.0.0",
    }  # fmt: skip
    return schema.with_metadata({b"pandas": json.dumps(metadata).encode()})
