"""Reads the YAML files of one knowledge folder, sorted by name, each with its address for error messages."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from dfly_analysis.errors import KnowledgeError

_ROOT = Path(__file__).parent
PARSED = "parsed"
"""Folder in which the installation leaves what JSON can hold of the files, by the hash of their bytes: YAML takes ten times as long."""


def read_folder(folder: str) -> Iterator[tuple[str, Any]]:
    """Yield each YAML file of a knowledge folder.

    Parameters
    ----------
    folder : str
        ``formats``, ``events``, ``signatures``, ``facts`` or ``texts``.

    Yields
    ------
    tuple of (str, object)
        Address such as ``knowledge/signatures/disk_full.yaml`` and the parsed content.

    Raises
    ------
    KnowledgeError
        Where a file is not YAML.
    """
    entries = sorted(_ROOT.joinpath(folder).iterdir(), key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.endswith(".yaml"):
            yield f"knowledge/{folder}/{entry.name}", _content(entry, f"knowledge/{folder}/{entry.name}")


@cache
def read_file(folder: str, name: str) -> Any:
    """Return the parsed content of one knowledge file, e.g. ``read_file("facts", "charts")``."""
    return _content(_ROOT.joinpath(folder, f"{name}.yaml"), f"knowledge/{folder}/{name}.yaml")


def parsed_name(data: bytes) -> str:
    """Return how the file is called that holds what YAML of those bytes says."""
    return f"{hashlib.sha256(data).hexdigest()[:32]}.json"


def read_parsed(name: str) -> Any:
    """Return what the installation left under a name, or None."""
    try:
        return json.loads(_ROOT.joinpath(PARSED, name).read_bytes())
    except FileNotFoundError:
        return None


def _content(entry: Path, address: str) -> Any:
    data = entry.read_bytes()
    parsed = read_parsed(parsed_name(data))
    return parse(data.decode("utf-8"), address) if parsed is None else parsed


def compile_pattern(pattern: str, where: str, what: str = "regex", flags: re.RegexFlag = re.DOTALL) -> re.Pattern[str]:
    """Compile a pattern of an entry, naming the entry where it is wrong."""
    try:
        return re.compile(pattern, flags)
    except re.error as problem:
        raise KnowledgeError(f"its {what} cannot be used: {problem}", where=where) from problem


def parse(text: str, address: str) -> Any:
    """Parse YAML, naming the address where it is broken."""
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - the loader is a safe one
    except yaml.YAMLError as problem:
        raise KnowledgeError(f"not YAML: {problem}", where=address) from problem
