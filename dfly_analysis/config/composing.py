"""Composes YAML of strangers from its parser's events, with bounds on depth and size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from dfly_analysis.errors import SettingsError
from dfly_analysis.config.yaml_positions import LocatedMapping

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 100  # levels; a chart's values have about ten
_MOST_NODES = 200_000  # with anchors followed; a chart's values have about a thousand
_HINT = "check quotes, colons and indentation there; values of several files go into one"


@dataclass
class _Open:
    """A mapping or list that is being read."""

    into: LocatedMapping | list[Any]
    line: int
    anchor: str | None
    nodes: int = 1
    key: Any = None
    key_line: int = 0
    awaits_value: bool = False
    merged: list[Any] = field(default_factory=list)


def compose(text: str, where: str) -> Any:
    """Read a YAML document, see `dfly_analysis.config.yaml_positions.load_located`."""
    try:
        return _Composer(text, where).read()
    except (yaml.YAMLError, ValueError, OverflowError) as problem:
        mark = getattr(problem, "problem_mark", None)
        reason = getattr(problem, "problem", None) or getattr(problem, "reason", None) or "it cannot be parsed"
        at = f"{where}:{mark.line + 1}" if mark else where
        raise SettingsError(f"not YAML: {reason}", where=at, hint=_HINT) from problem


class _Composer:
    def __init__(self, text: str, where: str) -> None:
        self._loader = _Loader(text)
        self._where = where
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._stack: list[_Open] = []
        self._unfinished: set[str] = set()
        self._result: Any = None
        self._documents = 0

    def read(self) -> Any:
        while self._loader.check_event():
            event = self._loader.get_event()
            line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    raise self._problem("a second document", line)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._begin(event, line)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(str(event.anchor), line)
            elif isinstance(event, yaml.ScalarEvent):
                self._scalar(event, line)
        return self._result

    def _problem(self, what: str, line: int) -> SettingsError:
        return SettingsError(
            f"not YAML that a configuration would be: {what}", where=f"{self._where}:{line}", hint=_HINT
        )

    def _begin(self, event: Any, line: int) -> None:
        if len(self._stack) >= _DEEPEST:
            raise self._problem(f"nested deeper than {_DEEPEST} levels", line)
        into: Any = LocatedMapping() if isinstance(event, yaml.MappingStartEvent) else []
        self._stack.append(_Open(into, line, event.anchor))
        if event.anchor:
            self._unfinished.add(event.anchor)

    def _end(self) -> None:
        done = self._stack.pop()
        if done.anchor:
            self._unfinished.discard(done.anchor)
        if isinstance(done.into, LocatedMapping):
            _merge(done.into, done.merged)
        self._put(done.into, done.line, done.nodes, done.anchor)

    def _alias(self, anchor: str, line: int) -> None:
        if anchor in self._unfinished:
            raise self._problem(f"the anchor {anchor} holds itself", line)
        if anchor not in self._anchors:
            raise self._problem(f"no anchor {anchor} stands before", line)
        value, nodes = self._anchors[anchor]
        self._put(value, line, nodes, None)

    def _scalar(self, event: Any, line: int) -> None:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        node = yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark)
        if tag == "tag:yaml.org,2002:merge":
            value: Any = _MERGE if event.implicit[0] else event.value
        else:
            value = self._loader.construct_object(node)
        self._put(value, line, 1, event.anchor)

    def _put(self, value: Any, line: int, nodes: int, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = (value, nodes)
        if not self._stack:
            self._result = value
            return
        top = self._stack[-1]
        top.nodes += nodes
        if top.nodes > _MOST_NODES:
            raise self._problem(f"more than {_MOST_NODES} values, anchors followed", line)
        if isinstance(top.into, list):
            top.into.append(value)
        elif not top.awaits_value:
            top.key = value if value.__hash__ else f"a key that is a {'list' if isinstance(value, list) else 'mapping'}"
            top.key_line, top.awaits_value = line, True
        else:
            _enter(top, value)
            top.awaits_value = False


_MERGE = object()


def _enter(top: _Open, value: Any) -> None:
    assert isinstance(top.into, LocatedMapping)
    if top.key is _MERGE:
        top.merged += value if isinstance(value, list) else [value]
        return
    if top.key in top.into:
        top.into.repeated.append((top.key, top.into.lines[top.key]))
    top.into[top.key] = value
    top.into.lines[top.key] = top.key_line


def _merge(into: LocatedMapping, merged: list[Any]) -> None:
    """Take over what ``<<`` names, the earlier before the later, and never over a key of the mapping's own."""
    for other in merged:
        if isinstance(other, LocatedMapping):
            for key, value in other.items():
                if key not in into:
                    into[key] = value
                    into.lines[key] = other.lines[key]
