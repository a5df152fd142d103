"""Members of a tar as streams: sequential, never extracted, every old and new dialect that `tarfile` can name."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from dfly_analysis.io.magic_bytes import RECORD_BYTES
from dfly_analysis.io.streams import BLOCK_BYTES, BrokenStreamError, Buffered

_EXTENDED_AT = 482  # old GNU sparse header: says whether more of the map follows
_MORE_AT = 504
_NAME_CAP_BYTES = 64 << 10
_PAX_CAP_BYTES = 1 << 20
_SPARSE_NOTE = "stored sparse: its holes are left out"


@dataclass
class TarMember:
    """One file of a tar, to be read before the next is asked for.

    Attributes
    ----------
    name : str
        As the archive has it; it may be anything.
    note : str or None
    """

    name: str
    _archive: Buffered
    _left_bytes: int
    note: str | None = None
    _broken: BrokenStreamError | None = None

    def read(self, most: int = BLOCK_BYTES, /) -> bytes:
        """Return the next bytes of this member.

        Raises
        ------
        BrokenStreamError
            Where the archive ends within it.
        """
        if self._broken is not None:
            raise self._broken
        if self._left_bytes <= 0:
            return b""
        block = self._archive.read(min(most, self._left_bytes))
        self._left_bytes -= len(block)
        if not block:
            self._broken = BrokenStreamError("ends before its time: the archive is cut off within this member")
            raise self._broken
        return block

    def skip(self) -> None:
        """Pass over what was not read."""
        while self.read():
            pass


@dataclass
class _Said:
    """What extension headers say of the member that follows them."""

    name: str | None = None
    size_bytes: int | None = None
    sparse_name: str | None = None
    sparse: bool = False
    map_in_data: bool = False


def tar_members(archive: Buffered) -> Iterator[TarMember]:
    """Yield the regular files of a tar; links, devices and folders are passed over.

    Parameters
    ----------
    archive : Buffered

    Yields
    ------
    TarMember
        Read before the next one is asked for; what is left of it is then passed over.

    Raises
    ------
    BrokenStreamError
        Where the archive is cut off or damaged.
    """
    said, last = _Said(), ""
    while (header := _header(archive, last)) is not None:
        record, info = header
        size_bytes = info.size if said.size_bytes is None else said.size_bytes
        if info.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
            text = _content(archive, info.size, _NAME_CAP_BYTES)
            if info.type == tarfile.GNUTYPE_LONGNAME:
                said.name = text.split(b"\x00", 1)[0].decode("utf-8", "replace")
        elif info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
            _take_pax(said, _content(archive, info.size, _PAX_CAP_BYTES))
        elif info.type == tarfile.XGLTYPE:
            _content(archive, info.size, _PAX_CAP_BYTES)
        elif info.isreg():
            last = said.sparse_name or said.name or info.name
            yield from _member(archive, record, info, said, size_bytes)
            said = _Said()
        else:
            if info.type not in tarfile.SUPPORTED_TYPES:
                _pass_over(archive, size_bytes)
            said = _Said()


def _header(archive: Buffered, last: str) -> tuple[bytes, tarfile.TarInfo] | None:
    record = archive.read_exactly(RECORD_BYTES)
    if not record.strip(b"\x00"):
        return None
    behind = f" behind {last}" if last else ""
    if len(record) < RECORD_BYTES:
        raise BrokenStreamError(f"the archive ends before its time{behind}")
    try:
        info = tarfile.TarInfo.frombuf(record, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError) as problem:
        raise BrokenStreamError(f"the archive is damaged{behind}: {problem}") from problem
    if info.size < 0:
        raise BrokenStreamError(f"the archive is damaged{behind}: a member of negative size")
    return record, info


def _member(
    archive: Buffered, record: bytes, info: tarfile.TarInfo, said: _Said, size_bytes: int
) -> Iterator[TarMember]:
    padding = -size_bytes % RECORD_BYTES
    member = TarMember(said.sparse_name or said.name or info.name, archive, size_bytes)
    if info.type == tarfile.GNUTYPE_SPARSE:
        more = record[_EXTENDED_AT]
        while more:
            part = archive.read_exactly(RECORD_BYTES)
            if len(part) < RECORD_BYTES:
                raise BrokenStreamError("the archive ends before its time")
            more = part[_MORE_AT]
        member.note = _SPARSE_NOTE
    if said.sparse:
        member.note = _SPARSE_NOTE
        if said.map_in_data:
            _skip_map(member)
    yield member
    member.skip()
    archive.read_exactly(padding)


def _skip_map(member: TarMember) -> None:
    """Pass over the map that version 1.0 of the sparse format keeps in whole records before the data."""
    missing: int | None = None
    rest = b""
    while missing is None or missing > 0:
        wanted, record = RECORD_BYTES, b""
        while wanted and (piece := member.read(wanted)):
            record += piece
            wanted -= len(piece)
        *numbers, rest = (rest + record).split(b"\n")
        if wanted or len(rest) > RECORD_BYTES or not all(number.isdigit() for number in numbers):
            raise BrokenStreamError("the archive is damaged: the map of a sparse member")
        if missing is None and numbers:
            missing = 2 * int(numbers.pop(0)[:12])
        missing = None if missing is None else missing - len(numbers)


def _content(archive: Buffered, size_bytes: int, cap_bytes: int) -> bytes:
    if size_bytes > cap_bytes:
        raise BrokenStreamError(f"the archive is damaged: an extension header of {size_bytes} bytes")
    content = archive.read_exactly(size_bytes)
    archive.read_exactly(-size_bytes % RECORD_BYTES)
    return content


def _pass_over(archive: Buffered, size_bytes: int) -> None:
    TarMember("", archive, size_bytes).skip()
    archive.read_exactly(-size_bytes % RECORD_BYTES)


def _take_pax(said: _Said, content: bytes) -> None:
    at = 0
    while at < len(content):
        length, _, _ = content[at : at + 20].partition(b" ")
        if not length.isdigit() or int(length) < len(length) + 2:
            return
        record = content[at + len(length) + 1 : at + int(length) - 1]
        at += int(length)
        key, _, value = record.partition(b"=")
        text = value.decode("utf-8", "replace")
        if key == b"path":
            said.name = text
        elif key == b"size" and text.isascii() and text.isdigit() and len(text) < 20:
            said.size_bytes = int(text)
        elif key == b"GNU.sparse.name":
            said.sparse_name = text
        elif key == b"GNU.sparse.major":
            said.sparse, said.map_in_data = True, text == "1"
        elif key in (b"GNU.sparse.size", b"GNU.sparse.map"):
            said.sparse = True
