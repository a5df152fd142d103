"""Named files of a result in a folder or below a prefix of an S3 bucket, each written atomically.

Names are relative paths with ``/`` between folders. Every method raises `SourceError` where the place cannot be used.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from dfly_analysis.errors import SourceError, StoreError
from dfly_analysis.io import s3
from dfly_analysis.io.streams import BrokenStreamError, reason_of

_UNFINISHED = ".unfinished"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_DISK_BYTES = 1 << 20  # with less than this free, a disk is full


def open_store(address: str | Path) -> Store:
    """Return the store at an address; a folder is created by the first write."""
    text = str(address)
    if text.startswith("s3://"):
        return ObjectStore(text)
    if "://" in text:
        raise SourceError("addresses of this kind cannot be written to", where=text, hint="name a folder or s3://bucket/prefix")  # fmt: skip
    return FolderStore(text)


def _checked(name: str, where: str) -> str:
    """Return a name that stays within the store, or raise."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or str(path) != name or "\x00" in name:
        raise SourceError(f"{name!r} is not a name within a store", where=where, hint="use a relative path without ..")
    return name


class FolderStore:
    """A folder of this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._top = Path(address)
        self._is_new = not self._top.exists()

    def write(self, name: str, content: str | Path | bytes) -> None:
        """Write to a temporary file, then move it to its name in one step."""
        with self.atomic_write(name) as path, self._explained(name):
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                shutil.copyfile(content, path)

    @contextmanager
    def atomic_write(self, name: str) -> Iterator[Path]:
        """Yield the path of a temporary file in the same folder; at the end it is moved to its name in one step."""
        target = self._top / _checked(name, self.address)
        with self._explained(name):
            target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex}{_UNFINISHED}")
        try:
            yield unfinished
            with self._explained(name):
                if unfinished.exists():
                    with unfinished.open("r+b") as written:  # it must be complete after a crash too
                        os.fsync(written.fileno())
                    unfinished.replace(target)
        except OSError as problem:  # of the caller, who may also write elsewhere
            if problem.errno in _FULL and shutil.disk_usage(target.parent).free < _FULL_DISK_BYTES:
                raise self._as_error(problem, name) from problem
            raise
        finally:
            unfinished.unlink(missing_ok=True)

    def names(self, prefix: str = "") -> list[str]:
        """Return the sorted names that begin with a text."""
        with self._explained(prefix):
            files = (entry for entry in self._top.rglob("*") if entry.is_file() and entry.suffix != _UNFINISHED)
            found = (entry.relative_to(self._top).as_posix() for entry in files)
            return sorted(name for name in found if name.startswith(prefix))

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        with self._explained(name):
            return (self._top / _checked(name, self.address)).open("rb")

    def exists(self, name: str) -> bool:
        """Return whether there is a file of that name."""
        return (self._top / _checked(name, self.address)).is_file()

    def delete(self, name: str) -> None:
        """Delete a file; one that is not there is no error."""
        with self._explained(name):
            (self._top / _checked(name, self.address)).unlink(missing_ok=True)

    def remove_incomplete(self) -> None:
        """Remove unfinished files and, where this store created the folder, empty folders."""
        with self._explained(""):
            for entry in self._top.rglob(f".*{_UNFINISHED}"):
                entry.unlink(missing_ok=True)
        if self._is_new:
            folders = [entry for entry in (self._top, *self._top.rglob("*")) if entry.is_dir()]
            for folder in sorted(folders, reverse=True):
                with suppress(OSError):  # not empty
                    folder.rmdir()

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise self._as_error(problem, name) from problem

    def _as_error(self, problem: OSError, name: str) -> StoreError:
        if problem.errno in _FULL:
            return StoreError(os.strerror(problem.errno), where=str(self._top / name), hint="free some space")
        return StoreError(reason_of(problem), where=str(self._top / name), hint="check the folder and its permissions")


class ObjectStore:
    """A prefix of an S3 bucket."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        bucket, prefix = s3.split_url(self.address)
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = s3.connect(bucket)

    def _key(self, name: str) -> str:
        return self._prefix + _checked(name, self.address)

    def write(self, name: str, content: str | Path | bytes) -> None:
        """Upload it, in parts where it is large; it is seen only when it is complete."""
        source = Path(content) if isinstance(content, str) else content
        s3.put(self._client, self._key(name), source, f"{self.address}/{name}")

    @contextmanager
    def atomic_write(self, name: str) -> Iterator[Path]:
        """Yield the path of a temporary file, which is uploaded at the end."""
        with tempfile.TemporaryDirectory(prefix="dfly-analysis-part-") as folder:
            path = Path(folder, PurePosixPath(_checked(name, self.address)).name)
            yield path
            if path.exists():
                self.write(name, path)

    def names(self, prefix: str = "") -> list[str]:
        """Return the sorted names that begin with a text."""
        folder = (self._prefix + prefix).rpartition("/")[0]
        keys = (key for key, _ in s3.list_keys(self._client, folder, self.address))
        found = (key.removeprefix(self._prefix) for key in keys)
        return sorted(name for name in found if name.startswith(prefix))

    def open(self, name: str) -> BinaryIO:
        """Open an object for reading, fetched in windows of a few megabytes."""
        if not self.exists(name):
            raise SourceError("there is no such object", where=f"{self.address}/{name}", hint="check the name")
        try:
            remote = s3.ObjectFile(f"{self.address}/{name}")
        except BrokenStreamError as problem:
            raise SourceError(str(problem), where=f"{self.address}/{name}") from problem
        return cast("BinaryIO", io.BufferedReader(remote, 1 << 16))

    def exists(self, name: str) -> bool:
        """Return whether there is an object of that name."""
        return s3.size_of(self._client, self._key(name), f"{self.address}/{name}") is not None

    def delete(self, name: str) -> None:
        """Delete an object; one that is not there is no error."""
        s3.delete(self._client, self._key(name), f"{self.address}/{name}")

    def remove_incomplete(self) -> None:
        """Do nothing: an upload that was not completed is no object."""


Store = FolderStore | ObjectStore
