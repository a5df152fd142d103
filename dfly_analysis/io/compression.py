"""Compressed streams, known by their first bytes: gzip, zstd, xz, bzip2, and the bare deflate of zip members."""

from __future__ import annotations

import bz2
import lzma
import re
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from dfly_analysis.io.archive_limits import Reading
from dfly_analysis.io.magic_bytes import MAGIC
from dfly_analysis.io.streams import BLOCK_BYTES, BrokenStreamError, ByteStream, reason_of

INPUT_BYTES = 256 << 10
_XZ_MEMORY_BYTES = 256 << 20  # `xz -9` needs 65 MiB; a forged header may ask for gigabytes
_MAGIC_BYTES = 6
_LEAST_FEED_BYTES = 4096  # a file of very many very small members must not be copied once a member


class Decompressor(Protocol):
    """What the standard library's decompressors have in common."""

    @property
    def eof(self) -> bool:
        """Return whether the member, frame or stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Return whether more output needs more input."""

    @property
    def unused_data(self) -> bytes:
        """Return what was handed in and lies behind the end."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Return up to so many bytes; input that was not needed is kept."""


@dataclass(frozen=True)
class Codec:
    """One kind of compression.

    Attributes
    ----------
    name : str
        As it is called in messages.
    magic : re.Pattern of bytes or None
        Matches the first bytes; None where the container says what it is.
    start : callable
        Returns a decompressor for one member (gzip), frame (zstd), stream (xz, bzip2).
    """

    name: str
    magic: re.Pattern[bytes] | None
    start: Callable[[], Decompressor]


class _Zlib:
    """The standard library's zlib in the manner of its other decompressors; used where isal is not installed."""

    def __init__(self, window_bits: int) -> None:
        self._inner = zlib.decompressobj(window_bits)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.eof and not self._inner.unconsumed_tail and not self._full

    _full = False

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        block = self._inner.decompress(self._inner.unconsumed_tail + data, max(max_length, 0))
        self._full = len(block) == max_length
        return block


def _gzip() -> Decompressor:
    try:
        from isal import igzip_lib
    except ImportError:
        return _Zlib(16 + zlib.MAX_WBITS)
    return cast("Decompressor", igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP))


def _deflate() -> Decompressor:
    try:
        from isal import igzip_lib
    except ImportError:
        return _Zlib(-zlib.MAX_WBITS)
    return cast("Decompressor", igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE))


def _zstd() -> Decompressor:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as problem:
        raise BrokenStreamError(
            "is compressed with zstd, for which a library is missing: pip install backports.zstd"
        ) from problem
    return cast("Decompressor", zstd.ZstdDecompressor())


def _xz() -> Decompressor:
    return cast("Decompressor", lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES))


def _bzip2() -> Decompressor:
    return cast("Decompressor", bz2.BZ2Decompressor())


GZIP, ZSTD, XZ, BZIP2 = (
    Codec(name, re.compile(MAGIC[name]), start)
    for name, start in (("gzip", _gzip), ("zstd", _zstd), ("xz", _xz), ("bzip2", _bzip2))
)
DEFLATE = Codec("deflate", None, _deflate)
CODECS = (GZIP, ZSTD, XZ, BZIP2)


def codec_of(head: bytes) -> Codec | None:
    """Return what a stream that begins with these bytes is compressed with."""
    return next((codec for codec in CODECS if codec.magic and codec.magic.match(head)), None)


def crc32(data: bytes, value: int = 0) -> int:
    """Return the running checksum of zip and gzip, from isal where it is installed (some ten times as fast)."""
    global _crc32  # noqa: PLW0603 - looked up at the first call, so that importing stays cheap
    if _crc32 is None:
        try:
            from isal import isal_zlib

            _crc32 = isal_zlib.crc32
        except ImportError:
            _crc32 = zlib.crc32
    return _crc32(data, value)


_crc32: Callable[[bytes, int], int] | None = None


class Decompressed:
    """The bytes of a compressed stream, all its members, frames or streams one behind the other.

    Parameters
    ----------
    under : ByteStream
        The compressed bytes.
    codec : Codec
    reading : Reading
        Its caps are kept.

    Attributes
    ----------
    used_bytes : int
        How many of the compressed bytes belong to what was decompressed so far.
    """

    def __init__(self, under: ByteStream, codec: Codec, reading: Reading) -> None:
        self._under, self._codec, self._reading = under, codec, reading
        self._inner: Decompressor | None = None
        self._buffer, self._at = b"", 0
        self._feed_bytes, self._member_bytes = INPUT_BYTES, 0
        self._fed_bytes = 0
        self._ended = False
        self._broken: BaseException | None = None
        self._note: str | None = None

    @property
    def note(self) -> str | None:
        """Return what is to be said of the bytes, here or below."""
        return self._note or self._under.note

    @property
    def used_bytes(self) -> int:
        """Return how many compressed bytes were used up."""
        return self._fed_bytes - (len(self._buffer) - self._at)

    def read(self, most: int = BLOCK_BYTES, /) -> bytes:
        """Return so many bytes, fewer only at the end or before a break.

        Raises
        ------
        BrokenStreamError
            Once everything before the break was handed over.
        """
        pieces: list[bytes] = []
        size = 0
        while size < most and not self._ended and self._broken is None:
            try:
                piece = self._step(most - size)
            except Exception as problem:  # noqa: BLE001 - each library has its own; the reader gets one kind
                self._broken = self._as_broken(problem)
            else:
                pieces.append(piece)
                size += len(piece)
        if self._broken is not None and not size:
            raise self._broken
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _step(self, most: int) -> bytes:
        inner = self._inner
        if inner is None:
            inner = self._inner = self._codec.start()
        if inner.eof:
            self._next_member()
            return b""
        data = self._feed() if inner.needs_input else b""
        block = inner.decompress(data, most)
        unused = len(inner.unused_data)
        self._at -= unused
        self._member_bytes -= unused
        self._reading.give(len(block))
        return block

    def _feed(self) -> bytes:
        if self._at >= len(self._buffer) and not self._more():
            raise BrokenStreamError(f"ends before its time: the {self._codec.name} data is cut off")
        data = self._buffer[self._at : self._at + self._feed_bytes]
        self._at += len(data)
        self._member_bytes += len(data)
        self._feed_bytes = min(INPUT_BYTES, 2 * self._feed_bytes)
        return data

    def _more(self) -> bool:
        data = self._under.read(INPUT_BYTES)
        self._buffer, self._at = self._buffer[self._at :] + data, 0
        self._fed_bytes += len(data)
        return bool(data)

    def _next_member(self) -> None:
        """Begin the next member where there is one; bytes that are none are left, with a word."""
        magic = self._codec.magic
        if magic is None:
            self._ended = True
            return
        while True:  # gzip on tape and xz pad with zero bytes
            if self._buffer[self._at : self._at + 1] == b"\x00":
                self._at = len(self._buffer) - len(self._buffer[self._at :].lstrip(b"\x00"))
            if len(self._buffer) - self._at >= _MAGIC_BYTES or not self._more():
                break
        if magic.match(self._buffer, self._at):
            self._feed_bytes = min(INPUT_BYTES, max(_LEAST_FEED_BYTES, 2 * self._member_bytes))
            self._member_bytes = 0
            self._inner = self._codec.start()
            return
        self._ended = True
        if self._at < len(self._buffer):
            self._note = f"what follows the end of the {self._codec.name} data was not read"

    def _as_broken(self, problem: Exception) -> BaseException:
        if isinstance(problem, BrokenStreamError):
            return problem
        if isinstance(problem, OSError) and problem.errno:
            return BrokenStreamError(f"ends before its time: {reason_of(problem)}")
        reason = reason_of(problem)
        if "too much memory" in reason or "Memory usage limit" in reason:
            return BrokenStreamError(f"needs too much memory to decompress ({self._codec.name}): decompress it by hand")
        return BrokenStreamError(f"ends before its time: its {self._codec.name} data is damaged ({reason})")
