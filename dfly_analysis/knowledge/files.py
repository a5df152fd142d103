"""Reads the YAML files of one knowledge folder, sorted by name, each with its address for error messages."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from dfly_analysis.errors import KnowledgeError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
    entries = sorted(files("dfly_analysis").joinpath("knowledge", folder).iterdir(), key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.endswith(".yaml"):
            yield (
                f"knowledge/{folder}/{entry.name}",
                parse(entry.read_text("utf-8"), f"knowledge/{folder}/{entry.name}"),
            )


@cache
def read_file(folder: str, name: str) -> Any:
    """Return the parsed content of one knowledge file, e.g. ``read_file("facts", "charts")``."""
    path = files("dfly_analysis").joinpath("knowledge", folder, f"{name}.yaml")
    return parse(path.read_text("utf-8"), f"knowledge/{folder}/{name}.yaml")


def parse(text: str, address: str) -> Any:
    """Parse YAML, naming the address where it is broken."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - the loader is a safe one
    except yaml.YAMLError as problem:
        raise KnowledgeError(f"not YAML: {problem}", where=address) from problem
