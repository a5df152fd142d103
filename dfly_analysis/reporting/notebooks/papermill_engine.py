"""Papermill's engine that runs cells in a `CellProcess`, which starts in a third of a kernel's time and needs no sockets."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
from nbformat import from_dict
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from dfly_analysis import errors
from dfly_analysis.errors import NotebookError, RunTimeoutError
from dfly_analysis.reporting.notebook_renderer import read_cells, source_of
from dfly_analysis.reporting.notebooks.cell_process import CellProcess, CellProcessDiedError
from dfly_analysis.units import format_duration

NAME = "dfly-analysis"
TIMED_OUT, DIED = "CellTimeoutError", "DeadKernelError"
"""Names of the errors that end a cell from outside, as nbclient calls them."""
_INPUT_ERRORS = ("SourceError", "LogFormatError", "NotEnoughDataError")


@dataclass(frozen=True)
class Limits:
    """Seconds for the whole run and for each cell, and when the run began by `time.monotonic`."""

    run_s: float
    cell_s: float
    started: float


class CellProcessEngine(Engine):  # type: ignore[misc] # papermill has no types
    """Runs the cells in order, up to the first that fails; papermill raises the error that it finds in the outputs."""

    @classmethod
    def execute_notebook(cls, *arguments: Any, **named: Any) -> Any:
        """Leave out when the cells ran, so that the same input gives the same file."""
        notebook = super().execute_notebook(*arguments, **named)
        for metadata in (notebook.metadata, *(cell.metadata for cell in notebook.cells)):
            for name in ("start_time", "end_time", "duration"):
                metadata.get("papermill", {}).pop(name, None)
        for cell in notebook.cells:
            if "injected-parameters" in cell.metadata.get("tags", ()):
                cell.id = "injected-parameters"  # it is drawn at random
        return notebook

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


def execute(  # noqa: PLR0913 - each is one thing that a run needs
    path: Path,
    executed: Path,
    parameters: Mapping[str, Any],
    limits: Limits,
    process: CellProcess,
    progress: Callable[[int, int, str], None] | None,
) -> Any:
    """Run the cells of a notebook, write it with their outputs, and return it; an error in a cell is raised."""
    cells = read_cells(path)
    tags = [cell.get("metadata", {}).get("tags", []) for cell in cells]
    place = next((place for place, names in enumerate(tags) if "parameters" in names), -1)

    def number(index: int) -> int:
        """Return a cell's number in the notebook, from 1: papermill inserts a cell after the parameters."""
        return index + 1 - int(bool(parameters) and index > place)

    def on_cell_start(cell: Any, index: int) -> None:
        if progress is not None and "injected-parameters" not in cell["metadata"].get("tags", []):
            progress(number(index), len(cells), _heading(cells[: number(index) - 1]))

    try:
        return papermill.execute_notebook(
            *(str(one).replace("{", "{{").replace("}", "}}") for one in (path, executed)),  # papermill formats them
            parameters=dict(parameters),
            kernel_name="python3",
            language="python",
            engine_name=NAME,
            request_save_on_cell_execute=False,  # papermill writes it at the end, also where a cell failed
            progress_bar=False,
            process=process,
            limits=limits,
            on_cell_start=on_cell_start,
        )
    except PapermillExecutionError as failure:
        where = f"{path.name}, cell {number(failure.cell_index)}"
        raise _error_of(failure.ename, failure.evalue, where, f"see {executed}") from None


def _error_of(name: str, text: str, where: str, hint: str) -> NotebookError | RunTimeoutError:
    if name == TIMED_OUT:
        return RunTimeoutError(text, where=where, hint=hint)
    if name == DIED:
        return NotebookError(text, where=where, hint=f"out of memory? {hint}")
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    error = NotebookError(f"{name}: {last.strip()}", where=where, hint=hint)
    if name in _INPUT_ERRORS:
        error.exit_code = getattr(errors, name).exit_code
    return error


def _heading(cells: list[Mapping[str, Any]]) -> str:
    """Return the last heading of some cells."""
    lines = (line for cell in reversed(cells) if cell["cell_type"] == "markdown" for line in reversed(source_of(cell).splitlines()))  # fmt: skip
    return next((line.lstrip("# ") for line in lines if line.startswith("#")), "")
