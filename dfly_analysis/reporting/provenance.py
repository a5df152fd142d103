"""Writes the files of a report, and what its page needs to be made again: parameters, hashes of its inputs and its verdict."""

import hashlib
import json
import os
import platform
from collections.abc import Collection, Mapping, Sequence
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dfly_analysis.dataset import Dataset
from dfly_analysis.errors import SourceError, StoreError
from dfly_analysis.messages import message
from dfly_analysis.reporting.components import Listing
from dfly_analysis.reporting.json import inputs_json, settings_json, versioned
from dfly_analysis.reporting.labels import FILES, common_folder

NAME = "dfly-analysis-run"
_VERSION = 1
_MAX_FILES = 300
_HASH_LENGTH = 16
_WANTED = "give the report.html of `dfly-analysis report`"
WRITABLE = "name another folder with -o"
LIBRARIES = ("numpy", "pandas", "scipy", "matplotlib", "jinja2", "markdown-it-py", "papermill")


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
    shown = (name for name in FILES if name in names or name == "report.html")
    items = tuple(message("{name}: {meaning}", name=name, meaning=FILES[name]) for name in shown)
    return Listing("", items, lang=lang)


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically: a reader sees all of it or nothing."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError as problem:
        raise StoreError(f"cannot be written: {problem.strerror}", where=str(path), hint=WRITABLE) from problem
    finally:
        part.unlink(missing_ok=True)


def manifest_with(
    datasets: Sequence[Dataset], parameters: Mapping[str, Any], values: Sequence[object], verdict: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a page was made of, in JSON's own types: files, parameters, files of Helm values, numbers to reproduce."""
    hashes, settings = [hash_of(one) for one in values], [settings_json(one) for one in datasets]
    libraries = {name: version_of(name) for name in LIBRARIES}
    own = {"dfly-analysis": version_of("dfly-analysis") or "unknown", "python": platform.python_version()}
    return versioned(
        {
            "made_by": own | libraries,
            "inputs": [record for one in datasets for record in inputs_json(one)],
            "parameters": parameters,
            "values_sha256": hashes[0] if len(hashes) == 1 else hashes,
            "verdict": verdict,
            "settings": settings[0] if len(settings) == 1 else settings,
        }
    )


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def provenance_of(manifest: Mapping[str, Any], notebook: str) -> dict[str, Any]:
    """Return what a page made of a packaged notebook carries of its manifest; only JSON's own types."""
    return {
        "version": _VERSION, "notebook": notebook, "made_by": manifest["made_by"]["dfly-analysis"],
        "parameters": {name: value for name, value in manifest["parameters"].items() if value is not None},
        "inputs": inputs_of(manifest), "verdict": manifest["verdict"],
    }  # fmt: skip


def inputs_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return shortened hashes of the inputs (the folder they share is left out, so that it may move), and one hash of all."""
    listed = [(str(one["path"]), str(one["sha256"] or "")) for one in manifest["inputs"]]
    folder = common_folder(path for path, _ in listed)
    files = sorted((path.removeprefix(folder), digest) for path, digest in listed)
    whole = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    shown = {path: digest[:_HASH_LENGTH] for path, digest in files[:_MAX_FILES]}
    return {"files": shown, "n": len(files), "sha256": whole, "values_sha256": manifest.get("values_sha256")}


def version_of(library: str) -> str | None:
    """Return the version of an installed package."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def hash_of(path: object) -> str | None:
    """Return the SHA-256 of a file of values; None where there is none to read."""
    if not isinstance(path, str | Path) or not Path(path).is_file():
        return None
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def read_provenance(page: Path) -> dict[str, Any]:
    """Return what a page carries; raises SourceError where it is no report that carries its parameters."""
    try:
        text = page.read_text("utf-8")
    except OSError as problem:
        raise SourceError(f"cannot be read: {problem.strerror}", where=str(page), hint=_WANTED) from problem
    except UnicodeDecodeError as problem:
        raise SourceError("is no report: it is not text", where=str(page), hint=_WANTED) from problem
    finder = _Finder()
    finder.feed(text)
    try:
        record = json.loads(finder.found or "")
        if record["version"] == _VERSION:
            return _checked(record)
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise SourceError("is no report that carries its parameters", where=str(page), hint=_WANTED) from problem
    made_by = record.get("made_by")
    raise SourceError(f"was written by dfly-analysis {made_by}, in another shape", where=str(page), hint="use that release")  # fmt: skip


def _checked(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a page carries, or raise a TypeError: a page may come from anybody."""
    parts: dict[str, dict[str, Any]] = {
        name: {"files": {}, "sha256": None, "values_sha256": None} if name == "inputs" else {}
        for name in ("parameters", "inputs", "verdict")
    }
    for name, part in parts.items():
        if not isinstance(given := record.get(name, {}), dict):
            raise TypeError(name)
        part.update(given)
    if not isinstance(parts["inputs"]["files"], dict):
        raise TypeError("files")
    return {**record, **parts}


class _Finder(HTMLParser):
    found: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if self.found is None and tag == "meta" and named.get("name") == NAME:
            self.found = named.get("content")


def refuse_changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise a SourceError that names the first input that changed, is missing or is new; both as `inputs_of` gives them."""
    hint = "run `dfly-analysis report` for a new report"
    if before["values_sha256"] != now["values_sha256"]:
        raise SourceError("the Helm values have changed since the report was made", hint=hint)
    if before["sha256"] == now["sha256"]:
        return
    old, new = before["files"], now["files"]
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            what = "is missing" if path not in new else "is new" if path not in old else "has changed"
            raise SourceError(f"{what} compared with the input of the report", where=path or "the input", hint=hint)
    raise SourceError("the inputs have changed since the report was made", hint=hint)


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what two verdicts do not share, a line each; empty where they are the same."""
    return tuple(f"{name}: {before.get(name)} before, {now[name]} now" for name in now if before.get(name) != now[name])
