"""Wrappers of log lines as data: what containers, shells and log stores put around each line, and samples of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

from dfly_analysis.errors import KnowledgeError
from dfly_analysis.catalog.yaml_loader import read_folder

KINDS = ("prefix", "plain", "json", "document", "csv")
_NAMED_GROUP = re.compile(r"\(\?P<\w+>")


class Fields(NamedTuple):
    """Where the fields of a JSON object or a CSV row stand, the first name present being taken.

    Attributes
    ----------
    needs : tuple of str
        Names without which an object is not of this wrapper.
    text, time, writer, part : tuple of str
        Paths of the line, of the wrapper's time, of who wrote it, and of what must not be mixed beside the writer.
    continues : mapping
        Field and value that say that the line goes on in the next object.
    pieces : bool
        Whether a line goes on in the next object unless it ends in a newline.
    shape : str
        How a document holds its objects: ``list``, ``streams``, ``hits``.
    """

    needs: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    writer: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    continues: Mapping[str, str] | None = None
    pieces: bool = False
    shape: str = ""


_NO_FIELDS = Fields()


@dataclass(frozen=True)
class Wrapper:
    """One way in which lines are wrapped.

    Attributes
    ----------
    id, title : str
    kind : str
        One of `KINDS`: a prefix before each line, nothing but notices between lines, a JSON object a line, one JSON
        document, a table.
    certain : bool
        Whether its shape is proof enough; otherwise a line inside must be of a known format.
    newest_first : bool
        Whether it may hold the newest line first.
    prefix : str or None
        Verbose pattern of what stands before a line, with its fields named.
    fields : Fields
    tools : tuple of str
        Whose own lines stand between those that it carries.
    replaces : tuple of (bytes, bytes)
        What the tool wrote in place of characters it does not pass on.
    split_bytes : int
        Length at which the tool cuts a line in two without a mark, 0 where it does not.
    samples : tuple of mappings
    where : str
        File and id, for messages.
    """

    id: str
    title: str
    kind: str
    certain: bool = False
    newest_first: bool = False
    prefix: str | None = None
    fields: Fields = _NO_FIELDS
    tools: tuple[str, ...] = ()
    replaces: tuple[tuple[bytes, bytes], ...] = ()
    split_bytes: int = 0
    samples: tuple[Mapping[str, Any], ...] = ()
    where: str = ""

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
        if self.prefix is None:
            return None, None, None
        with _named(self.where):
            return _patterns(self.prefix)

    @cached_property
    def notices(self) -> re.Pattern[bytes] | None:
        """Return what matches a line of a tool's own."""
        with _named(self.where):
            return compile_notices(self.tools)


class Notice(NamedTuple):
    """Lines that a tool prints between those it carries.

    Attributes
    ----------
    tool : str
    regex : str
        Verbose pattern of such a line.
    samples : tuple of str
    """

    tool: str
    regex: str
    samples: tuple[str, ...]


@cache
def load_wrappers() -> tuple[Wrapper, ...]:
    """Return all wrappers in the order in which they are tried: those whose shape is proof first.

    Raises
    ------
    KnowledgeError
        Naming the file and the wrapper that is wrong.
    """
    found = [_wrapper(entry, address) for entry, address in _entries() if "notice" not in entry]
    return tuple(sorted(found, key=lambda wrapper: not wrapper.certain))


@cache
def load_notices() -> Mapping[str, Notice]:
    """Return the tools' own lines by tool."""
    return {
        entry["notice"]: Notice(entry["notice"], entry["regex"], tuple(entry["samples"]))
        for entry, _ in _entries()
        if "notice" in entry
    }


def compile_notices(tools: Iterable[str]) -> re.Pattern[bytes] | None:
    """Return a pattern of any line of the tools' own, or None where there are no tools."""
    regexes = [f"(?:{load_notices()[tool].regex})" for tool in tools]
    return re.compile("|".join(regexes).encode(), re.VERBOSE) if regexes else None


def _entries() -> list[tuple[Mapping[str, Any], str]]:
    return [(entry, address) for address, content in read_folder("envelopes") for entry in content]


def _wrapper(entry: Mapping[str, Any], address: str) -> Wrapper:
    where = f"{address} {entry.get('id', '(no id)')}"
    if entry.get("kind") not in KINDS:
        raise KnowledgeError(f"kind is {entry.get('kind')!r}", where=where, hint=f"one of {', '.join(KINDS)}")
    with _named(where):
        return Wrapper(
            entry["id"],
            entry["title"],
            entry["kind"],
            certain=bool(entry.get("certain")),
            newest_first="newest_first" in entry,
            prefix=entry["head"] if entry["kind"] == "prefix" else None,
            fields=_fields(entry),
            tools=tuple(entry.get("notices", ())),
            replaces=tuple((old.encode(), new.encode()) for old, new in entry.get("replace", {}).items()),
            split_bytes=entry.get("split_bytes", 0),
            samples=tuple(entry["samples"]),
            where=where,
        )


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Turn what a wrong entry raises into one line that names it."""
    try:
        yield
    except (re.error, KeyError, ValueError) as problem:
        raise KnowledgeError(f"cannot be used: {problem}", where=where) from problem


def _fields(entry: Mapping[str, Any]) -> Fields:
    names = {name: tuple(entry.get(name, ())) for name in ("needs", "text", "time", "writer", "part")}
    return Fields(**names, continues=entry.get("continues"), pieces="pieces" in entry, shape=entry.get("shape", ""))


def _patterns(head: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
    """Compile the head, the fast pattern of one line of a block, and that of the key alone."""
    start = head.index("(?P<key>")
    inside = head[start + len("(?P<key>") : _closing(head, start)]
    bare = f"{_NAMED_GROUP.sub('(?:', head[:start])}({_NAMED_GROUP.sub('(?:', inside)}){_NAMED_GROUP.sub('(?:', head[_closing(head, start) + 1 :])}"
    return (
        re.compile(head.encode("latin-1"), re.VERBOSE),
        re.compile(f"(?:{bare})?([^\\n]*\\n)".encode("latin-1"), re.VERBOSE),
        re.compile(inside.encode("latin-1"), re.VERBOSE),
    )


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
    raise ValueError("a group of the head does not close")
