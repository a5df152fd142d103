"""Takes lines out of envelopes: prefixes and notices, JSON objects and documents, cells of CSV."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from io import BytesIO
from operator import itemgetter
from typing import Any, NamedTuple

from dfly_analysis.catalog.envelopes import EnvelopeKind
from dfly_analysis.io import Opened
from dfly_analysis.io.input_stream import LINE_CAP_BYTES
from dfly_analysis.readers.logs.blocks import LineBlock, clean
from dfly_analysis.readers.logs.envelopes import field_mapping
from dfly_analysis.readers.logs.envelopes.field_mapping import RowReader, first_text, key_of
from dfly_analysis.readers.logs.envelopes.line_buffers import Key, LineBuffer
from dfly_analysis.readers.logs.log_identity import PROGRAM_FOLDERS

_NAMES_CAP = 10_000
_LABEL = re.compile(rb'(?<!\w)(\w++)="([^"\\]*+(?:\\.[^"\\]*+)*)"')
_POD_FILE = re.compile(r"(?:^|/)(?:pods/[^/_]++_(?P<pod>[^/_]++)_[^/]++/|containers/(?P<name>[^/_]++)_[^/]+\.log)")
DOCUMENT_CAP_BYTES = 256 << 20
_BROKEN = (ValueError, RecursionError)
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[\s,]*")
_LISTS = {"list": re.compile(r"\A\s*\["), "hits": re.compile(r'"hits"\s*:\s*\[')}
_STREAM = re.compile(r'"stream"\s*:\s*(?=\{)')
_VALUES = re.compile(r'\s*,\s*"values"\s*:\s*\[')
_DELIMITERS = b",\t;"
_COLUMNS_CAP = 4096
_KEYS_CAP = 10_000


class Unwrapper:
    """Takes one envelope off, block after block."""

    def __init__(self, envelope: EnvelopeKind, opened: Opened) -> None:
        self.envelope, self._opened = envelope, opened
        self.matched = self.unmatched = 0  # lines in the envelope's form, and those that are neither that nor a notice
        self.own_lines = 0  # notices and headers
        self._last: Key = ("",)

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:
        raise NotImplementedError

    def finish(self, into: LineBuffer) -> None:
        """Unwrap what only the end of the file makes whole."""

    def times(self, data: bytes) -> list[str]:
        """Return the envelope's times in the order of the file, as far as its head shows them."""
        head = self.envelope.patterns.head if self.envelope.patterns else None
        matches = [head.match(line) for line in clean(data).split(b"\n")] if head and "time" in head.groupindex else []
        return [match["time"].decode("utf-8", "replace") for match in matches if match]

    def _keep(self, line: bytes, number: int, into: LineBuffer) -> None:
        """Count a notice; keep any other line that is not wrapped, with those of the writer before it."""
        if self.envelope.notice and self.envelope.notice.match(line):
            self.own_lines += 1
        else:
            self.unmatched += 1
            into.put(self._last, line, number)


class PrefixUnwrapper(Unwrapper):
    """Takes off what stands before each line."""

    def __init__(self, envelope: EnvelopeKind, opened: Opened) -> None:
        super().__init__(envelope, opened)
        assert envelope.patterns  # of a prefix
        self._patterns = envelope.patterns
        self._name = lru_cache(_NAMES_CAP)(self._read_key)

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:
        """Unwrap a block; one whose lines all have the same key costs a tenth of one with several."""
        data = clean(block.data)
        for old, new in self.envelope.replaces:
            data = data.replace(old, new)
        found = self._patterns.line.findall(data)
        numbers = numbers_of(block, len(found))
        keys = set(map(itemgetter(0), found))
        if len(keys) == 1 and b"" not in keys and not (self.envelope.split_bytes or into.has_pieces() or into.reverses):
            name = self._name(*keys)
            if name.ends:
                self.matched += len(found)
                self._last = name.key
                into.put(name.key, b"".join(map(itemgetter(1), found)), numbers)
                return
        self._unwrap_each(found, numbers, into)

    def _unwrap_each(self, found: list[tuple[bytes, bytes]], numbers: Sequence[int], into: LineBuffer) -> None:
        last = b""
        name = _Name(self._last, ends=True)
        split_bytes = self.envelope.split_bytes + 1 if self.envelope.split_bytes else 0  # with the newline
        for number, (key, text) in zip(numbers, found, strict=True):
            if not key:
                self._keep(text, number, into)
                continue
            if key != last:
                name, last = self._name(key), key
                self._last = name.key
            self.matched += 1
            if name.ends and len(text) != split_bytes:
                into.put(name.key, text, number)
            else:
                into.put_piece(name.key, text[:-1], number)

    def _read_key(self, key: bytes) -> _Name:
        match = self._patterns.key.fullmatch(key)
        found = match.groupdict().items() if match else ()
        groups = {name: text.decode("utf-8", "replace") for name, text in found if text}
        if "labels" in groups:
            labels = {name.decode(): text.decode("utf-8", "replace") for name, text in _LABEL.findall(key)}
            return _Name(key_of({"labels": labels}, self.envelope), ends=True)
        file = groups.get("file", "")
        writer = groups.get("writer", "") or host_of_file(file)
        return _Name((writer, groups.get("part", ""), groups.get("stream", ""), file), ends=groups.get("tag") != "P")


class _Name(NamedTuple):
    key: Key
    ends: bool


class PlainUnwrapper(Unwrapper):
    """Drops the notices between lines that have nothing before them."""

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:
        """Unwrap a block; only lines that begin like no record are looked at closely."""
        lines = [line + b"\n" for line in block.data.split(b"\n")[:-1]]
        notice, numbers = self.envelope.notice, numbers_of(block, len(lines))
        own = {at for at, line in enumerate(lines) if notice and line[0] > 0x39 and line[0] != 0x7B and notice.match(line)}  # fmt: skip
        self.own_lines += len(own)
        self.matched += len(lines) - len(own)
        if own or into.reverses:
            for at, line in enumerate(lines):
                if at not in own:
                    into.put(self._last, line, numbers[at])
        else:
            into.put(self._last, block.data, numbers)


def numbers_of(block: LineBlock, n_lines: int) -> Sequence[int]:
    """Return the number of each line of a block."""
    if block.line_numbers is None:
        return range(block.first_line, block.first_line + n_lines)
    numbers: list[int] = block.line_numbers.tolist()
    return numbers


def host_of_file(path: str) -> str:
    """Return the pod or host that a file's path names, empty where it names none."""
    if match := _POD_FILE.search(path):
        return match["pod"] or match["name"] or ""
    folders = [part for part in path.split("/")[:-1] if part.lower() not in {*PROGRAM_FOLDERS, "", ".", ".."}]
    return folders[-1] if folders else ""


class JsonUnwrapper(Unwrapper):
    """Takes the line out of the JSON object that stands on each line."""

    def __init__(self, envelope: EnvelopeKind, opened: Opened) -> None:
        super().__init__(envelope, opened)
        self._reader = RowReader(envelope)

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:
        lines = block.data.split(b"\n")[:-1]
        pieces = self.envelope.pieces
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
        rows = [row for row in _rows(data, data.split(b"\n")[:-1]) if row is not None]
        return [time for row in rows if (time := first_text(row, self.envelope.time))]


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
        if field_mapping.is_newest_first([time for time, *_ in found]):
            found.reverse()
        moments = [field_mapping.parse_timestamp(time) for time, *_ in found]
        if None not in moments:
            order = sorted(range(len(found)), key=moments.__getitem__)  # type: ignore[arg-type]
            found = [found[at] for at in order]
        for _, key, line, number in found:
            into.put(key, line if line.endswith(b"\n") else line + b"\n", number)

    def _lines(self, text: str) -> Iterator[tuple[str, Key, bytes, int]]:
        fields = self.envelope
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


def cell_pattern(delimiter: bytes) -> re.Pattern[bytes]:
    """Return what finds the cells of a row: text in quotes or bare text, and what ends it."""
    mark = re.escape(delimiter)
    return re.compile(b"(?<![^" + mark + b'\\n])(?:"([^"]*+(?:""[^"]*+)*)"|([^' + mark + b"\\n]*+))(" + mark + b"|\\n)")


class CsvUnwrapper(Unwrapper):
    """Takes the cell that holds a line out of each row; a cell may hold several lines."""

    def __init__(self, envelope: EnvelopeKind, opened: Opened) -> None:
        super().__init__(envelope, opened)
        self._columns: list[str] = []
        self._line_column = -1
        self._key_columns: list[int] = []
        self._keys: dict[tuple[bytes, ...], Key] = {}
        self._cell = re.compile(b"")
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._first = 1
        self._in_quotes = False
        self._times: list[str] | None = None  # collected where this is a list

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:
        """Unwrap a block; a row that it does not end is kept for the next."""
        lines = block.data.split(b"\n")[:-1]
        for number, line in zip(numbers_of(block, len(lines)), lines, strict=True):
            if not self._held:
                self._first = number
            self._held.append(line + b"\n")
            self._held_bytes += len(line) + 1
            self._in_quotes ^= bool(line.count(b'"') & 1)
            if not self._in_quotes or self._held_bytes > LINE_CAP_BYTES:  # so long a cell has a quote that never closes
                self._end_row(into)

    def finish(self, into: LineBuffer) -> None:
        if self._held:
            self._end_row(into)

    def times(self, data: bytes) -> list[str]:
        nothing = Opened("", BytesIO())
        scratch = CsvUnwrapper(self.envelope, nothing)
        scratch._times = []
        scratch.unwrap(LineBlock(data), LineBuffer(nothing))
        return scratch._times

    def _end_row(self, into: LineBuffer) -> None:
        row, self._held = b"".join(self._held), []
        self._held_bytes, self._in_quotes = 0, False
        if not self._columns:
            self._read_header(row)
            return
        cells = self._cells(row) if self._line_column >= 0 else []
        if len(cells) <= max(self._line_column, 0):
            for offset, line in enumerate(row.split(b"\n")[:-1]):
                self._keep(line + b"\n", self._first + offset, into)
            return
        line, before = cells[self._line_column]
        identity = tuple([cells[at][0] for at in self._key_columns if at < len(cells)])
        if identity not in self._keys:
            if len(self._keys) >= _KEYS_CAP:
                self._keys.clear()
            self._keys[identity] = key_of(self._named(cells), self.envelope)
        self._last = self._keys[identity]
        if self._times is not None and (time := first_text(self._named(cells), self.envelope.time)):
            self._times.append(time)
        self.matched += 1
        first = self._first + before
        into.put(self._last, line + b"\n", range(first, first + line.count(b"\n") + 1) if b"\n" in line else first)

    def _named(self, cells: list[tuple[bytes, int]]) -> dict[str, str]:
        named = zip(self._columns, cells, strict=False)
        return {name: cell.decode("utf-8", "surrogateescape") for name, (cell, _) in named}

    def _read_header(self, row: bytes) -> None:
        self.own_lines += row.count(b"\n")
        if row.startswith(b"sep=") or not row.strip():  # a hint for Excel
            return
        header = row[:_COLUMNS_CAP].rstrip(b"\n") + b"\n"  # a cell without an end would be looked for at every place
        self._cell = cell_pattern(bytes([max(_DELIMITERS, key=header.count)]))
        self._columns = [cell.decode("utf-8", "replace").strip().lower() for cell, _ in self._cells(header)]
        fields = self.envelope
        texts = [name for name in fields.text if name in self._columns]
        self._line_column = self._columns.index(texts[0]) if texts else -1
        names = {name for path in (*fields.writer, *fields.part) for name in (path, path.partition(".")[0])}
        self._key_columns = [at for at, name in enumerate(self._columns) if name in names]

    def _cells(self, row: bytes) -> list[tuple[bytes, int]]:
        """Return each cell with the number of newlines before it in the row."""
        if b"\n" not in row[:-1]:
            found = self._cell.findall(row)
            return [(quoted.replace(b'""', b'"') if quoted else bare, 0) for quoted, bare, _ in found]
        cells, counted, newlines = [], 0, 0
        for match in self._cell.finditer(row):
            quoted, bare, end = match.groups()
            newlines += row.count(b"\n", counted, match.start())
            counted = match.start()
            cells.append((bare if quoted is None else quoted.replace(b'""', b'"'), newlines))
            if end == b"\n":
                break
        return cells


UNWRAPPERS: dict[str, type[Unwrapper]] = {
    "prefix": PrefixUnwrapper, "plain": PlainUnwrapper, "json": JsonUnwrapper, "document": DocumentUnwrapper, "csv": CsvUnwrapper,
}  # fmt: skip
