"""Bytes of a file on this machine, also while somebody else writes to it, and of standard input."""

from __future__ import annotations

import os
import stat
import sys
from io import FileIO
from typing import BinaryIO

from dfly_analysis.io.archive_limits import Reading
from dfly_analysis.io.streams import BLOCK_BYTES, BrokenStreamError, reason_of
from dfly_analysis.units import format_size


class LocalFile:
    """A regular file, read up to the end that it had when its end was first reached.

    Parameters
    ----------
    raw : FileIO
    reading : Reading
    listed_bytes : int or None
        Size when it was listed; a file that is shorter now was truncated in between.

    Attributes
    ----------
    size_bytes : int
        Size when it was opened.
    """

    def __init__(self, raw: FileIO, reading: Reading, listed_bytes: int | None) -> None:
        self._raw, self._reading = raw, reading
        self.size_bytes = os.fstat(raw.fileno()).st_size
        self._listed_bytes = self.size_bytes if listed_bytes is None else listed_bytes
        self._expected_bytes = max(self.size_bytes, self._listed_bytes)
        self._until = self.size_bytes
        self._chased = False
        self._at = 0
        self._broken: BrokenStreamError | None = None
        self.note: str | None = None

    def read(self, most: int = BLOCK_BYTES, /) -> bytes:
        """Return the next bytes; a writer that never stops is followed only once beyond the size at opening."""
        if self._broken is not None:
            raise self._broken
        if self._at >= self._until and not self._chased and self._at:
            self._chased = True
            self._until = max(self._until, os.fstat(self._raw.fileno()).st_size)
        allowed = min(most, self._until - self._at) if self.size_bytes else most  # /proc says 0 and holds something
        block = self._take(allowed) if allowed > 0 else b""
        self._at += len(block)
        self._reading.take(len(block))
        if not block:
            self._judge_end()
        return block

    def _take(self, most: int) -> bytes:
        try:
            return self._raw.read(most) or b""
        except OSError as problem:
            self._broken = BrokenStreamError(f"cannot be read any further: {reason_of(problem)}")
            raise self._broken from problem

    def _judge_end(self) -> None:
        if self._at < self._expected_bytes:
            self._broken = BrokenStreamError(
                f"shrank from {format_size(self._expected_bytes)} to {format_size(self._at)} while it was read: truncated or rotated by copying"
            )
            raise self._broken
        if os.fstat(self._raw.fileno()).st_size > self._listed_bytes:
            self.note = f"grew while it was read; {format_size(self._at)} of it were"

    def read_at(self, start: int, most: int, /) -> bytes:
        """Return up to so many bytes from a position."""
        block = os.pread(self._raw.fileno(), most, start)
        self._reading.take(len(block))
        return block


class Pipe:
    """Standard input or a named pipe: bytes that come when they come.

    Parameters
    ----------
    raw : FileIO or BinaryIO
    reading : Reading
    """

    note: str | None = None

    def __init__(self, raw: FileIO | BinaryIO, reading: Reading) -> None:
        self._take = getattr(raw, "read1", raw.read)
        self._reading = reading
        self._broken: OSError | None = None

    def read(self, most: int = BLOCK_BYTES, /) -> bytes:
        """Return so many bytes, fewer only at the end or before a break; a pipe hands over 64 KiB at most at a time."""
        pieces: list[bytes] = []
        missing = most
        while missing > 0 and self._broken is None:
            try:
                piece: bytes = self._take(missing) or b""
            except OSError as problem:
                self._broken = problem
                break
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
        self._reading.take(most - missing)
        if self._broken is not None and not pieces:
            raise self._broken
        return b"".join(pieces)


def standard_input() -> FileIO | BinaryIO:
    """Return standard input as bytes.

    Its buffer is gone round where there is a file below: a thread that waits in it would hold a lock that Python needs
    to end.
    """
    raw = getattr(sys.stdin.buffer, "raw", None)
    return raw if isinstance(raw, FileIO) else sys.stdin.buffer


def kind_of(mode: int) -> str:
    """Say what a file is that is neither a regular file nor a folder.

    Parameters
    ----------
    mode : int
        As in `os.stat_result.st_mode`.
    """
    kinds = ((stat.S_ISFIFO, "named pipe"), (stat.S_ISSOCK, "socket"), (stat.S_ISCHR, "device"), (stat.S_ISBLK, "device"))  # fmt: skip
    return next((name for check, name in kinds if check(mode)), "special file")
