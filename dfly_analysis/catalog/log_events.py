"""Log records known by name: how their message begins and which fields it carries."""

import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property, lru_cache, partial
from typing import Any, NamedTuple

from dfly_analysis.catalog.yaml_loader import EntryError, load_entries, record

_KEY_LENGTH = 5
VERDICTS = {"preheat_failed": "failed", "preheat_stream_failed": "failed", "preheat_succeeded": "ok"}
"""Events that say how a preheat ended, and how."""
EVERYWHERE = frozenset({"process_started", *VERDICTS})
"""Events about all tasks of a host, or about a task that no other record names."""
ERROR_LEVELS = frozenset({"ERROR", "FATAL"})


class LogSample(NamedTuple):
    """A line and the fields that are read from it."""

    text: str
    fields: Mapping[str, Any]


class Patterned:
    """An entry whose pattern is compiled at first use: a log shows few of all, and reading one begins with none."""

    pattern: str

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Return the pattern, compiled."""
        return compile_pattern(self.pattern)


@record
class EventKind(Patterned):
    """A known record; the named groups of `pattern` are its fields."""

    id: str
    meaning: str
    starts: tuple[str, ...]  # ways its message begins, at least five characters each
    pattern: str
    samples: tuple[LogSample, ...]
    bulk: bool = False  # whether a log holds so many of them that only their fields are kept, not their lines

    def __post_init__(self) -> None:
        for place, start in enumerate(self.starts):
            if len(start) < _KEY_LENGTH:
                reason = f"{start!r} is shorter than {_KEY_LENGTH} characters; write more of the message"
                raise EntryError(reason, "starts", place)
        pattern = compile_pattern(self.pattern)
        for place, (text, fields) in enumerate(self.samples):
            match = pattern.match(text) if text.startswith(self.starts) else None
            found = match.groupdict() if match else {}
            if match is None or any(found.get(name) != value for name, value in fields.items()):
                message = f"the sample gives {found}, not {dict(fields)}" if match else "the sample is not this event"
                raise EntryError(f"{message}; change the sample, `starts` or `pattern`", "samples", place)


def compile_pattern(pattern: str, flags: re.RegexFlag = re.DOTALL) -> re.Pattern[str]:
    """Compile the pattern of an entry; an EntryError where it is wrong."""
    try:
        return re.compile(pattern, flags)
    except re.error as problem:
        raise EntryError(f"is no regular expression: {problem}", "pattern") from problem


def check_samples(pattern: re.Pattern[str], samples: Iterable[str]) -> None:
    """Raise an EntryError for the first sample that a pattern does not match."""
    for place, text in enumerate(samples):
        if not pattern.match(text):
            raise EntryError(f"the sample {text[:80]!r} does not match; change it or `pattern`", "samples", place)


load_events = cache(partial(load_entries, EventKind, "log_events"))  # all known events in the order of their files


@cache
def bulk_events() -> frozenset[str]:
    """Return the events of which a log holds so many that only their fields are kept, not their lines."""
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
    """Return the id of the event that a message (without ids at its end) is, and its fields; None for an unknown record."""
    for start, kind in _by_start().get(message[:_KEY_LENGTH], ()):
        if message.startswith(start):
            match = kind.regex.match(message)
            if match:
                return kind.id, {name: value for name, value in match.groupdict().items() if value}
    return None
