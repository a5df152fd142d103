"""Runs a notebook strictly: parameters checked first, every cell and the whole run bounded in time, failures named."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dfly_analysis import errors
from dfly_analysis.errors import NotebookError, RunTimeoutError, StoreError
from dfly_analysis.notebook.cells import CAN_FORK, CellProcess
from dfly_analysis.notebook.engine import import_papermill, register_engine
from dfly_analysis.notebook.executed import blocks_of_executed, executed_name, executed_parameters
from dfly_analysis.notebook.kernel import end_kernel, kernel_manager_class
from dfly_analysis.notebook.parameters import check_parameters, read_parameters
from dfly_analysis.report.packaged import notebook_folder, notebook_names, notebook_path, read_cells, source_of
from dfly_analysis.report.page import Prose, render_page
from dfly_analysis.report.record import record_of
from dfly_analysis.report.saving import WRITABLE, write_whole
from dfly_analysis.units import format_duration

CELL_TIMEOUT_S = 1800.0
RUN_TIMEOUT_S = 3600.0
EXECUTED = "executed.ipynb"
PAGE = "report.html"
MANIFEST = "manifest.json"
Progress = Callable[[int, int, str], None]
_INPUT_ERRORS = ("SourceError", "LogFormatError", "NotEnoughDataError")
_LONGEST_SOCKET_FOLDER = 60


def run_notebook(
    notebook: str | os.PathLike[str],
    parameters: Mapping[str, Any],
    output_dir: str | os.PathLike[str],
    *,
    timeout_s: float = RUN_TIMEOUT_S,
    cell_timeout_s: float = CELL_TIMEOUT_S,
    progress: Progress | None = None,
    before: Callable[[], None] | None = None,
) -> Path:
    """Run a notebook and write its page.

    Parameters
    ----------
    notebook : str or path
        Name of a packaged notebook, or path of one.
    parameters : mapping of str to value
        For its parameters cell; ``output_dir`` is added where the notebook takes it.
    output_dir : path
        Gets ``executed.ipynb`` (also where a cell fails), ``report.html``, and what the notebook itself saves.
    timeout_s, cell_timeout_s : float
        Seconds for the whole run and for each cell.
    progress : callable, optional
        Called before each cell with its number, how many there are, and the heading above it.
    before : callable, optional
        Called while the process that will run the cells gets ready; what it raises ends the run before anything is written.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    NotebookError
        Where a parameter is unknown or of another type, or a cell fails: its number, and the last line of its error.
        The exit code is that of the input's error, where one caused it.
    RunTimeoutError
        Where the run or a cell takes too long.
    SourceError
        Where the folder cannot be written.
    """
    path = _found(notebook)
    folder = Path(output_dir)
    asked = check_parameters(path, parameters)
    own = {"output_dir": str(folder), "interactive": False}  # widgets hang in a batch
    asked |= {name: value for name, value in own.items() if name in read_parameters(path)}
    forked = CAN_FORK and path.parent == notebook_folder()  # only those of the package are known to be thin
    cells = CellProcess() if forked else None
    try:
        if before is not None:
            before()
        _make_room(folder)
    except BaseException:
        if cells is not None:
            cells.end()
        raise
    executed = folder / EXECUTED
    run = _Run(path, executed, asked, timeout_s, cell_timeout_s, progress, cells)
    run.execute()
    write_whole(folder / PAGE, page_of_executed(executed))
    return folder / PAGE


def _make_room(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise StoreError(f"cannot be made: {problem.strerror}", where=str(folder), hint=WRITABLE) from problem
    (folder / MANIFEST).unlink(missing_ok=True)  # that of an earlier run says nothing of this one


def page_of_executed(path: Path) -> str:
    """Render an executed notebook as a page; its first heading is the title.

    The language is that of its parameters. Where the notebook has saved a manifest beside itself, the page carries what it
    takes to make it again.
    """
    blocks = list(blocks_of_executed(path))
    lines = (line for block in blocks if isinstance(block, Prose) for line in block.markdown.splitlines())
    title = next((line[2:].strip() for line in lines if line.startswith("# ")), path.stem)
    ran = executed_parameters(path)
    return render_page(blocks, title=title, lang=str(ran.get("lang") or "en"), run=_record(path))


def _record(path: Path) -> dict[str, Any] | None:
    manifest, name = path.with_name(MANIFEST), executed_name(path)
    if name not in notebook_names() or not manifest.is_file():
        return None
    return record_of(json.loads(manifest.read_text("utf-8")), name)


def _found(notebook: str | os.PathLike[str]) -> Path:
    path = Path(notebook)
    if path.suffix == ".ipynb" and path.is_file():
        return path
    return notebook_path(str(notebook))


@dataclass
class _Run:
    """One execution of a notebook by papermill, watched."""

    path: Path
    executed: Path
    parameters: Mapping[str, Any]
    timeout_s: float
    cell_timeout_s: float
    progress: Progress | None
    cells: CellProcess | None = None
    managers: list[Any] = field(default_factory=list)
    overdue: threading.Event = field(default_factory=threading.Event)

    def execute(self) -> None:
        import_papermill()
        from jupyter_client.kernelspec import NoSuchKernel
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
        from papermill.exceptions import PapermillExecutionError

        watchdog = threading.Timer(self.timeout_s, self._stop)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._papermill()
        except PapermillExecutionError as failure:
            self._refuse_overdue()
            raise self._failed(failure) from None
        except (CellTimeoutError, TimeoutError):
            said = f"a cell took longer than {format_duration(self.cell_timeout_s)}"
            raise RunTimeoutError(said, where=self._where(self._running()), hint=self._kept()) from None
        except (DeadKernelError, RuntimeError, NoSuchKernel) as problem:
            self._refuse_overdue()
            said = f"the kernel died ({problem})"
            hint = f"out of memory? {self._kept()}"
            raise NotebookError(said, where=self._where(self._running()), hint=hint) from None
        finally:
            watchdog.cancel()
            self._end()

    def _papermill(self) -> None:
        import papermill

        with _private_folder() as folder, _quiet():
            papermill.execute_notebook(
                str(self.path),
                str(self.executed),
                parameters=dict(self.parameters),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                execution_timeout=self.cell_timeout_s,
                on_cell_start=self._tell,
                **self._engine(folder),
            )

    def _engine(self, folder: Path) -> dict[str, Any]:
        """Return what says to papermill in what the cells run: the fork, or else a kernel."""
        if self.cells is None:
            return {"engine_name": None, "kernel_manager_class": kernel_manager_class(folder, self.managers)}
        kept = {"request_save_on_cell_execute": False, "keep_at": str(self.executed)}
        return {"engine_name": register_engine(), "cells": self.cells, **kept}

    def _end(self) -> None:
        if self.cells is not None:
            self.cells.end()
        for manager in self.managers:
            end_kernel(manager)

    def _tell(self, cell: Any, cell_index: int) -> None:
        injected = "injected-parameters" in cell["metadata"].get("tags", [])
        if self.progress is not None and cell["cell_type"] == "code" and not injected:
            cells = read_cells(self.path)
            self.progress(self._number(cell_index), len(cells), _heading(cells, cell.get("id")))

    def _stop(self) -> None:
        self.overdue.set()
        self._end()

    def _refuse_overdue(self) -> None:
        if self.overdue.is_set():
            said = f"the run took longer than {format_duration(self.timeout_s)}"
            raise RunTimeoutError(said, where=self._where(self._running()), hint=self._kept())

    def _failed(self, failure: Any) -> NotebookError:
        last = next((line for line in reversed(str(failure.evalue).splitlines()) if line.strip()), "")
        where = self._where(self._number(failure.cell_index))
        error = NotebookError(f"{failure.ename}: {last.strip()}", where=where, hint=self._kept())
        if failure.ename in _INPUT_ERRORS:
            error.exit_code = getattr(errors, failure.ename).exit_code
        return error

    def _number(self, executed_index: int) -> int:
        """Return a cell's number in the notebook, from 1: papermill puts a cell in behind the parameters."""
        tags = [cell.get("metadata", {}).get("tags", []) for cell in read_cells(self.path)]
        place = next((place for place, names in enumerate(tags) if "parameters" in names), -1)
        injected = bool(self.parameters) and executed_index > place
        return executed_index + 1 - int(injected)

    def _running(self) -> int | None:
        """Return the number of the cell that was running, by the notebook as it was last written."""
        if not self.executed.exists():
            return None
        cells = read_cells(self.executed)
        states = [cell.get("metadata", {}).get("papermill", {}).get("status") for cell in cells]
        return next((self._number(place) for place, state in enumerate(states) if state == "running"), None)

    def _where(self, number: int | None) -> str:
        return f"{self.path.name}, cell {number}" if number else self.path.name

    def _kept(self) -> str:
        return f"see {self.executed}"


def _heading(cells: list[Mapping[str, Any]], cell_id: Any) -> str:
    place = next((place for place, cell in enumerate(cells) if cell.get("id") == cell_id), 0)
    for cell in reversed(cells[:place]):
        lines = [line for line in source_of(cell).splitlines() if line.startswith("#")]
        if cell["cell_type"] == "markdown" and lines:
            return lines[-1].lstrip("# ")
    return ""


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Make a folder only this user may enter, its path short enough for sockets."""
    usual = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="dfly-", dir=usual if len(usual) < _LONGEST_SOCKET_FOLDER else "/tmp"))  # noqa: S108
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep papermill's and the kernel client's chatter off the terminal; what goes wrong is raised."""
    loggers = [logging.getLogger(name) for name in ("papermill", "traitlets", "nbclient", "asyncio")]
    levels = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for logger in loggers:
                logger.setLevel(logging.CRITICAL)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
