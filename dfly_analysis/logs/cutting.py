"""Cuts blocks of lines where a record begins, so that each block can be read by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dfly_analysis.knowledge.format import LogFormat
from dfly_analysis.logs.blocks import LineBlock

MOST_CARRIED_BYTES = 16 << 20
"""More lines than that do not belong to one record."""


@dataclass
class Cutter:
    """Holds back the last record of one writer's block: the next block may continue it.

    Attributes
    ----------
    main : LogFormat or None
        What records begin like.
    carried : LineBlock or None
    """

    main: LogFormat | None
    carried: LineBlock | None = None

    def cut(self, block: LineBlock) -> Iterator[LineBlock]:
        """Yield the lines up to the block's last record, those held back before them."""
        joined = block if self.carried is None else _join(self.carried, block)
        at = self._last_record(joined.data, len(joined.data) - len(block.data))
        if at == 0 and len(joined.data) < MOST_CARRIED_BYTES:
            self.carried = joined
            return
        if at == 0:
            self.carried = None
            yield joined
            return
        whole, self.carried = _split(joined, at)
        yield whole

    def rest(self) -> Iterator[LineBlock]:
        """Yield what is held back when the file ends."""
        if self.carried is not None and self.carried.data:
            yield self.carried
        self.carried = None

    def _last_record(self, data: bytes, least: int) -> int:
        """Return where the last record begins, looking no further back than `least`; 0 where none does."""
        end = len(data)
        while self.main is not None and end > least:
            start = data.rfind(b"\n", 0, end - 1) + 1
            line = data[start : end - 1].decode("utf-8", "replace")
            if line[:1] in self.main.first and line and self.main.head.match(line):
                return start
            end = start
        return 0


def _numbers(block: LineBlock) -> npt.NDArray[np.int64]:
    if block.line_numbers is not None:
        return block.line_numbers
    return np.arange(block.first_line, block.first_line + block.data.count(b"\n"), dtype=np.int64)


def _join(first: LineBlock, second: LineBlock) -> LineBlock:
    follows = (
        first.line_numbers is None
        and second.line_numbers is None
        and first.first_line + first.data.count(b"\n") == second.first_line
    )
    numbers = None if follows else np.concatenate([_numbers(first), _numbers(second)])
    return LineBlock(first.data + second.data, first.first_line, numbers, first.writer, second.own_lines)


def _split(block: LineBlock, at: int) -> tuple[LineBlock, LineBlock]:
    head, tail = block.data[:at], block.data[at:]
    lines = block.line_numbers
    if lines is None:
        number = block.first_line + head.count(b"\n")
        return LineBlock(head, block.first_line, None, block.writer), LineBlock(tail, number, None, block.writer)
    count = head.count(b"\n")
    return (
        LineBlock(head, block.first_line, lines[:count], block.writer),
        LineBlock(tail, int(lines[count]), lines[count:], block.writer),
    )
