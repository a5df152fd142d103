"""Streams of bytes in layers: each hands over what there is, and says once where it breaks."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Generator, Iterator
from typing import Protocol

from dfly_analysis.io.prefetch import ahead

BLOCK_BYTES = 1 << 20
AHEAD_BLOCKS = 4
AHEAD_FROM_BYTES = 4 << 20
BROKEN = (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)
"""What readers of streams raise on damaged or truncated bytes."""


class BrokenStreamError(OSError):
    """A stream ends before its time, is damaged, or hit a cap.

    The layer that meets it keeps it and raises the same instance again, so that `told` holds for all layers above.

    Attributes
    ----------
    told : bool
        Whether somebody has been told already.
    way_out : str
        What is said beside it.
    """

    told = False
    way_out = "what came before was read"


class ClosedFileError(BrokenStreamError):
    """A file may not be read by this user; nothing of it was."""

    way_out = "check its permissions"


def reason_of(problem: BaseException) -> str:
    """Return what an exception says, on one line and without Python's decorations."""
    text = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    return " ".join(str(text).split()) or type(problem).__name__


class ByteStream(Protocol):
    """Anything that hands over bytes in order."""

    @property
    def note(self) -> str | None:
        """Return a word about the bytes that is no failure; final once `read` has returned nothing."""

    def read(self, most: int = BLOCK_BYTES, /) -> bytes:
        """Return up to so many bytes, fewer where fewer are at hand, none only at the end."""


class RandomAccess(Protocol):
    """Bytes that can be read anywhere, as a zip needs."""

    @property
    def size_bytes(self) -> int:
        """Return how many bytes there are."""

    def read_at(self, start: int, most: int, /) -> bytes:
        """Return up to so many bytes from a position; none only behind the end."""


class Buffered:
    """A stream that can be looked at before it is read.

    Parameters
    ----------
    under : ByteStream
    """

    def __init__(self, under: ByteStream) -> None:
        self._under = under
        self._rest = b""
        self._at = 0
        self._broken: BaseException | None = None

    @property
    def note(self) -> str | None:
        """Return what the stream below has to say."""
        return self._under.note

    def peek(self, size_bytes: int) -> bytes:
        """Return the next bytes, that many unless the stream is shorter, without losing them.

        Raises
        ------
        OSError
            Where the stream breaks before its first byte; a later break is kept for the reader.
        """
        while len(self._rest) - self._at < size_bytes and self._broken is None:
            try:
                block = self._under.read(BLOCK_BYTES)
            except BROKEN as problem:
                if not self._rest:
                    raise
                self._broken = problem
                break
            if not block:
                break
            self._rest, self._at = self._rest[self._at :] + block, 0
        return self._rest[self._at : self._at + size_bytes]

    def read(self, most: int = BLOCK_BYTES, /) -> bytes:
        """Return what was looked at first, then what the stream below gives."""
        if self._at < len(self._rest):
            whole = self._at == 0 and most >= len(self._rest)
            block = self._rest if whole else self._rest[self._at : self._at + most]
            self._at += len(block)
            if self._at >= len(self._rest):
                self._rest, self._at = b"", 0
            return block
        if self._broken is not None:
            raise self._broken
        block = self._under.read(max(most, BLOCK_BYTES))
        if len(block) > most:
            self._rest, self._at = block, most
            return block[:most]
        return block

    def read_exactly(self, size_bytes: int) -> bytes:
        """Return that many bytes, fewer only at the end."""
        pieces, missing = [], size_bytes
        while missing and (piece := self.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class ReadAhead:
    """A stream whose next few blocks are made in a thread while the reader works on the last.

    The thread starts only after the first few megabytes, small files never pay for it. `close` ends it.

    Parameters
    ----------
    under : ByteStream
        Nothing else may read it until `close` has returned.
    from_bytes : int
        How much is read without the thread.
    """

    def __init__(self, under: ByteStream, from_bytes: int = AHEAD_FROM_BYTES) -> None:
        self._under = under
        self._inline_bytes = from_bytes
        self._blocks: Generator[bytes] | None = None
        self._broken: BaseException | None = None
        self._rest = b""

    @property
    def note(self) -> str | None:
        """Return what the stream below has to say."""
        return self._under.note

    def read(self, most: int = BLOCK_BYTES, /) -> bytes:
        """Return the next bytes; what the stream below raises is raised here."""
        if self._blocks is None:
            if self._inline_bytes > 0:
                block = self._under.read(most)
                self._inline_bytes -= len(block)
                return block
            self._blocks = ahead(self._below(), AHEAD_BLOCKS, "dfly-read-ahead")
        block = self._rest or self._next(self._blocks)
        self._rest = block[most:]
        return block[:most] if self._rest else block

    def _below(self) -> Iterator[bytes]:
        while block := self._under.read(BLOCK_BYTES):
            yield block

    def _next(self, blocks: Generator[bytes]) -> bytes:
        if self._broken is not None:
            raise self._broken
        try:
            return next(blocks, b"")
        except BaseException as problem:
            self._broken = problem
            raise

    def close(self) -> None:
        """End the thread; bytes that nobody asked for are dropped."""
        if self._blocks is not None:
            self._blocks.close()
