"""A process of this interpreter that runs the cells of notebooks; it may be killed at any time."""

import json
import os
import selectors
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any, Self

# Terminal colours and progress bars are noise in a stored output; a backend that opens windows would hang.
_ENVIRONMENT = {"MPLBACKEND": "agg", "NO_COLOR": "1", "TERM": "dumb"}
_EXIT_WAIT_S, _GRACE_S = 5.0, 2.0
_COMMAND = ("-P", "-m", "dfly_analysis.reporting.notebooks.cell_shell")


class CellProcessDiedError(Exception):
    """The process ended while it ran a cell."""


class CellProcess:
    """Runs cells one after another in IPython's shell, in a process of its own that is started again where it has died; a context that ends it."""

    def __init__(self, *, import_ahead: bool = True) -> None:
        self._arguments = ("--import-ahead",) if import_ahead else ()
        self._process: subprocess.Popen[bytes] | None = None
        self._first = True
        self.closed = False

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process where none runs; it gets ready while the caller does something else."""
        if self.closed:
            raise CellProcessDiedError("it was closed")
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter with this package
                [sys.executable, *_COMMAND, *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | _ENVIRONMENT,
                start_new_session=True,  # an interrupt from the terminal is the parent's to handle
            )
        return self._process

    def begin_notebook(self) -> None:
        """Forget the names that an earlier notebook has defined."""
        self._first = True

    def run(self, source: str, timeout_s: float) -> list[dict[str, Any]]:
        """Run a cell and return its outputs as a notebook stores them, an error last.

        A TimeoutError where it takes longer than `timeout_s` seconds (the process is killed), a CellProcessDiedError where the process ended.
        """
        process = self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        expired, line = False, b""
        # a broken pipe, or one that another thread has closed
        with suppress(OSError, ValueError), selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            process.stdin.write(json.dumps({"source": source, "first": self._first}).encode() + b"\n")
            process.stdin.flush()
            expired = not selector.select(timeout_s)
            line = b"" if expired else process.stdout.readline()
        if not line:
            code = self._end(0.0 if expired else _EXIT_WAIT_S)
            raise TimeoutError if expired else CellProcessDiedError(f"it ended with {code}")
        self._first = False
        outputs: list[dict[str, Any]] = json.loads(line)
        return outputs

    def stop(self) -> None:
        """End the process; the next cell starts another."""
        self._end(0.0)

    def close(self) -> None:
        """End the process for good, also while another thread runs a cell, which then fails."""
        self.closed = True
        self.stop()

    def _end(self, wait_s: float) -> int | None:
        """Let the process end, kill it where it does not and what it has started, and return its exit code."""
        process, self._process, self._first = self._process, None, True
        if process is None or process.stdin is None:
            return None
        with suppress(OSError):
            process.stdin.close()  # it ends, and removes its temporary files
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(wait_s, _GRACE_S))
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        return code

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
