"""The notebooks that travel with the package, and their page for a report at hand, without running them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfly_analysis.errors import NotebookError, suggest_similar
from dfly_analysis.reporting.components import View
from dfly_analysis.reporting.page import is_hidden

if TYPE_CHECKING:
    from nbformat import NotebookNode

_PACKAGE = Path(__file__).resolve().parent.parent


def notebook_folder() -> Path:
    """Return the folder of the packaged notebooks: inside the installed package, else beside it in a checkout."""
    installed = _PACKAGE / "_notebooks"
    return installed if installed.is_dir() else _PACKAGE.parent / "notebooks"


def notebook_names() -> tuple[str, ...]:
    """Return the names of the packaged notebooks, sorted, without their ending."""
    return tuple(sorted(path.stem for path in notebook_folder().glob("*.ipynb")))


def is_packaged(path: Path) -> bool:
    """Return whether a notebook is one of the package's own."""
    return path.parent == notebook_folder()


def notebook_path(name: str) -> Path:
    """Return the path of a packaged notebook; a name that does not exist is a NotebookError that offers similar ones."""
    stem = name.removesuffix(".ipynb")
    if stem not in notebook_names():
        hint = suggest_similar(stem, notebook_names()) or f"there are {', '.join(notebook_names()) or 'none'}"
        raise NotebookError(f"there is no notebook {name!r}", where=str(notebook_folder()), hint=hint)
    return notebook_folder() / f"{stem}.ipynb"


def read_cells(path: Path) -> list[Mapping[str, Any]]:
    """Return the cells of a notebook; raises NotebookError where the file is none."""
    try:
        return [dict(cell) for cell in json.loads(path.read_text("utf-8"))["cells"]]
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as problem:
        raise NotebookError("is not a notebook that can be read", where=str(path)) from problem


def source_of(cell: Mapping[str, Any]) -> str:
    """Return a cell's text, which a notebook may hold as lines."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def fill_outputs(path: Path, report: Any, written: View) -> NotebookNode:
    """Return a notebook with the outputs of a report, without running it: of cells that end in ``report.NAME``, and of the one that saves."""
    import nbformat

    notebook: NotebookNode = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code" and not is_hidden(cell):
            view = _shown(cell.source, report, written)
            cell.outputs = [output_of(view)] if isinstance(view, View) else []
    return notebook


def output_of(view: View) -> NotebookNode:
    """Return a view as the output of a cell."""
    from nbformat.v4 import new_output

    data, metadata = view._repr_mimebundle_()
    output: NotebookNode = new_output("execute_result", data=data, metadata=metadata)
    return output


def _shown(text: str, report: Any, written: View) -> Any:
    last = text.rstrip().rpartition("\n")[2]
    if last.startswith("report.save("):
        return written
    names = re.fullmatch(r"report((?:\.[a-z]\w*)+)", last)
    return attrgetter(names[1][1:])(report) if names else None
