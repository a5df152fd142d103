"""Where parts of a result are written and found again: a folder, or a prefix of an S3 bucket; whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, cast

from dfly_analysis.errors import SourceError, StoreError
from dfly_analysis.io.streams import BrokenStreamError, reason_of

_UNFINISHED = ".unfinished"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOTHING_BYTES = 1 << 20
"""So few that are free are none."""


class Store(Protocol):
    """A place for named files.

    Names are relative paths with ``/`` between folders. Every method raises `SourceError`, one line, where the place
    cannot be used.
    """

    @property
    def address(self) -> str:
        """Return where it is: a path, or ``s3://bucket/prefix``."""

    def write(self, name: str, content: str | Path | bytes) -> None:
        """Put bytes or a copy of a local file there under a name, over whatever has that name; seen only when it is whole."""

    def being_written(self, name: str) -> AbstractContextManager[Path]:
        """Return a context with the path of a local file to fill, which takes its name in the store at the end; not if it is not there."""

    def names(self, prefix: str = "") -> list[str]:
        """Return the sorted names that begin with a text."""

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading, with seeking."""

    def exists(self, name: str) -> bool:
        """Say whether there is a file of that name."""

    def delete(self, name: str) -> None:
        """Delete a file; one that is not there is no error."""

    def tidy(self) -> None:
        """Remove what writers left unfinished, and a folder that came to be for nothing; not while others write."""


def open_store(address: str | Path) -> Store:
    """Return the store at an address; a folder is made at the first writing.

    Parameters
    ----------
    address : str or Path
        A local folder, or ``s3://bucket/prefix``. The latter's client is configured by the ``AWS_*`` variables of the
        process that calls this, so send the address to other processes, not the store.

    Raises
    ------
    SourceError
        Where the address is of another kind, or the library for it is not installed.
    """
    text = str(address)
    if text.startswith("s3://"):
        return ObjectStore(text)
    if "://" in text:
        raise SourceError("addresses of this kind cannot be written to", where=text, hint="name a folder or s3://bucket/prefix")  # fmt: skip
    return FolderStore(text)


def _checked(name: str, where: str) -> str:
    """Refuse names that would lead out of the store."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or str(path) != name or "\x00" in name:
        raise SourceError(f"{name!r} is no name within a store", where=where, hint="use a relative path without ..")
    return name


def _opened(content: str | Path | bytes) -> BinaryIO:
    return io.BytesIO(content) if isinstance(content, bytes) else Path(content).open("rb")


def _sync(path: Path) -> None:
    """Wait until the disk has it: what takes its name must be whole after a crash too."""
    with path.open("r+b") as written:  # Windows syncs only what is open for writing
        os.fsync(written.fileno())


class FolderStore:
    """A folder of this machine.

    Parameters
    ----------
    address : str
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._top = Path(address)
        self._is_new = not self._top.exists()

    def write(self, name: str, content: str | Path | bytes) -> None:
        """Write to a file beside the target, then put it in the target's place in one step."""
        with self.being_written(name) as path, self._said(name), path.open("xb") as out, _opened(content) as source:
            shutil.copyfileobj(source, out, 1 << 20)

    @contextmanager
    def being_written(self, name: str) -> Iterator[Path]:
        """Yield a path beside the target; what is there at the end is put in the target's place in one step."""
        target = self._top / _checked(name, self.address)
        with self._said(name):
            target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex}{_UNFINISHED}")
        try:
            yield unfinished
            with self._said(name):
                if unfinished.exists():
                    _sync(unfinished)
                    unfinished.replace(target)
        except OSError as problem:  # of whoever fills the file, perhaps with another
            if problem.errno in _FULL and shutil.disk_usage(target.parent).free < _NOTHING_BYTES:
                raise self._as_said(problem, name) from problem
            raise
        finally:
            unfinished.unlink(missing_ok=True)

    def names(self, prefix: str = "") -> list[str]:
        """Return the sorted names that begin with a text."""
        with self._said(prefix):
            files = (entry for entry in self._top.rglob("*") if entry.is_file() and entry.suffix != _UNFINISHED)
            found = (entry.relative_to(self._top).as_posix() for entry in files)
            return sorted(name for name in found if name.startswith(prefix))

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        with self._said(name):
            return (self._top / _checked(name, self.address)).open("rb")

    def exists(self, name: str) -> bool:
        """Say whether there is a file of that name."""
        return (self._top / _checked(name, self.address)).is_file()

    def delete(self, name: str) -> None:
        """Delete a file; one that is not there is no error."""
        with self._said(name):
            (self._top / _checked(name, self.address)).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what writers left unfinished, and the folder with those in it where it was not there before and holds nothing."""
        with self._said(""):
            for entry in self._top.rglob(f".*{_UNFINISHED}"):
                entry.unlink(missing_ok=True)
        if self._is_new:
            for folder in sorted(
                (entry for entry in (self._top, *self._top.rglob("*")) if entry.is_dir()), reverse=True
            ):
                with suppress(OSError):  # it holds something
                    folder.rmdir()

    @contextmanager
    def _said(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise self._as_said(problem, name) from problem

    def _as_said(self, problem: OSError, name: str) -> StoreError:
        if problem.errno in _FULL:
            return StoreError(os.strerror(problem.errno), where=str(self._top / name), hint="free some space")
        return StoreError(reason_of(problem), where=str(self._top / name), hint="check the folder and its permissions")


class ObjectStore:
    """A prefix of an S3 bucket.

    Parameters
    ----------
    address : str
        ``s3://bucket/prefix``.
    """

    def __init__(self, address: str) -> None:
        from dfly_analysis.io import s3

        self.address = address.rstrip("/")
        bucket, prefix = s3.split_url(self.address)
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = s3.connect(bucket)

    def _key(self, name: str) -> str:
        return self._prefix + _checked(name, self.address)

    def _where(self, name: str) -> str:
        return f"{self.address}/{name}"

    def write(self, name: str, content: str | Path | bytes) -> None:
        """Upload it, in parts where it is large; it is seen only once it is whole."""
        from dfly_analysis.io import s3

        s3.put(self._client, self._key(name), Path(content) if isinstance(content, str) else content, self._where(name))

    @contextmanager
    def being_written(self, name: str) -> Iterator[Path]:
        """Yield a path in a folder for the time; what is there at the end is uploaded."""
        with tempfile.TemporaryDirectory(prefix="dfly-analysis-part-") as folder:
            path = Path(folder, PurePosixPath(_checked(name, self.address)).name)
            yield path
            if path.exists():
                self.write(name, path)

    def names(self, prefix: str = "") -> list[str]:
        """Return the sorted names that begin with a text."""
        from dfly_analysis.io import s3

        folder = (self._prefix + prefix).rpartition("/")[0]
        keys = (key for key, _ in s3.list_keys(self._client, folder, self.address))
        found = (key.removeprefix(self._prefix) for key in keys)
        return sorted(name for name in found if name.startswith(prefix))

    def open(self, name: str) -> BinaryIO:
        """Open an object for reading, fetched in windows of a few megabytes."""
        from dfly_analysis.io import s3

        if not self.exists(name):
            raise SourceError("there is no such object", where=self._where(name), hint="check the name")
        try:
            remote = s3.ObjectFile(self._where(name))
        except BrokenStreamError as problem:
            raise SourceError(str(problem), where=self._where(name)) from problem
        return cast("BinaryIO", io.BufferedReader(remote, 1 << 16))

    def exists(self, name: str) -> bool:
        """Say whether there is an object of that name."""
        from dfly_analysis.io import s3

        return s3.size_of(self._client, self._key(name), self._where(name)) is not None

    def delete(self, name: str) -> None:
        """Delete an object; one that is not there is no error."""
        from dfly_analysis.io import s3

        s3.delete(self._client, self._key(name), self._where(name))

    def tidy(self) -> None:
        """Do nothing: an upload that was not completed is no object."""
