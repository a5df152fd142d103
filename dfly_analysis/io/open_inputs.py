"""From the user's words to opened streams: first the list of files, then each of them with what it holds."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dfly_analysis.errors import SourceError
from dfly_analysis.io.archive_limits import CAPS, Caps, Reading
from dfly_analysis.io.archives import expand
from dfly_analysis.io.discovery import Found, find_local
from dfly_analysis.io.display_paths import clean
from dfly_analysis.io.input_stream import Opened
from dfly_analysis.io.local import LocalFile, Pipe, kind_of, standard_input
from dfly_analysis.io.streams import (
    BROKEN,
    BrokenStreamError,
    ByteStream,
    ClosedFileError,
    RandomAccess,
    reason_of,
)

OnProblem = Callable[[SourceError], None]
STDIN = "-"
_OBJECTS = "s3://"


@dataclass(frozen=True)
class SourceFile:
    """A file that was listed and is yet to be opened; it can be sent to another process.

    Attributes
    ----------
    address : str
        As it is shown: the path as the user named it, printable whatever the file is called.
    size_bytes : int or None
        Size when it was listed; None where only reading will tell.
    kind : str
        ``file``, ``pipe``, ``object`` (``s3://``) or ``stdin``.
    location : str
        Path or URL to open it by.
    """

    address: str
    size_bytes: int | None
    kind: Literal["file", "pipe", "object", "stdin"]
    location: str


def list_files(paths: Iterable[str | Path], *, on_problem: OnProblem | None = None) -> list[SourceFile]:
    """List the files that the paths name, each once, without reading any.

    Parameters
    ----------
    paths : iterable of str or Path
        Files, folders, globs, ``s3://bucket/prefix`` (an object, everything below a prefix, or a glob);
        ``-`` is standard input.
    on_problem : callable, optional
        Told of what cannot be read and of what is passed over; the others go on. Without it the first that cannot be
        read is raised.

    Returns
    -------
    list of SourceFile
        Path by path as given; within a folder, glob or prefix in natural order, rotated sets oldest first.

    Raises
    ------
    SourceError
        Where a path names nothing; for what cannot be read, without `on_problem`.
    """
    tell = on_problem or _raise
    mention = on_problem or _ignore
    listed: dict[object, SourceFile] = {}
    for path in paths:
        for identity, source in _list(str(path), tell, mention):
            listed.setdefault(identity, source)
    return list(listed.values())


def open_file(source_file: SourceFile, *, on_problem: OnProblem | None = None, caps: Caps = CAPS) -> Iterator[Opened]:
    """Open one listed file: itself, or, where it is compressed or an archive, what it holds.

    Parameters
    ----------
    source_file : SourceFile
    on_problem : callable, optional
        Told of each part that cannot be read; the others go on. Without it the first such error is raised.
    caps : Caps
        How much it may unpack to.

    Yields
    ------
    Opened
        Read it before asking for the next. A break within it is its `problem` and is not told to `on_problem`.

    Raises
    ------
    SourceError
        For parts that cannot be read, without `on_problem`.
    """
    reading = Reading(
        on_problem or _raise,
        caps,
        threads=source_file.kind in ("file", "object"),
        remote=source_file.kind == "object",
    )
    try:
        with _stream(source_file, reading) as (stream, anywhere):
            yield from expand(source_file.address, stream, reading, anywhere=anywhere)
    except BROKEN as problem:
        reading.say_broken(problem, source_file.address)


def open_sources(
    paths: Iterable[str | Path], *, on_problem: OnProblem | None = None, caps: Caps = CAPS
) -> Iterator[Opened]:
    """Open everything the paths name, one stream at a time: `list_files` and `open_file` in one.

    Parameters
    ----------
    paths : iterable of str or Path
        Files, folders, globs, archives (tar, zip, also compressed and nested), compressed files (gz, zst, xz, bz2),
        ``s3://bucket/prefix``; ``-`` is standard input.
    on_problem : callable, optional
        Told of each file that cannot be read; the others go on. Without it the first such error is raised.
    caps : Caps
        How much each file may unpack to.

    Yields
    ------
    Opened
        Read it before asking for the next.

    Raises
    ------
    SourceError
        Where a path does not exist, and for unreadable files without `on_problem`.
    """
    for source_file in list_files(paths, on_problem=on_problem):
        yield from open_file(source_file, on_problem=on_problem, caps=caps)


def _raise(error: SourceError) -> None:
    raise error


def _ignore(_: SourceError) -> None:
    pass


def _list(path: str, tell: OnProblem, mention: OnProblem) -> Iterator[tuple[object, SourceFile]]:
    if path == STDIN:
        yield STDIN, SourceFile(STDIN, None, "stdin", STDIN)
    elif path.startswith(_OBJECTS):
        from dfly_analysis.io.s3 import list_objects

        for url, size_bytes in list_objects(path):
            yield url, SourceFile(clean(url), size_bytes, "object", url)
    elif "://" in path:
        raise SourceError("addresses of this kind cannot be read", where=path, hint="copy the files here first")
    else:
        for found in find_local(path, tell, mention):
            yield _identity(found), _local(found)


def _identity(found: Found) -> object:
    """Return what two names of the same file have in common."""
    status = found.status
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(found.path)


def _local(found: Found) -> SourceFile:
    if stat.S_ISFIFO(found.status.st_mode):
        return SourceFile(clean(found.path), None, "pipe", found.path)
    return SourceFile(clean(found.path), found.status.st_size, "file", found.path)


@contextmanager
def _stream(source: SourceFile, reading: Reading) -> Iterator[tuple[ByteStream, RandomAccess | None]]:
    if source.kind == "stdin":
        yield Pipe(standard_input(), reading), None
    elif source.kind == "object":
        from dfly_analysis.io.s3 import ObjectFile

        remote = ObjectFile(source.location, reading)
        yield remote, remote
    else:
        with open(_descriptor(source), "rb", buffering=0) as raw:
            if source.kind == "pipe":
                yield Pipe(raw, reading), None
            else:
                local = LocalFile(raw, reading, source.size_bytes)
                yield local, local


def _descriptor(source: SourceFile) -> int:
    """Open a path; one that was a regular file when it was listed must still be one, lest a pipe is waited for."""
    waiting = 0 if source.kind == "pipe" else os.O_NONBLOCK
    try:
        descriptor = os.open(source.location, os.O_RDONLY | os.O_CLOEXEC | waiting)
    except FileNotFoundError as problem:
        raise BrokenStreamError("vanished between being listed and being read: rotated away or deleted") from problem
    except PermissionError as problem:
        raise ClosedFileError(f"cannot be read: {reason_of(problem)}") from problem
    mode = os.fstat(descriptor).st_mode
    if source.kind == "file" and not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "folder" if stat.S_ISDIR(mode) else kind_of(mode)
        raise BrokenStreamError(f"was a file when it was listed and is a {what} now; it was not read")
    return descriptor
