"""Names the events of a whole block at once and takes their fields out; the rules are those of `name_event`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dfly_analysis.knowledge.event import EventKind, load_events, name_event
from dfly_analysis.knowledge.signature import cause_of, is_benign

MOST_DIGITS = 18
_FEW = 0.3
_GIT_VERSION = re.compile(r'git_version: "v?(\d[\w.+-]*)"')
_TASK = re.compile(r"\b[0-9a-f]{64}\b(-\d+)?")
_TOOL_FOLDERS = ("dfdaemon", "daemon", "dfdaemon.log")


@dataclass
class Scattered:
    """A column put together from the rows of each kind of event.

    Attributes
    ----------
    parts : list of pyarrow.Array
    place : array of int64
        For each row of the block where in the joined parts its value stands, -1 for nowhere.
    """

    rows: int
    parts: list[pa.Array] = field(default_factory=list)
    filled: int = 0
    place: npt.NDArray[np.int64] | None = None

    def put(self, rows: npt.NDArray[np.int64], values: pa.Array) -> None:
        """Set values, missing ones left out; what was set before goes."""
        if self.place is None:
            self.place = np.full(self.rows, -1, np.int64)
        given = np.asarray(values.is_valid())
        self.place[rows[given]] = self.filled + np.flatnonzero(given)
        self.parts.append(values)
        self.filled += len(values)

    def text(self) -> pa.Array:
        """Return the column of texts."""
        if self.place is None:
            return pa.nulls(self.rows, pa.string())
        return pa.concat_arrays(self.parts).take(pa.array(self.place, mask=self.place < 0))


@dataclass
class Named:
    """Events of a block.

    Attributes
    ----------
    event_id : Scattered
    fields : dict of str to Scattered
        By the names of `EventKind.regex`; those that have no column of their own are in ``detail``.
    bulk : array of bool
        Rows of kinds whose lines are not kept.
    versions : set of (str, str)
    """

    rows: int
    event_id: Scattered
    bulk: npt.NDArray[np.bool_]
    fields: dict[str, Scattered] = field(default_factory=dict)
    versions: set[tuple[str, str]] = field(default_factory=set)

    def column(self, name: str) -> Scattered:
        """Return the column of that field, empty where no event of the block has it."""
        return self.fields.setdefault(name, Scattered(self.rows))


FIELDS = frozenset({"task_id", "piece_number", "parent_id", "origin", "size_bytes", "piece_bytes", "pieces", "stage", "cost", "error", "url"})  # fmt: skip


def name_events(messages: pa.StringArray, start: npt.NDArray[np.int16], kinds: tuple[EventKind, ...]) -> Named:
    """Name the events of a block.

    Parameters
    ----------
    messages : pyarrow.StringArray
    start : array of int16
        Which start each message has, -1 for none.
    kinds : tuple of EventKind
        By number of the start.

    Returns
    -------
    Named
    """
    named = Named(len(messages), Scattered(len(messages)), np.zeros(len(messages), np.bool_))
    by_kind: dict[str, list[int]] = {}
    for place, kind in enumerate(kinds):
        by_kind.setdefault(kind.id, []).append(place)
    present = set(np.unique(start[start >= 0]).tolist())
    for kind in {kind.id: kind for place, kind in enumerate(kinds) if place in present}.values():
        rows = np.flatnonzero(np.isin(start, by_kind[kind.id]))
        _name_kind(named, kind, rows, messages.take(pa.array(rows)))
    return named


def _name_kind(named: Named, kind: EventKind, rows: npt.NDArray[np.int64], texts: pa.StringArray) -> None:
    pattern = None if kind.id in _SPECIAL else _arrow_pattern(kind.regex)
    encoded = texts.dictionary_encode() if pattern is None or not kind.bulk else None
    if encoded is not None and (pattern is None or len(encoded.dictionary) < _FEW * len(rows) or len(rows) < 64):
        _name_each(named, rows, encoded)
        return
    taken = pc.extract_regex(texts, pattern)
    missed = np.asarray(taken.is_null())
    if missed.any():
        _name_each(named, rows[missed], texts.filter(pa.array(missed)).dictionary_encode())
        rows, taken = rows[~missed], taken.filter(pa.array(~missed))
    if not len(rows):
        return
    named.event_id.put(rows, pa.array([kind.id] * len(rows)))
    named.bulk[rows] = kind.bulk
    for name in (part.name for part in taken.type):
        values = taken.field(name)
        values = pc.if_else(pc.equal(values, ""), None, values)
        named.column(name if name in FIELDS else "detail").put(rows, values)


def _name_each(named: Named, rows: npt.NDArray[np.int64], encoded: pa.DictionaryArray) -> None:
    """Name each different message once, by the careful way."""
    codes = np.asarray(encoded.indices)
    found = [take_event(text, named.versions) for text in encoded.dictionary.to_pylist()]
    for name in dict.fromkeys(key for fields in found for key in fields):
        column = pa.array([fields.get(name) for fields in found], pa.string()).take(pa.array(codes))
        target = named.event_id if name == "event_id" else named.column(name)
        target.put(rows, column)


@cache
def _arrow_pattern(regex: re.Pattern[str]) -> str | None:
    """Return a pattern as Arrow's engine takes it, None where it takes nothing out or that engine cannot read it."""
    pattern = f"(?s){regex.pattern}"
    if not regex.groupindex:
        return None
    try:
        pc.extract_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid:
        return None
    return pattern


_SPECIAL = frozenset({"process_started", "service_version", "host_announced"})


def take_event(message: str, versions: set[tuple[str, str]]) -> dict[str, str]:
    """Return ``event_id`` and fields of one message; releases that it names are added to `versions`."""
    named = name_event(message)
    if named is None:
        return {}
    event_id, fields = named
    taken = {"event_id": event_id}
    for name, value in fields.items():
        taken[name if name in FIELDS else "detail"] = value
    if event_id == "process_started":
        folder = taken["detail"].rstrip("/").rsplit("/", 1)[-1]
        taken["event_id"] = event_id if folder in _TOOL_FOLDERS else "tool_started"
    elif event_id == "service_version" and "GitCommit: unknown" not in message:
        versions.add(("service", fields["version"]))  # a build that does not know its commit does not know its release
    elif event_id == "host_announced" and (release := _GIT_VERSION.search(message)):
        versions.add(("client", f"v{release[1]}"))
    return taken


@cache
def is_bulk(event_id: str) -> bool:
    """Return whether a log holds so many events of that kind that their lines are not kept beside their fields."""
    return any(kind.bulk for kind in load_events() if kind.id == event_id)


def name_causes(messages: pa.StringArray) -> pa.Array:
    """Return for each message of a warning or error the cause signature it shows, or null.

    Ids of tasks and numbers of pieces do not matter to any signature, so messages that differ in them alone are one.
    """
    encoded = messages.dictionary_encode()
    found = [cause_in(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(found, pa.string()).take(encoded.indices)


def cause_in(message: str) -> str | None:
    """Return the id of the cause that a warning's or error's message shows, None also where it is benign."""
    text = _TASK.sub(lambda match: "0" * 64 + ("-0" if match[1] else ""), message)
    if is_benign(text):
        return None
    cause = cause_of(text)
    return cause.id if cause else None


def whole_numbers(texts: pa.Array) -> pa.Array:
    """Return texts as numbers, null where one is none that a column of integers can hold; log text is untrusted."""
    fine = pc.and_(pc.match_substring_regex(texts, r"^[0-9]+$"), pc.less_equal(pc.binary_length(texts), MOST_DIGITS))
    return pc.if_else(fine, texts, None).cast(pa.int64())
