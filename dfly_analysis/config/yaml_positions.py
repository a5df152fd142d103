"""YAML of strangers: where each key stands, and which are written twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Repeated:
    """A key written twice in one mapping: only the last value counts.

    Attributes
    ----------
    path : str
        Dotted.
    line, earlier : int
        Of the last and of the one before.
    """

    path: str
    line: int
    earlier: int


class LocatedMapping(dict[Any, Any]):
    """A mapping of a YAML file.

    Attributes
    ----------
    lines : dict of key to int
        Line of each key, from 1; of a key written twice, the last, whose value counts.
    repeated : list of (key, int)
        Keys that were there before, and the line of the earlier, whose value is lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[Any, int] = {}
        self.repeated: list[tuple[Any, int]] = []


def load_located(text: str, where: str) -> Any:
    """Read a YAML document.

    Parameters
    ----------
    text : str
        One document.
    where : str
        Address for errors.

    Returns
    -------
    object
        What a safe loader gives, with `LocatedMapping` for mappings; None for an empty text.

    Raises
    ------
    SettingsError
        Where the text is no YAML, has several documents, or is nested or repeated beyond any configuration. Always one
        line, with the line of the file where it is known.

    Notes
    -----
    Built from the parser's events: its own composer recurses once a level and would end the process on a text of
    brackets, and anchors may hold themselves or double at each step.
    """
    from dfly_analysis.config.composing import compose

    return compose(text, where)


def key_lines(content: Any) -> dict[str, int]:
    """Return the line of each dotted path of a document, as `load_located` gives it; of anything else nothing is known."""
    return {path: mapping.lines[key] for path, mapping, key in _keys(content, "")}


def repeated_keys(content: Any) -> tuple[Repeated, ...]:
    """Return the keys of a document that are written twice, in its order."""
    found = [
        Repeated(f"{above}{key}", mapping.lines[key], earlier)
        for above, mapping in [("", content), *((f"{path}.", inner[key]) for path, inner, key in _keys(content, ""))]
        if isinstance(mapping, LocatedMapping)
        for key, earlier in mapping.repeated
    ]
    return tuple(sorted(found, key=lambda one: (one.line, one.path)))


def _keys(node: Any, above: str) -> Iterator[tuple[str, LocatedMapping, Any]]:
    if isinstance(node, LocatedMapping):
        for key, inner in node.items():
            yield f"{above}{key}", node, key
            if isinstance(inner, Mapping):
                yield from _keys(inner, f"{above}{key}.")
