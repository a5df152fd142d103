"""From paths to opened streams: walks folders and globs, peels compression and archives, keeps caps."""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from dfly_analysis.errors import SourceError, nearest
from dfly_analysis.sources.opened import BROKEN, Opened

DEPTH_CAP = 4
MEMBER_CAP = 200_000
_TAR_MAGIC_AT = 257
_COMPRESSION: tuple[tuple[bytes, Callable[[BinaryIO], gzip.GzipFile | lzma.LZMAFile | bz2.BZ2File]], ...] = (
    (b"\x1f\x8b", lambda stream: gzip.GzipFile(fileobj=stream, mode="rb")),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
    (b"BZh", bz2.BZ2File),
)


class _Decompressed(io.RawIOBase):
    """Hands over what one step of decompression gives, so that nothing before a break is lost."""

    def __init__(self, stream: gzip.GzipFile | lzma.LZMAFile | bz2.BZ2File) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read1(len(buffer))
        buffer[: len(block)] = block
        return len(block)


def open_sources(
    paths: Iterable[str | Path], *, on_problem: Callable[[SourceError], None] | None = None
) -> Iterator[Opened]:
    """Open everything the paths name, one stream at a time, in sorted order.

    Parameters
    ----------
    paths : iterable of str or Path
        Files, folders, globs, archives (tar, zip, also compressed and nested), compressed files (gz, xz, bz2);
        ``-`` is standard input.
    on_problem : callable, optional
        Told of each file that cannot be read; the others go on. Without it the first such error is raised.

    Yields
    ------
    Opened
        Read it before asking for the next.

    Raises
    ------
    SourceError
        Where a path does not exist, and for unreadable files without `on_problem`.
    """
    tell = on_problem or _raise
    for path in paths:
        for name, opener in _files(str(path)):
            try:
                with opener() as stream:
                    yield from _expand(name, stream, 0, tell)
            except (*BROKEN, RuntimeError) as problem:  # RuntimeError: a zip with a password
                reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
                tell(SourceError(f"cannot be read: {reason}", where=name, hint="copy the file anew, or leave it out"))


def _raise(error: SourceError) -> None:
    raise error


def _files(path: str) -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
    if path == "-":
        yield "-", lambda: cast("BinaryIO", sys.stdin.buffer)
        return
    if "://" in path:
        raise SourceError("addresses of this kind cannot be read yet", where=path, hint="copy the files here first")
    found = Path(path)
    if not found.exists():
        matches = sorted(glob.glob(path, recursive=True)) if glob.has_magic(path) else []  # noqa: PTH207 - absolute patterns too
        if not matches:
            raise SourceError("no such file or folder", where=path, hint=_beside(found))
        for match in matches:
            yield from _files(match)
        return
    if found.is_dir():
        members = sorted(entry for entry in found.rglob("*") if entry.is_file())
        if not members:
            raise SourceError("the folder holds no files", where=path, hint="name the folder that holds the logs")
    else:
        members = [found]
    for member in members:
        yield str(member), cast("Callable[[], BinaryIO]", lambda member=member: member.open("rb"))


def _beside(path: Path) -> str:
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    return nearest(path.name, siblings) or "check the path"


def _expand(address: str, stream: BinaryIO, depth: int, tell: Callable[[SourceError], None]) -> Iterator[Opened]:
    buffered = io.BufferedReader(cast("io.RawIOBase", stream), 1 << 16)
    try:
        magic = buffered.peek(_TAR_MAGIC_AT + 5)
    except BROKEN as problem:
        tell(SourceError(f"ends before its time or is damaged: {problem}", where=address, hint="copy the file anew"))
        return
    if depth > DEPTH_CAP:
        tell(
            SourceError(
                f"archives stand in archives more than {DEPTH_CAP} deep", where=address, hint="unpack it by hand"
            )
        )
        return
    for start, decompress in _COMPRESSION:
        if magic.startswith(start):
            plain = _Decompressed(decompress(cast("BinaryIO", buffered)))
            yield from _expand(address, cast("BinaryIO", plain), depth + 1, tell)
            return
    if magic[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar":
        yield from _tar(address, cast("BinaryIO", buffered), depth, tell)
    elif magic.startswith(b"PK\x03\x04"):
        yield from _zip(address, cast("BinaryIO", buffered), depth, tell)
    else:
        yield Opened(address, cast("BinaryIO", buffered))


def _tar(address: str, stream: BinaryIO, depth: int, tell: Callable[[SourceError], None]) -> Iterator[Opened]:
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for count, member in enumerate(archive):
                if count >= MEMBER_CAP:
                    tell(SourceError(f"holds more than {MEMBER_CAP} members; the rest was not read", where=address))
                    return
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield from _expand(f"{address}!{member.name}", cast("BinaryIO", content), depth + 1, tell)
    except BROKEN as problem:
        tell(
            SourceError(
                f"the archive ends before its time: {problem}",
                where=address,
                hint="what came before was read; copy the file anew",
            )
        )


def _zip(address: str, stream: BinaryIO, depth: int, tell: Callable[[SourceError], None]) -> Iterator[Opened]:
    with zipfile.ZipFile(io.BytesIO(stream.read())) as archive:
        for member in sorted(archive.infolist(), key=lambda entry: entry.filename)[:MEMBER_CAP]:
            if not member.is_dir():
                with archive.open(member) as content:
                    yield from _expand(f"{address}!{member.filename}", cast("BinaryIO", content), depth + 1, tell)
