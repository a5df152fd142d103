"""Makes a report again from what its page carries."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from dfly_analysis.errors import DflyError, SourceError, StoreError
from dfly_analysis.reporting.notebook_renderer import notebook_names
from dfly_analysis.reporting.notebooks.runner import MANIFEST, Progress, run_notebook
from dfly_analysis.reporting.provenance import WRITABLE, differences, inputs_of, read_provenance, refuse_changed


def rerun_report(
    page: Path, output_dir: Path, *, timeout_s: float, progress: Progress | None = None, prometheus: str | None = None,
    objects: Sequence[str] = (),
) -> tuple[Path, tuple[str, ...]]:  # fmt: skip
    """Make a report again from its ``report.html``, and return the new page and what differs between the verdicts.

    A page may come from anybody: only packaged notebooks run, and its Prometheus server and its addresses of S3 are asked only where
    the caller names them too.
    """
    record = read_provenance(page)
    parameters = record["parameters"]
    if record["notebook"] not in notebook_names():
        raise SourceError("names a notebook that dfly-analysis does not have", where=str(page), hint="run `dfly-analysis report` on the logs")  # fmt: skip
    asked = parameters.get("prometheus")
    if asked and asked != prometheus:
        hint = f"to ask it again, with your credentials, add --prometheus {str(asked)[:200]!r}"
        raise SourceError("was made with a Prometheus server", where=str(page), hint=hint)
    paths = _paths(parameters)
    if remote := [path for path in paths if path.startswith("s3://") and path not in objects]:
        hint = f"to read them again, with your credentials, add {' '.join(f'--s3 {path[:200]!r}' for path in remote[:3])}"
        raise SourceError("was made from objects in S3", where=str(page), hint=hint)
    _refuse_missing(parameters, paths, page)
    with TemporaryDirectory(prefix="dfly-analysis-") as folder:
        try:
            run_notebook(record["notebook"], parameters, folder, timeout_s=timeout_s, cell_timeout_s=timeout_s, progress=progress)  # fmt: skip
        except DflyError as problem:
            problem.hint = None if folder in (problem.hint or "") else problem.hint  # it does not outlive this run
            raise
        manifest = json.loads(Path(folder, MANIFEST).read_text("utf-8"))
        refuse_changed(record["inputs"], inputs_of(manifest))
        try:
            output_dir.mkdir(parents=True, exist_ok=True)
            for file in sorted(Path(folder).iterdir()):
                shutil.move(file, output_dir / file.name)
        except OSError as problem:
            raise StoreError(f"cannot be written: {problem.strerror}", where=str(output_dir), hint=WRITABLE) from problem  # fmt: skip
    return output_dir / page.name, differences(record["verdict"], manifest["verdict"])


def _paths(parameters: Mapping[str, object]) -> list[str]:
    listed = [parameters.get(name) for name in ("paths", "before", "after")]
    return [str(path) for paths in listed if isinstance(paths, list) for path in paths]


def _refuse_missing(parameters: Mapping[str, object], paths: Sequence[str], page: Path) -> None:
    values = [parameters.get(name) for name in ("values", "values_before", "values_after")]
    if any(isinstance(one, dict) for one in values):
        hint = "repeat the call of dfly_analysis.analyse"
        raise SourceError("was made in Python, with Helm values that no file holds", where=str(page), hint=hint)
    for path in [*paths, *(str(path) for path in values if path)]:
        if "://" not in path and not any(mark in path for mark in "*?[") and not Path(path).exists():
            hint = "restore it, or run `dfly-analysis report` again"
            raise SourceError("is missing; it was an input of the report", where=path, hint=hint)
