"""A process that runs a notebook's cells: a fork of this program, which needs no kernel to start and no sockets."""

from __future__ import annotations

import ast
import contextlib
import io
import multiprocessing
import os
import signal
import sys
import traceback
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from dfly_analysis.beside import allow
from dfly_analysis.leaving import ToldToLeave, end, leave_when_told
from dfly_analysis.notebook.kernel import KERNEL_VARIABLES

CAN_FORK = sys.platform == "linux"
"""Elsewhere libraries of the system do not survive a fork, and a kernel is started."""
MODULES_AHEAD = (
    "analysis",
    "loading.cache",
    "loading.in_memory",
    "loading.joining",
    "loading.live",
    "settings.resolve",
    "diagnosis",
    "models",
    "simulate",
    "rules",
    "overlay",
    "alerts",
    "report",
)


@dataclass(frozen=True)
class Ran:
    """What a cell gave.

    Attributes
    ----------
    outputs : list of dict
        As a notebook stores them.
    error : tuple of str or None
        Name and text of what it raised.
    """

    outputs: list[dict[str, Any]]
    error: tuple[str, str] | None = None


class CellProcess:
    """Runs cells one after another in names of their own; may be ended at any time.

    Cells are those of a thin notebook: Python without magics, shown by the last expression. What they print is kept.
    """

    def __init__(self) -> None:
        forking = multiprocessing.get_context("fork")
        self._pipe, other = forking.Pipe()
        self._process = forking.Process(target=_serve, args=(other, self._pipe), daemon=True)
        self._process.start()
        other.close()

    def run(self, source: str, count: int, timeout_s: float) -> Ran:
        """Run a cell.

        Parameters
        ----------
        source : str
        count : int
            Its number among those that ran, from 1.
        timeout_s : float
            Seconds.

        Raises
        ------
        TimeoutError
            Where it takes longer.
        RuntimeError
            Where the process is gone.
        """
        try:
            self._pipe.send((source, count))
            if not self._pipe.poll(timeout_s):
                raise TimeoutError
            ran = self._pipe.recv()
        except (EOFError, ConnectionError) as problem:
            self._process.join(5)
            raise RuntimeError(f"it ended with {self._process.exitcode}") from problem
        assert isinstance(ran, Ran)
        return ran

    def end(self) -> None:
        """End the process; no error where it has ended."""
        end(self._process)


def _serve(pipe: Connection, parents: Connection) -> None:
    parents.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says what an interrupt means
    leave_when_told()
    os.environ |= KERNEL_VARIABLES
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    allow()
    import_ahead()
    names: dict[str, Any] = {"__name__": "__main__"}
    while True:
        try:
            source, count = pipe.recv()
        except EOFError:
            os._exit(0)
        pipe.send(_run_cell(source, count, names))


def import_ahead() -> None:
    """Import what the first cell will need, while the parent is still reading the notebook; a fault shows in the cell."""
    from importlib import import_module

    for name in MODULES_AHEAD:
        with contextlib.suppress(Exception):
            import_module(f"dfly_analysis.{name}")


@dataclass
class _Printed(io.TextIOBase):
    """Takes what a cell prints."""

    name: str
    outputs: list[dict[str, Any]] = field(default_factory=list)

    def write(self, text: str) -> int:
        last = self.outputs[-1] if self.outputs else {}
        if last.get("name") == self.name:
            last["text"] += text
        elif text:
            self.outputs.append({"output_type": "stream", "name": self.name, "text": text})
        return len(text)


def _run_cell(source: str, count: int, names: dict[str, Any]) -> Ran:
    outputs: list[dict[str, Any]] = []
    printed = contextlib.redirect_stdout(_Printed("stdout", outputs))
    told = contextlib.redirect_stderr(_Printed("stderr", outputs))
    try:
        with printed, told:
            value = _evaluate(source, names)
            if value is not None:
                data, metadata = _bundle(value)
                outputs.append(
                    {"output_type": "execute_result", "execution_count": count, "data": data, "metadata": metadata}
                )
    except ToldToLeave:
        raise
    except BaseException as failure:  # noqa: BLE001 - whatever a cell raises is its result
        lines = traceback.format_exception(failure)
        name, text = type(failure).__name__, str(failure)
        outputs.append({"output_type": "error", "ename": name, "evalue": text, "traceback": lines})
        return Ran(outputs, (name, text))
    return Ran(outputs)


def _evaluate(source: str, names: dict[str, Any]) -> Any:
    """Run a cell's statements and return the value of the expression it ends with."""
    tree = ast.parse(source, "<cell>")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), names)  # noqa: S102 - a cell of a notebook the user chose to run
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)  # noqa: S307 - as above


def _bundle(value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a value as JupyterLab would be given it."""
    if hasattr(value, "_repr_mimebundle_"):
        made = value._repr_mimebundle_()
        data, metadata = made if isinstance(made, tuple) else (made, {})
        return dict(data), dict(metadata)
    html = value._repr_html_() if hasattr(value, "_repr_html_") else None
    return {"text/plain": repr(value), **({"text/html": html} if html else {})}, {}
