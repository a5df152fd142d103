"""Unwraps a file layer after layer, sniffing again below each, and yields blocks of the program's own lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from dfly_analysis.catalog.envelopes import EnvelopeKind
from dfly_analysis.io import Opened
from dfly_analysis.io.input_stream import HEAD_BYTES
from dfly_analysis.readers.logs.blocks import BLOCK_BYTES, LineBlock, clean, head_text, read_blocks
from dfly_analysis.readers.logs.envelopes.detect import DEPTH_CAP, sample, sniff_envelope, unwrapper_for
from dfly_analysis.readers.logs.envelopes.line_buffers import Key


def unwrap(opened: Opened, envelope: EnvelopeKind, block_bytes: int = BLOCK_BYTES) -> Iterator[LineBlock]:
    """Yield the lines inside a wrapped file, a block holding lines of one writer, oldest first.

    Envelopes inside the outermost one are found by sniffing. The last block has no lines where only the count of the
    envelopes' own lines is left.
    """
    layer = _Layer(envelope, opened, head_text(opened.head()))
    reported = 0
    for block in _blocks(layer, opened, block_bytes):
        reported = layer.own_lines()
        yield replace(block, own_lines=reported)
    if reported != layer.own_lines():
        yield LineBlock(b"", own_lines=layer.own_lines())


def _blocks(layer: _Layer, opened: Opened, block_bytes: int) -> Iterator[LineBlock]:
    for block in read_blocks(opened, block_bytes, keep_colours=True):
        yield from layer.feed(block)
    yield from layer.finish()


class _Layer:
    """One envelope's unwrapper, and below it a layer for each writer whose lines are wrapped again."""

    def __init__(self, envelope: EnvelopeKind, opened: Opened, head: bytes, depth: int = 1) -> None:
        self._opened, self._depth = opened, depth
        self._unwrapper, self._into = unwrapper_for(envelope, opened, head)
        self._heads = sample(envelope, head)[1]
        self._below: dict[Key, _Layer | None] = {}

    def own_lines(self) -> int:
        return self._unwrapper.own_lines + sum(below.own_lines() for below in self._below.values() if below)

    def feed(self, block: LineBlock) -> Iterator[LineBlock]:
        self._unwrapper.unwrap(block, self._into)
        yield from self._feed_below(self._into.take())

    def finish(self) -> Iterator[LineBlock]:
        self._unwrapper.finish(self._into)
        yield from self._feed_below(self._into.finish())
        for key, below in self._below.items():
            if below:
                yield from (_add_key(key, block) for block in below.finish())

    def _feed_below(self, blocks: Iterable[tuple[Key, LineBlock]]) -> Iterator[LineBlock]:
        for key, block in blocks:
            if key not in self._below:
                self._below[key] = self._layer_below(key, block.data)
            below = self._below[key]
            if below is None:
                yield _add_key(key, replace(block, data=clean(block.data)))
            else:
                yield from (_add_key(key, inner) for inner in below.feed(block))

    def _layer_below(self, key: Key, data: bytes) -> _Layer | None:
        if self._depth >= DEPTH_CAP:
            return None
        head = self._heads.get(key) or data[: data.rfind(b"\n", 0, HEAD_BYTES) + 1]
        inner = sniff_envelope(head, self._depth + 1)
        return _Layer(inner, self._opened, head, self._depth + 1) if inner else None


def _add_key(key: Key, block: LineBlock) -> LineBlock:
    """Name who wrote a block; an envelope inside that names the writer too counts more."""
    part = " ".join(filter(None, (*key[1:], block.part)))
    return replace(block, writer=block.writer or key[0], part=part)
