"""Reads the user's Helm values: a file or a mapping, at the top or under a parent chart's name."""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from dfly_analysis.catalog.defaults import Value
from dfly_analysis.catalog.key_places import KeyPlace, find_places, nearest_places
from dfly_analysis.catalog.key_spelling import suggest_keys
from dfly_analysis.config.pasted_yaml import documents, inline_values, merged, unwrapped
from dfly_analysis.config.setting import CLIENT_ROLES, SECTIONS
from dfly_analysis.config.yaml_positions import PositionedMapping, RepeatedKey, key_positions, load_yaml
from dfly_analysis.errors import SettingsError
from dfly_analysis.findings import collapse_whitespace
from dfly_analysis.redaction import Kind, kind_of_name, redact
from dfly_analysis.schema import ROLES
from dfly_analysis.text_encoding import encoding_of

_SHORT = 200
_NEAR = 0.75  # how alike a section and a name have to be for one to be meant
_MAX_BYTES = 4_000_000  # a chart's values have about a hundred thousand
_FILES = "give a Helm values file, a component's own file, or a folder of them"
_OWN_FILE = frozenset({"manager", "host", "server", "seedPeer", "dynconfig", "health", "metrics"})
"""Sections that a part of a client's own file does not have."""
CHART_KEYS = frozenset({
    "affinity", "containerPort", "daemonsetAnnotations", "deploymentAnnotations", "enable", "extraEnvVars", "extraVolumeMounts", "extraVolumes",
    "fullnameOverride", "grpcPort", "hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostPort", "image", "ingress", "initContainer",
    "livenessProbe", "maxProcs", "metrics", "mountDataDirAsHostPath", "name", "nameOverride", "nodeSelector", "persistence", "podAnnotations",
    "podLabels", "priorityClassName", "readinessProbe", "replicas", "resources", "restPort", "securityContext", "service",
    "statefulsetAnnotations", "terminationGracePeriodSeconds", "tolerations", "updateImage", "updateStrategy",
})  # fmt: skip
"""What the chart has below the name of a component that is no part of the component's own file."""
SECTION_KEYS = CHART_KEYS | {"config", "dfinit"}
OTHER_SECTIONS = frozenset({
    "cdn", "clusterDomain", "containerRuntime", "externalManager", "externalMysql", "externalRedis", "fullnameOverride", "global",
    "hostAliases", "injector", "jaeger", "mysql", "nameOverride", "namespaceOverride", "redis", "triton",
})  # fmt: skip
"""Sections of a chart's values that are no component: a file of these alone is Dragonfly's, and configures no component."""


@dataclass(frozen=True)
class WrittenKey:
    """A key that was written without the sections it belongs in, or below wrong ones, and where it belongs."""

    path: str
    value: Value
    line: int
    places: tuple[KeyPlace, ...]


@dataclass(frozen=True)
class UserValues:
    """Helm values as the user wrote them."""

    name: str = "values"
    prefix: str = ""  # section of the parent chart with its dot, e.g. ``dragonfly.``; empty at the top
    entries: Mapping[str, Value] = field(default_factory=dict, hash=False)
    """By dotted path, e.g. ``seedClient.config.download.pieceTimeout``; None removes the chart's value, as in Helm."""
    address: str = ""
    lines: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Line of each path and section; empty if the values came as a mapping."""
    repeated: tuple[RepeatedKey, ...] = ()
    written: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Of a part of a configuration: paths as the user wrote them, by the paths at which the chart reads them."""
    parts: tuple[WrittenKey, ...] = ()  # of a part of a configuration: its keys, and where they belong

    def as_written(self, path: str) -> str:
        """Return a path as the user wrote it."""
        return collapse_whitespace(self.written.get(path) or f"{self.prefix}{path}")

    def place(self, path: str) -> str:
        """Return the address of a path, e.g. ``values.yaml: seedClient.config.download.pieceTimeout``."""
        return f"{self.name}: {self.as_written(path)}"

    @property
    def is_chart_values(self) -> bool:
        """Return whether they are values of the chart, not a part of some component's file."""
        return bool(self.entries) and not self.parts and not self.written

    def removes(self, path: str) -> bool:
        """Return whether the user set a path, or a section it lies in, to null."""
        steps = path.split(".")
        heads = (".".join(steps[:end]) for end in range(1, len(steps) + 1))
        return any(head in self.entries and self.entries[head] is None for head in heads)


def read_values(values: UserValues | str | os.PathLike[str] | Mapping[str, Any] | None) -> UserValues:
    """Return Helm values from a file, or from a mapping, nested or with dotted keys, without secrets; else a SettingsError."""
    if values is None:
        return UserValues()
    if isinstance(values, UserValues):
        return values
    if isinstance(values, Mapping):
        return _user_values(values, "values")
    path = Path(values)
    return read_values_text(read_text(str(path)), str(path), name=path.name)


def read_values_text(text: str, address: str, *, name: str | None = None) -> UserValues:
    """Read Helm values, or a part of a configuration, from a text as people paste it, see `read_values`; `name` is short for the address."""
    text = unwrapped(text)
    contents = [one for one in documents(text) if isinstance(one, Mapping)]
    values = _user_values(contents[0] if len(contents) == 1 else merged(contents), name or address, address)
    if contents and is_known(values):
        return values
    is_prose = all(isinstance(value, str) and " " in value for value in values.entries.values())
    if is_prose and (inline := _inline(text)):
        return _user_values(inline, name or address, address)
    content = load_yaml(text, address)  # says what is wrong with it
    if content is not None and not isinstance(content, Mapping):
        hint = "Helm values start with names such as seedClient:"
        raise SettingsError(f"a {type(content).__name__}, not a mapping", where=f"{address}:1", hint=hint)
    return values


def is_known(values: UserValues) -> bool:
    """Return whether a key of them is one of Dragonfly, or a section of its chart."""
    tops = (path.partition(".")[0] for path in values.entries)
    return not values.entries or any(top in SECTIONS or top in OTHER_SECTIONS for top in tops)


def _inline(text: str) -> PositionedMapping:
    result = PositionedMapping()
    for path, value, line in inline_values(text):
        if path.partition(".")[0] in SECTIONS or any(place.is_quantity for place in find_places(path)):
            scalar: Value = int(value) if value.isdecimal() else value
            result[path], result.lines[path] = {"true": True, "false": False}.get(value, scalar), line
    return result


def _user_values(content: Mapping[str, Any], name: str, address: str = "") -> UserValues:
    if "download" in content and _OWN_FILE & set(content):
        hint = "give it among the inputs; Helm values are what helm install -f takes"
        raise SettingsError("not Helm values but a client's own dfdaemon.yaml", where=name, hint=hint)
    prefix, section = _section(content)
    entries = flatten(section)
    lines, repeated = key_positions(section)
    values = UserValues(name, prefix, entries, address, lines, repeated)
    return values if _is_chart(section) else _placed(values)


def _is_chart(content: Mapping[str, Any]) -> bool:
    """Return whether a mapping is values of the chart rather than a part of a component's own file, whose sections may have the same names."""
    for path, inner in content.items():
        top, _, rest = str(path).partition(".")
        below = {str(key).partition(".")[0] for key in (inner if isinstance(inner, Mapping) else (rest,))}
        if top in {*OTHER_SECTIONS, *CLIENT_ROLES, "dfdaemon"} or (below & SECTION_KEYS and nearest_section(top)):
            return True
    return False


def nearest_section(name: str) -> str | None:
    """Return the section of the chart's values that a name is, or comes near to; None if it is another name."""
    return next(iter(get_close_matches(name, SECTIONS, 1, _NEAR)), None)


def _placed(values: UserValues) -> UserValues:
    """Return a part of a configuration as values of the roles it can belong to, where its keys have one place in each."""
    entries, lines, written, parts = dict[str, Value](), dict(values.lines), dict[str, str](), list[WrittenKey]()
    for path, value in values.entries.items():
        places = find_places(path)
        if value is not None and places:
            parts.append(WrittenKey(f"{values.prefix}{path}", value, values.lines.get(path, 0), places))
        targets = _targets(path, places) or [path]
        for target in targets if value is not None or not places else []:
            entries[target], lines[target] = value, values.lines.get(path, 0)
            if target != path:
                written[target] = f"{values.prefix}{path}"
    placed = set(written.values()) | {part.path for part in parts}
    if sum(value is not None for value in values.entries.values()) > 2 * len(placed):
        return values  # most of it is another program's
    sections = _sections(parts)
    for path in [path for path in entries if path in values.entries and path.rpartition(".")[0] in sections]:
        for role in sections[path.rpartition(".")[0]]:
            target = f"{role}.config.{path}"
            entries[target], lines[target] = values.entries[path], values.lines.get(path, 0)
            written[target] = f"{values.prefix}{path}"
        del entries[path]
    return replace(values, entries=entries, lines=lines, written=written, parts=tuple(parts))


def _sections(parts: Iterable[WrittenKey]) -> dict[str, tuple[str, ...]]:
    """Return the sections of a component's file that the parts stand in as that file has them, and the roles: what else stands there is a key too, known or not."""
    found: dict[str, tuple[str, ...]] = {}
    for part in parts:
        section = part.path.rpartition(".")[0]
        roles = [role for place in part.places if place.key == part.path for role in place.roles if role in ROLES]
        if section and roles:
            found[section] = tuple(dict.fromkeys((*found.get(section, ()), *roles)))
    return found


def _targets(path: str, places: tuple[KeyPlace, ...]) -> list[str]:
    """Return where the chart's values hold a key, once for each role in which it has one place."""
    if not places:  # a misspelt key in a section of the client's file, or alone
        roles = [role for role in CLIENT_ROLES if "." in path and suggest_keys(role, path)]
        places = () if roles else nearest_places(path)
        if not places:
            return [f"{role}.config.{path}" for role in roles]
    leaf = path.rpartition(".")[2]
    found = list[str]()
    for role in ROLES:
        keys = [place.key for place in places if role in place.roles]
        if len(keys) == 1:
            section = keys[0].rpartition(".")[0]
            found.append(".".join(filter(None, (role, "config", section, leaf))))
    return found


def read_text(path: str) -> str:
    """Return the text of a configuration file, or of stdin for ``-``; a SettingsError if it cannot be one."""
    try:
        if path == "-":
            content = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
        text = content.decode(encoding_of(content)).removeprefix("\ufeff")
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "not UTF-8 or UTF-16 text"
        raise SettingsError(f"it cannot be read: {reason}", where=path, hint=_FILES) from problem
    if len(content) > _MAX_BYTES:
        reason = f"too large for a configuration: more than {_MAX_BYTES // 10**6} MB"
        raise SettingsError(reason, where=path, hint=_FILES)
    return text


def _section(content: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    names = ["dragonfly"] if _is_dragonfly(content) else ["dragonfly", *content]
    for name in names:
        inner = content.get(name)
        if isinstance(inner, Mapping) and _is_dragonfly(inner):
            return f"{name}.", inner
    return "", content


def _is_dragonfly(content: Mapping[str, Any]) -> bool:
    return any(str(name).partition(".")[0] in SECTIONS for name in content)


def flatten(node: Mapping[str, Any]) -> dict[str, Value]:
    """Return dotted paths and values of a nested mapping, secrets left out; a list becomes one JSON text."""
    found: dict[str, Value] = {}

    def visit(node: Mapping[str, Any], above: str) -> None:
        for name, inner in node.items():
            if _is_secret(str(name), inner):
                continue
            if isinstance(inner, Mapping) and inner:
                visit(inner, f"{above}{name}.")
            else:
                found[f"{above}{name}"] = _leaf(inner)

    visit(node, "")
    return found


def _is_secret(name: str, content: Any) -> bool:
    """Return whether a value goes for its name; the names inside a mapping tell more than its own."""
    kind = kind_of_name(name)
    return kind is Kind.CERTAIN or (kind is not None and isinstance(content, str)) or "header" in name.lower()


@lru_cache(maxsize=4096)  # and mostly the same values
def _redacted(short: str) -> str:
    return redact(short)


def _leaf(node: Any) -> Value:
    if node is None or isinstance(node, bool | int | float):
        return node
    if isinstance(node, str):
        return _redacted(node) if len(node) < _SHORT else redact(node)
    return redact(json.dumps(_without_secrets(node), ensure_ascii=False, default=str))


def _without_secrets(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(name): _without_secrets(inner) for name, inner in node.items() if not _is_secret(str(name), inner)}
    if isinstance(node, list):
        return [_without_secrets(inner) for inner in node]
    return node
