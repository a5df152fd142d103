"""Log records worth knowing by name, as data: how their message begins and which fields it carries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any

from dfly_analysis.errors import KnowledgeError
from dfly_analysis.catalog.yaml_loader import compile_pattern, read_folder

_KEY_LENGTH = 5


@dataclass(frozen=True)
class EventKind:
    """A record known by name.

    Attributes
    ----------
    id, meaning : str
    starts : tuple of str
        Ways its message begins.
    pattern : str
        Takes its fields out, by name.
    samples : tuple of (text, fields)
    where : str
        File and id.
    bulk : bool
        Whether a log holds so many of them that their lines are not kept beside their fields.
    """

    id: str
    meaning: str
    starts: tuple[str, ...]
    pattern: str
    samples: tuple[tuple[str, Mapping[str, Any]], ...]
    where: str
    bulk: bool = False

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Return the pattern, compiled at first use: the compiled reader has its own steps for nearly all."""
        return compile_pattern(self.pattern, self.where)


@cache
def load_events() -> tuple[EventKind, ...]:
    """Return all known events in the order of their files.

    Raises
    ------
    KnowledgeError
        Naming the file and entry that is wrong.
    """
    return tuple(_event(entry, address) for address, content in read_folder("log_events") for entry in content)


def _event(entry: Mapping[str, Any], address: str) -> EventKind:
    where = f"{address} {entry.get('id', '(no id)')}"
    try:
        samples = tuple((sample["text"], sample["fields"]) for sample in entry["samples"])
        kind = EventKind(
            entry["id"],
            entry["meaning"],
            tuple(entry["starts"]),
            entry["regex"],
            samples,
            where,
            bool(entry.get("bulk", False)),
        )
    except KeyError as problem:
        raise KnowledgeError(f"cannot be used: {problem}", where=where) from problem
    short = [start for start in kind.starts if len(start) < _KEY_LENGTH]
    if short:
        raise KnowledgeError(f"starts {short} are shorter than {_KEY_LENGTH} characters", where=where)
    return kind


@cache
def bulk_events() -> frozenset[str]:
    """Return the events of which a log holds so many that their lines are not kept beside their fields."""
    return frozenset(kind.id for kind in load_events() if kind.bulk)


@cache
def starts_in_order() -> tuple[tuple[str, EventKind], ...]:
    """Return every start with its kind, by first byte, the longest of one key first, as `name_event` tries them."""
    listed = [entry for entries in _by_start().values() for entry in entries]
    return tuple(sorted(listed, key=lambda entry: entry[0].encode()[0]))


@cache
def _by_start() -> dict[str, tuple[tuple[str, EventKind], ...]]:
    table: dict[str, list[tuple[str, EventKind]]] = {}
    for kind in load_events():
        for start in kind.starts:
            table.setdefault(start[:_KEY_LENGTH], []).append((start, kind))
    return {key: tuple(sorted(entries, key=lambda entry: -len(entry[0]))) for key, entries in table.items()}


@lru_cache(maxsize=1_024)
def name_event(message: str) -> tuple[str, Mapping[str, str]] | None:
    """Name the event that a message is.

    Parameters
    ----------
    message : str
        The record's text without the ids at its end.

    Returns
    -------
    tuple of (str, mapping) or None
        Id and the fields that are there; None for a record nobody needs to know by name.
    """
    for start, kind in _by_start().get(message[:_KEY_LENGTH], ()):
        if message.startswith(start):
            match = kind.regex.match(message)
            if match:
                return kind.id, {name: value for name, value in match.groupdict().items() if value}
    return None
