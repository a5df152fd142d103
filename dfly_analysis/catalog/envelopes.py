"""Envelopes of log lines: what containers, shells and log stores put around each line, and samples of it."""

import re
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple

from dfly_analysis.catalog.log_events import check_samples, compile_pattern
from dfly_analysis.catalog.yaml_loader import EntryError, load_entries, record

_KEY = "(?P<key>)"
_NAMED_GROUP = re.compile(r"\(\?P<\w+>")


class PrefixPatterns(NamedTuple):
    """What matches a prefix."""

    head: re.Pattern[bytes]  # the prefix, with its fields named
    line: re.Pattern[bytes]  # one line of a block: group 1 what tells writers apart, group 2 the text with its newline
    key: re.Pattern[bytes]  # takes that group 1 apart


@record
class EnvelopeKind:
    """One kind of envelope: a prefix of each line, notices between plain lines, JSON lines, one JSON document, or a table."""

    id: str
    title: str
    kind: Literal["prefix", "plain", "json", "document", "csv"]
    samples: tuple[Mapping[str, Any], ...]
    certain: bool = False  # whether its shape is proof enough; otherwise a line inside must be of a known format
    newest_first: bool = False
    pattern: str = ""
    """Verbose pattern of a prefix, with its fields as named groups; `key` is the inside of the one that tells writers apart."""
    key: str = ""
    needs: tuple[str, ...] = ()
    """Required names of a JSON object or a CSV row, and paths of its fields, of which the first one present counts."""
    text: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    writer: tuple[str, ...] = ()
    part: tuple[str, ...] = ()  # what must not be mixed besides the writer
    continues: Mapping[str, str] | None = None  # field and value which show that the line continues in the next object
    pieces: bool = False  # whether a line continues in the next object unless it ends in a newline
    shape: Literal["", "list", "streams", "hits"] = ""  # how a document holds its objects
    notices: tuple[str, ...] = ()  # tools whose own messages are between the lines
    replace: Mapping[str, str] | None = None  # replacements of characters that the tool does not pass on
    split_bytes: int = 0  # length at which the tool splits a line without a mark; 0 if it does not

    def __post_init__(self) -> None:
        if (self.kind == "prefix") is not bool(self.pattern and self.key):
            raise EntryError("`pattern` is required for a prefix, and only for a prefix")
        for place, tool in enumerate(self.notices):
            if tool not in load_notices():
                raise EntryError(f"{tool!r} is not one of {', '.join(load_notices())}", "notices", place)
        _ = self.patterns

    @cached_property
    def replaces(self) -> tuple[tuple[bytes, bytes], ...]:
        """Return `replace` as bytes."""
        return tuple((old.encode(), new.encode()) for old, new in (self.replace or {}).items())

    # Compiled at first use: a plain log needs none of them, and all together cost as much as reading ten megabytes.
    @cached_property
    def patterns(self) -> PrefixPatterns | None:
        """Return the patterns of a prefix."""
        if not self.pattern:
            return None
        if self.pattern.count(_KEY) != 1:
            raise EntryError("has no group `key`; name what tells writers apart", "pattern")
        before, behind = _NAMED_GROUP.sub("(?:", self.pattern.replace(_KEY, "\0")).split("\0")
        inside = _NAMED_GROUP.sub("(?:", self.key)
        line = f"(?:{before}({inside}){behind})?([^\\n]++\\n?+|\\n)"
        texts = (self.pattern.replace(_KEY, f"(?P<key>{self.key})"), line, self.key)
        try:
            return PrefixPatterns(*(re.compile(text.encode("latin-1"), re.VERBOSE) for text in texts))
        except re.error as problem:
            raise EntryError(f"is no regular expression: {problem}", "pattern") from problem

    @cached_property
    def notice(self) -> re.Pattern[bytes] | None:
        """Return what matches a line of a tool's own, or None where there are no tools."""
        regexes = [f"(?:{load_notices()[tool].pattern})" for tool in self.notices]
        return re.compile("|".join(regexes).encode(), re.VERBOSE) if regexes else None


@record
class Notice:
    """A tool's own messages between the lines, by verbose pattern."""

    tool: str
    pattern: str
    samples: tuple[str, ...]

    def __post_init__(self) -> None:
        check_samples(compile_pattern(self.pattern, flags=re.VERBOSE), self.samples)


@cache
def load_envelopes() -> tuple[EnvelopeKind, ...]:
    """Return all kinds of envelopes in the order in which they are tried: those whose shape is proof first."""
    return tuple(sorted(load_entries(EnvelopeKind, "envelopes"), key=lambda one: not one.certain))


@cache
def load_notices() -> Mapping[str, Notice]:
    """Return the tools' own lines by tool."""
    return {one.tool: one for one in load_entries(Notice, "rules/notices")}
