"""Reads the effective files of a host: dfdaemon.yaml, scheduler.yaml and manager.yaml, recognised by their content."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from dfly_analysis.catalog.defaults import Value
from dfly_analysis.config.helm_values import flatten
from dfly_analysis.config.yaml_positions import RepeatedKey, key_positions, load_yaml
from dfly_analysis.errors import SettingsError

_MAX_CHARACTERS = 1_000_000  # a component's file has a few thousand
_GLANCE = re.compile(r"^(?:download|storage|seedPeer|server|auth|scheduler):", re.MULTILINE)
_SECTION = re.compile(r"^(?=[A-Za-z])", re.MULTILINE)
_CLIENT = frozenset({"download", "upload", "storage", "seedPeer", "proxy", "gc", "dynconfig", "host"})
_GO_DAEMON = frozenset({"aliveTime", "gcInterval", "workHome", "keepStorage", "dataDir"})
_SCHEDULER = frozenset(
    {"algorithm", "backToSourceCount", "backSourceCount", "retryBackToSourceLimit", "retryLimit", "retryInterval", "gc"}
)


@dataclass(frozen=True)
class RenderedFile:
    """A component's own configuration file from a host; `values` and `lines` by dotted key, without secrets."""

    path: str
    component: str
    """One of client, scheduler, manager."""
    role: str
    """A client whose ``seedPeer.enable`` is true is a seed client."""
    host: str | None
    """As the file names it, else the name of its directory."""
    values: Mapping[str, Value] = field(hash=False)
    lines: Mapping[str, int] = field(default_factory=dict, hash=False)
    repeated: tuple[RepeatedKey, ...] = ()

    def first(self, names: Iterable[str]) -> tuple[str, Value] | None:
        """Return the first of several spellings that the file has, with its value, or None."""
        return next(((name, value) for name in names if (value := self.values.get(name)) is not None), None)


def read_rendered(text: str, path: str) -> RenderedFile | None:
    """Read a component's configuration file; None for anything else: Helm values, ``dynconfig.yaml``, the old Go daemon's file.

    The name of the directory in `path` is the host, if the file does not name it.
    """
    if len(text) > _MAX_CHARACTERS or not _GLANCE.search(text):
        return None
    found = _by_section(text) or _read(text)
    component = _component(found.content) if found else None
    if found is None or component is None:
        return None
    values = found.values
    role = "seedClient" if component == "client" and values.get("seedPeer.enable") is True else component
    named = values.get({"client": "host.hostname", "scheduler": "server.host"}.get(component, ""))
    host = named if isinstance(named, str) and named else _folder(path)
    return RenderedFile(path, component, role, host, values, found.lines, found.repeated)


class _Content(NamedTuple):
    content: dict[str, Any]
    values: dict[str, Value]
    lines: dict[str, int]
    repeated: tuple[RepeatedKey, ...] = ()


def _read(text: str) -> _Content | None:
    try:
        content = load_yaml(text, "")
    except SettingsError:
        return None
    return _Content(content, flatten(content), *key_positions(content)) if isinstance(content, dict) else None


_read_section = lru_cache(maxsize=1024)(_read)  # the files of a fleet differ in one or two sections


def _by_section(text: str) -> _Content | None:
    """Return a file read section by section, so that each distinct section is parsed once; None if that is not possible."""
    head, *sections = _SECTION.split(text)
    result, line = _Content({}, {}, {}), head.count("\n")
    if any(not comment.startswith("#") for comment in head.split("\n") if comment):
        return None
    for section in sections:
        found = _read_section(section)
        if found is None or found.repeated or not found.content.keys().isdisjoint(result.content):
            return None
        result.content.update(found.content)
        result.values.update(found.values)
        result.lines.update((path, line + at) for path, at in found.lines.items())
        line += section.count("\n")
    return result


def _component(content: Mapping[str, Any]) -> str | None:
    sections = {name for name, inner in content.items() if isinstance(inner, Mapping)}
    scheduler, server = content.get("scheduler"), content.get("server")
    if sections & {"download", "storage"} and len(sections & _CLIENT) > 1:
        return None if _GO_DAEMON & set(content) else "client"
    if "scheduler" in sections and isinstance(scheduler, Mapping) and _SCHEDULER & set(scheduler):
        return "scheduler"
    of_manager = isinstance(server, Mapping) and {"grpc", "rest"} & set(server)
    return "manager" if of_manager and sections & {"database", "auth", "job", "cache"} else None


def _folder(path: str) -> str | None:
    name = PurePosixPath(path.replace("\\", "/").replace("!", "/").replace("::", "/")).parent.name
    return name or None
