"""One stream of bytes with the address at which a user finds it."""

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dfly_analysis.io.streams import BLOCK_BYTES, BROKEN, BrokenStreamError, reason_of
from dfly_analysis.text_encoding import encoding_of

HEAD_BYTES = 65536
LINE_CAP_BYTES = 4 << 20


@dataclass
class Opened:
    """A source that has been opened; read it before the next one is opened."""

    address: str  # path as given; archive members follow after ``!``
    stream: Any  # decompressed bytes; text in UTF-16 is read as UTF-8
    problem: str | None = None  # set where the stream broke (a truncated archive); what came before was read
    note: str | None = None  # a remark that is no failure (the file grew while it was read); known at the end
    size_bytes: int = 0  # bytes read so far
    cut_lines: int = 0  # lines longer than `LINE_CAP_BYTES`, whose rest was dropped
    _hash: Any = field(default_factory=hashlib.sha256, repr=False)
    _first: list[bytes] = field(default_factory=list, repr=False)
    _head: bytes | None = field(default=None, repr=False)
    _decoder: codecs.IncrementalDecoder | None = field(default=None, repr=False)

    def head(self) -> bytes:
        """Return up to the first 64 KiB without losing them for the reader."""
        if self._head is None:
            size = 0
            while size < HEAD_BYTES + len(codecs.BOM_UTF8) and (block := self._read()):
                self._first.append(block)
                size += len(block)
            start = b"".join(self._first)
            if (encoding := encoding_of(start)) != "utf-8":
                self._decoder = codecs.getincrementaldecoder(encoding)("replace")
                start = self._decoder.decode(start).encode("utf-8", "replace")
            start = start.removeprefix(codecs.BOM_UTF8)
            self._first = [start] if start else []
            self._head = start[:HEAD_BYTES]
        return self._head

    def whole(self, most_bytes: int) -> bytes | None:
        """Return the whole content where it is at most `most_bytes`, else None; nothing is lost for the reader."""
        self.head()
        size = sum(map(len, self._first))
        while size <= most_bytes and (block := self._read()):
            self._first.append(block)
            size += len(block)
        if size > most_bytes:
            return None
        self._first = [b"".join(self._first)]
        return self._first[0]

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes in order, about 1 MiB at a time, without a byte order mark."""
        self.head()
        while self._first:
            yield self._first.pop(0)
        while block := self._read():
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
        return str(self._hash.hexdigest())

    def _text(self, piece: bytes) -> str:
        if len(piece) > LINE_CAP_BYTES:
            self.cut_lines += 1
            piece = piece[:LINE_CAP_BYTES]
        return piece.removesuffix(b"\r").decode("utf-8", "replace")

    def _read(self) -> bytes:
        """Return the next bytes, as UTF-8; none only at the end."""
        block = self._read_stream()
        if self._decoder is None:
            return block
        while block and not (text := self._decoder.decode(block)):
            block = self._read_stream()
        return (text if block else self._decoder.decode(b"", final=True)).encode("utf-8", "replace")

    def _read_stream(self) -> bytes:
        if self.problem:
            return b""
        # a read that waits for more would lose what there is where the stream breaks
        read = getattr(self.stream, "read1", self.stream.read)
        try:
            block: bytes = read(BLOCK_BYTES)
        except BrokenStreamError as problem:
            problem.reported = True
            self.problem = str(problem)
            return b""
        except BROKEN as problem:
            self.problem = f"truncated: {reason_of(problem)}"
            return b""
        if not block:
            self.note = self.note or getattr(self.stream, "note", None)
        self.size_bytes += len(block)
        self._hash.update(block)
        return block
