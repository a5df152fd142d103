"""Unwraps a file layer after layer, sniffing again below each, and yields blocks of the program's own lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from dfly_analysis.catalog.envelopes import EnvelopeKind
from dfly_analysis.io import Opened
from dfly_analysis.io.input_stream import HEAD_BYTES
from dfly_analysis.readers.logs.blocks import BLOCK_BYTES, LineBlock, clean, head_text, whole_lines
from dfly_analysis.readers.logs.envelopes.detect import DEPTH_CAP, line_buffer_for, sample, sniff_wrapper, unwrapper_for
from dfly_analysis.readers.logs.envelopes.line_buffers import Key, Tally


def unwrap(opened: Opened, wrapper: EnvelopeKind, block_bytes: int = BLOCK_BYTES) -> Iterator[LineBlock]:
    """Yield the lines inside a wrapped file, a block holding lines of one writer."""
    tally = Tally()
    layer = _Layer(wrapper, opened, tally, head_text(opened.head()))
    reported, next_line = 0, 1
    for data, first_line in whole_lines(opened, block_bytes):
        for block in layer.feed(LineBlock(data, first_line)):
            reported = tally.own_lines
            yield replace(block, own_lines=reported)
        next_line = first_line + data.count(b"\n")
    for block in layer.finish():
        reported = tally.own_lines
        yield replace(block, own_lines=reported)
    if reported != tally.own_lines:
        yield LineBlock(b"", next_line, own_lines=tally.own_lines)


class _Layer:
    """One wrapper's unwrapper, and below it a layer for each writer whose lines are wrapped again."""

    def __init__(self, wrapper: EnvelopeKind, opened: Opened, tally: Tally, head: bytes, depth: int = 1) -> None:
        self._opened = opened
        self._tally = tally
        self._depth = depth
        self._unwrapper = unwrapper_for(wrapper, tally, opened)
        self._into = line_buffer_for(self._unwrapper, opened, head)
        self._heads = sample(wrapper, head).heads
        self._below: dict[Key, _Layer | None] = {}

    def feed(self, block: LineBlock) -> Iterator[LineBlock]:
        self._unwrapper.unwrap(block, self._into)
        yield from self._hand_on(self._into.take())

    def finish(self) -> Iterator[LineBlock]:
        self._unwrapper.finish(self._into)
        yield from self._hand_on(self._into.finish())
        for key, below in self._below.items():
            if below:
                yield from (_written_by(key, block) for block in below.finish())

    def _hand_on(self, blocks: Iterable[tuple[Key, LineBlock]]) -> Iterator[LineBlock]:
        for key, block in blocks:
            if key not in self._below:
                self._below[key] = self._layer_below(key, block.data)
            below = self._below[key]
            if below is None:
                yield _written_by(key, replace(block, data=clean(block.data)))
            else:
                yield from (_written_by(key, inner) for inner in below.feed(block))

    def _layer_below(self, key: Key, data: bytes) -> _Layer | None:
        if self._depth >= DEPTH_CAP:
            return None
        head = self._heads.get(key) or data[: data.rfind(b"\n", 0, HEAD_BYTES) + 1]
        inner = sniff_wrapper(head, self._depth + 1)
        return _Layer(inner, self._opened, self._tally, head, self._depth + 1) if inner else None


def _written_by(key: Key, block: LineBlock) -> LineBlock:
    """Name who wrote a block; where a wrapper inside names the writer too, its word counts."""
    part = " ".join(filter(None, (*key[1:], block.part)))
    return replace(block, writer=block.writer or key[0], part=part)
