"""Decompresses streams: gzip and the bare deflate of zip members by isal, zstd, xz and bzip2 by their libraries."""

import bz2
import lzma
import re
import sys
from collections.abc import Callable
from typing import Any

from isal import igzip_lib

from dfly_analysis.io.archive_limits import Budget
from dfly_analysis.io.streams import BLOCK_BYTES, COMPRESSED, BrokenStreamError, ByteStream, reason_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_INPUT_BYTES = 256 << 10
_XZ_MEMORY_BYTES = 256 << 20  # `xz -9` needs 65 MiB; a forged header may ask for gigabytes
_MAGIC_BYTES = 6
_MIN_FEED_BYTES = 4096  # a file of very many very small members must not be copied once a member


# each has `eof`, `needs_input`, `unused_data` and `decompress(data, max_length)`, as those of the standard library
_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP),
    "deflate": lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE),
    "zstd": zstd.ZstdDecompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES),
    "bzip2": bz2.BZ2Decompressor,
}


class Decompressed:
    """The content of a compressed stream: all its members (gzip), frames (zstd) or streams (xz, bzip2) in a row.

    The libraries' own file objects lose what they decoded before a truncated end, and have no limits.
    """

    def __init__(self, stream: ByteStream, codec: str, budget: Budget) -> None:
        self._stream, self._codec, self._budget = stream, codec, budget
        self._magic = re.compile(COMPRESSED[codec]) if codec in COMPRESSED else None
        self._decompressor = _DECOMPRESSORS[codec]()
        self._input, self._at = b"", 0
        self._feed_bytes, self._member_bytes = _INPUT_BYTES, 0
        self._read_bytes = 0
        self._ended = False
        self._broken: BaseException | None = None
        self._note: str | None = None

    @property
    def note(self) -> str | None:
        """Return a remark about the bytes here or below."""
        return self._note or self._stream.note

    @property
    def used_bytes(self) -> int:
        """Return how many compressed bytes were used."""
        return self._read_bytes - (len(self._input) - self._at)

    def read(self, size: int = BLOCK_BYTES, /) -> bytes:
        """Return so many bytes, fewer only at the end or before a break."""
        pieces: list[bytes] = []
        missing = size
        while missing > 0 and not self._ended and self._broken is None:
            try:
                piece = self._step(missing)
            except Exception as problem:  # noqa: BLE001 - each library has its own; the reader gets one kind
                self._broken = self._as_broken(problem)
            else:
                pieces.append(piece)
                missing -= len(piece)
        if self._broken is not None and missing == size:
            raise self._broken
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _step(self, size: int) -> bytes:
        if self._decompressor.eof:
            self._begin_member()
            return b""
        data = self._feed() if self._decompressor.needs_input else b""
        block: bytes = self._decompressor.decompress(data, size)
        unused = len(self._decompressor.unused_data)
        self._at -= unused
        self._member_bytes -= unused
        self._budget.count_output(len(block))
        return block

    def _feed(self) -> bytes:
        if self._at >= len(self._input) and not self._fill():
            raise BrokenStreamError(f"truncated: the {self._codec} data is incomplete")
        data = self._input[self._at : self._at + self._feed_bytes]
        self._at += len(data)
        self._member_bytes += len(data)
        self._feed_bytes = min(_INPUT_BYTES, 2 * self._feed_bytes)
        return data

    def _fill(self) -> bool:
        data = self._stream.read(_INPUT_BYTES)
        self._input, self._at = self._input[self._at :] + data, 0
        self._read_bytes += len(data)
        return bool(data)

    def _begin_member(self) -> None:
        """Begin the next member where there is one; other bytes are left, with a note."""
        if self._magic is None:
            self._ended = True
            return
        while True:  # gzip on tape and xz pad with zero bytes
            if self._input[self._at : self._at + 1] == b"\x00":
                self._at = len(self._input) - len(self._input[self._at :].lstrip(b"\x00"))
            if len(self._input) - self._at >= _MAGIC_BYTES or not self._fill():
                break
        if self._magic.match(self._input, self._at):
            self._feed_bytes = min(_INPUT_BYTES, max(_MIN_FEED_BYTES, 2 * self._member_bytes))
            self._member_bytes = 0
            self._decompressor = _DECOMPRESSORS[self._codec]()
            return
        self._ended = True
        if self._at < len(self._input):
            self._note = f"what follows the end of the {self._codec} data was not read"

    def _as_broken(self, problem: Exception) -> BrokenStreamError:
        if isinstance(problem, BrokenStreamError):
            return problem
        reason = reason_of(problem)
        if isinstance(problem, OSError) and problem.errno:
            return BrokenStreamError(f"truncated: {reason}")
        if "too much memory" in reason or "Memory usage limit" in reason:
            return BrokenStreamError(f"needs too much memory to decompress ({self._codec}): decompress it by hand")
        return BrokenStreamError(f"damaged: its {self._codec} data cannot be decompressed ({reason})")
