"""Unwraps lines that a tool put something before, or that stand between notices of a tool."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from dfly_analysis.catalog.envelopes import EnvelopeKind
from dfly_analysis.io import Opened
from dfly_analysis.readers.logs.blocks import LineBlock, clean
from dfly_analysis.readers.logs.envelopes.field_mapping import key_of
from dfly_analysis.readers.logs.envelopes.line_buffers import Key, LineBuffer
from dfly_analysis.readers.logs.log_identity import PROGRAM_FOLDERS

_NAMES_CAP = 10_000
_LABEL = re.compile(rb'(?<!\w)(\w++)="([^"\\]*+(?:\\.[^"\\]*+)*)"')
_POD_FILE = re.compile(r"(?:^|/)(?:pods/[^/_]++_(?P<pod>[^/_]++)_[^/]++/|containers/(?P<name>[^/_]++)_[^/]+\.log)")


class Unwrapper:
    """Takes one envelope off, block after block."""

    def __init__(self, envelope: EnvelopeKind, opened: Opened) -> None:
        self.envelope, self._opened = envelope, opened
        self.matched = self.unmatched = 0  # lines in the envelope's form, and those that are neither that nor a notice
        self.own_lines = 0  # notices and headers
        self._last: Key = ("",)

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:
        """Unwrap a block of whole lines."""
        raise NotImplementedError

    def finish(self, into: LineBuffer) -> None:
        """Unwrap what only the end of the file makes whole."""

    def times(self, data: bytes) -> list[str]:
        """Return the envelope's times in the order of the file, as far as its head shows them."""
        head = self.envelope.head
        matches = [head.match(line) for line in clean(data).split(b"\n")] if head and "time" in head.groupindex else []
        return [match["time"].decode("utf-8", "replace") for match in matches if match]

    def _keep(self, line: bytes, number: int, into: LineBuffer) -> None:
        """Count a notice; keep any other line that is not wrapped, with those of the writer before it."""
        if self.envelope.notice and self.envelope.notice.match(line):
            self.own_lines += 1
        else:
            self.unmatched += 1
            into.put(self._last, line, number)


class PrefixUnwrapper(Unwrapper):
    """Takes off what stands before each line."""

    def __init__(self, envelope: EnvelopeKind, opened: Opened) -> None:
        super().__init__(envelope, opened)
        self._name = lru_cache(_NAMES_CAP)(self._read_key)

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:
        """Unwrap a block; one whose lines all have the same key costs a tenth of one with several."""
        assert self.envelope.line
        data = clean(block.data)
        for old, new in self.envelope.replaces:
            data = data.replace(old, new)
        found = self.envelope.line.findall(data)
        numbers = numbers_of(block, len(found))
        keys = set(map(itemgetter(0), found))
        if len(keys) == 1 and b"" not in keys and not (self.envelope.split_bytes or into.has_pieces() or into.reverses):
            name = self._name(*keys)
            if name.ends:
                self.matched += len(found)
                self._last = name.key
                into.put(name.key, b"".join(map(itemgetter(1), found)), numbers)
                return
        self._unwrap_each(found, numbers, into)

    def _unwrap_each(self, found: list[tuple[bytes, bytes]], numbers: Sequence[int], into: LineBuffer) -> None:
        last = b""
        name = _Name(self._last, ends=True)
        split_bytes = self.envelope.split_bytes + 1 if self.envelope.split_bytes else 0  # with the newline
        for number, (key, text) in zip(numbers, found, strict=True):
            if not key:
                self._keep(text, number, into)
                continue
            if key != last:
                name, last = self._name(key), key
                self._last = name.key
            self.matched += 1
            if name.ends and len(text) != split_bytes:
                into.put(name.key, text, number)
            else:
                into.put_piece(name.key, text[:-1], number)

    def _read_key(self, key: bytes) -> _Name:
        assert self.envelope.key
        match = self.envelope.key.fullmatch(key)
        found = match.groupdict().items() if match else ()
        groups = {name: text.decode("utf-8", "replace") for name, text in found if text}
        if "labels" in groups:
            labels = {name.decode(): text.decode("utf-8", "replace") for name, text in _LABEL.findall(key)}
            return _Name(key_of({"labels": labels}, self.envelope.fields), ends=True)
        file = groups.get("file", "")
        writer = groups.get("writer", "") or host_of_file(file)
        return _Name((writer, groups.get("part", ""), groups.get("stream", ""), file), ends=groups.get("tag") != "P")


class _Name(NamedTuple):
    key: Key
    ends: bool


class PlainUnwrapper(Unwrapper):
    """Drops the notices between lines that have nothing before them."""

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:
        """Unwrap a block; only lines that begin like no record are looked at closely."""
        lines = [line + b"\n" for line in block.data.split(b"\n")[:-1]]
        notice, numbers = self.envelope.notice, numbers_of(block, len(lines))
        own = {at for at, line in enumerate(lines) if notice and line[0] > 0x39 and line[0] != 0x7B and notice.match(line)}  # fmt: skip
        self.own_lines += len(own)
        self.matched += len(lines) - len(own)
        if own or into.reverses:
            for at, line in enumerate(lines):
                if at not in own:
                    into.put(self._last, line, numbers[at])
        else:
            into.put(self._last, block.data, numbers)


def numbers_of(block: LineBlock, n_lines: int) -> Sequence[int]:
    """Return the number of each line of a block."""
    if block.line_numbers is None:
        return range(block.first_line, block.first_line + n_lines)
    numbers: list[int] = block.line_numbers.tolist()
    return numbers


def host_of_file(path: str) -> str:
    """Return the pod or host that a file's path names, empty where it names none."""
    if match := _POD_FILE.search(path):
        return match["pod"] or match["name"] or ""
    folders = [part for part in path.split("/")[:-1] if part.lower() not in {*PROGRAM_FOLDERS, "", ".", ".."}]
    return folders[-1] if folders else ""
