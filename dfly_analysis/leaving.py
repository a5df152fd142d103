"""How processes end when they are told to: what is half done is removed first."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from types import FrameType

TERMINATED = 128 + signal.SIGTERM
"""Exit code of a process that SIGTERM ended, as shells count."""
_PATIENCE_S = 2.0


class ToldToLeave(SystemExit):
    """SIGTERM came."""


def leave_when_told(said: str = "") -> None:
    """Let SIGTERM, which an orchestrator sends, end this process as an interrupt does; its forks die of it at once.

    Parameters
    ----------
    said : str
        Written to stderr, if anything is.
    """

    def leave(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        if said:
            sys.stderr.write(f"{said}\n")
        raise ToldToLeave(TERMINATED)

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, leave)
        os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))


def run_to_the_end(run: Callable[[], object]) -> None:
    """Run what is all that this process does, and leave when everything has happened that was to happen at its end.

    The interpreter is not taken apart, which takes longer than some commands; unless somebody, as a debugger or the tool
    that measures coverage, asked earlier to be called at the end, for they would be called later than this leaves.

    Parameters
    ----------
    run : callable
        Ends with SystemExit; where it ends otherwise, the interpreter goes on as usual.
    """
    codes: list[int] = []
    if getattr(atexit, "_ncallbacks", lambda: 1)() == 0:
        atexit.register(_leave, codes)
    try:
        run()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            codes.append(ended.code or 0)
        raise


def _leave(codes: list[int]) -> None:
    """Leave with the exit code that is known; the first that is registered is called last, after threads have ended."""
    if not codes:
        return
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):  # the interpreter says so, and has its own exit code for it
        return
    os._exit(codes[0])


def end(process: BaseProcess) -> None:
    """End a process; one that does not leave when it is told is killed. No error where it has ended."""
    process.terminate()
    process.join(_PATIENCE_S)
    process.kill()
    process.join()
