"""The process that runs a notebook's cells in IPython's shell, without a kernel's sockets; `CellProcess` starts it.

It reads one JSON request a line and answers each with one JSON line.
"""

import base64
import contextlib
import io
import json
import os
import sys
import tempfile
import traceback
from _thread import interrupt_main
from importlib import import_module
from queue import Queue
from threading import Event, Thread
from time import sleep
from typing import Any, BinaryIO

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.profiledir import ProfileDir
from traitlets import Type
from traitlets.config import Config

from dfly_analysis import batch_cache

Output = dict[str, Any]
_LAST_S = 10.0
"""For a cell that was interrupted to end, and to remove its temporary files, before it is interrupted again."""
_CONFIG = Config(HistoryManager={"enabled": False}, InteractiveShell={"colors": "nocolor", "cache_size": 0})
_IMPORTED_AHEAD = (
    "config.resolve", "dataset.loader", "diagnosis", "models", "options", "recommendation.alerts", "reporting.plots", "reporting.report",
)  # fmt: skip
"""What the first cell of a packaged notebook imports."""


class _ResultHook(DisplayHook):
    """Records the value of a cell's last expression, without prompt and newline."""

    shell: Any

    def write_output_prompt(self) -> None: ...

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        result = {"output_type": "execute_result", "execution_count": self.shell.execution_count}
        self.shell.outputs.append({**result, "data": format_dict, "metadata": md_dict or {}})

    def finish_displayhook(self) -> None: ...


class _Publisher(DisplayPublisher):
    """Records what a cell displays."""

    shell: Any

    def publish(self, data: Any, metadata: Any = None, *_: Any, **__: Any) -> None:
        self.shell.outputs.append({"output_type": "display_data", "data": data, "metadata": metadata or {}})

    def clear_output(self, wait: bool = False) -> None:  # noqa: ARG002 - IPython's signature
        self.shell.outputs.clear()


class _Stream(io.TextIOBase):
    """Records what a cell prints."""

    def __init__(self, name: str, outputs: list[Output]) -> None:
        self._name, self._outputs = name, outputs

    def write(self, text: str) -> int:
        last = self._outputs[-1] if self._outputs else {}
        if last.get("name") == self._name:
            last["text"] += text
        elif text:
            self._outputs.append({"output_type": "stream", "name": self._name, "text": text})
        return len(text)


class _Shell(InteractiveShell):
    """IPython's shell without the user's profile; it keeps the outputs of a cell as a notebook stores them."""

    displayhook_class = Type(_ResultHook)
    display_pub_class = Type(_Publisher)

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        super().__init__(config=_CONFIG, ipython_dir=tempfile.gettempdir())  # type: ignore[no-untyped-call]

    def init_profile_dir(self, profile_dir: Any) -> None:
        self.profile_dir = profile_dir or ProfileDir()

    def enable_gui(self, gui: Any = None) -> None: ...

    # an error becomes an output
    def showtraceback(self, *_: Any, **__: Any) -> None: ...

    def showsyntaxerror(self, *_: Any, **__: Any) -> None: ...

    def run(self, source: str) -> list[Output]:
        """Run a cell and return its outputs; an error is the last of them."""
        self.outputs.clear()
        with (
            contextlib.redirect_stdout(_Stream("stdout", self.outputs)),
            contextlib.redirect_stderr(_Stream("stderr", self.outputs)),
        ):
            result = self.run_cell(source, store_history=True)  # type: ignore[no-untyped-call]
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            lines = traceback.format_exception(error)
            described = {"ename": type(error).__name__, "evalue": str(error), "traceback": lines}
            self.outputs.append({"output_type": "error", **described})
        return self.outputs


def _encoded(value: Any) -> str:
    """Encode what JSON lacks: pictures come as bytes, which a notebook stores in base 64."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _take(requests: BinaryIO, lines: Queue[bytes], busy: Event) -> None:
    """Take requests; where there are no more, because the parent was killed too, end the cell that still runs."""
    for line in requests:
        lines.put(line)
    lines.put(b"")
    while busy.is_set():
        interrupt_main()
        sleep(_LAST_S)


def main() -> None:
    """Answer requests until there are no more."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # what a cell or a library writes there must not be taken for a reply
        os.dup2(nowhere, standard)
    batch_cache.enable()
    if "--import-ahead" in sys.argv:
        for name in _IMPORTED_AHEAD:
            import_module(f"dfly_analysis.{name}")
    shell = _Shell()
    lines, busy = Queue[bytes](), Event()
    Thread(target=_take, args=(requests, lines, busy), daemon=True).start()
    while line := lines.get():
        busy.set()
        request = json.loads(line)
        if request["first"]:
            shell.reset()  # type: ignore[no-untyped-call]
        replies.write(json.dumps(shell.run(request["source"]), default=_encoded).encode() + b"\n")
        replies.flush()
        busy.clear()


if __name__ == "__main__":
    main()
