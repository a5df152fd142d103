"""Keeps the parts of larger files, so that a file is parsed once: the second time it is read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from dfly_analysis.io import SourceFile
from dfly_analysis.loading.parts import fingerprint, read_gathered
from dfly_analysis.loading.staging import Reading

LEAST_BYTES = 4 << 20
MOST_BYTES = 20 << 30
ENVIRONMENT = "DFLY_ANALYSIS_CACHE"


@dataclass(frozen=True)
class Cache:
    """A folder of parts by the content of the file they were made of.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    @classmethod
    def of_user(cls) -> Cache | None:
        """Return the user's cache; ``DFLY_ANALYSIS_CACHE`` names another folder, or is ``off``."""
        named = os.environ.get(ENVIRONMENT)
        if named == "off":
            return None
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
        return cls(Path(named) if named else base / "dfly-analysis")

    def takes(self, source: SourceFile) -> bool:
        """Return whether parts of that file are kept: files on disk that are worth it."""
        return source.kind == "file" and (source.size_bytes or 0) >= LEAST_BYTES

    def find(self, source: SourceFile, reading: Reading) -> Path | None:
        """Return the part of a file that was read before and has not changed, or None.

        A file that has its size, time and inode of before is taken for the same; any other is hashed anew.
        """
        known = self._known(source, reading)
        if known is None or known["size"] != source.size_bytes:
            return None
        if known["stamp"] != _stamp(source) and known["sha256"] != _hash(source.location):
            return None
        path = self._part(known["sha256"], source, reading)
        try:
            if known["part"] != _hash(path) or read_gathered(path) is None:
                return None
            os.utime(path)  # the oldest unused goes first
        except OSError:
            return None
        return path

    def keep(
        self, source: SourceFile, reading: Reading, part: Path, stamp: list[int], digest: str | None = None
    ) -> None:
        """Keep a part that was just made of a file; a file that has changed since is not kept.

        Parameters
        ----------
        source : SourceFile
        reading : Reading
        part : Path
        stamp : list of int
            `stamp_of` the file before it was read.
        digest : str, optional
            Hash of the file, where it is known already.
        """
        if stamp != _stamp(source):
            return
        try:
            digest = digest or _hash(source.location)
            target = self._part(digest, source, reading)
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_suffix(f".{os.getpid()}")
            shutil.copyfile(part, unfinished)
            unfinished.replace(target)
            note = self._note(source, reading)
            known = {"size": source.size_bytes, "stamp": stamp, "sha256": digest, "part": _hash(target)}
            note.write_text(json.dumps(known), "utf-8")
            self._tidy()
        except OSError:  # a cache that cannot be written is no reason to fail
            return

    def _known(self, source: SourceFile, reading: Reading) -> dict[str, object] | None:
        try:
            known = json.loads(self._note(source, reading).read_text("utf-8"))
            return known if known.keys() == {"size", "stamp", "sha256", "part"} else None
        except (OSError, ValueError, AttributeError):
            return None

    def _note(self, source: SourceFile, reading: Reading) -> Path:
        return self.folder / f"{_key(source, reading)}.json"

    def _part(self, digest: object, source: SourceFile, reading: Reading) -> Path:
        return self.folder / f"{str(digest)[:32]}-{_key(source, reading)}.parquet"

    def _tidy(self) -> None:
        """Remove the parts longest unused, beyond the size allowed."""
        parts = sorted(self.folder.glob("*.parquet"), key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0
        for path in parts:
            total += path.stat().st_size
            if total > MOST_BYTES:
                path.unlink(missing_ok=True)


def _key(source: SourceFile, reading: Reading) -> str:
    """Return what besides the content shapes a part: address (it names hosts), way of reading, release."""
    text = json.dumps([source.address, reading.tz, reading.format_id, reading.records, fingerprint()])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def stamp_of(source: SourceFile) -> list[int]:
    """Return what changes when a file on disk does: size, time and inode; empty for others."""
    return _stamp(source)


def _stamp(source: SourceFile) -> list[int]:
    try:
        found = Path(source.location).stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _hash(path: str | Path) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
