"""Envelopes of log lines: what containers, shells and log stores put around each line, and samples of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple

from dfly_analysis.catalog.log_events import compile_pattern
from dfly_analysis.catalog.yaml_loader import EntryError, load_entries, record

_NAMED_GROUP = re.compile(r"\(\?P<\w+>")


class Fields(NamedTuple):
    """Paths of the fields of a JSON object or a CSV row; the first one present counts."""

    needs: tuple[str, ...] = ()
    """Required names."""
    text: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    writer: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    """What must not be mixed besides the writer."""
    continues: Mapping[str, str] | None = None
    """Field and value which show that the line continues in the next object."""
    pieces: bool = False
    """Whether a line continues in the next object unless it ends in a newline."""
    shape: str = ""
    """How a document holds its objects: ``list``, ``streams``, ``hits``."""


@record
class EnvelopeKind:
    """One kind of envelope: a prefix of each line, notices between plain lines, JSON lines, one JSON document, or a table."""

    id: str
    title: str
    kind: Literal["prefix", "plain", "json", "document", "csv"]
    samples: tuple[Mapping[str, Any], ...]
    certain: bool = False
    """Whether its shape is proof enough; otherwise a line inside must be of a known format."""
    newest_first: bool = False
    pattern: str | None = None
    """Verbose pattern of a prefix, with its fields as named groups."""
    needs: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    writer: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    continues: Mapping[str, str] | None = None
    pieces: bool = False
    shape: Literal["", "list", "streams", "hits"] = ""
    """See `Fields`."""
    notices: tuple[str, ...] = ()
    """Tools whose own messages are between the lines."""
    replace: Mapping[str, str] | None = None
    """Replacements of characters that the tool does not pass on."""
    split_bytes: int = 0
    """Length at which the tool splits a line without a mark; 0 if it does not."""

    def __post_init__(self) -> None:
        if (self.kind == "prefix") is not (self.pattern is not None):
            raise EntryError("`pattern` is required for a prefix, and only for a prefix")
        for place, tool in enumerate(self.notices):
            if tool not in load_notices():
                raise EntryError(f"{tool!r} is not one of {', '.join(load_notices())}", "notices", place)
        if self.pattern is not None:
            _patterns(self.pattern)

    @cached_property
    def fields(self) -> Fields:
        """Return where the fields of a JSON object or a CSV row stand."""
        return Fields(self.needs, self.text, self.time, self.writer, self.part, self.continues, self.pieces, self.shape)

    @cached_property
    def replaces(self) -> tuple[tuple[bytes, bytes], ...]:
        """Return `replace` as bytes."""
        return tuple((old.encode(), new.encode()) for old, new in (self.replace or {}).items())

    @property
    def head(self) -> re.Pattern[bytes] | None:
        """Return what matches a prefix, with its fields named."""
        return self._compiled[0]

    @property
    def line(self) -> re.Pattern[bytes] | None:
        """Return what matches one line of a block: group 1 what tells writers apart, group 2 the text with its newline."""
        return self._compiled[1]

    @property
    def key(self) -> re.Pattern[bytes] | None:
        """Return what takes that group 1 apart."""
        return self._compiled[2]

    # Compiled at first use: a plain log needs none of them, and all together cost as much as reading ten megabytes.
    @cached_property
    def _compiled(self) -> tuple[re.Pattern[bytes] | None, re.Pattern[bytes] | None, re.Pattern[bytes] | None]:
        return (None, None, None) if self.pattern is None else _patterns(self.pattern)

    @cached_property
    def notice(self) -> re.Pattern[bytes] | None:
        """Return what matches a line of a tool's own."""
        return compile_notices(self.notices)


@record
class Notice:
    """A tool's own messages between the lines, by verbose pattern."""

    tool: str
    pattern: str
    samples: tuple[str, ...]

    def __post_init__(self) -> None:
        pattern = compile_pattern(self.pattern, flags=re.VERBOSE)
        for place, text in enumerate(self.samples):
            if not pattern.match(text):
                raise EntryError(f"the sample {text[:80]!r} does not match; change it or `pattern`", "samples", place)


@cache
def load_envelopes() -> tuple[EnvelopeKind, ...]:
    """Return all kinds of envelopes in the order in which they are tried: those whose shape is proof first."""
    return tuple(sorted(load_entries(EnvelopeKind, "envelopes"), key=lambda one: not one.certain))


@cache
def load_notices() -> Mapping[str, Notice]:
    """Return the tools' own lines by tool."""
    return {one.tool: one for one in load_entries(Notice, "rules/notices")}


def compile_notices(tools: Iterable[str]) -> re.Pattern[bytes] | None:
    """Return a pattern of any line of the tools' own, or None where there are no tools."""
    regexes = [f"(?:{load_notices()[tool].pattern})" for tool in tools]
    return re.compile("|".join(regexes).encode(), re.VERBOSE) if regexes else None


def _patterns(head: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
    """Compile the head, the fast pattern of one line of a block, and that of the key alone."""
    start = head.find("(?P<key>")
    if start < 0:
        raise EntryError("has no group `key`; name what tells writers apart", "pattern")
    end = _closing(head, start)
    before, inside, behind = (
        _NAMED_GROUP.sub("(?:", part) for part in (head[:start], head[start + len("(?P<key>") : end], head[end + 1 :])
    )
    named = head[start + len("(?P<key>") : end]
    try:
        return (
            re.compile(head.encode("latin-1"), re.VERBOSE),
            re.compile(f"(?:{before}({inside}){behind})?([^\\n]*\\n)".encode("latin-1"), re.VERBOSE),
            re.compile(named.encode("latin-1"), re.VERBOSE),
        )
    except re.error as problem:
        raise EntryError(f"is no regular expression: {problem}", "pattern") from problem


def _closing(pattern: str, start: int) -> int:
    """Return where the group that opens at `start` closes; no class of a head holds a parenthesis."""
    depth = escaped = 0
    for at in range(start, len(pattern)):
        if escaped:
            escaped = 0
        elif pattern[at] == "\\":
            escaped = 1
        elif pattern[at] in "()":
            depth += 1 if pattern[at] == "(" else -1
            if not depth:
                return at
    raise EntryError("its group `key` does not close", "pattern")
