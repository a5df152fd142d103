"""Members of a tar as streams: `tarfile` reads the headers, nothing is extracted, memory does not grow with the archive."""

import re
import tarfile
from collections.abc import Iterator
from typing import Any, Self, cast

from dfly_analysis.io.streams import BLOCK_BYTES, RECORD_BYTES, BrokenStreamError, Buffered, reason_of

_HEADERS_CAP_BYTES = 1 << 20
_EXTENSION_CAP_BYTES = 16 << 10  # `tarfile` needs memory and time that are quadratic in the size of a forged pax header
_MANY_DIGITS = re.compile(rb"[0-9]{256}")  # time before Python 3.11.10 (CVE-2024-6232); no file name is that long
_SPARSE_NOTE = "stored sparse: its holes are left out"


class _Header(tarfile.TarInfo):
    """A header that is damaged raises where `tarfile` would take it for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as problem:
            if not buf.strip(b"\x00"):  # the end
                raise
            reason = problem if len(buf) == RECORD_BYTES else "it ends within a header"
            raise tarfile.ReadError(str(reason)) from problem
        if header.size < 0:
            raise tarfile.ReadError("a member of negative size")
        return header


class _HeaderFile:
    """The archive as `tarfile` reads it: forward only, and no more than headers need."""

    def __init__(self, archive: Buffered) -> None:
        self._archive, self._at = archive, 0
        self.begin_member()

    def begin_member(self) -> None:
        """Start to count the bytes of one member's headers."""
        self._header_bytes = self._extension_bytes = 0

    def tell(self) -> int:
        return self._at

    def seek(self, position: int) -> None:
        if position < self._at:
            raise tarfile.ReadError("a header leads backwards")
        while self._at < position and self.take(min(position - self._at, BLOCK_BYTES)):
            pass

    def read(self, size: int) -> bytes:
        self._header_bytes += size
        self._extension_bytes += size if size > RECORD_BYTES else 0
        if self._header_bytes > _HEADERS_CAP_BYTES or self._extension_bytes > _EXTENSION_CAP_BYTES:
            raise tarfile.ReadError("the headers of one member are too large")
        data = self._archive.read_exactly(size)
        self._at += len(data)
        if size > RECORD_BYTES and _MANY_DIGITS.search(data):
            raise tarfile.ReadError("a number of too many digits")
        return data

    def take(self, size: int) -> bytes:
        """Return up to so many bytes of a member's data."""
        data = self._archive.read(size)
        self._at += len(data)
        return data


class _Member:
    """The bytes of one member; those of a sparse one without its holes."""

    def __init__(self, file: _HeaderFile, header: tarfile.TarInfo) -> None:
        self._file = file
        parts = cast("list[tuple[int, int]]", header.sparse) if header.issparse() else [(0, header.size)]
        self._left_bytes = sum(size for _, size in parts)
        self.note = _SPARSE_NOTE if header.issparse() else None
        self._broken: BrokenStreamError | None = None

    def read(self, size: int = BLOCK_BYTES, /) -> bytes:
        if self._broken is not None:
            raise self._broken
        if self._left_bytes <= 0:
            return b""
        block = self._file.take(min(size, self._left_bytes))
        self._left_bytes -= len(block)
        if not block:
            self._broken = BrokenStreamError("truncated: the archive ends within this member")
            raise self._broken
        return block


def tar_members(archive: Buffered) -> Iterator[tuple[str, _Member]]:
    """Yield the regular files of a tar; links, devices and folders are skipped."""
    file, behind = _HeaderFile(archive), ""
    tar: tarfile.TarFile | None = None
    while True:
        file.begin_member()
        try:
            tar = tar or tarfile.TarFile(fileobj=cast("Any", file), tarinfo=_Header, encoding="utf-8")
            header = tar.next()
        except BrokenStreamError:
            raise
        except Exception as problem:  # what tarfile raises on forged headers is not documented
            raise BrokenStreamError(f"the archive is damaged{behind}: {reason_of(problem)}") from problem
        if header is None:
            return
        tar.members.clear()  # type: ignore[attr-defined]  # else it keeps every header; stream=True is from Python 3.13 on
        tar.pax_headers = {}
        if header.isreg():
            member, behind = _Member(file, header), f" behind {header.name}"
            yield header.name, member
            while member.read():
                pass
