"""Cuts blocks of lines where a record begins, so that each block can be read by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.readers.logs.blocks import LineBlock, count_lines

MAX_CONTINUED_BYTES = 16 << 20
"""More than that does not belong to one record: lines behind it are read by themselves."""


@dataclass
class Cutter:
    """Holds a block back until the next one has given it the lines that continue its last record.

    Most blocks begin with a record, so that nothing has to be moved.

    Attributes
    ----------
    main : LogFormat or None
        What records begin like.
    held : LineBlock or None
    """

    main: LogFormat | None
    held: LineBlock | None = None

    def cut(self, block: LineBlock) -> Iterator[LineBlock]:
        """Yield the block held back when it is whole."""
        held, self.held = self.held, block
        if held is None:
            return
        at = self._first_record(block.data)
        if at == 0:
            yield held
            return
        continued, rest = _split(block, at)
        held = _join(held, continued)
        if rest.data or len(held.data) >= MAX_CONTINUED_BYTES:
            self.held = rest if rest.data else None
            yield held
        else:
            self.held = held

    def rest(self) -> Iterator[LineBlock]:
        """Yield what is held back when the file ends."""
        if self.held is not None and self.held.data:
            yield self.held
        self.held = None

    def _first_record(self, data: bytes) -> int:
        """Return where the first record begins; the end where none does."""
        start = 0
        while self.main is not None and start < len(data):
            end = data.find(b"\n", start)
            end = len(data) if end < 0 else end
            line = data[start:end].decode("utf-8", "replace")
            if line[:1] in self.main.first and line and self.main.head.match(line):
                return start
            start = end + 1
        return len(data)


def _numbers(block: LineBlock) -> npt.NDArray[np.int64]:
    if block.line_numbers is not None:
        return block.line_numbers
    return np.arange(block.first_line, block.first_line + count_lines(block.data), dtype=np.int64)


def _join(first: LineBlock, second: LineBlock) -> LineBlock:
    follows = (
        first.line_numbers is None
        and second.line_numbers is None
        and first.first_line + count_lines(first.data) == second.first_line
    )
    numbers = None if follows else np.concatenate([_numbers(first), _numbers(second)])
    return LineBlock(first.data + second.data, first.first_line, numbers, first.writer)


def _split(block: LineBlock, at: int) -> tuple[LineBlock, LineBlock]:
    head, tail, lines = block.data[:at], block.data[at:], block.line_numbers
    count = count_lines(head)
    if lines is None:
        return LineBlock(head, block.first_line, None, block.writer), LineBlock(
            tail, block.first_line + count, None, block.writer
        )
    number = int(lines[count]) if count < len(lines) else 0
    return LineBlock(head, block.first_line, lines[:count], block.writer), LineBlock(
        tail, number, lines[count:], block.writer
    )
