"""Unwraps lines that are cells of a table in CSV."""

from __future__ import annotations

import re
from io import BytesIO

from dfly_analysis.catalog.envelopes import EnvelopeKind
from dfly_analysis.io import Opened
from dfly_analysis.io.input_stream import LINE_CAP_BYTES
from dfly_analysis.readers.logs.blocks import LineBlock
from dfly_analysis.readers.logs.envelopes.field_mapping import first_text, key_of
from dfly_analysis.readers.logs.envelopes.line_buffers import Key, LineBuffer
from dfly_analysis.readers.logs.envelopes.unwrap_prefix import Unwrapper, numbers_of

_DELIMITERS = b",\t;"
_COLUMNS_CAP = 4096
_KEYS_CAP = 10_000


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
        """Unwrap a row whose last quote does not close."""
        if self._held:
            self._end_row(into)

    def times(self, data: bytes) -> list[str]:
        """Return the times of a head's rows."""
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
            self._keys[identity] = key_of(self._named(cells), self.envelope.fields)
        self._last = self._keys[identity]
        if self._times is not None and (time := first_text(self._named(cells), self.envelope.fields.time)):
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
        mark = re.escape(bytes([max(_DELIMITERS, key=header.count)]))
        self._cell = re.compile(b'(?:"([^"]*+(?:""[^"]*+)*)"|([^' + mark + b"\\n]*+))(" + mark + b"|\\n)")
        self._columns = [cell.decode("utf-8", "replace").strip().lower() for cell, _ in self._cells(header)]
        fields = self.envelope.fields
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
