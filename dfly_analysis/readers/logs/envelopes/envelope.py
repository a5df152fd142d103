"""Finds how a file's lines are wrapped, from its head, and unwraps them layer after layer into the program's own lines."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache, lru_cache
from itertools import chain
from typing import NamedTuple

from dfly_analysis.catalog.envelopes import EnvelopeKind, load_envelopes
from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.io import Opened
from dfly_analysis.io.input_stream import HEAD_BYTES
from dfly_analysis.readers.logs.blocks import BLOCK_BYTES, LineBlock, clean, head_text, read_blocks
from dfly_analysis.readers.logs.envelopes.field_mapping import is_newest_first
from dfly_analysis.readers.logs.envelopes.line_buffers import Key, LineBuffer, ReversedLineBuffer
from dfly_analysis.readers.logs.envelopes.unwrappers import UNWRAPPERS, Unwrapper
from dfly_analysis.readers.logs.format_detection import SNIFF_LINES, begins_record, count_records, find_format

_DEPTH_CAP = 3
_SHARE = 0.6
_TIME = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?")
_STEPS_DOWN = 5


class Sniffed(NamedTuple):
    """What a file's first lines say of it."""

    envelope: EnvelopeKind | None  # the outermost, None for bare lines
    log_format: LogFormat | None  # of the lines inside, None where no line begins a record
    reason: str  # one sentence


@lru_cache(maxsize=4)  # a file is recognised by it, and read by it
def sniff(head: bytes) -> Sniffed:
    """Return how a file's lines are wrapped and their format, from the first tens of kilobytes."""
    found: list[EnvelopeKind] = []
    text = head_text(head)
    while len(found) < _DEPTH_CAP and (envelope := sniff_envelope(text, len(found) + 1)):
        found.append(envelope)
        text = b"".join(_sample(envelope, text)[1].values())
    text = clean(text)
    counts = count_records(text.decode("utf-8", "replace"))
    n_lines = min(text.count(b"\n"), SNIFF_LINES)
    around = " around ".join(envelope.title for envelope in found)
    outer = found[0] if found else None
    if not counts:
        kind = f"{around} around lines of no known format" if around else "no log of a known format"
        return Sniffed(outer, None, f"{kind}: none of the first {n_lines} lines begins a record")
    main = find_format(counts.most_common(1)[0][0])
    named = f"{around} around {main.id}" if around else main.id
    return Sniffed(outer, main, f"{named}: {counts.total()} of the first {n_lines} lines begin a record")


def sniff_envelope(head: bytes, depth: int = 1) -> EnvelopeKind | None:
    """Return the outermost envelope of a head, None where its lines are bare; one that is no proof must hold known records."""
    text = head_text(head)
    n_lines = text.count(b"\n")
    bare = _count_records(text)
    if not n_lines or depth > _DEPTH_CAP:
        return None
    if bare < 0.5 * n_lines:
        for envelope in load_envelopes():
            if envelope.kind != "plain" and _fits(envelope, text, bare, depth):
                return envelope
    if depth == 1 and bare > _STEPS_DOWN and is_newest_first(_bare_times(text), least=_STEPS_DOWN, ratio=4):
        return find_envelope("newest-first")
    kubectl = find_envelope("kubectl")
    found, _ = _sample(kubectl, text)
    return kubectl if found.own_lines and (bare or not found.matched) else None


@cache
def find_envelope(envelope_id: str) -> EnvelopeKind:
    """Return the envelope of that id."""
    return next(envelope for envelope in load_envelopes() if envelope.id == envelope_id)


def _unwrapper_for(envelope: EnvelopeKind, opened: Opened, head: bytes) -> tuple[Unwrapper, LineBuffer]:
    """Return what takes an envelope off and what collects its lines, in reverse where the head shows the newest first."""
    unwrapper = UNWRAPPERS[envelope.kind](envelope, opened)
    reverses = envelope.newest_first and (envelope.kind == "plain" or is_newest_first(unwrapper.times(head)))
    return unwrapper, ReversedLineBuffer(opened) if reverses else LineBuffer(opened)


def _sample(envelope: EnvelopeKind, text: bytes) -> tuple[Unwrapper, dict[Key, bytes]]:
    """Unwrap the whole rows of a head; return the unwrapper with its counts, and the first lines of each writer, oldest first."""
    unwrapper, into = _unwrapper_for(envelope, Opened("", io.BytesIO()), text)
    unwrapper.unwrap(LineBlock(text), into)
    if envelope.kind != "csv":
        unwrapper.finish(into)
    heads: dict[Key, bytes] = {}
    for key, block in (*into.take(), *into.finish()):
        heads[key] = heads.get(key, b"") + block.data
    return unwrapper, heads


def _fits(envelope: EnvelopeKind, text: bytes, bare: int, depth: int) -> bool:
    found, heads = _sample(envelope, text)
    if found.matched < max(1, _SHARE * (found.matched + found.unmatched)):
        return False
    inner = b"".join(heads.values())
    return envelope.certain or _count_records(inner) > bare or sniff_envelope(inner, depth + 1) is not None


def _count_records(text: bytes) -> int:
    return count_records(clean(text).decode("utf-8", "replace")).total()


def _bare_times(text: bytes) -> list[str]:
    """Return the times of the lines that begin a record; none where all times ascend, as in most files: they need no look."""
    timed = [(line, match[0]) for line in clean(text).split(b"\n") if (match := _TIME.search(line, 0, 200))]
    stamps = [stamp for _, stamp in timed]
    layouts = {(len(stamp), stamp[10:11], stamp[19:].lstrip(b".0123456789")) for stamp in stamps}
    if len(layouts) == 1 and stamps == sorted(stamps):
        return []
    return [stamp.decode() for line, stamp in timed if begins_record(line.decode("utf-8", "replace"))]


def unwrap(opened: Opened, envelope: EnvelopeKind, block_bytes: int = BLOCK_BYTES) -> Iterator[LineBlock]:
    """Yield the lines inside a wrapped file, oldest first, blocks of one writer; the last may have no lines, only their count."""
    layer = _Layer(envelope, opened, head_text(opened.head()))
    reported = 0
    fed = (inner for block in read_blocks(opened, block_bytes, keep_colours=True) for inner in layer.feed(block))
    for block in chain(fed, layer.finish()):
        reported = layer.own_lines()
        yield replace(block, own_lines=reported)
    if reported != layer.own_lines():
        yield LineBlock(b"", own_lines=layer.own_lines())


class _Layer:
    """One envelope's unwrapper, and below it a layer for each writer whose lines are wrapped again."""

    def __init__(self, envelope: EnvelopeKind, opened: Opened, head: bytes, depth: int = 1) -> None:
        self._opened, self._depth = opened, depth
        self._unwrapper, self._into = _unwrapper_for(envelope, opened, head)
        self._heads = _sample(envelope, head)[1]
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
        if self._depth >= _DEPTH_CAP:
            return None
        head = self._heads.get(key) or data[: data.rfind(b"\n", 0, HEAD_BYTES) + 1]
        inner = sniff_envelope(head, self._depth + 1)
        return _Layer(inner, self._opened, head, self._depth + 1) if inner else None


def _add_key(key: Key, block: LineBlock) -> LineBlock:
    """Name who wrote a block; an envelope inside that names the writer too counts more."""
    part = " ".join(filter(None, (*key[1:], block.part)))
    return replace(block, writer=block.writer or key[0], part=part)
