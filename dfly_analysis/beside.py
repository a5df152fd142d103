"""Something computed in a fork beside this process, so that a second processor has work too."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Generic, Self, TypeVar

T = TypeVar("T")
_DIE_WITH_PARENT = 1
"""``PR_SET_PDEATHSIG`` of Linux' prctl.h."""
_AHEAD, _PAUSE_S = 2, 0.002
"""Values that a fork may have left, and how long it waits before it looks whether one was taken."""


class _Allowed:
    """Whether this process may fork: not one that somebody else's threads run in, and not one of many of a batch."""

    now, refused = False, False


def allow() -> None:
    """Let this process compute beside itself, unless that was refused before; for processes of the package's own."""
    _Allowed.now = not _Allowed.refused and sys.platform == "linux" and (os.cpu_count() or 1) > 1


@contextlib.contextmanager
def allowed(*, if_so: bool = True) -> Iterator[None]:
    """Let this process compute beside itself for a while, unless it has threads already: they may be somebody else's."""
    before = _Allowed.now
    if if_so and threading.active_count() == 1:
        allow()
    try:
        yield
    finally:
        _Allowed.now = before


def refuse() -> None:
    """Let neither this process nor its forks: all processors have work."""
    _Allowed.now, _Allowed.refused = False, True


class Beside(Generic[T]):
    """A value that is computed in a fork where that is allowed, else when it is asked for.

    Parameters
    ----------
    make : callable
        Must change nothing outside itself; its result is pickled. It is called anew, here, where the fork fails.
    small : bool
        Whether little has to be held for it: a large table is counted twice, and better not twice in memory.
    """

    def __init__(self, make: Callable[[], T], *, small: bool = True) -> None:
        self._make = make
        self._pipe: int | None = None
        self._process = 0
        if _Allowed.now and small:
            with contextlib.suppress(OSError):
                self._begin()
        self.begun = self._pipe is not None

    def get(self) -> T:
        """Return the value, when it is there."""
        if self._pipe is not None:
            with os.fdopen(self._pipe, "rb") as pipe:
                told = pipe.read()
            self._pipe = None
            os.waitpid(self._process, 0)
            if told:
                made: T = pickle.loads(told)  # noqa: S301 - from a fork of this process
                return made
        return self._make()

    def _begin(self) -> None:
        def told(pipe: BinaryIO) -> None:
            pipe.write(pickle.dumps(self._make(), protocol=5))

        self._process, self._pipe = _fork(told)


class EachBeside(Generic[T]):
    """Values that are computed one after another in a fork where that is allowed; a context that ends the fork.

    Each is left in a file until it is asked for; the fork goes on when no more than two are left, so that neither memory nor
    folder grows with their number.

    Parameters
    ----------
    make : callable
        Makes the value of a number. Must change nothing outside itself; its results are pickled. It is called anew, here,
        where the fork fails.
    numbers : sequence of int
        In the order in which the values will be asked for.
    folder : Path
        For the files.
    """

    def __init__(self, make: Callable[[int], T], numbers: Sequence[int], folder: Path) -> None:
        self._make, self._folder = make, folder
        self._pipe: int | None = None
        self._process = 0
        if _Allowed.now and numbers:
            with contextlib.suppress(OSError):
                self._process, self._pipe = _fork(lambda pipe: self._leave(numbers, pipe))
        self.begun = self._pipe is not None

    def get(self, number: int) -> T:
        """Return the value of the next number, when it is there."""
        if self._pipe is not None and os.read(self._pipe, 1):
            path = self._path(number)
            with path.open("rb") as file:
                made: T = pickle.load(file)  # noqa: S301 - from a fork of this process
            path.unlink()
            return made
        self._end()
        return self._make(number)

    def _leave(self, numbers: Sequence[int], pipe: BinaryIO) -> None:
        for place, number in enumerate(numbers):
            while place >= _AHEAD and self._path(numbers[place - _AHEAD]).exists():
                time.sleep(_PAUSE_S)
            with self._path(number).open("wb") as file:
                pickle.dump(self._make(number), file, protocol=5)
            pipe.write(b".")
            pipe.flush()

    def _path(self, number: int) -> Path:
        return self._folder / f"beside-{number:06d}"

    def _end(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
            self._pipe = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()


def _fork(tell: Callable[[BinaryIO], None]) -> tuple[int, int]:
    """Let a fork of this process write to a pipe; return the fork's number and the pipe's end to read from."""
    ours, theirs = os.pipe()
    gc.freeze()  # what is here stays, so that the fork need not copy its pages
    process = os.fork()
    if process:
        gc.unfreeze()
        os.close(theirs)
        return process, ours
    try:
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        os.close(ours)
        _Allowed.now = False
        with os.fdopen(theirs, "wb") as pipe:
            tell(pipe)
    finally:  # where nothing was written the value is made by who asks for it
        os._exit(0)
