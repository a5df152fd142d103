"""From paths to opened streams: first the files that they name, then each of them with what it holds."""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import BinaryIO, Literal, cast

from dfly_analysis.errors import SourceError, suggest_similar
from dfly_analysis.io.archive_limits import DEFAULT_LIMITS, ArchiveLimits, Budget
from dfly_analysis.io.file_names import clean, path_key
from dfly_analysis.io.input_stream import Opened
from dfly_analysis.io.local import LocalFile, Pipe, kind_of, open_local, standard_input
from dfly_analysis.io.s3 import ObjectFile, list_objects
from dfly_analysis.io.streams import (
    BROKEN,
    COMPRESSED,
    RECORD_BYTES,
    UNSUPPORTED,
    Buffered,
    ByteStream,
    packed_as,
    reason_of,
)

OnProblem = Callable[[SourceError], None]
_Found = tuple[str, os.stat_result]
STDIN = "-"


@dataclass(frozen=True)
class SourceFile:
    """A file that was listed and is yet to be opened; it can be pickled and opened by another process."""

    address: str  # the path as the user named it, printable
    size_bytes: int | None  # size when it was listed; None where only reading will tell
    kind: Literal["file", "pipe", "object", "stdin"]
    location: str  # path or URL to open it by


def list_files(paths: Iterable[str | Path], *, on_problem: OnProblem | None = None) -> list[SourceFile]:
    """List the files that the paths name, each once and in the same order however they are named, without reading any."""
    report, mention = on_problem or _raise, on_problem or (lambda _: None)
    listed: dict[object, SourceFile] = {}
    for path in paths:
        for identity, source in _list(str(path), report, mention):
            listed.setdefault(identity, source)
    return sorted(listed.values(), key=lambda one: path_key(tuple(one.address.split("/"))))


def local_files(paths: Iterable[object]) -> list[Path]:
    """Return the files of this machine that the paths name, without what is missing or cannot be listed."""
    found: list[SourceFile] = []
    for path in paths:
        with suppress(SourceError):
            found += list_files([str(path)], on_problem=lambda _: None) if not str(path).startswith("s3://") else []
    return [Path(one.location) for one in found if one.kind == "file"]


def open_file(
    source_file: SourceFile, *, on_problem: OnProblem | None = None, limits: ArchiveLimits = DEFAULT_LIMITS
) -> Iterator[Opened]:
    """Open one listed file: itself, or, where it is compressed or an archive, what it holds."""
    budget, address, location = Budget(on_problem or _raise, limits), source_file.address, source_file.location
    try:
        if source_file.kind == "stdin":
            yield from expand(address, Pipe(standard_input()), budget)
        elif source_file.kind == "pipe":
            with open_local(location, "pipe") as file:
                yield from expand(address, Pipe(file), budget)
        elif source_file.kind == "object":
            with ObjectFile(location) as remote:
                yield from expand(address, remote, budget, file=cast("BinaryIO", remote))
        else:
            with open_local(location, "file") as file:
                yield from expand(address, LocalFile(file, source_file.size_bytes), budget, file=file)
    except BROKEN as problem:
        budget.report_break(problem, address)


def expand(
    address: str, stream: ByteStream, budget: Budget, *, depth: int = 0, file: BinaryIO | None = None
) -> Iterator[Opened]:
    """Open what a stream holds, layer by layer: itself where it is plain; nothing that unpacks is imported before something is packed."""
    buffered = Buffered(stream) if depth else Buffered(stream, budget.count_input)
    try:
        head = buffered.peek(RECORD_BYTES)
    except BROKEN as problem:
        budget.report_break(problem, address)
        return
    kind = packed_as(head)
    if kind is None:
        yield Opened(address, buffered)
    elif kind in UNSUPPORTED:
        budget.report(f"is {kind}, which is not supported", address, "unpack it by hand")
    elif depth >= budget.limits.depth:
        budget.report_depth(address)
    elif kind in COMPRESSED:
        from dfly_analysis.io.compression import Decompressed

        yield from expand(address, Decompressed(buffered, kind, budget), budget, depth=depth + 1)
    else:
        try:
            for name, member in _members(kind, address, buffered, budget, file):
                if budget.exceeded:
                    return
                budget.count_member()
                yield from expand(f"{address}!{clean(name)}", member, budget, depth=depth + 1)
        except BROKEN as problem:
            budget.report_break(problem, address)


def _members(
    kind: str, address: str, archive: Buffered, budget: Budget, file: BinaryIO | None
) -> Iterator[tuple[str, ByteStream]]:
    if kind == "tar":
        from dfly_analysis.io.tar_reader import tar_members

        return tar_members(archive)
    from dfly_analysis.io.zip_reader import zip_members

    return zip_members(address, archive, budget, file)


def open_sources(
    paths: Iterable[str | Path], *, on_problem: OnProblem | None = None, limits: ArchiveLimits = DEFAULT_LIMITS
) -> Iterator[Opened]:
    """Open everything the paths name, one stream at a time: `list_files` and `open_file` in one."""
    for source_file in list_files(paths, on_problem=on_problem):
        yield from open_file(source_file, on_problem=on_problem, limits=limits)


def _raise(error: SourceError) -> None:
    raise error


def _list(path: str, report: OnProblem, mention: OnProblem) -> Iterator[tuple[object, SourceFile]]:
    """Yield what a path names, each with what two names of the same file have in common."""
    if path == STDIN:
        yield STDIN, SourceFile(STDIN, None, "stdin", STDIN)
    elif path.startswith("s3://"):
        for url, size_bytes in list_objects(path):
            yield url, SourceFile(clean(url), size_bytes, "object", url)
    elif "://" in path:
        raise SourceError("addresses of this kind cannot be read", where=path, hint="copy the files here first")
    else:
        for found, status in _find_local(path, report, mention):
            identity = (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(found)
            is_pipe = stat.S_ISFIFO(status.st_mode)
            yield identity, SourceFile(clean(found), None, "pipe", found) if is_pipe else SourceFile(clean(found), status.st_size, "file", found)  # fmt: skip


def _find_local(path: str, report: OnProblem, mention: OnProblem) -> Iterator[_Found]:
    """Yield the files that a path names, in the order in which they are read."""
    try:
        status = Path(path).stat()
    except PermissionError as problem:
        report(SourceError(f"cannot be read: {reason_of(problem)}", where=path, hint="check its permissions"))
        return
    except (OSError, ValueError) as problem:
        matches = sorted(_matches(path), key=lambda match: path_key(Path(match).parts)) if has_magic(path) else []
        if not matches and Path(path).is_symlink():
            raise SourceError("the link leads to nothing", where=path, hint="name a file that exists") from problem
        if not matches:
            raise SourceError("no such file or folder", where=path, hint=_nearest_name(path)) from problem
        for match in matches:
            yield from _find_local(match, report, mention)
        return
    if not stat.S_ISDIR(status.st_mode):
        if stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode):
            yield path, status
        else:
            report(SourceError(f"is a {kind_of(status.st_mode)} and cannot be read", where=path, hint="name a file"))
        return
    unreadable: list[SourceError] = []
    found = [*_walk(path, unreadable.append, mention)]
    for folder in unreadable:
        report(folder)
    if not found and not unreadable:
        raise SourceError("the folder holds no files", where=path, hint="name the folder that holds the logs")
    depth = len(Path(path).parts)
    yield from sorted(found, key=lambda one: path_key(Path(one[0]).parts[depth:]))


def _walk(top: str, report: OnProblem, mention: OnProblem) -> Iterator[_Found]:
    """Yield regular files below a folder; links to folders are not followed, so that no loop can be run into."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(folder, report):
            try:
                status = entry.stat()
            except OSError as problem:
                mention(SourceError(f"was skipped: {reason_of(problem)}", where=entry.path))
                continue
            if stat.S_ISREG(status.st_mode):
                yield entry.path, status
            elif not stat.S_ISDIR(status.st_mode):
                hint = "name it itself to read it" if stat.S_ISFIFO(status.st_mode) else None
                mention(SourceError(f"is a {kind_of(status.st_mode)} and was skipped", where=entry.path, hint=hint))
            elif not entry.is_symlink():
                waiting.append(entry.path)
            elif not Path(entry.path).resolve().is_relative_to(Path(top).resolve()):
                message = "is a link to another folder and was not followed"
                mention(SourceError(message, where=entry.path, hint="name that folder too"))


def _entries(folder: str, report: OnProblem) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as problem:
        report(SourceError(f"cannot be listed: {reason_of(problem)}", where=folder, hint="check its permissions"))
        return []


def _matches(pattern: str) -> Iterator[str]:
    """Yield what a glob names; as in a shell, hidden files only where the pattern asks for them. Links to folders end ``**``."""
    parts = Path(pattern).parts
    fixed = next(at for at, part in enumerate(parts) if has_magic(part))
    base = Path(*parts[:fixed])
    wanted = [part if part == "**" else re.sub(r"\*\*+", "*", part) for part in parts[fixed:]]
    may_be_hidden = any(part.startswith(".") for part in wanted)
    for match in base.glob("/".join(wanted)):
        if may_be_hidden or not any(part.startswith(".") for part in match.parts[len(base.parts) :]):
            yield str(match)


def _nearest_name(path: str) -> str:
    wanted = Path(path)
    try:
        siblings = [entry.name for entry in wanted.parent.iterdir()] if wanted.parent.is_dir() else []
    except (OSError, ValueError):
        siblings = []
    return suggest_similar(wanted.name, siblings) or "check the path"
