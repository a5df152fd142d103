"""Writes the files of a report and the manifest of what it was made of."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfly_analysis.errors import StoreError
from dfly_analysis.messages import message
from dfly_analysis.reporting.components import Listing
from dfly_analysis.reporting.json import SCHEMA_VERSION, inputs_json, plain_json, settings_json
from dfly_analysis.reporting.provenance import hash_of, version_of

if TYPE_CHECKING:
    from dfly_analysis.dataset import Dataset

WRITABLE = "name another folder with -o"
LIBRARIES = ("numpy", "pandas", "scipy", "matplotlib", "jinja2", "markdown-it-py", "papermill")
_NUMBERS = message("the same numbers for scripts")
_MEANINGS = {
    "report.html": message("the page to share"),
    "report.json": _NUMBERS,
    "comparison.json": _NUMBERS,
    "whatif.json": _NUMBERS,
    "overlay.values.yaml": message("Helm values with the proposed settings"),
    "alerts.rules.yaml": message("Prometheus rules derived from this run"),
    "alerts.tests.yaml": message("promtool tests of these rules"),
    "alerts.dashboard.json": message("Grafana dashboard for large preheats"),
    "manifest.json": message("input files with their hashes, versions and parameters"),
}


def write_listed(
    directory: str | os.PathLike[str], contents: Mapping[str, str | Mapping[str, Any]], lang: str
) -> Listing:
    """Write text or JSON to files by their names, and list them with their page; raises StoreError where that fails."""
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write_whole(folder / name, content if isinstance(content, str) else _json(content))
    except OSError as problem:
        where = str(problem.filename or folder)
        raise StoreError(f"cannot be written: {problem.strerror}", where=where, hint=WRITABLE) from problem
    return listing_of(contents, lang)


def listing_of(names: Collection[str], lang: str) -> Listing:
    """List the files and their page, with what each is for."""
    shown = (name for name in _MEANINGS if name in names or name == "report.html")
    items = tuple(message("{name}: {meaning}", name=name, meaning=_MEANINGS[name]) for name in shown)
    return Listing("", items, lang=lang)


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically: a reader sees all of it or nothing."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8")
    part.replace(path)


def manifest_with(
    datasets: Sequence[Dataset], parameters: Mapping[str, Any], values: Sequence[object], verdict: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a page was made of, in JSON's own types: files, parameters, files of Helm values, numbers to reproduce."""
    hashes, settings = [hash_of(one) for one in values], [settings_json(one) for one in datasets]
    return {
        "schema_version": SCHEMA_VERSION,
        "made_by": {
            "dfly-analysis": version_of("dfly-analysis") or "unknown",
            "python": platform.python_version(),
            **{name: version_of(name) for name in LIBRARIES},
        },
        "inputs": [record for one in datasets for record in inputs_json(one)],
        "parameters": plain_json(parameters),
        "values_sha256": hashes[0] if len(hashes) == 1 else hashes,
        "verdict": plain_json(verdict),
        "settings": settings[0] if len(settings) == 1 else settings,
    }


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
