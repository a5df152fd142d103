"""Puts the records that attempts are rebuilt from aside while a file is read, so that its part need not be read again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from dfly_analysis.attempts.records import COLUMNS
from dfly_analysis.knowledge.event import load_events
from dfly_analysis.loading.joining import is_telling
from dfly_analysis.logs.schema import among, arrow_schema

SPILLED = (*COLUMNS, "job_id")


def spilled_schema() -> pa.Schema:
    """Return the columns that are put aside."""
    return pa.schema([arrow_schema().field(name) for name in SPILLED])


def telling_records(table: pa.Table) -> pa.Table:
    """Return the records that attempts are rebuilt from, in the columns of `SPILLED`.

    Of kinds that are most of a log only the fields count; their words are left out.
    """
    telling = is_telling(table.select(list(SPILLED)))
    bulk = among(telling, "event_id", [kind.id for kind in load_events() if kind.bulk])
    message = pc.if_else(pa.array(bulk), "", telling.column("message"))
    return telling.set_column(telling.schema.get_field_index("message"), "message", message)


class Spill:
    """A file of telling records; a context that closes it."""

    def __init__(self, path: Path) -> None:
        self._writer = pa.ipc.new_stream(path, spilled_schema())

    def write(self, table: pa.Table) -> None:
        """Append the telling records of a table."""
        telling = telling_records(table)
        if len(telling):
            self._writer.write_table(telling)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


def read_spill(path: Path) -> Iterator[pa.Table]:
    """Yield the tables of a spill in the order they were written."""
    with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


def chosen(table: pa.Table, event_ids: Sequence[str]) -> pa.Table:
    """Return the records of some events."""
    return table.filter(pa.array(among(table, "event_id", event_ids)))
