"""Collects unwrapped lines into one block a writer; joins the pieces of split lines, turns newest first into oldest first."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from dfly_analysis.io import Opened
from dfly_analysis.io.input_stream import LINE_CAP_BYTES
from dfly_analysis.readers.logs.blocks import LineBlock, cut_long
from dfly_analysis.readers.logs.native_parser import count_lines

Key = tuple[str, ...]  # writer, and behind it what else must not be mixed: container, stream, file
Numbers = int | Sequence[int]
"""Number in the file of each of some lines, one number where all of them stand on one line of it."""
_HELD_BYTES = 32 << 20
_WRITERS_CAP = 10_000


@dataclass
class _Pieces:
    parts: list[bytes]
    size: int
    number: int


class LineBuffer:
    """Lines of one block by writer, in the order in which they came; counts joined lines cut at 4 MiB in `opened`."""

    reverses = False

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._rows: dict[Key, list[tuple[bytes, Numbers]]] = {}
        self._pieces: dict[Key, _Pieces] = {}

    def put(self, key: Key, text: bytes, numbers: Numbers) -> None:
        """Add whole lines, each ended by a newline; pieces that wait under the key are put before them."""
        if self._pieces and key in self._pieces:
            pieces = self._pieces.pop(key)
            numbers = pieces.number
            if pieces.size <= LINE_CAP_BYTES:
                text = b"".join([*pieces.parts, text])
            else:
                text = b"".join(pieces.parts)[:LINE_CAP_BYTES] + b"\n"
                self._opened.cut_lines += 1
        if len(text) > LINE_CAP_BYTES:
            text = cut_long(text, self._opened)
        rows = self._rows.get(key)
        if rows is None:
            self._rows[key] = rows = []
        rows.append((text, numbers))

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

    def has_pieces(self) -> bool:
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


class ReversedLineBuffer(LineBuffer):
    """Lines of a whole file that holds the newest first; what does not fit in memory waits in a temporary file."""

    reverses = True

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened)
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_HELD_BYTES)  # noqa: SIM115 - closed by `finish`
        self._places: list[tuple[Key, int, int]] = []

    def put_piece(self, key: Key, text: bytes, number: int) -> None:
        """Add a line: what it goes on in came before it in the file and is not known."""
        self.put(key, text + b"\n", number)

    def take(self) -> Iterator[tuple[Key, LineBlock]]:
        """Put aside what was collected; there is nothing to yield before the end."""
        buffered, self._rows = self._rows, {}
        for key, rows in buffered.items():
            block = _block(rows[::-1])
            numbers = block.numbers()
            self._places.append((key, len(block.data), numbers.nbytes))
            self._file.write(block.data)
            self._file.write(numbers.tobytes())
        yield from ()

    def finish(self) -> Iterator[tuple[Key, LineBlock]]:
        """Yield all lines, the last of the file first."""
        yield from self.take()
        with self._file as file:
            end = file.seek(0, 1)
            for key, data_bytes, numbers_bytes in reversed(self._places):
                end -= data_bytes + numbers_bytes
                file.seek(end)
                data, numbers = file.read(data_bytes), np.frombuffer(file.read(numbers_bytes), np.int64)
                yield key, LineBlock(data, int(numbers[0]), numbers)


def _block(rows: list[tuple[bytes, Numbers]]) -> LineBlock:
    data = b"".join([text for text, _ in rows])
    if len(rows) == 1 and isinstance(rows[0][1], range):
        return LineBlock(data, rows[0][1].start)
    numbers: list[Numbers] = [number for _, number in rows]
    if count_lines(data) != len(rows) or not all(isinstance(number, int) for number in numbers):
        numbers = [one for text, own in rows for one in ([own] * text.count(b"\n") if isinstance(own, int) else own)]
    found = np.asarray(numbers, dtype=np.int64)
    return LineBlock(data, int(found[0]) if len(found) else 1, None if np.all(np.diff(found) == 1) else found)
