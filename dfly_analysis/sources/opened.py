"""One stream of bytes with the address at which a user finds it."""

from __future__ import annotations

import hashlib
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

HEAD_BYTES = 65536
BLOCK_BYTES = 1 << 20
LINE_CAP_BYTES = 4 << 20
BROKEN = (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile)
"""What the standard library's readers raise on damaged or truncated bytes."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass
class Opened:
    """A source that has been opened; read it before the next one is opened.

    Attributes
    ----------
    address : str
        Path as given; archive members follow after ``!``.
    stream : BinaryIO
        Decompressed bytes.
    problem : str or None
        Set where the stream ended before its time (a truncated archive); what came before was read.
    size_bytes : int
        Bytes read so far.
    cut_lines : int
        Lines longer than `LINE_CAP_BYTES`, whose rest was dropped.
    """

    address: str
    stream: BinaryIO
    problem: str | None = None
    size_bytes: int = 0
    cut_lines: int = 0
    _hash: object = field(default_factory=hashlib.sha256, repr=False)
    _head: bytes | None = field(default=None, repr=False)

    def head(self) -> bytes:
        """Return up to the first 64 KiB without losing them for the reader."""
        if self._head is None:
            parts: list[bytes] = []
            while sum(map(len, parts)) < HEAD_BYTES and (part := self._read(HEAD_BYTES)):
                parts.append(part)
            self._head = b"".join(parts).removeprefix(_BYTE_ORDER_MARK)
        return self._head

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes in order, the head first."""
        head = self.head()
        if head:
            yield head
        while block := self._read(BLOCK_BYTES):
            yield block

    def lines(self) -> Iterator[str]:
        """Yield the lines without their end; a line longer than 4 MiB is cut, wrong UTF-8 is replaced."""
        rest = b""
        for block in self.blocks():
            pieces = (rest + block).split(b"\n")
            rest = pieces.pop()
            for piece in pieces:
                yield self._text(piece)
            if len(rest) > LINE_CAP_BYTES:
                rest = rest[: LINE_CAP_BYTES + 1]
        if rest:
            yield self._text(rest)

    def text(self, most_bytes: int = 256 << 20) -> str:
        """Return the whole content, at most `most_bytes` of it."""
        parts, size = [], 0
        for block in self.blocks():
            parts.append(block)
            size += len(block)
            if size > most_bytes:
                self.problem = f"larger than {most_bytes} bytes; the rest was not read"
                break
        return b"".join(parts)[:most_bytes].decode("utf-8", "replace")

    def drain(self) -> int:
        """Read to the end and return how many lines there were."""
        count, last = 0, b"\n"
        for block in self.blocks():
            count += block.count(b"\n")
            last = block[-1:]
        return count + (last != b"\n")

    @property
    def sha256(self) -> str:
        """Return the hash of what was read so far."""
        return self._hash.hexdigest()  # type: ignore[attr-defined,no-any-return]

    def _text(self, piece: bytes) -> str:
        if len(piece) > LINE_CAP_BYTES:
            self.cut_lines += 1
            piece = piece[:LINE_CAP_BYTES]
        return piece.removesuffix(b"\r").decode("utf-8", "replace")

    @property
    def _take(self) -> Callable[[int], bytes]:
        """What hands over the bytes there are: a read that waits for more would lose them where the stream breaks."""
        return getattr(self.stream, "read1", self.stream.read)

    def _read(self, most: int) -> bytes:
        if self.problem:
            return b""
        try:
            block = self._take(most)
        except BROKEN as problem:
            self.problem = f"ends before its time: {problem}"
            return b""
        self.size_bytes += len(block)
        self._hash.update(block)  # type: ignore[attr-defined]
        return block
