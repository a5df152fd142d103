"""A process of this interpreter that runs the cells of notebooks; it may be killed at any time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any, Self

# Colours and bars of a terminal are noise in a stored output; a backend that opens windows would hang.
_ENVIRONMENT = {"MPLBACKEND": "agg", "NO_COLOR": "1", "TERM": "dumb"}
_PATIENCE_S = 5.0
_COMMAND = ("-P", "-m", "dfly_analysis.reporting.notebooks.cell_shell")


class CellProcessDiedError(Exception):
    """The process ended while it ran a cell."""


class CellProcess:
    """Runs cells one after another in IPython's shell, in a process of its own; a context that ends it.

    A process serves any number of notebooks, and is started again where it has died.

    Parameters
    ----------
    import_ahead : bool
        Whether it imports, as it starts, what the package's own notebooks need.
    """

    def __init__(self, *, import_ahead: bool = True) -> None:
        self._arguments = ("--import-ahead",) if import_ahead else ()
        self._process: subprocess.Popen[bytes] | None = None
        self._first = True
        self.closed = False

    def start(self) -> None:
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

    def begin_notebook(self) -> None:
        """Forget the names that an earlier notebook has defined."""
        self._first = True

    def run(self, source: str, timeout_s: float) -> list[dict[str, Any]]:
        """Run a cell and return its outputs as a notebook stores them; an error is the last.

        Raises
        ------
        TimeoutError
            Where the cell takes longer than `timeout_s` seconds; the process is killed.
        CellProcessDiedError
            Where the process ended by itself.
        """
        self.start()
        process = self._process
        assert process is not None
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            _kill(process)

        timer = threading.Timer(timeout_s, expire)
        timer.daemon = True
        timer.start()
        try:
            line = _ask(process, {"source": source, "first": self._first})
        finally:
            timer.cancel()
        if expired.is_set() or not line:
            code = _end(process, 0 if expired.is_set() else _PATIENCE_S)
            self._process, self._first = None, True
            raise TimeoutError if expired.is_set() else CellProcessDiedError(f"it ended with {code}")
        self._first = False
        outputs: list[dict[str, Any]] = json.loads(line)
        return outputs

    def stop(self) -> None:
        """End the process; the next cell starts another."""
        process, self._process, self._first = self._process, None, True
        if process is not None:
            _end(process, 0)

    def close(self) -> None:
        """End the process for good, also while another thread runs a cell, which then fails."""
        self.closed = True
        self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ask(process: subprocess.Popen[bytes], request: dict[str, Any]) -> bytes:
    """Send a request and return the reply; empty where the process is gone."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        return process.stdout.readline()
    except (OSError, ValueError):  # a broken pipe, or one that another thread has closed
        return b""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and what it has started."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes], patience_s: float) -> int:
    """Wait for a process to end, kill it where it does not, and return its exit code."""
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        _kill(process)
    code = process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    return code
