"""Unwraps lines that are fields of JSON objects: one object a line, or one document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from dfly_analysis.catalog.envelopes import EnvelopeKind
from dfly_analysis.io import Opened
from dfly_analysis.readers.logs.blocks import LineBlock
from dfly_analysis.readers.logs.envelopes.field_mapping import RowReader, first_text, is_newest_first, parse_timestamp
from dfly_analysis.readers.logs.envelopes.line_buffers import Key, LineBuffer
from dfly_analysis.readers.logs.envelopes.unwrap_prefix import Unwrapper, numbers_of

DOCUMENT_CAP_BYTES = 256 << 20
_BROKEN = (ValueError, RecursionError)
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[\s,]*")
_LISTS = {"list": re.compile(r"\A\s*\["), "hits": re.compile(r'"hits"\s*:\s*\[')}
_STREAM = re.compile(r'"stream"\s*:\s*(?=\{)')
_VALUES = re.compile(r'\s*,\s*"values"\s*:\s*\[')


class JsonUnwrapper(Unwrapper):
    """Takes the line out of the JSON object that stands on each line."""

    def __init__(self, envelope: EnvelopeKind, opened: Opened) -> None:
        super().__init__(envelope, opened)
        self._reader = RowReader(envelope.fields)

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:
        """Unwrap a block."""
        lines = block.data.split(b"\n")[:-1]
        pieces = self.envelope.fields.pieces
        for number, line, row in zip(numbers_of(block, len(lines)), lines, _rows(block.data, lines), strict=True):
            read = self._reader.read(row) if row is not None else None
            if read is None:
                self._keep(line + b"\n", number, into)
                continue
            text, self._last, goes_on = read
            self.matched += 1
            if text[-1:] == b"\n":
                into.put(self._last, text, number)
            elif pieces or goes_on:
                into.put_piece(self._last, text, number)
            else:
                into.put(self._last, text + b"\n", number)

    def times(self, data: bytes) -> list[str]:
        """Return the times of a head's objects."""
        rows = [row for row in _rows(data, data.split(b"\n")[:-1]) if row is not None]
        return [time for row in rows if (time := first_text(row, self.envelope.fields.time))]


class DocumentUnwrapper(Unwrapper):
    """Takes the lines out of one JSON document, oldest first."""

    def __init__(self, envelope: EnvelopeKind, opened: Opened) -> None:
        super().__init__(envelope, opened)
        self._parts: list[bytes] = []
        self._size = 0

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:  # noqa: ARG002 - nothing is whole before the end
        """Keep a block: only the whole document can be read."""
        self._size += len(block.data)
        if self._size <= DOCUMENT_CAP_BYTES:
            self._parts.append(block.data)

    def finish(self, into: LineBuffer) -> None:
        """Read the document and put its lines in order of their times, those of the same time as they were written."""
        if self._size > DOCUMENT_CAP_BYTES:
            self._opened.problem = f"one JSON document larger than {DOCUMENT_CAP_BYTES >> 20} MiB; the rest was not read: export JSON lines"
        text = b"".join(self._parts).decode("utf-8", "surrogateescape")
        self._parts = []
        found = list(self._lines(text))
        if is_newest_first([time for time, *_ in found]):
            found.reverse()
        moments = [parse_timestamp(time) for time, *_ in found]
        if None not in moments:
            order = sorted(range(len(found)), key=moments.__getitem__)  # type: ignore[arg-type]
            found = [found[at] for at in order]
        for _, key, line, number in found:
            into.put(key, line if line.endswith(b"\n") else line + b"\n", number)

    def times(self, data: bytes) -> list[str]:  # noqa: ARG002 - `finish` sorts
        """Return none: the lines are put in order at the end."""
        return []

    def _lines(self, text: str) -> Iterator[tuple[str, Key, bytes, int]]:
        fields = self.envelope.fields
        reader = RowReader(fields)
        number, counted = 1, 0
        rows = _stream_rows(text) if fields.shape == "streams" else _list_rows(text, _LISTS[fields.shape])
        for row, start in rows:
            number += text.count("\n", counted, start)
            counted = start
            if read := reader.read(row):
                self.matched += 1
                yield first_text(row, fields.time) or "", read[1], read[0], number
            else:
                self.unmatched += 1


def _rows(data: bytes, lines: list[bytes]) -> list[dict[str, Any] | None]:
    """Return the object of each line, None where there is none; all at once where all lines are JSON."""
    rows: list[dict[str, Any] | None]
    try:
        text = data[:-1].decode("utf-8", "surrogateescape").replace("\n", ",")
        rows = json.loads(f"[{text}]")
    except _BROKEN:
        rows = []
    if len(rows) == len(lines) and set(map(type, rows)) == {dict}:
        return rows
    return [_row(line) for line in lines]


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line.decode("utf-8", "surrogateescape")) if line[:1] == b"{" else None
    except _BROKEN:
        return None
    return row if isinstance(row, dict) else None


def _items(text: str, at: int) -> Iterator[tuple[Any, int, int]]:
    """Yield the items of a list with where each begins and ends, up to the list's or the text's end."""
    while True:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
        try:
            item, end = _DECODER.raw_decode(text, at)
        except _BROKEN:
            return
        yield item, at, end
        at = end


def _list_rows(text: str, beginning: re.Pattern[str]) -> Iterator[tuple[dict[str, Any], int]]:
    start = beginning.search(text)
    for item, at, _ in _items(text, start.end()) if start else ():
        if isinstance(item, dict):
            yield item, at


def _stream_rows(text: str) -> Iterator[tuple[dict[str, Any], int]]:
    at = 0
    while stream := _STREAM.search(text, at):
        at = stream.end()
        try:
            labels, at = _DECODER.raw_decode(text, at)
        except _BROKEN:
            continue
        values = _VALUES.match(text, at)
        for item, start, at in _items(text, values.end()) if values else ():  # noqa: B007 - `at` is where to go on
            if isinstance(item, list) and len(item) >= 2:
                yield {"labels": labels, "timestamp": item[0], "line": item[1]}, start
