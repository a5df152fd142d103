"""Runs a notebook: parameters are checked first, every cell and the whole run have a time limit, failures are named."""

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from dfly_analysis.errors import StoreError, require_extra
from dfly_analysis.reporting.notebook_renderer import is_packaged, notebook_path
from dfly_analysis.reporting.notebooks.cell_process import CellProcess
from dfly_analysis.reporting.notebooks.parameters import check_parameters, read_parameters
from dfly_analysis.reporting.provenance import WRITABLE, provenance_of, write_whole

CELL_TIMEOUT_S = 1800.0
RUN_TIMEOUT_S = 3600.0
EXECUTED, PAGE, MANIFEST = "executed.ipynb", "report.html", "manifest.json"
Progress = Callable[[int, int, str], None]


def run_notebook(
    notebook: str | os.PathLike[str],
    parameters: Mapping[str, Any],
    output_dir: str | os.PathLike[str],
    *,
    timeout_s: float = RUN_TIMEOUT_S,
    cell_timeout_s: float = CELL_TIMEOUT_S,
    progress: Progress | None = None,
    before: Callable[[], None] | None = None,
    process: CellProcess | None = None,
) -> Path:
    """Run a packaged notebook by its name, or any by its path, and return the path of the page that it writes.

    The folder gets ``executed.ipynb`` (also where a cell fails), ``report.html``, and what the notebook itself saves. `parameters` are
    for its parameters cell; ``output_dir`` is added where the notebook takes it. The time limits are for the whole run and for each cell.
    `progress` is called before each cell with its number, how many there are, and the heading above it; `before` while the process that
    will run the cells starts: what it raises ends the run before anything is written. A `process` that is given stays open.
    """
    require_extra("report")
    started, folder = time.monotonic(), Path(output_dir)
    path = Path(notebook)
    if path.suffix != ".ipynb" or not path.is_file():
        path = notebook_path(str(notebook))
    checked = check_parameters(path, parameters)
    own = {"output_dir": str(folder), "interactive": False}  # widgets hang in a batch
    checked |= {name: value for name, value in own.items() if name in read_parameters(path)}
    with nullcontext(process) if process else CellProcess(import_ahead=is_packaged(path)) as running:
        running.start()
        if before is not None:
            before()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise StoreError(f"cannot be created: {problem.strerror}", where=str(folder), hint=WRITABLE) from problem
        manifest = folder / MANIFEST
        manifest.unlink(missing_ok=True)  # that of an earlier run says nothing of this one
        # imported here: it takes as long as the process takes to start
        from dfly_analysis.reporting.notebooks.papermill_engine import Limits, execute
        from dfly_analysis.reporting.page import render_page

        limits = Limits(timeout_s, cell_timeout_s, started)
        executed = execute(path, folder / EXECUTED, checked, limits, running, progress)
    run = None  # what the page carries so that a packaged notebook can be run again
    if is_packaged(path) and manifest.is_file():
        run = provenance_of(json.loads(manifest.read_text("utf-8")), path.stem)
    write_whole(folder / PAGE, render_page(executed, lang=str(checked.get("lang") or "en"), run=run))
    return folder / PAGE
