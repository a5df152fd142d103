"""Makes a report again from what its page carries."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from dfly_analysis.errors import SourceError, StoreError
from dfly_analysis.reporting.notebooks.runner import Progress, run_notebook
from dfly_analysis.reporting.provenance import differences, inputs_of, read_provenance, refuse_changed
from dfly_analysis.reporting.writer import WRITABLE


def rerun_report(
    page: Path, output_dir: Path, *, timeout_s: float, progress: Progress | None = None
) -> tuple[Path, tuple[str, ...]]:
    """Make a report again from its ``report.html``; the new files appear in the folder once they are complete.

    Returns
    -------
    tuple of (Path, tuple of str)
        The new page, and what differs between the verdicts, a line each.

    Raises
    ------
    SourceError
        Where the page carries no parameters, or an input has changed or vanished.
    NotebookError
        Where the run fails.
    """
    record = read_provenance(page)
    parameters = dict(record["parameters"])
    _refuse_what_is_gone(parameters, page)
    with TemporaryDirectory(prefix="dfly-analysis-") as folder:
        run_notebook(
            record["notebook"], parameters, folder, timeout_s=timeout_s, cell_timeout_s=timeout_s, progress=progress
        )
        manifest = json.loads(Path(folder, "manifest.json").read_text("utf-8"))
        refuse_changed(record["inputs"], inputs_of(manifest))
        try:
            output_dir.mkdir(parents=True, exist_ok=True)
            for file in sorted(Path(folder).iterdir()):
                shutil.move(file, output_dir / file.name)
        except OSError as problem:
            raise StoreError(
                f"cannot be written: {problem.strerror}", where=str(output_dir), hint=WRITABLE
            ) from problem
    return output_dir / page.name, differences(record["verdict"], manifest["verdict"])


def _refuse_what_is_gone(parameters: dict[str, object], page: Path) -> None:
    values = [parameters.get(name) for name in ("values", "values_before", "values_after")]
    if any(isinstance(one, dict) for one in values):
        hint = "repeat the call of dfly_analysis.analyse"
        raise SourceError("was made in Python, with Helm values that no file holds", where=str(page), hint=hint)
    listed = [parameters.get(name) for name in ("paths", "before", "after")]
    local = [str(path) for paths in listed if isinstance(paths, list) for path in paths]
    local += [str(path) for path in values if path]
    for path in local:
        if "://" not in path and not any(mark in path for mark in "*?[") and not Path(path).exists():
            raise SourceError("has vanished since the report was made", where=path, hint="put it back, or report anew")
