"""Reads the effective files of a host: dfdaemon.yaml, scheduler.yaml, manager.yaml, and the old Go client's, recognised by content."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from dfly_analysis.catalog.defaults import Value
from dfly_analysis.catalog.key_spelling import is_known_key
from dfly_analysis.config.helm_values import flatten
from dfly_analysis.config.yaml_positions import RepeatedKey, key_positions, load_yaml
from dfly_analysis.errors import SettingsError

_MAX_CHARACTERS = 1_000_000  # a component's file has a few thousand
_GLANCE = re.compile(r"^(?:download|storage|seedPeer|server|auth|scheduler):", re.MULTILINE)
_SECTION = re.compile(r"^(?=[A-Za-z])", re.MULTILINE)
_CLIENT = frozenset({
    "download", "upload", "storage", "seedPeer", "proxy", "gc", "dynconfig", "host", "server", "manager", "scheduler", "health", "metrics",
    "stats", "tracing", "backend", "network", "security", "log",
})  # fmt: skip
_WHOLE = frozenset({"manager", "host", "server", "seedPeer", "dynconfig", "health", "metrics"})
"""Sections without which a client's file is only a part of one, unless its name says otherwise."""
_SCHEDULER = frozenset(
    {"algorithm", "backToSourceCount", "backSourceCount", "retryBackToSourceLimit", "retryLimit", "retryInterval", "gc"}
)


class _Content(NamedTuple):
    content: dict[str, Any]
    values: dict[str, Value]
    lines: dict[str, int]
    repeated: tuple[RepeatedKey, ...] = ()


@dataclass(frozen=True)
class RenderedFile:
    """A component's own configuration file from a host; `values` and `lines` by dotted key, without secrets."""

    path: str
    component: str  # one of client, scheduler, manager, go-client
    role: str
    """A client whose ``seedPeer.enable`` is true is a seed client; the old Go client's file has a role of its own."""
    host: str | None  # as the file names it, else the name of its directory
    values: Mapping[str, Value] = field(hash=False)
    lines: Mapping[str, int] = field(default_factory=dict, hash=False)
    repeated: tuple[RepeatedKey, ...] = ()
    named_role: str | None = None
    """Role that the name of the file, its folder or its ConfigMap says; the content may say it too."""

    def first(self, names: Iterable[str]) -> tuple[str, Value] | None:
        """Return the first of several spellings that the file has, with its value, or None."""
        return next(((name, value) for name in names if (value := self.values.get(name)) is not None), None)


def read_rendered(text: str, path: str) -> RenderedFile | None:
    """Read a component's configuration file; None for anything else: Helm values, ``dynconfig.yaml``, the old Go client's file. The file, else the name of its folder, names the host."""
    if len(text) > _MAX_CHARACTERS or not _GLANCE.search(text):
        return None
    found = _by_section(text) or _read(text)
    if found is None or is_go_client(found, path):
        return None
    component, values = _component(found.content, path), found.values
    role = named_role = component
    if component == "client":
        if sum(is_known_key("client", key) for key in values) * 2 < len(values):
            return None
        enabled, named_role = values.get("seedPeer.enable"), role_named(path)
        if enabled is True or (named_role == "seedClient" and enabled is not False):
            role = "seedClient"
    if component is None or role is None:
        return None
    named = values.get({"client": "host.hostname", "scheduler": "server.host"}.get(component, ""))
    host = named if isinstance(named, str) and named else _folder(path)
    return RenderedFile(path, component, role, host, values, found.lines, found.repeated, named_role)


def role_named(path: str) -> str | None:
    """Return the role that the name of a file, a folder, a ConfigMap or a component says; None if none does."""
    name = re.sub(r"dfdaemon\.ya?ml$", "", path.lower())
    match = re.search(r"seed[-_]?(?:client|peer)|(?<![a-z])(?:client|scheduler|manager)(?![a-z])", name)
    if match is None:
        return None
    return "seedClient" if match.group().startswith("seed") else match.group()


def read_go_client(text: str, path: str) -> RenderedFile | None:
    """Read the file of the old Go client (dfget.yaml, later dfdaemon.yaml); None for anything else."""
    found = _read(text) if len(text) <= _MAX_CHARACTERS else None
    if found is None or not is_go_client(found, path):
        return None
    host = found.values.get("host.hostname")
    named = host if isinstance(host, str) and host else _folder(path)
    return RenderedFile(path, "go-client", "go-client", named, found.values, found.lines, found.repeated)


def is_go_client(found: _Content, path: str) -> bool:
    """Return whether more keys are the old Go client's alone than the Rust client's alone."""
    keys = [key for key, value in found.values.items() if value is not None]
    if not _CLIENT & {key.partition(".")[0] for key in keys}:
        return False
    if any(key.startswith(("client.", "seedClient.", "dfdaemon.")) for key in keys):
        return False
    old = [key for key in keys if is_known_key("go-client", key) and not is_known_key("client", key)]
    new = sum(is_known_key("client", key) and not is_known_key("go-client", key) for key in keys)
    known = sum(is_known_key("go-client", key) for key in keys)
    # other programs have a proxy, health checks and logs too
    common = re.compile(r"(?:proxy|health|host|security|network|log\w*|metrics|verbose|console)\b")
    is_own = not all(map(common.match, old))
    if not is_own or known * 2 < len(keys):
        return False
    return len(old) > new or (_stem(path) == "dfget" and len(old) >= new)


def _stem(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/").replace("!", "/")).stem


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


def _component(content: Mapping[str, Any], path: str) -> str | None:
    sections = {name for name, inner in content.items() if isinstance(inner, Mapping)}
    scheduler, server = content.get("scheduler"), content.get("server")
    is_whole = sections & _WHOLE or (_stem(path) == "dfdaemon" and not sections - _CLIENT)
    if sections & {"download", "storage"} and is_whole:
        return "client"
    if "scheduler" in sections and isinstance(scheduler, Mapping) and _SCHEDULER & set(scheduler):
        return "scheduler"
    of_manager = isinstance(server, Mapping) and {"grpc", "rest"} & set(server)
    return "manager" if of_manager and sections & {"database", "auth", "job", "cache"} else None


def _folder(path: str) -> str | None:
    return PurePosixPath(path.replace("\\", "/").replace("!", "/").replace("::", "/")).parent.name or None
