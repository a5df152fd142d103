"""From paths to opened streams: first the list of files, then each of them with what it holds."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from dfly_analysis.errors import SourceError
from dfly_analysis.io.archive_limits import DEFAULT_LIMITS, ArchiveLimits, Budget
from dfly_analysis.io.archives import expand
from dfly_analysis.io.discovery import find_local
from dfly_analysis.io.display_paths import clean
from dfly_analysis.io.input_stream import Opened
from dfly_analysis.io.local import LocalFile, Pipe, open_local, standard_input
from dfly_analysis.io.streams import BROKEN

OnProblem = Callable[[SourceError], None]
STDIN = "-"


@dataclass(frozen=True)
class SourceFile:
    """A file that was listed and is yet to be opened; it can be pickled and opened by another process.

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
        Called with what cannot be read and what is passed over; the others go on. Without it the first that cannot be
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
    report, mention = on_problem or _raise, on_problem or (lambda _: None)
    listed: dict[object, SourceFile] = {}
    for path in paths:
        for identity, source in _list(str(path), report, mention):
            listed.setdefault(identity, source)
    return list(listed.values())


def open_file(
    source_file: SourceFile, *, on_problem: OnProblem | None = None, limits: ArchiveLimits = DEFAULT_LIMITS
) -> Iterator[Opened]:
    """Open one listed file: itself, or, where it is compressed or an archive, what it holds.

    Parameters
    ----------
    source_file : SourceFile
    on_problem : callable, optional
        Called with each part that cannot be read; the others go on. Without it the first such error is raised.
    limits : ArchiveLimits
        How much it may unpack to.

    Yields
    ------
    Opened
        Read it before asking for the next. A break within it is its `problem` and is not passed to `on_problem`.

    Raises
    ------
    SourceError
        For parts that cannot be read, without `on_problem`.
    """
    budget, address, location = Budget(on_problem or _raise, limits), source_file.address, source_file.location
    try:
        if source_file.kind == "stdin":
            yield from expand(address, Pipe(standard_input()), budget)
        elif source_file.kind == "pipe":
            with open_local(location, "pipe") as file:
                yield from expand(address, Pipe(file), budget)
        elif source_file.kind == "object":
            from dfly_analysis.io.s3 import ObjectFile

            with ObjectFile(location) as remote:
                yield from expand(address, remote, budget, file=cast("BinaryIO", remote))
        else:
            with open_local(location, "file") as file:
                yield from expand(address, LocalFile(file, source_file.size_bytes), budget, file=file)
    except BROKEN as problem:
        budget.report_break(problem, address)


def open_sources(
    paths: Iterable[str | Path], *, on_problem: OnProblem | None = None, limits: ArchiveLimits = DEFAULT_LIMITS
) -> Iterator[Opened]:
    """Open everything the paths name, one stream at a time: `list_files` and `open_file` in one.

    Parameters
    ----------
    paths : iterable of str or Path
        Files, folders, globs, archives (tar, zip, also compressed and nested), compressed files (gz, zst, xz, bz2),
        ``s3://bucket/prefix``; ``-`` is standard input.
    on_problem : callable, optional
        Called with each file that cannot be read; the others go on. Without it the first such error is raised.
    limits : ArchiveLimits
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
        yield from open_file(source_file, on_problem=on_problem, limits=limits)


def _raise(error: SourceError) -> None:
    raise error


def _list(path: str, report: OnProblem, mention: OnProblem) -> Iterator[tuple[object, SourceFile]]:
    """Yield what a path names, each with what two names of the same file have in common."""
    if path == STDIN:
        yield STDIN, SourceFile(STDIN, None, "stdin", STDIN)
    elif path.startswith("s3://"):
        from dfly_analysis.io.s3 import list_objects

        for url, size_bytes in list_objects(path):
            yield url, SourceFile(clean(url), size_bytes, "object", url)
    elif "://" in path:
        raise SourceError("addresses of this kind cannot be read", where=path, hint="copy the files here first")
    else:
        for found, status in find_local(path, report, mention):
            identity = (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(found)
            is_pipe = stat.S_ISFIFO(status.st_mode)
            yield identity, SourceFile(clean(found), None, "pipe", found) if is_pipe else SourceFile(clean(found), status.st_size, "file", found)  # fmt: skip
