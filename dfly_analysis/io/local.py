"""Bytes of a file on this machine, also while somebody else writes to it, of named pipes and of standard input."""

import os
import select
import stat
import sys
import threading
from io import FileIO
from typing import BinaryIO, Literal

from dfly_analysis.io.streams import BLOCK_BYTES, AccessDeniedError, BrokenStreamError, reason_of
from dfly_analysis.units import format_size

_STOPPED, _POLL_S = threading.Event(), 0.2


def stop_waiting() -> None:
    """Let every read that waits for a pipe end as if the pipe had ended: the program is about to."""
    _STOPPED.set()


def open_local(path: str, kind: Literal["file", "pipe"]) -> FileIO:
    """Open a path for reading; what was listed as a regular file must still be one, or a pipe might be waited for."""
    without_waiting = 0 if kind == "pipe" else getattr(os, "O_NONBLOCK", 0)  # Windows has no such flag
    try:
        file = FileIO(path, opener=lambda path, flags: os.open(path, flags | without_waiting))
    except FileNotFoundError as problem:
        raise BrokenStreamError("vanished between being listed and being read: rotated away or deleted") from problem
    except PermissionError as problem:
        raise AccessDeniedError(f"cannot be read: {reason_of(problem)}") from problem
    except IsADirectoryError as problem:
        raise _changed("folder") from problem
    mode = os.fstat(file.fileno()).st_mode
    if kind == "file" and not stat.S_ISREG(mode):
        file.close()
        raise _changed(kind_of(mode))
    return file


def _changed(kind: str) -> BrokenStreamError:
    return BrokenStreamError(f"was a file when it was listed and is a {kind} now; it was not read")


class LocalFile:
    """A regular file, read up to the end that it had when its end was first reached."""

    def __init__(self, file: FileIO, listed_bytes: int | None) -> None:
        self._file = file
        self._opened_bytes = self._until = self._size()
        self._listed_bytes = self._opened_bytes if listed_bytes is None else listed_bytes
        self._end_was_met = False
        self._at = 0
        self._broken: BrokenStreamError | None = None
        self.note: str | None = None

    def read(self, size: int = BLOCK_BYTES, /) -> bytes:
        """Return the next bytes; a writer that never stops is followed only once beyond the size at opening."""
        if self._broken is not None:
            raise self._broken
        if self._at >= self._until and not self._end_was_met and self._at:
            self._end_was_met = True
            self._until = max(self._until, self._size())
        size = min(size, self._until - self._at) if self._opened_bytes else size  # /proc says 0 and holds something
        try:
            block = self._file.read(size) or b"" if size > 0 else b""
            if not block:
                self._check_size()
        except BrokenStreamError as problem:
            self._broken = problem
            raise
        except OSError as problem:
            self._broken = BrokenStreamError(f"cannot be read any further: {reason_of(problem)}")
            raise self._broken from problem
        self._at += len(block)
        return block

    def _check_size(self) -> None:
        expected = max(self._opened_bytes, self._listed_bytes)
        if self._at < expected:
            raise BrokenStreamError(f"shrank from {format_size(expected)} to {format_size(self._at)} while it was read: truncated or rotated by copying")  # fmt: skip
        if self._size() > self._listed_bytes:
            self.note = f"grew while it was read; {format_size(self._at)} of it were"

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size


class Pipe:
    """Standard input or a named pipe: bytes that come when they come."""

    note: str | None = None

    def __init__(self, file: FileIO | BinaryIO) -> None:
        self._file = file
        self._read = getattr(file, "read1", file.read)
        self._broken: OSError | None = None

    def read(self, size: int = BLOCK_BYTES, /) -> bytes:
        """Return so many bytes, fewer only at the end or before a break; a pipe hands over 64 KiB at most at a time."""
        pieces: list[bytes] = []
        missing = size
        while missing > 0 and self._broken is None:
            try:
                piece: bytes = self._read(missing) or b"" if self._is_ready() else b""
            except OSError as problem:
                self._broken = problem
                break
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
        if self._broken is not None and not pieces:
            raise self._broken
        return b"".join(pieces)

    def _is_ready(self) -> bool:
        """Wait until there are bytes or the end; False where the program ends first, which a read alone would hold up."""
        while isinstance(self._file, FileIO) and not select.select([self._file], [], [], _POLL_S)[0]:
            if _STOPPED.is_set():
                return False
        return True


def standard_input() -> FileIO | BinaryIO:
    """Return standard input as bytes, without its buffer where there is a file below. A thread that waits in the buffer would hold a lock that Python needs to end."""
    raw = getattr(sys.stdin.buffer, "raw", None)
    return raw if isinstance(raw, FileIO) else sys.stdin.buffer


def kind_of(mode: int) -> str:
    """Return what a file is that is neither a regular file nor a folder."""
    kinds = ((stat.S_ISFIFO, "named pipe"), (stat.S_ISSOCK, "socket"), (stat.S_ISCHR, "device"), (stat.S_ISBLK, "device"))  # fmt: skip
    return next((name for check, name in kinds if check(mode)), "special file")
