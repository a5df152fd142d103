"""Keeps the parts of larger files, so that a file is parsed once: the second time its part is used."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import pyarrow as pa

from dfly_analysis.dataset.event_parts import PartWriter, package_hash, read_part_result
from dfly_analysis.dataset.file_reader import ReadOptions, read_files
from dfly_analysis.dataset.file_result import FileResult
from dfly_analysis.io import SourceFile

SMALLEST_BYTES = 4 << 20
LARGEST_TOTAL_BYTES = 20 << 30
ENVIRONMENT = "DFLY_ANALYSIS_CACHE"


@dataclass(frozen=True)
class Cache:
    """A folder of parsed parts, named by the hash of the source file."""

    folder: Path

    @classmethod
    def of_user(cls) -> Cache | None:
        """Return the user's cache; ``DFLY_ANALYSIS_CACHE`` names another folder, or is ``off``."""
        named = os.environ.get(ENVIRONMENT)
        if named == "off":
            return None
        return cls(Path(named) if named else platformdirs.user_cache_path("dfly-analysis", appauthor=False))

    def takes(self, source: SourceFile) -> bool:
        """Return whether parts of that file are kept: files on disk that are worth it."""
        return source.kind == "file" and (source.size_bytes or 0) >= SMALLEST_BYTES

    def find(self, source: SourceFile, options: ReadOptions) -> tuple[Path, FileResult] | None:
        """Return the part of a file that has not changed since it was read, with the rest it gave; of the same size, time and inode it is not hashed."""
        known = self._known(source, options) if self.takes(source) else None
        if known is None or known["size"] != source.size_bytes:
            return None
        if known["stamp"] != _stamp(source) and known["sha256"] != _hash(source.location):
            return None
        path = self._part(known["sha256"], source, options)
        try:
            result = read_part_result(path) if known["part"] == _hash(path) else None
            os.utime(path)  # the oldest unused goes first
        except OSError:
            return None
        return None if result is None else (path, result)

    def read(
        self, source: SourceFile, options: ReadOptions, sink: Callable[[pa.Table], None], executor: Executor | None
    ) -> FileResult:
        """Read a file and keep its part; a file that changes meanwhile, and a cache that cannot be written, are not kept."""
        stamp = _stamp(source)
        with tempfile.TemporaryDirectory(prefix="dfly-analysis-part-") as folder:
            path = Path(folder, "part.parquet")
            with PartWriter(path) as writer:

                def take(table: pa.Table) -> None:
                    writer.write(table)
                    sink(table)

                result = read_files((source,), options, take, executor)
                writer.finish(result)
            if stamp == _stamp(source):
                with suppress(OSError):  # a cache that cannot be written is no reason to fail
                    self._keep(source, options, path, stamp, result)
        return result

    def _keep(self, source: SourceFile, options: ReadOptions, part: Path, stamp: list[int], result: FileResult) -> None:
        row = result.coverage[0] if len(result.coverage) == 1 else {}
        is_plain = row.get("path") == source.address and row.get("size_bytes") == source.size_bytes
        digest = str(row["sha256"]) if is_plain else _hash(source.location)
        target = self._part(digest, source, options)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(f".{os.getpid()}")
        shutil.copyfile(part, unfinished)
        unfinished.replace(target)
        known = {"size": source.size_bytes, "stamp": stamp, "sha256": digest, "part": _hash(target)}
        self._note(source, options).write_text(json.dumps(known), "utf-8")
        self._evict()

    def _known(self, source: SourceFile, options: ReadOptions) -> dict[str, Any] | None:
        try:
            known = json.loads(self._note(source, options).read_text("utf-8"))
            return known if known.keys() == {"size", "stamp", "sha256", "part"} else None
        except (OSError, ValueError, AttributeError):
            return None

    def _note(self, source: SourceFile, options: ReadOptions) -> Path:
        return self.folder / f"{_key(source, options)}.json"

    def _part(self, digest: object, source: SourceFile, options: ReadOptions) -> Path:
        return self.folder / f"{str(digest)[:32]}-{_key(source, options)}.parquet"

    def _evict(self) -> None:
        """Remove the parts longest unused, beyond the size allowed."""
        parts = sorted(self.folder.glob("*.parquet"), key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0
        for path in parts:
            total += path.stat().st_size
            if total > LARGEST_TOTAL_BYTES:
                path.unlink(missing_ok=True)


def _key(source: SourceFile, options: ReadOptions) -> str:
    """Return what besides the content shapes a part: address (it names hosts), read options, release."""
    text = json.dumps([source.address, options.tz, options.format_id, options.records, package_hash()])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _stamp(source: SourceFile) -> list[int]:
    """Return what changes when a file on disk does: size, time and inode; empty for others."""
    try:
        status = Path(source.location).stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _hash(path: str | Path) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
