"""Unwraps lines that are cells of a table in CSV."""

from __future__ import annotations

import re

from dfly_analysis.catalog.envelopes import EnvelopeKind
from dfly_analysis.io.input_stream import LINE_CAP_BYTES
from dfly_analysis.readers.logs.blocks import LineBlock
from dfly_analysis.readers.logs.envelopes.field_mapping import first_text, part_of, writer_of
from dfly_analysis.readers.logs.envelopes.line_buffers import Key, LineBuffer, Tally
from dfly_analysis.readers.logs.envelopes.unwrap_prefix import Unwrapper, numbers_of

_DELIMITERS = b",\t;"
_COLUMNS_CAP = 4096
_KEYS_CAP = 10_000


class CsvUnwrapper(Unwrapper):
    """Takes the cell that holds a line out of each row; a cell may hold several lines."""

    def __init__(self, wrapper: EnvelopeKind, tally: Tally) -> None:
        super().__init__(wrapper, tally)
        self._columns: list[str] = []
        self._line_column = -1
        self._identifying_columns: list[int] = []
        self._keys: dict[tuple[bytes, ...], Key] = {}
        self._cell = re.compile(b"")
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._first = 1
        self._inside = False
        self._seen: list[str] = []

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:
        """Unwrap a block; a row that it does not end is kept for the next."""
        lines = block.data.split(b"\n")[:-1]
        for number, line in zip(numbers_of(block, len(lines)), lines, strict=True):
            if not self._held:
                self._first = number
            self._held.append(line + b"\n")
            self._held_bytes += len(line) + 1
            self._inside ^= bool(line.count(b'"') & 1)
            if not self._inside or self._held_bytes > LINE_CAP_BYTES:  # so long a cell is a quote that does not close
                self._end_row(into)

    def finish(self, into: LineBuffer) -> None:
        """Unwrap a row whose last quote does not close."""
        if self._held:
            self._end_row(into)

    def times(self, data: bytes) -> list[str]:
        """Return the times of a head's rows."""
        scratch = CsvUnwrapper(self.wrapper, Tally())
        scratch.unwrap(LineBlock(data), _Nowhere())
        return scratch._seen

    def _end_row(self, into: LineBuffer) -> None:
        row, self._held = b"".join(self._held), []
        self._held_bytes, self._inside = 0, False
        if not self._columns:
            self._read_header(row)
            return
        cells = self._cells(row) if self._line_column >= 0 else []
        if len(cells) <= self._line_column or not cells:
            self._keep_row(row, into)
            return
        line, before = cells[self._line_column]
        identifying = tuple([cells[at][0] for at in self._identifying_columns if at < len(cells)])
        if identifying not in self._keys:
            if len(self._keys) >= _KEYS_CAP:
                self._keys.clear()
            named = self._named(cells)
            self._keys[identifying] = (writer_of(named, self.wrapper.fields), *part_of(named, self.wrapper.fields))
        self._last = self._keys[identifying]
        if isinstance(into, _Nowhere) and (time := first_text(self._named(cells), self.wrapper.fields.time)):
            self._seen.append(time)
        self.matched += 1
        into.put(self._last, line + b"\n", self._first + before, 1)

    def _named(self, cells: list[tuple[bytes, int]]) -> dict[str, str]:
        named = zip(self._columns, cells, strict=False)
        return {name: cell.decode("utf-8", "surrogateescape") for name, (cell, _) in named}

    def _keep_row(self, row: bytes, into: LineBuffer) -> None:
        for offset, line in enumerate(row.split(b"\n")[:-1]):
            self._keep(line + b"\n", self._first + offset, into)

    def _read_header(self, row: bytes) -> None:
        self.tally.own_lines += row.count(b"\n")
        if row.startswith(b"sep=") or not row.strip():  # a hint for Excel
            return
        header = row[:_COLUMNS_CAP].rstrip(b"\n") + b"\n"  # a cell without an end would be looked for at every place
        delimiter = max(_DELIMITERS, key=header.count)
        mark = re.escape(bytes([delimiter]))
        self._cell = re.compile(b'(?:"([^"]*(?:""[^"]*)*)"|([^' + mark + b"\\n]*))(" + mark + b"|\\n)")
        self._columns = [cell.decode("utf-8", "replace").strip().lower() for cell, _ in self._cells(header)]
        texts = [name for name in self.wrapper.fields.text if name in self._columns]
        self._line_column = self._columns.index(texts[0]) if texts else -1
        paths = (*self.wrapper.fields.writer, *self.wrapper.fields.part)
        identifying = {name for path in paths for name in (path, path.partition(".")[0])}
        self._identifying_columns = [at for at, name in enumerate(self._columns) if name in identifying]

    def _cells(self, row: bytes) -> list[tuple[bytes, int]]:
        """Return each cell with the number of newlines before it in the row."""
        if b"\n" not in row[:-1]:
            found = self._cell.findall(row)
            return [(quoted.replace(b'""', b'"') if quoted else bare, 0) for quoted, bare, _ in found]
        cells = []
        for match in self._cell.finditer(row):
            quoted, bare, end = match.groups()
            cells.append((bare if quoted is None else quoted.replace(b'""', b'"'), row.count(b"\n", 0, match.start())))
            if end == b"\n":
                break
        return cells


class _Nowhere(LineBuffer):
    """Forgets the lines."""

    def __init__(self) -> None:
        self._rows = {}
        self._pieces = {}

    def put(self, *_: object) -> None:
        """Forget a line."""
