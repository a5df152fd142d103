r"""Compiles the patterns of known events to steps for the native reader (native/regex_vm.c).

The subset of Python's syntax that it knows: literals, ``.``, classes, ``\d \w \s`` and their opposites, ``(?:…)``, ``(?P<name>…)``, ``|``,
``? * + {m} {m,} {m,n}``, greedy or lazy, ``^`` at the beginning and ``$``. Any other pattern is matched by `re`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import NamedTuple, TypeAlias

from dfly_analysis.catalog.log_events import EventKind, load_events

TEXT_FIELDS = ("task_id", "url", "origin", "parent_id", "stage", "cost", "pieces", "error", "detail")
NUMBER_FIELDS = ("piece_number", "size_bytes", "piece_bytes")
FIELDS = (*TEXT_FIELDS, *NUMBER_FIELDS)
"""What an event can tell; any other name of a pattern is ``detail``."""
NEEDS_PYTHON = frozenset({"process_started", "service_version", "host_announced"})
"""Events of which more is read than their pattern says."""
OPS = ("TEXT", "SET", "SPLIT", "JUMP", "SAVE", "AT_END", "GREEDY", "LAZY", "DONE")
"""Instructions of the virtual machine; their numbers in C are generated from these."""
_CODE = {name: code for code, name in enumerate(OPS)}
_MAX_COPIES = 64
_DIGITS = frozenset(b"0123456789")
_WORD = _DIGITS | frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_ALL = frozenset(range(256))
_CATEGORIES = {"d": _DIGITS, "w": _WORD, "s": frozenset(b" \t\n\r\f\v")}
_COUNTS = re.compile(r"([?*+])|\{(\d+)(?:(,)(\d*))?\}")
_LITERALS = re.compile(r"(?:(?![\\^$.|?*+(){}\[\]])[\x00-\x7f])+(?![?*+{])")
_GROUP = re.compile(r"\((?:\?:|\?P<(\w+)>)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class _UnsupportedError(Exception):
    """The pattern uses what the native reader has no step for."""


class _Bytes(NamedTuple):
    members: frozenset[int]


class _End(NamedTuple):
    """The end of the message."""


class _Group(NamedTuple):
    name: str
    inner: tuple[_Node, ...]


class _Branch(NamedTuple):
    alternatives: tuple[tuple[_Node, ...], ...]


class _Repeat(NamedTuple):
    least: int
    most: int | None
    lazy: bool
    inner: tuple[_Node, ...]


_Node: TypeAlias = _Bytes | _End | _Group | _Branch | _Repeat
_BYTES = tuple(_Bytes(frozenset({code})) for code in range(128))


class _Parser:
    """Recursive descent over one pattern."""

    def __init__(self, pattern: str) -> None:
        self.rest = pattern.removeprefix("^")

    def parse(self) -> tuple[_Node, ...]:
        nodes = self._alternatives()
        if self.rest:
            raise _UnsupportedError(self.rest)
        return nodes

    def _alternatives(self) -> tuple[_Node, ...]:
        found = [self._sequence()]
        while self._skip("|"):
            found.append(self._sequence())
        if len(found) == 1:
            return found[0]
        prefix: list[_Node] = []  # what all begin with is matched once
        while all(found) and len({one[0] for one in found}) == 1:
            prefix.append(found[0][0])
            found = [one[1:] for one in found]
        return (*prefix, _Branch(tuple(found)))

    def _sequence(self) -> tuple[_Node, ...]:
        nodes: list[_Node] = []
        while self.rest and self.rest[0] not in "|)":
            if literals := _LITERALS.match(self.rest):
                nodes += [_BYTES[ord(character)] for character in literals[0]]
                self.rest = self.rest[literals.end() :]
                continue
            atom = self._atom()
            count = _COUNTS.match(self.rest)
            if count is None:
                nodes += atom
                continue
            self.rest = self.rest[count.end() :]
            lazy = self._skip("?")
            if self.rest[:1] in ("*", "+", "?", "{"):
                raise _UnsupportedError(self.rest)
            nodes.append(_Repeat(*_limits(count), lazy, atom))
        return tuple(nodes)

    def _atom(self) -> tuple[_Node, ...]:
        if group := _GROUP.match(self.rest):
            self.rest = self.rest[group.end() :]
            inner = self._alternatives()
            if not self._skip(")"):
                raise _UnsupportedError("an open group")
            return (_Group(group[1], inner),) if group[1] else inner
        if self._skip("$"):
            return (_End(),)
        if self._skip("."):
            return (_Bytes(_ALL),)
        if self._skip("["):
            return (_Bytes(self._class()),)
        if self.rest[0] in "()^*+?{}]":
            raise _UnsupportedError(self.rest)
        return (_Bytes(self._character()),)

    def _class(self) -> frozenset[int]:
        negated, members = self._skip("^"), frozenset[int]()
        while not self._skip("]"):
            own = self._character()
            if self.rest[:1] == "-" and self.rest[1:2] not in ("]", ""):
                self.rest = self.rest[1:]
                last = self._character()
                if len(own) != 1 or len(last) != 1:
                    raise _UnsupportedError("a range")
                own = frozenset(range(min(own), min(last) + 1))
            members |= own
        if not members:
            raise _UnsupportedError("an empty class")
        return _ALL - members if negated else members

    def _character(self) -> frozenset[int]:
        """Return what one character or escape stands for; lines that are matched here are ASCII."""
        if escape := _ESCAPE.match(self.rest):
            self.rest = self.rest[2:]
            known = _CATEGORIES.get(escape[1].lower())
            if known is not None:
                return known if escape[1].islower() else _ALL - known
            if escape[1].isalnum():
                raise _UnsupportedError(escape[0])
        character = escape[1] if escape else self.rest[:1]
        if not character or not character.isascii():
            raise _UnsupportedError(repr(character))
        self.rest = self.rest if escape else self.rest[1:]
        return frozenset({ord(character)})

    def _skip(self, literal: str) -> bool:
        found = self.rest.startswith(literal)
        self.rest = self.rest.removeprefix(literal)
        return found


def _limits(count: re.Match[str]) -> tuple[int, int | None]:
    if count[1]:
        return {"?": (0, 1), "*": (0, None), "+": (1, None)}[count[1]]
    least, most = int(count[2]), int(count[4]) if count[4] else None
    return least, most if count[3] else least


@dataclass
class Program:
    """Steps of several patterns, with their sets of bytes (the first has all) and literals; and the first step of each event, or -1."""

    steps: list[list[int]] = field(default_factory=list)
    sets: list[frozenset[int]] = field(default_factory=lambda: [_ALL])
    literals: bytearray = field(default_factory=bytearray)
    first_steps: dict[str, int] = field(default_factory=dict)

    def add(self, kind: EventKind) -> int:
        """Add the pattern of an event; return its first step, or -1 where `re` has to match it."""
        first = self.first_steps[kind.id] = -1 if kind.id in NEEDS_PYTHON else self._compile(kind.pattern)
        return first

    def _compile(self, pattern: str) -> int:
        first, literals = len(self.steps), len(self.literals)
        try:
            self._sequence(_Parser(pattern).parse(), set())
            self._step("DONE")
        except _UnsupportedError:
            del self.steps[first:], self.literals[literals:]
            return -1
        return first

    def _step(self, name: str, a: int = 0, b: int = 0, c: int = 0) -> int:
        self.steps.append([_CODE[name], a, b, c])
        return len(self.steps) - 1

    def _set(self, members: frozenset[int]) -> int:
        if members not in self.sets:
            self.sets.append(members)
        return self.sets.index(members)

    def _sequence(self, nodes: tuple[_Node, ...], named: set[str]) -> None:
        for is_text, run in groupby(nodes, key=lambda node: isinstance(node, _Bytes) and len(node.members) == 1):
            if is_text:
                text = bytes(min(node.members) for node in run if isinstance(node, _Bytes))
                self._step("TEXT", len(self.literals), len(text))
                self.literals += text
            else:
                for node in run:
                    self._node(node, named)

    def _node(self, node: _Node, named: set[str]) -> None:
        match node:
            case _Bytes(members):
                self._step("SET", self._set(members))
            case _End():
                self._step("AT_END")
            case _Group(name, inner):
                self._group(name if name in FIELDS else "detail", inner, named)
            case _Branch(alternatives):
                self._branch(alternatives, named)
            case _Repeat():
                self._repeat(node, named)

    def _group(self, name: str, inner: tuple[_Node, ...], named: set[str]) -> None:
        if name in named:
            raise _UnsupportedError("two groups of one name")
        named.add(name)
        self._step("SAVE", 2 * FIELDS.index(name))
        self._sequence(inner, named)
        self._step("SAVE", 2 * FIELDS.index(name) + 1)

    def _branch(self, alternatives: tuple[tuple[_Node, ...], ...], named: set[str]) -> None:
        jumps = []
        for alternative in alternatives[:-1]:
            split = self._step("SPLIT")
            self.steps[split][1] = len(self.steps)
            self._sequence(alternative, named)
            jumps.append(self._step("JUMP"))
            self.steps[split][2] = len(self.steps)
        self._sequence(alternatives[-1], named)
        for jump in jumps:
            self.steps[jump][1] = len(self.steps)

    def _repeat(self, node: _Repeat, named: set[str]) -> None:
        least, most, lazy, inner = node
        if len(inner) == 1 and isinstance(inner[0], _Bytes):
            self._step("LAZY" if lazy else "GREEDY", self._set(inner[0].members), least, -1 if most is None else most)
            return
        if lazy or most is None or most > _MAX_COPIES:
            raise _UnsupportedError("a repeated group")
        splits = []
        for number in range(most):
            if number >= least:
                splits.append(self._step("SPLIT"))
                self.steps[splits[-1]][1] = len(self.steps)
            self._sequence(inner, named if number == 0 else set())
        for split in splits:
            self.steps[split][2] = len(self.steps)


@cache
def compile_events() -> Program:
    """Return the steps of all events."""
    program = Program()
    for kind in load_events():
        program.add(kind)
    return program
