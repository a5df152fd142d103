"""Records on their way into the engine: in memory while they are few, in Parquet parts beyond that."""

import shutil
from pathlib import Path
from threading import Lock
from uuid import uuid4

import pyarrow as pa

from dfly_analysis.dataset.event_parts import PartWriter
from dfly_analysis.io.output_store import open_store

MEMORY_BYTES = 48 << 20
"""Arrow data held before a part is written."""


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
