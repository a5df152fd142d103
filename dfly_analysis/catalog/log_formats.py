"""Log formats as data: how a record begins, where its time zone comes from, and samples with the fields they must give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from dfly_analysis.errors import KnowledgeError
from dfly_analysis.catalog.yaml_loader import compile_pattern, read_folder

GRAMMARS = ("compact", "full", "pretty", "json", "console", "gin", "redirect", "panic")


@dataclass(frozen=True)
class LogFormat:
    """One format of log lines.

    Attributes
    ----------
    id, title, component : str
        Component is ``client``, ``scheduler`` or ``manager``; the Go services share formats.
    grammar : str
        Which way the fields of a record are taken out, one of `GRAMMARS`.
    zone : {"in text", "given", "none"}
        Whether the time carries its zone, or the user must give it; none where the line has no time.
    first : str
        Characters a record can begin with, colours taken off.
    pattern : str
        Verbose pattern of the first line of a record.
    samples : tuple of (text, fields)
    where : str
        File and id.
    """

    id: str
    title: str
    component: str
    grammar: str
    zone: str
    first: str
    pattern: str
    samples: tuple[tuple[str, Mapping[str, Any]], ...]
    where: str

    @cached_property
    def head(self) -> re.Pattern[str]:
        """Return the pattern, compiled at first use: a log begins like few of all formats."""
        return compile_pattern(self.pattern, self.where, "head", re.DOTALL | re.VERBOSE)


@cache
def load_formats() -> tuple[LogFormat, ...]:
    """Return all formats in the order in which a reader tries them.

    Raises
    ------
    KnowledgeError
        Naming the file and format that is wrong.
    """
    return tuple(_format(entry, address) for address, content in read_folder("log_formats") for entry in content)


def _format(entry: Mapping[str, Any], address: str) -> LogFormat:
    where = f"{address} {entry.get('id', '(no id)')}"
    if entry.get("grammar") not in GRAMMARS:
        raise KnowledgeError(f"grammar is {entry.get('grammar')!r}", where=where, hint=f"one of {', '.join(GRAMMARS)}")
    try:
        pattern = entry["head"]
        samples = tuple((sample["text"], sample["fields"]) for sample in entry["samples"])
        return LogFormat(
            entry["id"],
            entry["title"],
            entry["component"],
            entry["grammar"],
            entry["zone"],
            entry["first"],
            pattern,
            samples,
            where,
        )
    except KeyError as problem:
        raise KnowledgeError(f"cannot be used: {problem}", where=where) from problem
