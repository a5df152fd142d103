"""How the console script ends: by itself, by an interrupt, or by SIGTERM. Nothing else in the package touches signals."""

import signal
import sys
from collections.abc import Callable
from types import FrameType

from dfly_analysis.io.local import stop_waiting

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
"""Exit codes of a process that one of these signals ended, as shells count."""


class TerminationRequested(SystemExit):
    """SIGTERM was received."""


def install_signal_handlers() -> None:
    """Let SIGTERM, which an orchestrator sends, unwind this process as an interrupt does; a second one changes nothing.

    Both end what waits for a pipe in another thread.
    """

    def terminate(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        stop_waiting()
        sys.stderr.write("dfly-analysis: ended by SIGTERM\n")
        raise TerminationRequested(TERMINATED)

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop_waiting()
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, terminate)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)


def run_and_exit(main: Callable[[], object]) -> None:
    """Run the console script's main function, which ends with SystemExit, with the signal handlers installed."""
    install_signal_handlers()
    try:
        main()
    except KeyboardInterrupt:  # the keys were pressed again while `main` was ending because of the first time
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to interrupt but the interpreter's own end
