"""Finds out in which format lines are written, wrappers and colours taken off."""

import re
from collections import Counter
from functools import lru_cache

from dfly_analysis.catalog.log_formats import LogFormat, load_formats
from dfly_analysis.errors import LogFormatError, suggest_similar
from dfly_analysis.readers.logs.blocks import COLOUR

SNIFF_LINES = 300
_COLOUR = re.compile(COLOUR.pattern.decode())


@lru_cache(maxsize=4)  # each step of sniffing looks at the same head
def count_records(head: str) -> Counter[str]:
    """Count the records that the first lines begin, by format id; not to be changed."""
    counts: Counter[str] = Counter()
    for line in head.split("\n")[:SNIFF_LINES]:
        if found := _format_of(line):
            counts[found.id] += 1
    return counts


def begins_record(line: str) -> bool:
    """Return whether a line begins a record of any format."""
    return _format_of(line) is not None


def _format_of(line: str) -> LogFormat | None:
    found = match_head(strip_colour(line.removesuffix("\r"))) if line else None
    return found[0] if found else None


def strip_colour(line: str) -> str:
    """Return the line without terminal colours, also where an exporter dropped the escape byte."""
    return _COLOUR.sub("", line) if "\x1b" in line or "[0m" in line or "[2m" in line else line


def match_head(line: str, preferred: LogFormat | None = None) -> tuple[LogFormat, re.Match[str]] | None:
    """Return the format of which a line begins a record, the preferred one first, or None for any other line."""
    if preferred is not None and line[:1] in preferred.first:
        match = preferred.head.match(line)
        if match:
            return preferred, match
    for candidate in load_formats():
        if candidate is not preferred and line[:1] in candidate.first and (match := candidate.head.match(line)):
            return candidate, match
    return None


def sniff_format(head: str) -> LogFormat | None:
    """Return the format most of a file's first lines begin a record of."""
    counts = count_records(head)
    return find_format(counts.most_common(1)[0][0]) if counts else None


def find_format(format_id: str) -> LogFormat:
    """Return the format of that id."""
    for candidate in load_formats():
        if candidate.id == format_id:
            return candidate
    hint = suggest_similar(format_id, (candidate.id for candidate in load_formats()))
    raise LogFormatError(f"no log format is called {format_id!r}", hint=hint or "see `dfly-analysis inspect`")
