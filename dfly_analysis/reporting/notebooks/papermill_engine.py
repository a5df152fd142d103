"""Papermill's engine that runs cells in a `CellProcess`, which starts in a third of a kernel's time and needs no sockets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nbformat import from_dict
from papermill.engines import Engine, papermill_engines

from dfly_analysis.reporting.notebooks.cell_process import CellProcess, CellProcessDiedError
from dfly_analysis.units import format_duration

NAME = "dfly-analysis"
TIMED_OUT, DIED = "CellTimeoutError", "DeadKernelError"
"""Names of the errors that end a cell from outside, as nbclient calls them."""


@dataclass(frozen=True)
class Limits:
    """Seconds for the whole run and for each cell, and when the run began by `time.monotonic`."""

    run_s: float
    cell_s: float
    started: float


class CellProcessEngine(Engine):  # type: ignore[misc] # papermill has no types
    """Runs the cells in order, up to the first that fails; papermill raises the error that it finds in the outputs."""

    @classmethod
    def execute_managed_notebook(  # noqa: D102
        cls,
        nb_man: Any,
        kernel_name: str,  # noqa: ARG003 - papermill's signature
        *,
        process: CellProcess,
        limits: Limits,
        on_cell_start: Callable[[Any, int], None],
        **_: Any,
    ) -> None:
        process.begin_notebook()
        count = 0
        for index, cell in enumerate(nb_man.nb.cells):
            nb_man.cell_start(cell, index)
            if cell.cell_type == "code":
                count += 1
                on_cell_start(cell, index)
                outputs = _run_cell(process, cell.source, limits)
                cell.execution_count = count
                cell.outputs = [from_dict(output) for output in outputs]
                if outputs and outputs[-1]["output_type"] == "error":
                    nb_man.cell_exception(cell, index)
                    nb_man.cell_complete(cell, index)
                    return
            nb_man.cell_complete(cell, index)


def _run_cell(process: CellProcess, source: str, limits: Limits) -> list[dict[str, Any]]:
    left_s = limits.started + limits.run_s - time.monotonic()
    try:
        return process.run(source, max(0.0, min(limits.cell_s, left_s)))
    except TimeoutError:
        what, limit_s = ("a cell", limits.cell_s) if limits.cell_s < left_s else ("the run", limits.run_s)
        name, text = TIMED_OUT, f"{what} took longer than {format_duration(limit_s)}"
    except CellProcessDiedError as problem:
        name, text = DIED, f"the kernel died ({problem})"
    return [{"output_type": "error", "ename": name, "evalue": text, "traceback": [f"{name}: {text}"]}]


papermill_engines.register(NAME, CellProcessEngine)
