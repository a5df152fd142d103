"""Reads YAML that users write: the line of each key, repeated keys, and bounds on depth and size.

Events of PyYAML's C parser cost a tenth of ruamel.yaml's time; its composed nodes would overflow the stack of a hostile file.
"""

from dataclasses import dataclass
from typing import Any

from dfly_analysis.errors import SettingsError

_MAX_DEPTH = 100  # levels; a chart's values have about ten
_TOO_DEEP = f"not a configuration: nested deeper than {_MAX_DEPTH} levels"
_MAX_VALUES = 200_000  # with anchors followed; a chart's values have about a thousand
_TEXTS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")
_HINT = "check quotes, colons and indentation there, and give one YAML document"


@dataclass(frozen=True)
class RepeatedKey:
    """A key that is set twice in one mapping, of which the last value counts: its dotted path, and the lines of both."""

    path: str
    line: int
    earlier: int


class PositionedMapping(dict[Any, Any]):
    """A mapping of a YAML file with the line of each key, from 1, and its repeated keys with the line whose value is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[Any, int] = {}
        self.repeated: list[tuple[Any, int]] = []


def load_yaml(text: str, where: str) -> Any:
    """Return one YAML document with `PositionedMapping` for mappings, None for an empty text; a SettingsError names `where` if it is not YAML, or deeper or larger than any configuration."""
    import yaml

    try:
        return _Builder(text, where).document()
    except (yaml.YAMLError, ValueError, OverflowError) as problem:
        mark = getattr(problem, "problem_mark", None)
        reason = getattr(problem, "problem", None) or getattr(problem, "reason", None) or "it cannot be parsed"
        at = f"{where}:{mark.line + 1}" if mark else where
        if "nesting depth" in reason:  # libyaml scans ahead, and refuses before the events come
            raise SettingsError(_TOO_DEEP, where=at, hint=_HINT) from problem
        raise SettingsError(f"not YAML: {reason}", where=at, hint=_HINT) from problem


class _Builder:
    """Builds values from the parser's events, which come without recursion in C; the value of an anchor is built once."""

    def __init__(self, text: str, where: str) -> None:
        import yaml

        make_loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._yaml, self._loader, self._where = yaml, make_loader(text), where
        self._next = self._loader.get_event
        self._anchors: dict[str, tuple[Any, int] | None] = {}  # None while the value is being built
        self._count = self._depth = 0

    def document(self) -> Any:
        self._next()
        if isinstance(self._next(), self._yaml.StreamEndEvent):
            return None
        value = self._value(self._next())
        self._next()
        if not isinstance(event := self._next(), self._yaml.StreamEndEvent):
            raise self._refused("not YAML: another document follows", event)
        return value

    def _value(self, event: Any) -> Any:
        kind, anchor, before = type(event), event.anchor, self._count
        if kind is self._yaml.AliasEvent:
            if anchor not in self._anchors:
                raise self._refused("not YAML: undefined alias", event)
            known = self._anchors[anchor]
            if known is None:
                raise self._refused("not a configuration: an anchor contains itself", event)
            self._add(known[1], event)
            return known[0]
        if anchor is not None:
            if anchor in self._anchors:
                raise self._refused("not YAML: this anchor is defined twice", event)
            self._anchors[anchor] = None
        if kind is self._yaml.ScalarEvent:
            self._count += 1
            value = self._scalar(event)
        else:
            value = self._collection(event)
        if anchor is not None:
            self._anchors[anchor] = value, self._count - before
        return value

    def _scalar(self, event: Any) -> Any:
        text, tag = event.value, event.tag
        if tag is None or tag == "!":
            if not event.implicit[0] or text[:1] not in self._loader.yaml_implicit_resolvers:
                return text
            tag = self._loader.resolve(self._yaml.ScalarNode, text, event.implicit)
        if tag in _TEXTS:
            return text
        return self._loader.construct_object(self._yaml.ScalarNode(tag, text, event.start_mark, event.end_mark))

    def _collection(self, start: Any) -> Any:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._refused(_TOO_DEEP, start)
        if isinstance(start, self._yaml.MappingStartEvent):
            value: Any = self._mapping()
        else:
            value, end = [], self._yaml.SequenceEndEvent
            while type(event := self._next()) is not end:
                value.append(self._value(event))
        self._depth -= 1
        self._add(1, start)
        return value

    def _mapping(self) -> PositionedMapping:
        result, merged, end = PositionedMapping(), [], self._yaml.MappingEndEvent
        lines = result.lines
        while type(event := self._next()) is not end:
            key, line = self._value(event), event.start_mark.line + 1
            is_merge = key == "<<" and getattr(event, "implicit", (False,))[0]
            value = self._value(self._next())
            if is_merge:
                merged += value if isinstance(value, list) else [value]
                continue
            if key.__hash__ is None:
                key = f"a key that is a {'list' if isinstance(key, list) else 'mapping'}"
            if key in result:
                result.repeated.append((key, lines[key]))
            result[key], lines[key] = value, line
        for other in merged:  # the earlier before the later, and none over a key of the mapping's own
            for key in other if isinstance(other, PositionedMapping) else ():
                if key not in result:
                    result[key], lines[key] = other[key], other.lines[key]
        return result

    def _refused(self, reason: str, event: Any) -> SettingsError:
        return SettingsError(reason, where=f"{self._where}:{event.start_mark.line + 1}", hint=_HINT)

    def _add(self, count: int, event: Any) -> None:
        self._count += count
        if self._count > _MAX_VALUES:
            raise self._refused(f"not a configuration: more than {_MAX_VALUES} values, anchors followed", event)


def key_positions(content: Any) -> tuple[dict[str, int], tuple[RepeatedKey, ...]]:
    """Return the line of each dotted path of a document from `load_yaml`, and its keys that are written twice, by line."""
    lines: dict[str, int] = {}
    repeated: list[RepeatedKey] = []

    def visit(node: PositionedMapping, above: str) -> None:
        repeated.extend(RepeatedKey(f"{above}{key}", node.lines[key], earlier) for key, earlier in node.repeated)
        for key, inner in node.items():
            path = f"{above}{key}"
            lines[path] = node.lines[key]
            if isinstance(inner, PositionedMapping):
                visit(inner, f"{path}.")

    if isinstance(content, PositionedMapping):
        visit(content, "")
    return lines, tuple(sorted(repeated, key=lambda one: (one.line, one.path)))
