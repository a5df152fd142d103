"""Blocks of whole lines, cut where records begin: what every reader of a log is fed with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.io import Opened
from dfly_analysis.io.input_stream import HEAD_BYTES, LINE_CAP_BYTES
from dfly_analysis.readers.logs.native_parser import count_lines

BLOCK_BYTES = 8 << 20
FIRST_BYTES = 1 << 20  # of the first block; each is twice as long as the last, so that all that read on are busy soon
COLOUR = re.compile(rb"\x1b\[[0-9;]*[mK]|\\u001[bB]\[[0-9;]*[mK]|\[(?:[0123]|2;3|1;3[0-9]|3[0-9])m")
"""Colours as a terminal gets them, as JSON escapes them, and as an exporter that drops the escape byte leaves them."""
MAX_CONTINUED_BYTES = 16 << 20  # more than that does not belong to one record: lines behind it are read by themselves
_SMALL_BYTES = 1 << 18
_LOOK_BYTES, _STRAY_SHARE = 1 << 17, 0.1


@dataclass(frozen=True)
class LineBlock:
    r"""Whole lines of one writer, in the order they were written."""

    data: bytes  # as the program wrote them (envelope, colours, carriage returns removed), each ended by a line feed
    first_line: int = 1  # number in the file, from 1, of the first line
    line_numbers: npt.NDArray[np.int64] | None = None  # of each line, where they are not consecutive
    writer: str = ""  # pod, container or host that the envelope names, empty where the file is one writer's
    own_lines: int = 0  # lines of the file up to here that are the envelope's own (notices)
    part: str = ""  # container, stream or file of the writer whose lines must not be mixed with others
    lines: int | None = None  # how many lines there are, where they were counted

    @property
    def end_line(self) -> int:
        """Return the number behind that of the last line, where they follow one another."""
        return self.first_line + (count_lines(self.data) if self.lines is None else self.lines)

    def numbers(self) -> npt.NDArray[np.int64]:
        if self.line_numbers is not None:
            return self.line_numbers
        return np.arange(self.first_line, self.end_line, dtype=np.int64)


@dataclass
class Counts:
    """What became of the lines."""

    lines: int = 0
    parsed: int = 0
    continuation: int = 0  # parsed lines begin a record
    formats: Counter[str] = field(default_factory=Counter)  # records by id of their format
    span_ns: tuple[int, int] | None = None  # earliest and latest time, nanoseconds since 1970

    def add(self, other: Counts) -> None:
        self.lines += other.lines
        self.parsed += other.parsed
        self.continuation += other.continuation
        self.formats += other.formats
        self.reach(other.span_ns)

    def reach(self, span_ns: tuple[int, int] | None) -> None:
        if span_ns is not None:
            own = self.span_ns or span_ns
            self.span_ns = min(own[0], span_ns[0]), max(own[1], span_ns[1])


def read_blocks(opened: Opened, block_bytes: int = BLOCK_BYTES, *, keep_colours: bool = False) -> Iterator[LineBlock]:
    """Yield a file's lines in blocks of about so many bytes; counts lines cut at 4 MiB in `opened`."""
    first_line = 1
    for data in _assembled(opened, max(block_bytes, 1)):
        lines = count_lines(data)
        yield LineBlock(_normalise(data) if keep_colours else clean(data), first_line, lines=lines)
        first_line += lines


def clean(data: bytes) -> bytes:
    """Return the lines without colours, carriage returns and NUL bytes."""
    # Where few lines of a large block have any, Python cleans the lines it reads: a search would take longer than reading.
    if len(data) >= _SMALL_BYTES and not _is_worth_cleaning(data):
        return data
    if b"\0" in data:
        data = data.translate(None, b"\0")
    if b"\x1b" in data or b"[0m" in data or b"[2m" in data:
        data = COLOUR.sub(b"", data)
    return _normalise(data)


def _normalise(data: bytes) -> bytes:
    """Return the lines without NUL bytes and carriage returns."""
    if b"\0" in data:
        data = data.translate(None, b"\0")
    return data.replace(b"\r\n", b"\n") if b"\r" in data else data


def head_text(head: bytes) -> bytes:
    """Return a file's head without carriage returns and NUL bytes, ended after its last whole line."""
    text = _normalise(head)
    if len(head) >= HEAD_BYTES and b"\n" in text:
        return text[: text.rfind(b"\n") + 1]
    return text if text.endswith(b"\n") or not text else text + b"\n"


def _is_worth_cleaning(data: bytes) -> bool:
    """Say whether of the places looked at in a block so many have what is taken off that stray lines are not all."""
    looked_at = [data[place : place + 1024] for place in range(0, len(data), _LOOK_BYTES)]
    marked = sum(any(mark in part for mark in (b"\x1b", b"\r", b"\0", b"[0m", b"[2m")) for part in looked_at)
    return marked > _STRAY_SHARE * len(looked_at)


def _assembled(opened: Opened, block_bytes: int) -> Iterator[bytes]:
    """Yield blocks that end in a newline; of a line longer than the cap only its beginning is held."""
    held: list[bytes] = []
    size = tail = 0  # bytes held, and of them those behind the last newline
    wanted = min(block_bytes, FIRST_BYTES)
    skipping = False
    slices = (
        piece[start : start + block_bytes] for piece in opened.blocks() for start in range(0, len(piece), block_bytes)
    )
    for piece in slices:
        at = piece.rfind(b"\n")
        if skipping:
            if at < 0:
                continue
            piece = piece[piece.find(b"\n") :]  # noqa: PLW2901 - the line's rest is dropped
            at, skipping = piece.rfind(b"\n"), False
        held.append(piece)
        size, tail = size + len(piece), tail + len(piece) if at < 0 else len(piece) - at - 1
        if at >= 0 and size >= wanted:
            wanted = min(block_bytes, 2 * wanted)
            yield cut_long(b"".join([*held[:-1], piece[: at + 1]]), opened)
            held, size = [piece[at + 1 :]], tail
        elif tail > LINE_CAP_BYTES:
            whole = b"".join(held)
            cut = whole[: len(whole) - tail + LINE_CAP_BYTES]
            held, size, tail, skipping = [cut], len(cut), LINE_CAP_BYTES, True
            opened.cut_lines += 1
    if size:
        last = b"".join(held)
        yield cut_long(last if last.endswith(b"\n") else last + b"\n", opened)


def cut_long(data: bytes, opened: Opened) -> bytes:
    """Cut the lines that are longer than the cap; only the last line before each cap is looked at, not every one."""
    parts: list[bytes] = []
    start = done = 0
    while len(data) - start > LINE_CAP_BYTES + 1:
        at = data.rfind(b"\n", start, start + LINE_CAP_BYTES + 1)
        if at < 0:
            parts.append(data[done : start + LINE_CAP_BYTES])
            opened.cut_lines += 1
            start = done = data.index(b"\n", start)
        start = max(at, start) + 1
    return b"".join([*parts, data[done:]]) if parts else data


@dataclass
class Cutter:
    """Holds a block back until the next one, which seldom begins otherwise than with a record, has given it its last lines."""

    main: LogFormat | None  # what records begin like
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


def _join(first: LineBlock, second: LineBlock) -> LineBlock:
    follows = first.line_numbers is None and second.line_numbers is None and first.end_line == second.first_line
    numbers = None if follows else np.concatenate([first.numbers(), second.numbers()])
    return LineBlock(first.data + second.data, first.first_line, numbers, first.writer)


def _split(block: LineBlock, at: int) -> tuple[LineBlock, LineBlock]:
    count, numbers = count_lines(block.data[:at]), block.line_numbers
    head = LineBlock(block.data[:at], block.first_line, None if numbers is None else numbers[:count], block.writer)
    rest = None if numbers is None else numbers[count:]
    first_line = block.first_line + count if rest is None else int(rest[0]) if len(rest) else 0
    return head, LineBlock(block.data[at:], first_line, rest, block.writer)
