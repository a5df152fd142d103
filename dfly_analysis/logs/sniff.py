"""Finds out in which format a file's lines are written."""

from __future__ import annotations

import re
from collections import Counter

from dfly_analysis.errors import LogFormatError, nearest
from dfly_analysis.knowledge.format import LogFormat, load_formats

SNIFF_LINES = 300
_COLOUR = re.compile(r"\x1b\[[0-9;]*m|\[(?:[0123]|2;3|1;3[0-9]|3[0-9])m")


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
    """Return the format most of a file's first lines begin a record of.

    Parameters
    ----------
    head : str
        The beginning of the file, some tens of kilobytes.

    Returns
    -------
    LogFormat or None
        None where no line begins a record of any format.
    """
    counts: Counter[str] = Counter()
    for line in head.split("\n")[:SNIFF_LINES]:
        found = match_head(strip_colour(line.removesuffix("\r"))) if line else None
        if found:
            counts[found[0].id] += 1
    return find_format(counts.most_common(1)[0][0]) if counts else None


def find_format(format_id: str) -> LogFormat:
    """Return the format of that id.

    Raises
    ------
    LogFormatError
        Offering the nearest ids.
    """
    for candidate in load_formats():
        if candidate.id == format_id:
            return candidate
    hint = nearest(format_id, (candidate.id for candidate in load_formats()))
    raise LogFormatError(f"no log format is called {format_id!r}", hint=hint or "see `dfly-analysis inspect`")
