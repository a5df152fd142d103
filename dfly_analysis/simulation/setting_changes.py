"""The settings that the simulation knows, and changes of them: ``download.pieceTimeout=120s``."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from dfly_analysis.catalog.defaults import Value, defaults_of
from dfly_analysis.catalog.piece_length_rules import CONCURRENCY_KEYS, concurrency_key
from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import CLIENT_ROLES, invalid_reason
from dfly_analysis.errors import DflyError, SettingsError, suggest_similar
from dfly_analysis.messages import Message, message
from dfly_analysis.schema import ROLES
from dfly_analysis.units import parse_duration, parse_size

DURATION, COUNT, RATE, FLAG = "duration", "count", "rate", "flag"
# key's newest name: kind of its value, field of `SimulatedSettings`
_KNOWN: Mapping[str, tuple[str, str]] = {
    "download.pieceTimeout": (DURATION, "piece_timeout_s"),
    "storage.writePieceTimeout": (DURATION, "write_timeout_s"),
    **dict.fromkeys(CONCURRENCY_KEYS, (COUNT, "slots")),
    "download.bandwidthLimit": (RATE, "limit_bps"),
    "download.backToSourceBandwidthLimit": (RATE, "source_limit_bps"),
    "backend.maxRetries": (COUNT, "retries"),
    "proxy.disableBackToSource": (FLAG, "no_source"),
}
SIMULATED_KEYS: Mapping[str, str] = {key: kind for key, (kind, _) in _KNOWN.items()}
"""What can be changed, by the key's newest name, and the kind of its value."""
_WHERE = "--set"
_ORIGINS = {"seedClient": "source", "client": "parent"}
"""Where a role fetches most pieces from."""
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_MAX_SLOTS = 1024
_PARENT_BODY_IN_WRITE_SINCE = "v1.0.22"


@dataclass(frozen=True)
class Change:
    """One setting (a key of `SIMULATED_KEYS`) with another value, as written and in seconds, a count, B/s, or 0 and 1."""

    role: str
    key: str
    text: str
    value: float
    written: Value
    """As a file of values holds it."""


@dataclass(frozen=True)
class SimulatedSettings:
    """Settings in force for one role, as numbers; None where nothing is known."""

    piece_timeout_s: float | None
    write_timeout_s: float | None
    slots: int | None
    limit_bps: float | None
    source_limit_bps: float | None
    retries: int | None
    back_to_source: bool = True

    @property
    def source_timeout_s(self) -> float | None:
        return min((x for x in (self.piece_timeout_s, self.write_timeout_s) if x is not None), default=None)

    def parent_timeout_s(self, version: str | None) -> float | None:
        """Return the timeout of the body of a piece from another host, which differs by release."""
        new = version is None or parse_version(version).release >= parse_version(_PARENT_BODY_IN_WRITE_SINCE).release
        return self.write_timeout_s if new else self.piece_timeout_s


def parse_changes(texts: Iterable[str], *, role: str = "seedClient") -> tuple[Change, ...]:
    """Read changes such as ``KEY=VALUE``; of a key given twice the last counts.

    The key is that of the component's file (``download.pieceTimeout``), of `role`, or of the chart's values
    (``seedClient.config.download.pieceTimeout``). A SettingsError if a text is no change, its key is not known or not simulated, or
    its value has another type.
    """
    if role not in CLIENT_ROLES:
        raise SettingsError(f"unknown role {role!r}", where="--role", hint=f"use one of {', '.join(CLIENT_ROLES)}")
    result = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and name and value):
            raise SettingsError(f"{text!r} is not KEY=VALUE", where=_WHERE, hint="write it like download.pieceTimeout=120s")  # fmt: skip
        whose, key = _find(name, role)
        written = _written(whose, key, value)
        result[whose, key] = Change(whose, key, value, _value(key, value), written)
    return tuple(result.values())


def _find(name: str, role: str) -> tuple[str, str]:
    head, _, rest = name.partition(".config.")
    whose, bare = (head, rest) if rest else (role, name)
    for key in SIMULATED_KEYS:
        found = defaults_of(whose, key) if whose in CLIENT_ROLES else None
        if bare == key or (found is not None and bare in found.spellings):
            return whose, key
    known = ", ".join(SIMULATED_KEYS)
    if any(defaults_of(one, bare) is not None for one in ((whose,) if rest and whose in ROLES else ROLES)):
        raise SettingsError(f"the simulation does not support {name}", where=_WHERE, hint=f"it supports {known}")
    paths = [*SIMULATED_KEYS, *(f"{one}.config.{key}" for one in CLIENT_ROLES for key in SIMULATED_KEYS)]
    raise SettingsError(f"unknown setting {name!r}", where=_WHERE, hint=suggest_similar(name, paths) or f"known are {known}")  # fmt: skip


def _written(role: str, key: str, text: str) -> Value:
    """Return a value as YAML reads it; a SettingsError for one that `check-config` calls invalid."""
    found, bare = defaults_of(role, key), text.removesuffix("/s") if SIMULATED_KEYS[key] == RATE else text
    try:
        value: Value = yaml.safe_load(bare)
    except yaml.YAMLError:
        value = bare
    if found and (reason := invalid_reason(role, found.unit, value)):
        raise SettingsError(reason, where=f"{_WHERE} {key}")
    return value


def _value(key: str, text: str) -> float:
    kind, where = SIMULATED_KEYS[key], f"{_WHERE} {key}"
    try:
        if kind == DURATION:
            value = parse_duration(text)
        elif kind == RATE:
            value = float(parse_size(text.removesuffix("/s")))
        else:
            value = float((_YES + _NO).index(text.lower()) < len(_YES) if kind == FLAG else int(text))
    except DflyError as problem:
        raise SettingsError(problem.message, where=where, hint=problem.hint) from problem
    except ValueError as problem:
        expected = "true or false" if kind == FLAG else "a whole number"
        raise SettingsError(f"{text!r} is not {expected}", where=where) from problem
    least, most = (1 if key in CONCURRENCY_KEYS else 0), (_MAX_SLOTS if kind == COUNT else math.inf)
    if not least <= value <= most or (kind in (DURATION, RATE) and value == 0):
        raise SettingsError(f"{text!r} is out of range", where=where)
    return value


def settings_in_force(settings: Settings, role: str) -> SimulatedSettings:
    """Return what a role's hosts, or most of them, set."""
    found: dict[str, Any] = {}
    for key, (kind, name) in _KNOWN.items():
        in_flight = key in CONCURRENCY_KEYS
        one = settings.pieces_in_flight(role, origin=_ORIGINS[role]) if in_flight else settings.get(key, role)
        number = int(one.number) if one.number is not None else None
        values = {DURATION: one.seconds, RATE: one.size_bytes or None, COUNT: number, FLAG: one.value is True}
        found[name] = values[kind]
    found["slots"] = max(1, min(found["slots"], _MAX_SLOTS)) if found["slots"] else None
    return SimulatedSettings(back_to_source=not found.pop("no_source"), **found)


def with_changes(simulated_settings: SimulatedSettings, changes: Iterable[Change], role: str) -> SimulatedSettings:
    """Return settings with the changes that concern a role."""
    given: dict[str, Any] = {}
    for change in (one for one in changes if one.role == role):
        kind, name = _KNOWN[change.key]
        given[name] = int(change.value) if kind == COUNT else change.value
    if "no_source" in given:
        given["back_to_source"] = not given.pop("no_source")
    return replace(simulated_settings, **given)


def why_ignored(settings: Settings, change: Change) -> Message | None:
    """Return why a change has no effect in the release in use, or None if it has one."""
    version, found = settings.versions.get(change.role), defaults_of(change.role, change.key)
    if version is None or found is None:
        return None
    named = (defaults_of(change.role, name) for name in found.spellings)
    if not any(fact.is_read(version) for fact in named if fact is not None):
        return message(
            "client {release} does not read {key}: this change has no effect", release=version, key=change.key
        )
    ruling = concurrency_key(version, _ORIGINS[change.role]) if change.key in CONCURRENCY_KEYS else change.key
    if ruling == change.key:
        return None
    return message(
        "in client {release}, {ruling} limits the concurrent pieces of the {role}: a change of {key} has no effect", release=version,
        ruling=ruling, role=change.role, key=change.key,
    )  # fmt: skip
