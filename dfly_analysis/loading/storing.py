"""Puts tables that fit into memory into a store, each written whole before it takes its name."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dfly_analysis.io.output_store import Store
from dfly_analysis.loading.schemas import write_rows
from dfly_analysis.tables import COVERAGE, Table

if TYPE_CHECKING:
    import pandas as pd


def store_rows(
    store: Store, table: Table, rows: Sequence[Mapping[str, Any]], more: tuple[tuple[str, str], ...] = ()
) -> int:
    """Put rows of a table into a store, with further columns, each a name with its type; return how many they are."""
    if rows and table is not COVERAGE:  # what tools and Kubernetes say is not yet in the types of its table
        return store_frame(store, table, table.frame(rows))
    written = io.BytesIO()
    write_rows(written, table, rows, more)
    store.write(f"{table.name}.parquet", written.getvalue())
    return len(rows)


def store_frame(store: Store, table: Table, frame: pd.DataFrame) -> int:
    """Put a frame that is a table into a store; return how many rows it has."""
    store.write(f"{table.name}.parquet", table.check(frame).to_parquet(index=False))
    return len(frame)
