"""How processes end when they are told to: what is half done is removed first."""

from __future__ import annotations

import os
import signal
import sys
import threading
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


def end(process: BaseProcess) -> None:
    """End a process; one that does not leave when it is told is killed. No error where it has ended."""
    process.terminate()
    process.join(_PATIENCE_S)
    process.kill()
    process.join()
