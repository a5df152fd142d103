"""Members of a zip as streams: `zipfile` reads the index; where truncation took it, local headers lead on."""

import io
import stat
import struct
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import IO, BinaryIO, cast

from isal.isal_zlib import crc32

from dfly_analysis.io.archive_limits import Budget
from dfly_analysis.io.compression import Decompressed
from dfly_analysis.io.file_names import natural_key
from dfly_analysis.io.streams import BLOCK_BYTES, BROKEN, BrokenStreamError, ByteStream, reason_of
from dfly_analysis.units import format_size

_CODECS = {8: "deflate", 12: "bzip2", 20: "zstd", 93: "zstd", 95: "xz"}
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_LOCAL_MAGIC = b"PK\x03\x04"
_ENCRYPTED_FLAG, _SIZES_BEHIND_FLAG, _UTF8_FLAG = 0x1, 0x8, 0x800
_SPOOL_MEMORY_BYTES = 16 << 20
_INDEX_BYTES_PER_MEMBER = 256


class _Index:
    """An archive as `zipfile` reads its index: never more at once than an index of so many members needs."""

    def __init__(self, file: IO[bytes], members: int) -> None:
        self._file, self._most_bytes = file, max(members * _INDEX_BYTES_PER_MEMBER, BLOCK_BYTES)
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if size > self._most_bytes:
            raise BrokenStreamError(f"its index is larger than {format_size(self._most_bytes)}; it was not read")
        return self._file.read(size)


class _Section:
    """Part of a file."""

    note: str | None = None

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file, self._at, self._end = file, start, start + size

    def read(self, size: int = BLOCK_BYTES, /) -> bytes:
        self._file.seek(self._at)  # a nested archive may have read elsewhere
        block = self._file.read(max(0, min(size, self._end - self._at)))
        self._at += len(block)
        return block


class _Member:
    """The content of one member; size and checksum are checked at the end."""

    note: str | None = None

    def __init__(self, file: IO[bytes], header: zipfile.ZipInfo, budget: Budget, *, sizes_known: bool = True) -> None:
        self._file, self._header, self._budget, self._sizes_known = file, header, budget, sizes_known
        self._stream: ByteStream | None = None
        self._start = self._crc = self._read_bytes = 0
        self.broken: BrokenStreamError | None = None

    def read(self, size: int = BLOCK_BYTES, /) -> bytes:
        """Return the next bytes."""
        try:
            if self.broken is not None:
                raise self.broken
            self._stream = self._stream or self._open()
            block = self._stream.read(size)
            self._crc = crc32(block, self._crc)
            self._read_bytes += len(block)
            if not block and self._sizes_known:
                self._check()
        except BrokenStreamError as problem:
            self.broken = problem
            raise
        return block

    def end(self) -> int:
        """Return the position behind the compressed data."""
        if self._sizes_known:
            return _data_start(self._file, self._header.header_offset) + self._header.compress_size
        while self.read():
            pass
        return self._start + self._stream.used_bytes if isinstance(self._stream, Decompressed) else _size_of(self._file)

    def _open(self) -> ByteStream:
        self._start = _data_start(self._file, self._header.header_offset)
        size = self._header.compress_size if self._sizes_known else _size_of(self._file) - self._start
        section = _Section(self._file, self._start, size)
        codec = _CODECS.get(self._header.compress_type)
        return Decompressed(section, codec, self._budget) if codec else section

    def _check(self) -> None:
        missing = self._header.file_size - self._read_bytes
        if missing > 0:
            raise BrokenStreamError(f"truncated: {missing} bytes of this member are missing")
        if self._crc != self._header.CRC:
            raise BrokenStreamError("damaged: its checksum differs from the one in the archive")


def zip_members(
    address: str, stream: ByteStream, budget: Budget, file: BinaryIO | None
) -> Iterator[tuple[str, ByteStream]]:
    """Yield the regular files of a zip in natural order; links and folders are skipped."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_MEMORY_BYTES) as spool:
        cut = None
        if file is None:
            cut = _fill(spool, stream, budget.limits.spool_bytes)
        else:
            budget.count_input(_size_of(file))
        archive = file or cast("IO[bytes]", spool)
        headers = _read_index(archive, budget.limits.members)
        if headers is None:
            cut = cut or BrokenStreamError("truncated: the zip's index is missing or damaged")
            yield from _members_without_index(archive, budget, cut)
            return
        refused: Counter[str] = Counter()
        for header in headers:
            if reason := _refusal(header):
                refused[reason] += 1
            else:
                yield _name(header), _Member(archive, header, budget)
        for reason, count in sorted(refused.items()):
            budget.report(f"{count} of its {len(headers)} members {reason} and were not read", address, "unpack it by hand")  # fmt: skip
        if cut is not None:
            raise cut


def _fill(spool: tempfile.SpooledTemporaryFile[bytes], stream: ByteStream, most_bytes: int) -> BrokenStreamError | None:
    """Copy the stream and return what broke it off, if anything did."""
    try:
        while block := stream.read():
            spool.write(block)
            if spool.tell() > most_bytes:
                break
    except BrokenStreamError as problem:
        return problem
    except BROKEN as problem:
        return BrokenStreamError(f"truncated: {reason_of(problem)}")
    if spool.tell() > most_bytes:
        raise BrokenStreamError(f"the zip is larger than {format_size(most_bytes)} and not a file of its own; it was not read")  # fmt: skip
    return None


def _read_index(file: IO[bytes], most_members: int) -> list[zipfile.ZipInfo] | None:
    """Return the regular files that the index lists, None where there is no whole index."""
    try:
        with zipfile.ZipFile(cast("IO[bytes]", _Index(file, most_members))) as archive:
            headers = archive.infolist()
    except BrokenStreamError:
        raise
    except Exception:  # noqa: BLE001 - what zipfile raises on a forged index is not documented
        return None
    if any(header.header_offset < 0 for header in headers):
        return None
    end = 0
    for header in sorted(headers, key=lambda header: header.header_offset):
        if header.header_offset < end:
            raise BrokenStreamError("its members overlap, as in archive bombs; it was not read")
        end = header.header_offset + _LOCAL_HEADER.size + header.compress_size
    files = (header for header in headers if _is_file(header))
    return sorted(files, key=lambda header: (natural_key(_name(header)), header.header_offset))


def _is_file(header: zipfile.ZipInfo) -> bool:
    return not header.orig_filename.endswith("/") and stat.S_IFMT(header.external_attr >> 16) in (0, stat.S_IFREG)


def _name(header: zipfile.ZipInfo) -> str:
    name = header.orig_filename
    if not header.flag_bits & _UTF8_FLAG:
        try:  # many writers forget the flag
            return name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return name


def _refusal(header: zipfile.ZipInfo) -> str | None:
    if header.flag_bits & _ENCRYPTED_FLAG:
        return "are encrypted with a password"
    is_known = header.compress_type in (zipfile.ZIP_STORED, *_CODECS)
    return None if is_known else f"are compressed by method {header.compress_type}"


def _members_without_index(file: IO[bytes], budget: Budget, cut: BrokenStreamError) -> Iterator[tuple[str, ByteStream]]:
    """Yield members from local header to local header, then raise why there is no index."""
    at = 0
    while (found := _local_member(file, at)) is not None:
        header, sizes_known = found
        if _refusal(header) and not sizes_known:
            break
        member = _Member(file, header, budget, sizes_known=sizes_known)
        if _is_file(header) and not _refusal(header):
            yield _name(header), member
        try:
            behind = member.end()
        finally:
            cut.reported = cut.reported or member.broken is not None  # most likely it is the same cut
        if member.broken is not None and not member.broken.reported:  # nobody read as far as that
            raise member.broken
        file.seek(behind)
        at = behind + max(file.read(64).find(_LOCAL_MAGIC), 0)  # a data descriptor may stand between
    raise cut


def _local_member(file: IO[bytes], at: int) -> tuple[zipfile.ZipInfo, bool] | None:
    """Return the header at a position, and whether it has the sizes; None where there is none."""
    fields = _read_local_header(file, at)
    if fields is None:
        return None
    _, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes = fields
    name, extra = file.read(name_bytes), io.BytesIO(file.read(extra_bytes))
    while len(kind := extra.read(4)) == 4:  # sizes that need 64 bits
        identifier, length = struct.unpack("<2H", kind)
        data = extra.read(length)
        if identifier == 1 and len(data) >= 16 and packed == 0xFFFFFFFF:
            size, packed = struct.unpack_from("<2Q", data)
    header = zipfile.ZipInfo(name.decode("utf-8" if flags & _UTF8_FLAG else "cp437", "replace"))
    header.flag_bits, header.compress_type, header.CRC = flags, method, crc
    header.compress_size, header.file_size, header.header_offset = packed, size, at
    return header, bool(packed or not flags & _SIZES_BEHIND_FLAG or not _is_file(header))


def _read_local_header(file: IO[bytes], at: int) -> tuple[int, ...] | None:
    file.seek(at)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(_LOCAL_MAGIC):
        return None
    return _LOCAL_HEADER.unpack(header)


def _data_start(file: IO[bytes], at: int) -> int:
    fields = _read_local_header(file, at)
    if fields is None:
        raise BrokenStreamError("damaged: the archive's index points to a place where no member is")
    return at + _LOCAL_HEADER.size + fields[-2] + fields[-1]


def _size_of(file: IO[bytes]) -> int:
    return file.seek(0, 2)
