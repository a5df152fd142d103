"""Reads the user's Helm values: a file or a mapping, at the top or under a parent chart's name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dfly_analysis.errors import SettingsError
from dfly_analysis.knowledge.fact import Value
from dfly_analysis.redaction import redact
from dfly_analysis.settings.setting import ROLES

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SECRET = re.compile(
    r"pass(?:word|wd)|secret|token|credential|private|authorization|(?:^|[._-])(?:api)?key$|[a-z]Key$|header",
    re.IGNORECASE,
)
_SECTIONS = (*ROLES, "dfdaemon", "seedPeer")
_FILE_SECTIONS = frozenset({"download", "upload", "storage", "host"})


@dataclass(frozen=True)
class UserValues:
    """What the user gave.

    Attributes
    ----------
    name : str
        Name of the file, or ``values``.
    prefix : str
        Name of the parent chart's section with its dot, e.g. ``dragonfly.``; empty at the top.
    entries : mapping of str to value
        Dotted path from the role on, e.g. ``seedClient.config.download.pieceTimeout``; None takes the chart's value
        away, as Helm does.
    """

    name: str = "values"
    prefix: str = ""
    entries: Mapping[str, Value] = field(default_factory=dict, hash=False)

    def place(self, path: str) -> str:
        """Return the address of a path, e.g. ``values.yaml: seedClient.config.download.pieceTimeout``."""
        return f"{self.name}: {self.prefix}{path}"

    def removes(self, path: str) -> bool:
        """Return whether the user set a path, or a section it lies in, to null."""
        steps = path.split(".")
        heads = (".".join(steps[:end]) for end in range(1, len(steps) + 1))
        return any(head in self.entries and self.entries[head] is None for head in heads)


def read_values(values: str | os.PathLike[str] | Mapping[str, Any] | None) -> UserValues:
    """Read Helm values.

    Parameters
    ----------
    values : path, mapping or None
        A file, or what such a file holds; nested or with dotted keys.

    Returns
    -------
    UserValues
        Without secrets; empty for None and for an empty file.

    Raises
    ------
    SettingsError
        Where the file is missing, not YAML, not a mapping, or a component's own file.
    """
    if values is None:
        return UserValues()
    if isinstance(values, Mapping):
        name, content = "values", values
    else:
        path = Path(values)
        name, content = path.name, _content(path)
    if set(content) >= {"download"} and len(_FILE_SECTIONS & set(content)) > 1:
        hint = "put it among the inputs; values are what helm install -f takes"
        raise SettingsError("this is a client's own dfdaemon.yaml, no Helm values", where=name, hint=hint)
    prefix, section = _section(content)
    return UserValues(name, prefix, dict(flatten(section)))


def _content(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "not UTF-8 text"
        raise SettingsError(
            f"the values file cannot be read: {reason}", where=str(path), hint="give a Helm values file"
        ) from problem
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - the loader is a safe one
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        reason = getattr(problem, "problem", None) or "it cannot be parsed"
        hint = "check quotes, colons and indentation there; values of several files go into one"
        raise SettingsError(f"not YAML: {reason}", where=where, hint=hint) from problem
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        hint = "Helm values start with names such as seedClient:"
        raise SettingsError(f"a {type(content).__name__}, not a mapping", where=f"{path}:1", hint=hint)
    return content


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
    return any(str(name).partition(".")[0] in _SECTIONS for name in content)


def flatten(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Yield dotted paths and values of a nested mapping, secrets left out; a list becomes one JSON text."""
    for name, inner in node.items():
        path = f"{prefix}{name}"
        if _SECRET.search(str(name)):
            continue
        if isinstance(inner, Mapping) and inner:
            yield from flatten(inner, f"{path}.")
        else:
            yield path, _leaf(inner)


def _leaf(node: Any) -> Value:
    if node is None or isinstance(node, bool | int | float):
        return node
    if isinstance(node, str):
        return redact(node)
    return redact(json.dumps(_without_secrets(node), ensure_ascii=False, default=str))


def _without_secrets(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(name): _without_secrets(inner) for name, inner in node.items() if not _SECRET.search(str(name))}
    if isinstance(node, list):
        return [_without_secrets(inner) for inner in node]
    return node
