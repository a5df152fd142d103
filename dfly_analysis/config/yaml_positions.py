"""Reads a YAML file of the user's: where each key stands, and which are written twice, with bounds on depth and size.

PyYAML's C parser gives the nodes with their lines. Ruamel.yaml would give the same, in 2 ms a component's file instead of 0.2 ms: a
fleet of 300 hosts has thousands of these files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dfly_analysis.errors import SettingsError

_MAX_DEPTH = 100  # levels; a chart's values have about ten
_MAX_VALUES = 200_000  # with anchors followed; a chart's values have about a thousand
_MERGE = "tag:yaml.org,2002:merge"
_HINT = "check quotes, colons and indentation there; values of several files go into one"


@dataclass(frozen=True)
class RepeatedKey:
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


class PositionedMapping(dict[Any, Any]):
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


def load_yaml(text: str, where: str) -> Any:
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
        What a safe loader gives, with `PositionedMapping` for mappings; None for an empty text.

    Raises
    ------
    SettingsError
        Where the text is no YAML, has several documents, or is nested or repeated beyond any configuration. Always one
        line, with the line of the file where it is known.
    """
    import yaml

    make_loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_depth(yaml.parse(text, Loader=make_loader), where)
        loader = make_loader(text)
        node = loader.get_single_node()
        return None if node is None else _Builder(loader, where).build(node)
    except (yaml.YAMLError, ValueError, OverflowError) as problem:
        mark = getattr(problem, "problem_mark", None)
        reason = getattr(problem, "problem", None) or getattr(problem, "reason", None) or "it cannot be parsed"
        if "duplicate anchor" in (getattr(problem, "context", None) or ""):
            reason = "an anchor of this name stands above too"
        at = f"{where}:{mark.line + 1}" if mark else where
        raise SettingsError(f"not YAML: {reason}", where=at, hint=_HINT) from problem


def _refused(what: str, where: str, node: Any) -> SettingsError:
    line = node.start_mark.line + 1
    return SettingsError(f"not YAML that a configuration would be: {what}", where=f"{where}:{line}", hint=_HINT)


def _check_depth(events: Iterable[Any], where: str) -> None:
    """Refuse deep nesting before nodes are made of it: the parser recurses in C, once a level."""
    from yaml import CollectionEndEvent, CollectionStartEvent

    depth = 0
    for event in events:
        if isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                raise _refused(f"nested deeper than {_MAX_DEPTH} levels", where, event)
        elif isinstance(event, CollectionEndEvent):
            depth -= 1


class _Builder:
    """Makes mappings, lists and values of nodes; an anchor's once, and counted at each place it is named."""

    def __init__(self, loader: Any, where: str) -> None:
        self._loader = loader
        self._where = where
        self._built: dict[Any, tuple[Any, int]] = {}
        self._unfinished: set[Any] = set()

    def build(self, node: Any) -> Any:
        return self._counted(node)[0]

    def _counted(self, node: Any) -> tuple[Any, int]:
        if node in self._unfinished:
            raise _refused("an anchor holds itself", self._where, node)
        if node not in self._built:
            self._unfinished.add(node)
            self._built[node] = self._made(node)
            self._unfinished.discard(node)
        return self._built[node]

    def _made(self, node: Any) -> tuple[Any, int]:
        if node.id == "scalar":
            return self._loader.construct_object(node), 1
        if node.id == "sequence":
            items = [self._counted(inner) for inner in node.value]
            return [item for item, _ in items], self._bounded(node, sum(count for _, count in items))
        into, merged, total = PositionedMapping(), [], 0
        for key_node, value_node in node.value:
            value, count = self._counted(value_node)
            total = self._bounded(node, total + 1 + count)
            if key_node.tag == _MERGE:
                merged += value if isinstance(value, list) else [value]
                continue
            key = self.build(key_node)
            if key.__hash__ is None:
                key = f"a key that is a {'list' if isinstance(key, list) else 'mapping'}"
            if key in into:
                into.repeated.append((key, into.lines[key]))
            into[key] = value
            into.lines[key] = key_node.start_mark.line + 1
        for other in merged:  # the earlier before the later, and none over a key of the mapping's own
            for key in other if isinstance(other, PositionedMapping) else ():
                if key not in into:
                    into[key], into.lines[key] = other[key], other.lines[key]
        return into, total

    def _bounded(self, node: Any, count: int) -> int:
        if count > _MAX_VALUES:
            raise _refused(f"more than {_MAX_VALUES} values, anchors followed", self._where, node)
        return count + 1


def key_lines(content: Any) -> dict[str, int]:
    """Return the line of each dotted path of a document, as `load_yaml` gives it; of anything else nothing is known."""
    return {path: mapping.lines[key] for path, mapping, key in _keys(content, "")}


def repeated_keys(content: Any) -> tuple[RepeatedKey, ...]:
    """Return the keys of a document that are written twice, in its order."""
    found = [
        RepeatedKey(f"{above}{key}", mapping.lines[key], earlier)
        for above, mapping in [("", content), *((f"{path}.", inner[key]) for path, inner, key in _keys(content, ""))]
        if isinstance(mapping, PositionedMapping)
        for key, earlier in mapping.repeated
    ]
    return tuple(sorted(found, key=lambda one: (one.line, one.path)))


def _keys(node: Any, above: str) -> Iterator[tuple[str, PositionedMapping, Any]]:
    if isinstance(node, PositionedMapping):
        for key, inner in node.items():
            yield f"{above}{key}", node, key
            if isinstance(inner, Mapping):
                yield from _keys(inner, f"{above}{key}.")
