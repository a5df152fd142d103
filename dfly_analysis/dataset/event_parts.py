"""Records on their way into the engine: in memory while they are few; beyond that in parts, Parquet with all else that their files gave."""

import hashlib
import shutil
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from dfly_analysis.dataset.file_reader import ReadOptions, read_files
from dfly_analysis.dataset.file_result import FileResult
from dfly_analysis.dataset.parquet_schema import part_schema
from dfly_analysis.io import SourceFile
from dfly_analysis.io.output_store import open_store
from dfly_analysis.readers.logs.event_schema import arrow_schema

METADATA_KEY = b"dfly_analysis"
LAYOUT = 4  # raised when earlier parts can no longer be read
_ROW_GROUP_ROWS = 1 << 18
MEMORY_BYTES = 48 << 20  # Arrow data held before a part is written
_ASCENDING = ("time", "log_line")


class PartWriter:
    """Writes records as they come and counts them; a context manager that closes the file."""

    def __init__(self, path: Path) -> None:
        self._path, self.count = path, 0
        self._held: list[pa.Table] = []
        self._held_rows = 0

    @cached_property
    def _writer(self) -> pq.ParquetWriter:
        return pq.ParquetWriter(
            self._path,
            part_schema(),
            compression="lz4",
            use_dictionary=[field.name for field in arrow_schema() if pa.types.is_dictionary(field.type)],
            column_encoding=dict.fromkeys(_ASCENDING, "DELTA_BINARY_PACKED"),
            write_statistics=[*_ASCENDING, "event_id", "level"],
        )

    def write(self, table: pa.Table) -> None:
        """Append records."""
        self.count += len(table)
        self._held_rows += len(table)
        if len(table):
            self._held.append(table)
        if self._held_rows >= _ROW_GROUP_ROWS // 4:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            self._writer.write_table(pa.concat_tables(self._held).unify_dictionaries(), row_group_size=_ROW_GROUP_ROWS)
            self._held.clear()
            self._held_rows = 0

    def finish(self, result: FileResult) -> None:
        """Add what else the files gave."""
        self.flush()
        self._writer.add_key_value_metadata({METADATA_KEY: result.to_json()})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


@dataclass(frozen=True)
class PartTask:
    """Reads a group of files and writes their part to a store; can be sent to another machine."""

    sources: tuple[SourceFile, ...]
    options: ReadOptions
    store: str
    name: str

    def run(self, executor: Executor | None = None) -> tuple[FileResult, int]:
        """Write the part where there are records, and return what else the files gave and how many records there are."""
        with open_store(self.store).atomic_write(self.name) as path:
            with PartWriter(path) as writer:
                result = read_files(self.sources, self.options, writer.write, executor)
                writer.finish(result)
            if not writer.count:
                path.unlink()
        return result, writer.count


def download(location: str, folder: Path) -> Path:
    """Copy an object of a store to a folder, and return where it is."""
    prefix, _, name = location.rpartition("/")
    path = folder / f"{uuid4().hex}-{name}"
    with open_store(prefix).open(name) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    return path


class EventStore:
    """Takes records from any thread; holds `tables` in memory, and `parts` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._lock = folder, Lock()
        self.tables: list[pa.Table] = []
        self.parts: list[Path] = []
        self._held_bytes = 0

    def append(self, table: pa.Table) -> None:
        """Add records in the columns of `dfly_analysis.readers.logs.event_schema.arrow_schema`."""
        if not len(table):
            return
        with self._lock:
            self.tables.append(table)
            self._held_bytes += table.nbytes
            if self._held_bytes >= MEMORY_BYTES:
                self._write_part()

    def add_part(self, path: Path) -> None:
        """Add a part that was written before."""
        with self._lock:
            self.parts.append(path)

    def _write_part(self) -> None:
        path = self.folder / f"events-{len(self.parts):06d}.parquet"
        with PartWriter(path) as writer:
            while self.tables:
                writer.write(self.tables.pop(0))
            writer.flush()
        self.parts.append(path)
        self._held_bytes = 0


def read_part_result(source: Any) -> FileResult | None:
    """Return what a part holds besides its records; None where the file is no part that this release can read."""
    try:
        metadata = pq.read_metadata(source).metadata or {}
        return FileResult.from_json(metadata[METADATA_KEY]) if METADATA_KEY in metadata else None
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        return None


def part_name(place: int, address: str) -> str:
    """Return the name of the part of that place in the list of parts; sorted by name, parts are in the list's order."""
    return f"part-{place:06d}-{hashlib.sha256(address.encode()).hexdigest()[:12]}.parquet"


@cache
def package_hash() -> str:
    """Return what makes parts of one release differ from those of another: layout, code of the readers, catalogue."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(str(LAYOUT).encode())
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".json", ".sql", ".yaml", ".c", ".h"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()
