"""Peels lines that are fields of JSON objects: one object a line, or one document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from dfly_analysis.catalog.envelopes import EnvelopeKind
from dfly_analysis.io import Opened
from dfly_analysis.readers.logs.blocks import LineBlock
from dfly_analysis.readers.logs.envelopes.field_mapping import RowReader, first_text, is_newest_first, parse_timestamp
from dfly_analysis.readers.logs.envelopes.line_buffers import Key, LineBuffer, Tally
from dfly_analysis.readers.logs.envelopes.unwrap_prefix import Unwrapper, numbers_of

DOCUMENT_CAP_BYTES = 256 << 20
_BROKEN = (ValueError, RecursionError)
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[\s,]*")
_LIST = re.compile(r"\s*\[")
_HITS = re.compile(r'"hits"\s*:\s*\[')
_STREAM = re.compile(r'"stream"\s*:\s*(?=\{)')
_VALUES = re.compile(r'\s*,\s*"values"\s*:\s*\[')


class JsonUnwrapper(Unwrapper):
    """Takes the line out of the JSON object that stands on each line."""

    def __init__(self, wrapper: EnvelopeKind, tally: Tally) -> None:
        super().__init__(wrapper, tally)
        self._reader = RowReader(wrapper.fields)

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:
        """Peel a block."""
        lines = block.data.split(b"\n")[:-1]
        pieces = self.wrapper.fields.pieces
        for number, line, row in zip(numbers_of(block, len(lines)), lines, _rows(block.data, lines), strict=True):
            read = self._reader.read(row) if row is not None else None
            if read is None:
                self._keep(line + b"\n", number, into)
                continue
            text, key, goes_on = read
            self._last = key
            self.matched += 1
            if text[-1:] == b"\n":
                into.put(key, text, number)
            elif pieces or goes_on:
                into.put_piece(key, text, number)
            else:
                into.put(key, text + b"\n", number)

    def times(self, data: bytes) -> list[str]:
        """Return the times of a head's objects."""
        found = [
            first_text(row, self.wrapper.fields.time) for row in _rows(data, data.split(b"\n")[:-1]) if row is not None
        ]
        return [time for time in found if time]


class DocumentUnwrapper(Unwrapper):
    """Takes the lines out of one JSON document, oldest first."""

    def __init__(self, wrapper: EnvelopeKind, tally: Tally, opened: Opened) -> None:
        super().__init__(wrapper, tally)
        self._opened = opened
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
            self._opened.problem = f"one JSON document larger than {DOCUMENT_CAP_BYTES >> 20} MiB; what lies beyond was not read: export JSON lines"
        text = b"".join(self._parts).decode("utf-8", "surrogateescape")
        self._parts = []
        found = list(self._found(text))
        if is_newest_first([time for time, *_ in found]):
            found.reverse()
        moments = [parse_timestamp(time) for time, *_ in found]
        order = range(len(found))
        if None not in moments:
            order = sorted(order, key=moments.__getitem__)  # type: ignore[assignment,arg-type]
        for at in order:
            _, key, line, number = found[at]
            into.put(key, line if line.endswith(b"\n") else line + b"\n", number)

    def times(self, data: bytes) -> list[str]:  # noqa: ARG002 - `finish` sorts
        """Return none: the lines are put in order at the end."""
        return []

    def _found(self, text: str) -> Iterator[tuple[str, Key, bytes, int]]:
        fields = self.wrapper.fields
        reader = RowReader(fields)
        number, counted = 1, 0
        for row, start in _SHAPES[fields.shape](text):
            number += text.count("\n", counted, start)
            counted = start
            read = reader.read(row)
            if read is None:
                self.unmatched += 1
                continue
            self.matched += 1
            yield first_text(row, fields.time) or "", read[1], read[0], number


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
    if line[:1] != b"{":
        return None
    try:
        row = json.loads(line.decode("utf-8", "surrogateescape"))
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


def _list_rows(text: str) -> Iterator[tuple[dict[str, Any], int]]:
    start = _LIST.match(text)
    for item, at, _ in _items(text, start.end()) if start else ():
        if isinstance(item, dict):
            yield item, at


def _hit_rows(text: str) -> Iterator[tuple[dict[str, Any], int]]:
    start = _HITS.search(text)
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


_SHAPES = {"list": _list_rows, "hits": _hit_rows, "streams": _stream_rows}
