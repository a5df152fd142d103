"""Writes a report's files: page, JSON, Helm values, manifest."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfly_analysis.errors import StoreError
from dfly_analysis.reporting.json import SCHEMA_VERSION, inputs_json, plain_json, settings_json
from dfly_analysis.reporting.notebook_renderer import fill_outputs, notebook_path
from dfly_analysis.reporting.page import package_version, render_page
from dfly_analysis.reporting.provenance import hash_of, provenance_of, verdict_of
from dfly_analysis.reporting.views import Listing

if TYPE_CHECKING:
    from dfly_analysis.dataset import Dataset
    from dfly_analysis.reporting.report import Report

NOTEBOOK = "tuning_report"
WRITABLE = "name another folder with -o"
LIBRARIES = ("numpy", "pandas", "scipy", "matplotlib", "jinja2", "markdown-it-py", "papermill")
_MEANINGS = {
    "report.html": "the page to send",
    "report.json": "the same in numbers, for scripts",
    "comparison.json": "the same in numbers, for scripts",
    "whatif.json": "the same in numbers, for scripts",
    "overlay.values.yaml": "Helm values that set what is proposed",
    "alerts.rules.yaml": "rules for Prometheus that follow from this run",
    "alerts.tests.yaml": "tests of these rules, for promtool",
    "alerts.dashboard.json": "a Grafana dashboard for large preheats",
    "manifest.json": "inputs with their hashes, versions, what was asked",
}


def save_report(report: Report, directory: str | os.PathLike[str], *, html: bool) -> Listing:
    """Write a report's files; see `dfly_analysis.reporting.Report.save`."""
    folder = Path(directory)
    texts = {
        "report.json": _json(report.to_dict()),
        "manifest.json": _json(manifest_of(report)),
        **({"overlay.values.yaml": report.overlay.to_yaml()} if report.overlay is not None else {}),
    }
    if report.alerts is not None:
        texts["alerts.rules.yaml"], texts["alerts.tests.yaml"] = report.alerts.to_yaml(), report.alerts.tests_yaml()
        texts["alerts.dashboard.json"] = report.alerts.dashboard()
    written = _listing(texts, report.lang)
    if html:
        texts["report.html"] = page_of(report, written)
    _write_all(folder, texts)
    return written


def write_listed(directory: str | os.PathLike[str], contents: Mapping[str, Mapping[str, Any]], lang: str) -> Listing:
    """Write contents as JSON files beside a page.

    Parameters
    ----------
    directory : path
    contents : mapping of str to mapping
        By the file's name; JSON's own types.
    lang : str
        Language the listing shows itself in.

    Returns
    -------
    Listing
        The files, and the page that will lie beside them.

    Raises
    ------
    SourceError
        Where the folder cannot be written.
    """
    _write_all(Path(directory), {name: _json(content) for name, content in contents.items()})
    return _listing(contents, lang)


def _listing(written: Mapping[str, Any], lang: str) -> Listing:
    names = [name for name in _MEANINGS if name in written or name == "report.html"]
    return Listing("", tuple(f"{name}: {_MEANINGS[name]}" for name in names), lang=lang)


def _write_all(folder: Path, texts: Mapping[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_whole(folder / name, text)
    except OSError as problem:
        raise StoreError(
            f"cannot be written: {problem.strerror}", where=str(problem.filename or folder), hint=WRITABLE
        ) from problem


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or nothing of it."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8")
    part.replace(path)


def page_of(report: Report, written: Listing) -> str:
    """Render a report as the packaged notebook shows it, without running the notebook."""
    notebook = fill_outputs(notebook_path(NOTEBOOK), report, written)
    return render_page(notebook, lang=report.lang, run=provenance_of(manifest_of(report), NOTEBOOK))


def manifest_of(report: Report) -> dict[str, Any]:
    """Return what the report was made of: inputs with hashes, versions, parameters, settings."""
    return manifest_with([report.dataset], report.parameters, [report.parameters.get("values")], verdict_of(report))


def manifest_with(
    datasets: Sequence[Dataset], parameters: Mapping[str, Any], values: Sequence[object], verdict: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a page was made of.

    Parameters
    ----------
    datasets : sequence of Dataset
        All that were read.
    parameters : mapping of str to value
        What was asked.
    values : sequence
        Files of Helm values in force; what is no file counts as none.
    verdict : mapping
        The numbers that have to come out again.

    Returns
    -------
    dict
        ``schema_version``, ``made_by``, ``inputs``, ``parameters``, ``values_sha256``, ``verdict``, ``settings``.
    """
    hashes, settings = [hash_of(one) for one in values], [settings_json(one) for one in datasets]
    return {
        "schema_version": SCHEMA_VERSION,
        "made_by": {"dfly-analysis": package_version(), "python": platform.python_version(), **_versions()},
        "inputs": [record for one in datasets for record in inputs_json(one)],
        "parameters": plain_json(parameters),
        "values_sha256": hashes[0] if len(hashes) == 1 else hashes,
        "verdict": plain_json(verdict),
        "settings": settings[0] if len(settings) == 1 else settings,
    }


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
