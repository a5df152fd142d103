"""Reads the user's Helm values: a file or a mapping, at the top or under a parent chart's name."""

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from dfly_analysis.catalog.defaults import Value
from dfly_analysis.config.setting import SECTIONS
from dfly_analysis.config.yaml_positions import RepeatedKey, key_positions, load_yaml
from dfly_analysis.errors import SettingsError
from dfly_analysis.redaction import redact

_SECRET = re.compile(
    r"pass(?:word|wd)|secret|token|credential|private|authorization|(?:^|[._-])(?:api)?key$|[a-z]Key$|header",
    re.IGNORECASE,
)
_SHORT = 200
_MAX_BYTES = 4_000_000  # a chart's values have about a hundred thousand
_FILES = "give a Helm values file, a component's own file, or a folder of them"
_FILE_SECTIONS = frozenset({"download", "upload", "storage", "host"})


@dataclass(frozen=True)
class UserValues:
    """Helm values as the user wrote them."""

    name: str = "values"
    prefix: str = ""
    """Section of the parent chart with its dot, e.g. ``dragonfly.``; empty at the top."""
    entries: Mapping[str, Value] = field(default_factory=dict, hash=False)
    """By dotted path, e.g. ``seedClient.config.download.pieceTimeout``; None removes the chart's value, as in Helm."""
    address: str = ""
    lines: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Line of each path and section; empty if the values came as a mapping."""
    repeated: tuple[RepeatedKey, ...] = ()

    def place(self, path: str) -> str:
        """Return the address of a path, e.g. ``values.yaml: seedClient.config.download.pieceTimeout``."""
        return f"{self.name}: {self.prefix}{path}"

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
    """Read Helm values from a text, see `read_values`; `name` is short for the address."""
    content = load_yaml(text, address)
    if content is None:
        return UserValues(name or address, address=address)
    if not isinstance(content, Mapping):
        hint = "Helm values start with names such as seedClient:"
        raise SettingsError(f"a {type(content).__name__}, not a mapping", where=f"{address}:1", hint=hint)
    return _user_values(content, name or address, address)


def _user_values(content: Mapping[str, Any], name: str, address: str = "") -> UserValues:
    if set(content) >= {"download"} and len(_FILE_SECTIONS & set(content)) > 1:
        hint = "give it among the inputs; Helm values are what helm install -f takes"
        raise SettingsError("not Helm values but a client's own dfdaemon.yaml", where=name, hint=hint)
    prefix, section = _section(content)
    return UserValues(name, prefix, flatten(section), address, *key_positions(section))


def read_text(path: str) -> str:
    """Return the text of a configuration file, or of stdin for ``-``; a SettingsError if it cannot be one."""
    try:
        if path == "-":
            content = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "not UTF-8 text"
        raise SettingsError(f"it cannot be read: {reason}", where=path, hint=_FILES) from problem
    if len(content) > _MAX_BYTES:
        reason = f"too large for a configuration: more than {_MAX_BYTES // 10**6} MB"
        raise SettingsError(reason, where=path, hint=_FILES)
    return text


def _section(content: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    named = content.get("dragonfly")
    if isinstance(named, Mapping) and _is_dragonfly(named):
        return "dragonfly.", named
    if not _is_dragonfly(content):
        for name, inner in content.items():
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
            if _is_secret(str(name)):
                continue
            if isinstance(inner, Mapping) and inner:
                visit(inner, f"{above}{name}.")
            else:
                found[f"{above}{name}"] = _leaf(inner)

    visit(node, "")
    return found


@lru_cache(maxsize=4096)  # a fleet repeats the same few names
def _is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


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
        return {str(name): _without_secrets(inner) for name, inner in node.items() if not _is_secret(str(name))}
    if isinstance(node, list):
        return [_without_secrets(inner) for inner in node]
    return node
