"""Unwraps lines that a tool put something before, or that stand between notices of a tool."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from dfly_analysis.catalog.envelopes import EnvelopeKind
from dfly_analysis.readers.logs.blocks import LineBlock, clean
from dfly_analysis.readers.logs.envelopes.field_mapping import part_of, writer_of
from dfly_analysis.readers.logs.envelopes.line_buffers import Key, LineBuffer, Tally

_NAMES_CAP = 10_000
_LABEL = re.compile(rb'(\w+)="((?:[^"\\]|\\.)*)"')
_POD_FILE = re.compile(r"(?:^|/)(?:pods/[^/_]+_(?P<pod>[^/_]+)_[^/]+/|containers/(?P<name>[^/_]+)_[^/]+\.log)")
_OWN_FOLDERS = frozenset({"dfdaemon", "scheduler", "manager", "daemon", "dfget", "log", "logs", "dragonfly", "var", ".", ".."})  # fmt: skip


class Unwrapper:
    """Takes one wrapper off, block after block."""

    def __init__(self, wrapper: EnvelopeKind, tally: Tally) -> None:
        self.wrapper = wrapper
        self.tally = tally
        self.matched = 0
        self.unmatched = 0
        self._last: Key = ("",)

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:
        """Unwrap a block of whole lines."""
        raise NotImplementedError

    def finish(self, into: LineBuffer) -> None:
        """Unwrap what only the end of the file makes whole."""

    def times(self, data: bytes) -> list[str]:
        """Return the wrapper's times in the order of the file, as far as the data, a file's head, shows them."""
        head = self.wrapper.head
        matches = [head.match(line) for line in clean(data).split(b"\n")] if head and "time" in head.groupindex else []
        return [match["time"].decode("utf-8", "replace") for match in matches if match]

    def _keep(self, line: bytes, number: int, into: LineBuffer) -> None:
        """Count a notice; keep any other line that is not wrapped, with those of the writer before it."""
        if self.wrapper.notice and self.wrapper.notice.match(line):
            self.tally.own_lines += 1
        else:
            self.unmatched += 1
            into.put(self._last, line, number)


class PrefixUnwrapper(Unwrapper):
    """Takes off what stands before each line."""

    def __init__(self, wrapper: EnvelopeKind, tally: Tally) -> None:
        super().__init__(wrapper, tally)
        self._names: dict[bytes, _Name] = {}

    def unwrap(self, block: LineBlock, into: LineBuffer) -> None:
        """Unwrap a block; one whose lines all have the same key costs a tenth of one with several."""
        assert self.wrapper.line
        data = clean(block.data)
        for old, new in self.wrapper.replaces:
            data = data.replace(old, new)
        found = self.wrapper.line.findall(data)
        keys = set(map(itemgetter(0), found))
        if len(keys) == 1 and b"" not in keys and not (self.wrapper.split_bytes or into.waits() or into.turns_round):
            name = self._name(*keys)
            if name.ends:
                self.matched += len(found)
                self._last = name.key
                numbers = block.first_line if block.line_numbers is None else block.line_numbers.tolist()
                into.put(name.key, b"".join(map(itemgetter(1), found)), numbers, 1)
                return
        self._unwrap_each(found, numbers_of(block, len(found)), into)

    def _unwrap_each(self, found: list[tuple[bytes, bytes]], numbers: Sequence[int], into: LineBuffer) -> None:
        last = b""
        name = _Name(self._last, ends=True)
        split_bytes = self.wrapper.split_bytes + 1 if self.wrapper.split_bytes else 0  # with the newline
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

    def _name(self, key: bytes) -> _Name:
        name = self._names.get(key)
        if name is None:
            if len(self._names) >= _NAMES_CAP:
                self._names.clear()
            self._names[key] = name = self._read_key(key)
        return name

    def _read_key(self, key: bytes) -> _Name:
        assert self.wrapper.key
        match = self.wrapper.key.fullmatch(key)
        groups = (
            {name: text.decode("utf-8", "replace") for name, text in match.groupdict().items() if text} if match else {}
        )
        if "labels" in groups:
            labels = {name.decode(): text.decode("utf-8", "replace") for name, text in _LABEL.findall(key)}
            row = {"labels": labels}
            return _Name((writer_of(row, self.wrapper.fields), *part_of(row, self.wrapper.fields)), ends=True)
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
        lines = block.data.splitlines(keepends=True) if b"\r" not in block.data else _split(block.data)
        notices = self.wrapper.notice
        own = {
            at
            for at, line in enumerate(lines)
            if notices and line[0] > 0x39 and line[0] != 0x7B and notices.match(line)
        }
        self.tally.own_lines += len(own)
        self.matched += len(lines) - len(own)
        numbers = numbers_of(block, len(lines))
        if own or into.turns_round:
            for at, line in enumerate(lines):
                if at not in own:
                    into.put(self._last, line, numbers[at])
        else:
            into.put(self._last, block.data, block.first_line if block.line_numbers is None else numbers, 1)


def _split(data: bytes) -> list[bytes]:
    return [line + b"\n" for line in data.split(b"\n")[:-1]]


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
    folders = [part for part in path.split("/")[:-1] if part and part.lower() not in _OWN_FOLDERS]
    return folders[-1] if folders else ""
