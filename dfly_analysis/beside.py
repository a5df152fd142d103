"""Something computed in a fork beside this process, so that a second processor has work too."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import pickle
import signal
import sys
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
_DIE_WITH_PARENT = 1
"""``PR_SET_PDEATHSIG`` of Linux' prctl.h."""


class _Allowed:
    """Whether this process may fork: not one that somebody else's threads run in, and not one of many of a batch."""

    now, refused = False, False


def allow() -> None:
    """Let this process compute beside itself, unless that was refused before; for processes of the package's own."""
    _Allowed.now = not _Allowed.refused and sys.platform == "linux" and (os.cpu_count() or 1) > 1


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
        ours, theirs = os.pipe()
        gc.freeze()  # what is here stays, so that the fork need not copy its pages
        self._process = os.fork()
        if self._process:
            gc.unfreeze()
            os.close(theirs)
            self._pipe = ours
            return
        try:
            ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
            os.close(ours)
            _Allowed.now = False
            told = pickle.dumps(self._make(), protocol=5)
            with os.fdopen(theirs, "wb") as pipe:
                pipe.write(told)
        finally:  # nothing written, and the value is made by who asks for it
            os._exit(0)
