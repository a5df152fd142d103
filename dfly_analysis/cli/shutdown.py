"""How the console script ends: by itself, by an interrupt, or by SIGTERM. Nothing else in the package touches signals."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

TERMINATED = 128 + signal.SIGTERM
"""Exit code of a process that SIGTERM ended, as shells count."""


class TerminationRequested(SystemExit):
    """SIGTERM came."""


def install_signal_handlers() -> None:
    """Let SIGTERM, which an orchestrator sends, unwind this process as an interrupt does; a second signal changes nothing."""

    def terminate(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        sys.stderr.write("dfly-analysis: ended by SIGTERM\n")
        raise TerminationRequested(TERMINATED)

    def interrupt(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # who presses the keys twice still gets the line, and the exit code
        raise KeyboardInterrupt

    for number, handler, default in (
        (signal.SIGTERM, terminate, signal.SIG_DFL),
        (signal.SIGINT, interrupt, signal.default_int_handler),
    ):
        if signal.getsignal(number) is default:
            signal.signal(number, handler)


def run_and_exit(main: Callable[[], object]) -> None:
    """Run the console script's main function with its signal handlers installed.

    Parameters
    ----------
    main : callable
        Ends with SystemExit.
    """
    install_signal_handlers()
    main()
