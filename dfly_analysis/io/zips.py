"""Members of a zip as streams: through its index, or, where a cut has taken the index, from member to member."""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass

from dfly_analysis.io.archive_limits import Reading
from dfly_analysis.io.compression import BZIP2, DEFLATE, XZ, ZSTD, Codec, Decompressed, crc32
from dfly_analysis.io.natural_sort import natural_key
from dfly_analysis.io.streams import BLOCK_BYTES, BrokenStreamError, ByteStream, RandomAccess
from dfly_analysis.units import format_size

_STORED = 0
METHODS: dict[int, Codec] = {8: DEFLATE, 12: BZIP2, 20: ZSTD, 93: ZSTD, 95: XZ}
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_FULL = 0xFFFFFFFF
_COMMENT_CAP_BYTES = 65535
_INDEX_CAP_BYTES = 128 << 20
_UTF8_FLAG, _ENCRYPTED_FLAG, _SIZES_BEHIND_FLAG = 0x800, 0x1, 0x8


@dataclass(frozen=True)
class ZipEntry:
    """What a zip says of one member.

    Attributes
    ----------
    name : str
    flags, method, crc : int
    packed_bytes, size_bytes : int or None
        None where only the end of the data will tell.
    start : int
        Position of its local header.
    mode : int
        Unix file type and permissions, 0 where not known.
    """

    name: str
    flags: int
    method: int
    crc: int | None
    packed_bytes: int | None
    size_bytes: int | None
    start: int
    mode: int = 0

    @property
    def is_file(self) -> bool:
        """Say whether it is a regular file."""
        return not self.name.endswith("/") and stat.S_IFMT(self.mode) in (0, stat.S_IFREG)

    @property
    def encrypted(self) -> bool:
        """Say whether a password is needed."""
        return bool(self.flags & _ENCRYPTED_FLAG)


class _Slice:
    """Part of a file that can be read anywhere."""

    note: str | None = None

    def __init__(self, archive: RandomAccess, start: int, size_bytes: int) -> None:
        self._archive, self._at, self._end = archive, start, start + size_bytes

    def read(self, most: int = BLOCK_BYTES, /) -> bytes:
        block = self._archive.read_at(self._at, min(most, self._end - self._at)) if self._at < self._end else b""
        self._at += len(block)
        return block


class ZipMember:
    """The plain bytes of one member, with its size and checksum checked at the end.

    Parameters
    ----------
    archive : RandomAccess
    entry : ZipEntry
        Of a method that `METHODS` knows, or stored.
    reading : Reading

    Attributes
    ----------
    broken : BrokenStreamError or None
        What broke it off, once it was met.
    """

    note: str | None = None

    def __init__(self, archive: RandomAccess, entry: ZipEntry, reading: Reading) -> None:
        self._entry = entry
        self._start = data_start(archive, entry)
        room = archive.size_bytes - self._start
        self._packed = _Slice(archive, self._start, room if entry.packed_bytes is None else entry.packed_bytes)
        codec = METHODS.get(entry.method)
        self._stream: ByteStream = Decompressed(self._packed, codec, reading) if codec else self._packed
        self._crc, self._read_bytes = 0, 0
        self.broken: BrokenStreamError | None = None

    def read(self, most: int = BLOCK_BYTES, /) -> bytes:
        """Return the next bytes.

        Raises
        ------
        BrokenStreamError
            Where the member is cut off, or its checksum is another.
        """
        if self.broken is not None:
            raise self.broken
        try:
            block = self._stream.read(most)
        except BrokenStreamError as problem:
            self.broken = problem
            raise
        self._crc = crc32(block, self._crc)
        self._read_bytes += len(block)
        if not block:
            self._check()
        return block

    def _check(self) -> None:
        entry = self._entry
        if entry.size_bytes is not None and self._read_bytes < entry.size_bytes:
            missing = entry.size_bytes - self._read_bytes
            self.broken = BrokenStreamError(f"ends before its time: {missing} bytes of this member are missing")
        elif entry.crc is not None and self._crc != entry.crc:
            self.broken = BrokenStreamError("is damaged: its checksum is another than the archive's index says")
        if self.broken is not None:
            raise self.broken

    def end(self) -> int:
        """Return the position behind the packed data; what was not read of it is passed over."""
        if self._entry.packed_bytes is not None:
            return self._start + self._entry.packed_bytes
        if isinstance(self._stream, Decompressed):
            while self.read():
                pass
            return self._start + self._stream.used_bytes
        return self._start


def data_start(archive: RandomAccess, entry: ZipEntry) -> int:
    """Return where a member's packed data begins.

    Raises
    ------
    BrokenStreamError
        Where there is no member at the position the index names.
    """
    header = archive.read_at(entry.start, _LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
        raise BrokenStreamError("is damaged: the archive's index names a place where no member is")
    *_, name_bytes, extra_bytes = _LOCAL.unpack(header)
    return entry.start + _LOCAL.size + int(name_bytes) + int(extra_bytes)


def zip_entries(archive: RandomAccess, most: int) -> list[ZipEntry] | None:
    """Return what the index of a zip lists, in natural order.

    Parameters
    ----------
    archive : RandomAccess
    most : int
        One more than so many are read; whoever counts them will stop there.

    Returns
    -------
    list of ZipEntry or None
        None where there is no whole index, as in an archive that was cut off.

    Raises
    ------
    BrokenStreamError
        Where members lie over one another, which only bombs do.
    """
    found = _find_index(archive)
    if found is None:
        return None
    at, size_bytes, shift = found
    if size_bytes > _INDEX_CAP_BYTES:
        raise BrokenStreamError(f"its index alone is larger than {format_size(_INDEX_CAP_BYTES)}; it was not read")
    index, pieces = _Slice(archive, at, size_bytes), []
    while block := index.read():
        pieces.append(block)
    entries = _entries_in(b"".join(pieces), shift, most + 1)
    if not entries and size_bytes:
        return None
    _refuse_overlaps(entries)
    return sorted(entries, key=lambda entry: (natural_key(entry.name), entry.start))


def _entries_in(data: bytes, shift: int, most: int) -> list[ZipEntry]:
    entries: list[ZipEntry] = []
    at = 0
    while at + _CENTRAL.size <= len(data) and len(entries) < most:
        (
            magic, _, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes, comment_bytes, _, _, mode, start,
        ) = _CENTRAL.unpack_from(data, at)  # fmt: skip
        if magic != b"PK\x01\x02":
            break
        name_at = at + _CENTRAL.size
        extra = data[name_at + name_bytes : name_at + name_bytes + extra_bytes]
        size, packed, start = _widened(extra, [size, packed, start])
        name = _name(data[name_at : name_at + name_bytes], flags)
        entries.append(ZipEntry(name, flags, method, crc, packed, size, start + shift, mode >> 16))
        at = name_at + name_bytes + extra_bytes + comment_bytes
    return entries


def _name(name: bytes, flags: int) -> str:
    if flags & _UTF8_FLAG:
        return name.decode("utf-8", "replace")
    try:
        return name.decode("utf-8")  # many writers forget the flag
    except UnicodeDecodeError:
        return name.decode("cp437")


def _widened(extra: bytes, values: list[int]) -> list[int]:
    """Replace values that did not fit into 32 bits by those of the zip64 field."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            wide = list(struct.unpack_from(f"<{min(size, len(extra) - at - 4) // 8}Q", extra, at + 4))
            return [wide.pop(0) if value == _FULL and wide else value for value in values]
        at += 4 + size
    return values


def _find_index(archive: RandomAccess) -> tuple[int, int, int] | None:
    """Return position and size of the index, and by how much positions in it are to be shifted."""
    tail_at = max(0, archive.size_bytes - _END.size - _COMMENT_CAP_BYTES - _LOCATOR.size - _END64.size)
    tail = b""
    while tail_at + len(tail) < archive.size_bytes and (block := archive.read_at(tail_at + len(tail), BLOCK_BYTES)):
        tail += block
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        return None
    _, _, _, _, _, size_bytes, start, _ = _END.unpack_from(tail, at)
    end = tail_at + at
    locator = tail[at - _LOCATOR.size : at] if at >= _LOCATOR.size else b""
    if locator.startswith(b"PK\x06\x07"):
        wide_at = end - _LOCATOR.size - _END64.size
        wide = archive.read_at(wide_at, _END64.size) if wide_at >= 0 else b""
        if len(wide) == _END64.size and wide.startswith(b"PK\x06\x06"):
            *_, size_bytes, start = _END64.unpack(wide)
            end = wide_at
    shift = end - size_bytes - start
    return (end - size_bytes, size_bytes, shift) if shift >= 0 and size_bytes <= end else None


def _refuse_overlaps(entries: list[ZipEntry]) -> None:
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.start):
        if entry.start < end:
            raise BrokenStreamError("its members lie over one another, as archive bombs do; it was not read")
        end = entry.start + _LOCAL.size + (entry.packed_bytes or 0)


def entry_at(archive: RandomAccess, at: int) -> ZipEntry | None:
    """Return the member whose local header stands at a position, None where there is none."""
    header = archive.read_at(at, _LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
        return None
    _, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes = _LOCAL.unpack(header)
    rest = archive.read_at(at + _LOCAL.size, name_bytes + extra_bytes)
    size, packed = _widened(rest[name_bytes:], [size, packed])
    name = _name(rest[:name_bytes], flags)
    if flags & _SIZES_BEHIND_FLAG and not packed and not (method == _STORED and name.endswith("/")):
        return ZipEntry(name, flags, method, None, None, None, at)
    return ZipEntry(name, flags, method, crc, packed, size, at)


def next_entry_at(archive: RandomAccess, behind: int) -> int:
    """Return where the next local header stands: at the end of a member's data, or behind its sizes."""
    near = archive.read_at(behind, 64)
    found = near.find(b"PK\x03\x04")
    return behind + max(found, 0)
