"""Collects unwrapped lines into one block a writer; joins the pieces of split lines, turns newest first into oldest first."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from dfly_analysis.io import Opened
from dfly_analysis.io.input_stream import LINE_CAP_BYTES
from dfly_analysis.readers.logs.blocks import LineBlock, cut_long
from dfly_analysis.readers.logs.native_parser import count_lines

Key = tuple[str, ...]
"""Writer, and behind it what else must not be mixed: container, stream, file."""
Row = tuple[bytes, int | Sequence[int], int]
"""Whole lines, the number of the first or of each, and what is added from one to the next (0 or 1)."""
_HELD_BYTES = 32 << 20
_WRITERS_CAP = 10_000


@dataclass
class Tally:
    """Counts what is the wrappers' own."""

    own_lines: int = 0  # lines that carry nothing of the program


@dataclass
class _Pieces:
    parts: list[bytes]
    size: int
    number: int


class LineBuffer:
    """Lines of one block by writer, in the order in which they came."""

    turns_round = False

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._rows: dict[Key, list[Row]] = {}
        self._pieces: dict[Key, _Pieces] = {}

    def put(self, key: Key, text: bytes, number: int | Sequence[int], step: int = 0) -> None:
        """Add whole lines, each ended by a newline; pieces that wait under the key are put before them."""
        if self._pieces and key in self._pieces:
            pieces = self._pieces.pop(key)
            text = b"".join([*pieces.parts, text]) if pieces.size <= LINE_CAP_BYTES else self._cut(pieces) + b"\n"
            number = pieces.number
        if len(text) > LINE_CAP_BYTES:
            text = cut_long(text, self._opened)
        rows = self._rows.get(key)
        if rows is None:
            self._rows[key] = rows = []
        rows.append((text, number, step))

    def put_piece(self, key: Key, text: bytes, number: int) -> None:
        """Add the beginning or middle of a line that goes on; of a line longer than the cap the rest is dropped."""
        pieces = self._pieces.get(key)
        if pieces is None:
            if len(self._pieces) >= _WRITERS_CAP:
                self.put(key, text + b"\n", number)
                return
            self._pieces[key] = pieces = _Pieces([], 0, number)
        if pieces.size <= LINE_CAP_BYTES:
            pieces.parts.append(text)
        pieces.size += len(text)

    def waits(self) -> bool:
        """Say whether a line is not yet whole."""
        return bool(self._pieces)

    def take(self) -> Iterator[tuple[Key, LineBlock]]:
        """Yield the whole lines collected since the last time, a block a writer."""
        buffered, self._rows = self._rows, {}
        for key, rows in buffered.items():
            yield key, _block(rows)

    def finish(self) -> Iterator[tuple[Key, LineBlock]]:
        """Yield what is left, unfinished lines as they are."""
        for key in list(self._pieces):
            self.put(key, b"\n", 0)
        yield from self.take()

    def _cut(self, pieces: _Pieces) -> bytes:
        self._opened.cut_lines += 1
        return b"".join(pieces.parts)[:LINE_CAP_BYTES]


class ReversedLineBuffer(LineBuffer):
    """Lines of a whole file that holds the newest first; what does not fit in memory waits in a temporary file."""

    turns_round = True

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened)
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_HELD_BYTES)  # noqa: SIM115 - closed by `finish`
        self._places: list[tuple[Key, int, int]] = []

    def put_piece(self, key: Key, text: bytes, number: int) -> None:
        """Add a line: what it goes on in came before it in the file and is not known."""
        self.put(key, text + b"\n", number)

    def take(self) -> Iterator[tuple[Key, LineBlock]]:
        """Put aside what was collected; there is nothing to yield before the end."""
        import numpy as np

        buffered, self._rows = self._rows, {}
        for key, rows in buffered.items():
            block = _block(rows[::-1])
            numbers = block.line_numbers
            if numbers is None:
                numbers = np.arange(block.first_line, block.first_line + block.data.count(b"\n"), dtype=np.int64)
            self._places.append((key, len(block.data), numbers.nbytes))
            self._file.write(block.data)
            self._file.write(numbers.tobytes())
        yield from ()

    def finish(self) -> Iterator[tuple[Key, LineBlock]]:
        """Yield all lines, the last of the file first."""
        import numpy as np

        yield from self.take()
        with self._file as file:
            end = file.seek(0, 1)
            for key, data_bytes, numbers_bytes in reversed(self._places):
                end -= data_bytes + numbers_bytes
                file.seek(end)
                data, numbers = file.read(data_bytes), np.frombuffer(file.read(numbers_bytes), np.int64)
                yield key, LineBlock(data, int(numbers[0]), numbers)


def _block(rows: list[Row]) -> LineBlock:
    data = b"".join([row[0] for row in rows])
    if len(rows) == 1 and rows[0][2] == 1 and isinstance(rows[0][1], int):
        return LineBlock(data, rows[0][1])
    if count_lines(data) == len(rows) and all(isinstance(row[1], int) for row in rows):
        numbers = [row[1] for row in rows]
    else:
        numbers = [number for row in rows for number in _numbers(row)]
    return numbered(data, numbers)


def _numbers(row: Row) -> Sequence[int]:
    text, number, step = row
    if not isinstance(number, int):
        return number
    n_lines = text.count(b"\n")
    return range(number, number + n_lines) if step else [number] * n_lines


def numbered(data: bytes, numbers: Sequence[int | Sequence[int]]) -> LineBlock:
    """Return a block of lines with their numbers, which are left out where they follow one another."""
    import numpy as np

    found = np.asarray(numbers, dtype=np.int64)
    first = int(found[0]) if len(found) else 1
    return LineBlock(data, first, None if np.all(np.diff(found) == 1) else found)
