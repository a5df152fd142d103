"""Finds out how a file's lines are wrapped, from its head."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from dfly_analysis.catalog.envelopes import EnvelopeKind, load_envelopes
from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.errors import LogFormatError, suggest_similar
from dfly_analysis.io import Opened
from dfly_analysis.readers.logs.blocks import LineBlock, clean, head_text
from dfly_analysis.readers.logs.envelopes.field_mapping import is_newest_first
from dfly_analysis.readers.logs.envelopes.line_buffers import Key, LineBuffer, ReversedLineBuffer, Tally
from dfly_analysis.readers.logs.envelopes.unwrap_prefix import PlainUnwrapper, PrefixUnwrapper, Unwrapper
from dfly_analysis.readers.logs.format_detection import SNIFF_LINES, begins_record, count_records, find_format

DEPTH_CAP = 3
_SHARE = 0.6
_TIME = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?")
_STEPS_DOWN = 5


@dataclass
class Sample:
    """What a wrapper makes of a file's head."""

    matched: int
    unmatched: int  # lines that are wrapped so, and lines that are not
    own_lines: int
    heads: dict[Key, bytes] = field(default_factory=dict)  # the first unwrapped lines of each writer, oldest first

    @property
    def text(self) -> bytes:
        """Return the unwrapped lines of all writers."""
        return b"".join(self.heads.values())


class Sniffed(NamedTuple):
    """What a file's first lines say of it."""

    wrapper: EnvelopeKind | None  # the outermost wrapper, None for bare lines
    log_format: LogFormat | None  # the format of the lines inside, None where no line begins a record
    reason: str  # why, in one sentence


@lru_cache(maxsize=4)  # a file is recognised by it, and read by it
def sniff(head: bytes) -> Sniffed:
    """Find out how a file's lines are wrapped and in which format they are written."""
    wrappers, text = sniff_wrappers(head)
    counts = count_records(text.decode("utf-8", "replace"))
    n_lines = min(text.count(b"\n"), SNIFF_LINES)
    around = " around ".join(wrapper.title for wrapper in wrappers)
    outer = wrappers[0] if wrappers else None
    if not counts:
        kind = f"{around} around lines of no known format" if around else "no log of a known format"
        return Sniffed(outer, None, f"{kind}: none of the first {n_lines} lines begins a record")
    main = find_format(counts.most_common(1)[0][0])
    named = f"{around} around {main.id}" if around else main.id
    return Sniffed(outer, main, f"{named}: {counts.total()} of the first {n_lines} lines begin a record")


def sniff_wrapper(head: bytes, depth: int = 1) -> EnvelopeKind | None:
    """Return how the lines of a file are wrapped, None where they are bare."""
    text = head_text(head)
    n_lines = text.count(b"\n")
    bare = _records(text)
    if not n_lines or depth > DEPTH_CAP:
        return None
    if bare < 0.5 * n_lines:
        for wrapper in load_envelopes():
            if wrapper.kind != "plain" and _fits(wrapper, text, bare, depth):
                return wrapper
    if depth == 1 and bare > _STEPS_DOWN and is_newest_first(_bare_times(text), least=_STEPS_DOWN, ratio=4):
        return find_wrapper("newest-first")
    kubectl = find_wrapper("kubectl")
    found = sample(kubectl, text)
    return kubectl if found.own_lines and (bare or not found.matched) else None


def sniff_wrappers(head: bytes) -> tuple[list[EnvelopeKind], bytes]:
    """Return all wrappers of a head, the outermost first, and the lines inside."""
    found: list[EnvelopeKind] = []
    text = head_text(head)
    while len(found) < DEPTH_CAP and (wrapper := sniff_wrapper(text, len(found) + 1)):
        found.append(wrapper)
        text = sample(wrapper, text).text
    return found, clean(text)


def find_wrapper(wrapper_id: str) -> EnvelopeKind:
    """Return the wrapper of that id."""
    for wrapper in load_envelopes():
        if wrapper.id == wrapper_id:
            return wrapper
    hint = suggest_similar(wrapper_id, (wrapper.id for wrapper in load_envelopes()))
    raise LogFormatError(f"no wrapper is called {wrapper_id!r}", hint=hint or "see `dfly-analysis inspect`")


def unwrapper_for(wrapper: EnvelopeKind, tally: Tally, opened: Opened) -> Unwrapper:
    """Return what takes a wrapper off."""
    if wrapper.kind in ("prefix", "plain"):
        return (PrefixUnwrapper if wrapper.kind == "prefix" else PlainUnwrapper)(wrapper, tally)
    if wrapper.kind == "csv":
        from dfly_analysis.readers.logs.envelopes.unwrap_csv import CsvUnwrapper

        return CsvUnwrapper(wrapper, tally)
    from dfly_analysis.readers.logs.envelopes.unwrap_json import DocumentUnwrapper, JsonUnwrapper

    return JsonUnwrapper(wrapper, tally) if wrapper.kind == "json" else DocumentUnwrapper(wrapper, tally, opened)


def line_buffer_for(unwrapper: Unwrapper, opened: Opened, head: bytes) -> LineBuffer:
    """Return what collects an unwrapper's lines: in reverse order where the file's head shows the newest first."""
    wrapper = unwrapper.wrapper
    turns = wrapper.newest_first and (wrapper.kind == "plain" or is_newest_first(unwrapper.times(head)))
    return ReversedLineBuffer(opened) if turns else LineBuffer(opened)


def sample(wrapper: EnvelopeKind, text: bytes) -> Sample:
    """Unwrap a head; of a table or document that the head cuts off, the whole rows."""
    tally = Tally()
    nothing = Opened("", io.BytesIO())
    unwrapper = unwrapper_for(wrapper, tally, nothing)
    into = line_buffer_for(unwrapper, nothing, text)
    unwrapper.unwrap(LineBlock(text), into)
    if wrapper.kind != "csv":
        unwrapper.finish(into)
    heads: dict[Key, bytes] = {}
    for key, block in (*into.take(), *into.finish()):
        heads[key] = heads.get(key, b"") + block.data
    return Sample(unwrapper.matched, unwrapper.unmatched, tally.own_lines, heads)


def _fits(wrapper: EnvelopeKind, text: bytes, bare: int, depth: int) -> bool:
    found = sample(wrapper, text)
    if found.matched < max(1, _SHARE * (found.matched + found.unmatched)):
        return False
    return wrapper.certain or _records(found.text) > bare or sniff_wrapper(found.text, depth + 1) is not None


def _records(text: bytes) -> int:
    return count_records(clean(text).decode("utf-8", "replace")).total()


def _bare_times(text: bytes) -> list[str]:
    """Return the times of the lines that begin a record; none where all times ascend, as in most files: they need no look."""
    timed = [(line, match[0]) for line in clean(text).split(b"\n") if (match := _TIME.search(line, 0, 200))]
    stamps = [stamp for _, stamp in timed]
    layouts = {(len(stamp), stamp[10:11], stamp[19:].lstrip(b".0123456789")) for stamp in stamps}
    if len(layouts) == 1 and stamps == sorted(stamps):
        return []
    return [stamp.decode() for line, stamp in timed if begins_record(line.decode("utf-8", "replace"))]
