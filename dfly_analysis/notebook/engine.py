"""Papermill without what it does not need here, and its engine that runs cells in a fork."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from dfly_analysis.notebook.cells import CellProcess

ENGINE = "dfly-analysis-fork"
# Each is optional to the library that asks for it: a grammar that takes a second to build, for a format of addresses
# that no notebook holds, and clients of stores papermill could write to.
_LEFT_OUT = ("rfc3987_syntax", "boto3", "azure", "gcsfs", "github")


def import_papermill() -> Any:
    """Import papermill, without the optional libraries that only slow it down; see `_LEFT_OUT`."""
    with _hidden():
        import papermill
    return papermill


@contextmanager
def _hidden() -> Iterator[None]:
    absent = [name for name in _LEFT_OUT if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment] # so that importing it says it is not there
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)


@cache
def register_engine() -> str:
    """Tell papermill of the engine, and return its name."""
    import_papermill()
    from papermill.engines import Engine, papermill_engines
    from papermill.iorw import write_ipynb

    class ForkEngine(Engine):  # type: ignore[misc] # papermill has no types
        """Runs each cell in a process that is given."""

        @classmethod
        def execute_managed_notebook(
            cls,
            nb_man: Any,
            kernel_name: str,  # noqa: ARG003
            *,
            cells: CellProcess,
            execution_timeout: float,
            on_cell_start: Callable[..., None],
            keep_at: str,
            **_: Any,
        ) -> None:
            """Run the cells in order, up to the first that fails."""
            try:
                _run_all(nb_man, cells, execution_timeout, on_cell_start)
            except BaseException:
                write_ipynb(nb_man.nb, keep_at)
                raise

    papermill_engines.register(ENGINE, ForkEngine)
    return ENGINE


def _run_all(nb_man: Any, cells: CellProcess, timeout_s: float, on_cell_start: Callable[..., None]) -> None:
    from nbformat import from_dict

    count = 0
    for index, cell in enumerate(nb_man.nb.cells):
        nb_man.cell_start(cell, index)
        if cell.cell_type == "code":
            count += 1
            on_cell_start(cell=cell, cell_index=index)
            ran = cells.run(cell.source, count, timeout_s)
            cell.execution_count = count
            cell.outputs = [from_dict(output) for output in ran.outputs]  # type: ignore[no-untyped-call]
            if ran.error:
                nb_man.cell_exception(cell, index)
                nb_man.cell_complete(cell, index)
                return
        nb_man.cell_complete(cell, index)
