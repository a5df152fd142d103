"""Streams of bytes in layers: each yields what there is, and raises once where it breaks; and what they are packed as."""

import lzma
import re
import zlib
from collections.abc import Callable
from typing import Protocol

RECORD_BYTES = 512  # block size of a tar; what is decisive for any format lies within the first of them
COMPRESSED = {
    "gzip": rb"\x1f\x8b", "zstd": rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", "xz": rb"\xfd7zXZ\x00", "bzip2": rb"BZh",
}  # fmt: skip
"""What compressed data begins with; zstd also with a skippable frame."""
UNSUPPORTED = {
    "a 7-Zip archive": rb"7z\xbc\xaf\x27\x1c", "a RAR archive": rb"Rar!\x1a\x07", "compressed with lz4": rb"\x04\x22\x4d\x18",
    "compressed with `compress`": rb"\x1f\x9d", "compressed with lzip": rb"LZIP\x01", "compressed with lzop": rb"\x89LZO\x00",
}  # fmt: skip
_KINDS = list(COMPRESSED | UNSUPPORTED | {"zip": rb"PK\x03\x04|PK\x05\x06"})
_MAGIC = re.compile(rb"|".join(b"(%b)" % magic for magic in (*COMPRESSED.values(), *UNSUPPORTED.values(), rb"PK\x03\x04|PK\x05\x06")))  # fmt: skip
_USTAR = slice(257, 262)
_CHECKSUM = slice(148, 156)
_BINARY_NUMBER = (b"\x80", b"\xff")

BLOCK_BYTES = 1 << 20
BROKEN = (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)
"""What readers of streams raise on damaged or truncated bytes."""


class BrokenStreamError(OSError):
    """A stream is truncated, damaged, or exceeds a limit. The layer that meets it keeps it and raises the same instance again, so that `reported` holds for all layers above."""

    reported = False
    hint = "what came before was read"


class AccessDeniedError(BrokenStreamError):
    """The file may not be read by this user; nothing of it was."""

    hint = "check its permissions"


def reason_of(problem: BaseException) -> str:
    """Return the message of an exception, on one line and without Python's decorations."""
    text = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    return " ".join(str(text).split()) or type(problem).__name__


class ByteStream(Protocol):
    """Anything that yields bytes in order."""

    @property
    def note(self) -> str | None:
        """Return a remark about the bytes that is no failure; final once `read` has returned nothing."""

    def read(self, size: int = BLOCK_BYTES, /) -> bytes:
        """Return up to so many bytes, fewer where fewer are at hand, none only at the end."""


class Buffered:
    """A stream that can be peeked into before it is read. `io.BufferedReader` would lose what it holds where the stream below breaks."""

    def __init__(self, stream: ByteStream, count: Callable[[int], None] = lambda _: None) -> None:
        self._stream, self._count = stream, count
        self._buffer, self._at = b"", 0
        self._broken: BaseException | None = None

    @property
    def note(self) -> str | None:
        """Return the remark of the stream below."""
        return self._stream.note

    def peek(self, size: int) -> bytes:
        """Return the next bytes without consuming them: so many, fewer only before the end or a break."""
        while len(self._buffer) - self._at < size and self._broken is None:
            try:
                block = self._fill(BLOCK_BYTES)
            except BROKEN as problem:
                if not self._buffer:
                    raise
                self._broken = problem
                break
            if not block:
                break
            self._buffer, self._at = self._buffer[self._at :] + block, 0
        return self._buffer[self._at : self._at + size]

    def read(self, size: int = BLOCK_BYTES, /) -> bytes:
        """Return what was peeked first, then what the stream below gives."""
        if self._at >= len(self._buffer):
            if self._broken is not None:
                raise self._broken
            block = self._fill(max(size, BLOCK_BYTES))
            if len(block) <= size:
                return block
            self._buffer, self._at = block, 0
        start, self._at = self._at, min(self._at + size, len(self._buffer))
        block = self._buffer[start : self._at]
        if self._at == len(self._buffer):
            self._buffer, self._at = b"", 0
        return block

    def read_exactly(self, size: int) -> bytes:
        """Return that many bytes, fewer only at the end."""
        block = self.read(size)
        while len(block) < size and (piece := self.read(size - len(block))):
            block += piece
        return block

    def _fill(self, size: int) -> bytes:
        block = self._stream.read(size)
        self._count(len(block))
        return block


def packed_as(head: bytes) -> str | None:
    """Return how a stream is packed, None where it is plain."""
    found = _MAGIC.match(head)
    if found and found.lastindex:
        return _KINDS[found.lastindex - 1]
    return "tar" if _is_tar(head) else None


def _is_tar(head: bytes) -> bool:
    """Return whether a tar begins here: by its magic, or, in the oldest dialect, by the checksum of its header."""
    if head[_USTAR] == b"ustar":
        return True
    checksum = head[_CHECKSUM]
    is_number = checksum.startswith(_BINARY_NUMBER) or re.fullmatch(rb" *[0-7]+ *", checksum.split(b"\x00", 1)[0])
    if len(head) < RECORD_BYTES or not head[0] or not is_number:  # as nearly every log: tarfile is not even imported
        return False
    import tarfile

    try:
        member = tarfile.TarInfo.frombuf(head[:RECORD_BYTES], "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return member.name.isprintable() and member.size >= 0
