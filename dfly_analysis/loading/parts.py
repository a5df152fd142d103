"""A part: one file's records as Parquet, and all else it gave in the same file's metadata; written whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from dfly_analysis.loading.behind import Behind
from dfly_analysis.loading.gathered import Gathered
from dfly_analysis.loading.parquet import open_writer
from dfly_analysis.loading.schemas import part_schema
from dfly_analysis.loading.staging import Reading, Sink, stage_file
from dfly_analysis.logs.schema import arrow_schema
from dfly_analysis.sources import SourceFile

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

META = b"dfly_analysis"
LAYOUT = 2
"""Raised when parts of before can no longer be read."""
_ROWS_AT_ONCE = 1 << 16
"""Rows that are written together at least. The end of a file tells of each row group, and is held in memory until then: with one
for each block, memory would grow by a fiftieth of what is read."""


class PartWriter:
    """Writes the records of one file as they come; a context that closes the file.

    Attributes
    ----------
    count : int
        Records so far.
    """

    def __init__(self, target: Path | BinaryIO) -> None:
        self._target, self.count = target, 0
        self._held: list[pa.Table] = []

    @cached_property
    def _writer(self) -> pq.ParquetWriter:
        rising = ("time", "log_line")
        return open_writer(
            self._target,
            part_schema(),
            compression="lz4",
            use_dictionary=[field.name for field in arrow_schema() if str(field.type).startswith("dictionary")],
            column_encoding=dict.fromkeys(rising, "DELTA_BINARY_PACKED"),
            write_statistics=list(rising),
            write_batch_size=_ROWS_AT_ONCE,
        )

    def write(self, table: pa.Table) -> None:
        """Append records."""
        self.count += len(table)
        if len(table):
            self._held.append(table)
        if sum(map(len, self._held)) >= _ROWS_AT_ONCE:
            self._write_held()

    def _write_held(self) -> None:
        import pyarrow as pa

        if self._held:
            self._writer.write_table(
                pa.concat_tables(self._held).unify_dictionaries(), row_group_size=4 * _ROWS_AT_ONCE
            )
            self._held.clear()

    def finish(self, gathered: Gathered) -> None:
        """Add what else the file gave."""
        self._write_held()
        self._writer.add_key_value_metadata({META: gathered.to_json()})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


def write_part(
    source: SourceFile, reading: Reading, path: Path, executor: Executor | None = None, also: Sink | None = None
) -> tuple[Gathered, int]:
    """Read one file and write its part; where reading is interrupted what is left is no part.

    Parameters
    ----------
    source : SourceFile
    reading : Reading
    path : Path
        Where nobody takes it for a part yet.
    executor : Executor, optional
    also : callable, optional
        Given every table as well, one after another, in a thread of its own.

    Returns
    -------
    tuple of (Gathered, int)
        With how many records the part has.
    """
    with PartWriter(path) as writer:
        with ExitStack() as stack:
            sinks = [
                stack.enter_context(Behind(do, name))
                for name, do in (("part", writer.write), ("also", also))
                if do is not None
            ]

            def take(table: pa.Table) -> None:
                for sink in sinks:
                    sink(table)

            gathered = stage_file(source, reading, take, executor)
        writer.finish(gathered)
    return gathered, writer.count


def read_gathered(path: Any) -> Gathered | None:
    """Return what a part holds besides its records; None where the file is no part that this release can read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path).metadata or {}
        return Gathered.from_json(metadata[META]) if META in metadata else None
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        return None


def read_records(path: Any, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the records of a part, or some of their columns."""
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=list(columns) if columns else None, partitioning=None)


def part_name(place: int, source: SourceFile) -> str:
    """Return the name of the part of the file at that place of the list: sorted by name, parts are in the list's order."""
    return f"part-{place:06d}-{hashlib.sha256(source.address.encode()).hexdigest()[:12]}.parquet"


@cache
def fingerprint() -> str:
    """Return what makes parts of one release differ from those of another: layout, code of the readers, catalogue."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(str(LAYOUT).encode())
    for folder in ("bench", "catalog", "config", "jobs", "loading", "logs", "metrics", "pods", "sources"):
        for path in sorted(Path(root, folder).rglob("*")):
            if path.suffix in {".py", ".yaml", ".c", ".h"}:
                digest.update(path.read_bytes())
    for path in (root / "redaction.py", root / "tables.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()
