r"""Compiles the patterns of known events to steps for the native reader (native/regex_vm.c).

The subset of Python's syntax that it knows: literals, ``.``, classes, ``\d \w \s`` and their opposites, ``(?:…)``, ``(?P<name>…)``, ``|``,
``? * + {m} {m,} {m,n}``, greedy or lazy, ``^`` at the beginning and ``$``. Any other pattern is matched by `re`.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import TypeAlias

from dfly_analysis.catalog.log_events import EventKind, load_events

TEXT_FIELDS = ("task_id", "url", "origin", "parent_id", "stage", "cost", "pieces", "error", "detail")
NUMBER_FIELDS = ("piece_number", "size_bytes", "piece_bytes")
FIELDS = (*TEXT_FIELDS, *NUMBER_FIELDS)  # what an event can tell; any other name of a pattern is ``detail``
NEEDS_PYTHON = frozenset({"process_started", "service_version", "host_announced"})
"""Events of which more is read than their pattern says."""
OPS = ("TEXT", "SET", "SPLIT", "JUMP", "SAVE", "AT_END", "GREEDY", "LAZY", "DONE")
"""Instructions of the virtual machine; their numbers in C are generated from these."""
_MAX_COPIES = 64
_DIGITS = frozenset(b"0123456789")
_WORD = _DIGITS | frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_ALL = frozenset(range(256))
_CATEGORIES = {"d": _DIGITS, "w": _WORD, "s": frozenset(b" \t\n\r\f\v")}
_COUNTS = re.compile(r"([?*+])|\{(\d+)(?:(,)(\d*))?\}")
_LITERALS = re.compile(r"(?:(?![\\^$.|?*+(){}\[\]])[\x00-\x7f])+(?![?*+{])")
_GROUP = re.compile(r"\((?:\?:|\?P<(\w+)>)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_Step: TypeAlias = tuple[str, int | frozenset[int] | bytes, int, int]
"""An instruction; jumps are relative, and sets and literals are in place of their numbers."""
_Steps: TypeAlias = tuple[_Step, ...]
_Node: TypeAlias = frozenset[int] | _Steps  # one of several bytes, or the steps of anything longer


class _UnsupportedError(Exception):
    """The pattern uses what the native reader has no step for."""


class _Parser:
    """Recursive descent over one pattern."""

    def __init__(self, pattern: str) -> None:
        self.rest = pattern.removeprefix("^")
        self.names: set[str] = set()

    def parse(self) -> _Steps:
        nodes = self._alternatives()
        if self.rest:
            raise _UnsupportedError(self.rest)
        return (*_steps(nodes), ("DONE", 0, 0, 0))

    def _alternatives(self) -> list[_Node]:
        found = [self._sequence()]
        while self._skip("|"):
            found.append(self._sequence())
        if len(found) == 1:
            return found[0]
        prefix: list[_Node] = []  # what all begin with is matched once
        while all(found) and len({one[0] for one in found}) == 1:
            prefix.append(found[0][0])
            found = [one[1:] for one in found]
        *others, steps = [_steps(one) for one in found]
        for one in reversed(others):
            steps = (("SPLIT", 1, len(one) + 2, 0), *one, ("JUMP", len(steps) + 1, 0, 0), *steps)
        return [*prefix, steps]

    def _sequence(self) -> list[_Node]:
        nodes: list[_Node] = []
        while self.rest and self.rest[0] not in "|)":
            if literals := _LITERALS.match(self.rest):
                nodes += [frozenset({ord(character)}) for character in literals[0]]
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
            nodes.append(_repeat(atom, *_limits(count), lazy=lazy))
        return nodes

    def _atom(self) -> list[_Node]:
        if group := _GROUP.match(self.rest):
            self.rest = self.rest[group.end() :]
            inner = self._alternatives()
            if not self._skip(")"):
                raise _UnsupportedError("an open group")
            return [self._group(group[1], _steps(inner))] if group[1] else inner
        if self._skip("$"):
            return [(("AT_END", 0, 0, 0),)]
        if self._skip("."):
            return [_ALL]
        if self._skip("["):
            return [self._class()]
        if self.rest[0] in "()^*+?{}]":
            raise _UnsupportedError(self.rest)
        return [self._character()]

    def _group(self, name: str, inner: _Steps) -> _Steps:
        name = name if name in FIELDS else "detail"
        if name in self.names:
            raise _UnsupportedError("two groups of one name")
        self.names.add(name)
        place = 2 * FIELDS.index(name)
        return (("SAVE", place, 0, 0), *inner, ("SAVE", place + 1, 0, 0))

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


def _steps(nodes: Iterable[_Node]) -> _Steps:
    """Return the steps of nodes one after the other; neighbouring bytes become one literal."""
    found: list[_Step] = []
    for is_text, run in groupby(nodes, key=lambda node: isinstance(node, frozenset) and len(node) == 1):
        if is_text:
            text = bytes(min(node) for node in run if isinstance(node, frozenset))
            found.append(("TEXT", text, len(text), 0))
        else:
            for node in run:
                found += [("SET", node, 0, 0)] if isinstance(node, frozenset) else node
    return tuple(found)


def _repeat(inner: list[_Node], least: int, most: int | None, *, lazy: bool) -> _Steps:
    if len(inner) == 1 and isinstance(inner[0], frozenset):
        return (("LAZY" if lazy else "GREEDY", inner[0], least, -1 if most is None else most),)
    if lazy or most is None or most > _MAX_COPIES:
        raise _UnsupportedError("a repeated group")
    once = _steps(inner)
    rest: _Steps = ()
    for _ in range(most - least):
        rest = (("SPLIT", 1, len(once) + len(rest) + 1, 0), *once, *rest)
    return once * least + rest


@dataclass
class Program:
    """Steps of several patterns, with their sets of bytes (the first has all) and literals; and the first step of each event, or -1."""

    steps: list[list[int]] = field(default_factory=list)
    sets: list[frozenset[int]] = field(default_factory=lambda: [_ALL])
    literals: bytearray = field(default_factory=bytearray)
    first_steps: dict[str, int] = field(default_factory=dict)

    def add(self, kind: EventKind) -> int:
        """Add the pattern of an event; return its first step, or -1 where `re` has to match it."""
        first = -1
        with suppress(_UnsupportedError):
            if kind.id not in NEEDS_PYTHON:
                steps, first = _Parser(kind.pattern).parse(), len(self.steps)
                self.steps += [self._numbers(first + place, *step) for place, step in enumerate(steps)]
        self.first_steps[kind.id] = first
        return first

    def _numbers(self, place: int, name: str, a: int | frozenset[int] | bytes, b: int, c: int) -> list[int]:
        """Return a step as the native reader takes it."""
        if isinstance(a, bytes):
            self.literals += a
            a = len(self.literals) - len(a)
        elif isinstance(a, frozenset):
            if a not in self.sets:
                self.sets.append(a)
            a = self.sets.index(a)
        elif name in ("JUMP", "SPLIT"):
            a, b = place + a, place + b if name == "SPLIT" else 0
        return [OPS.index(name), a, b, c]


@cache
def compile_events() -> Program:
    """Return the steps of all events."""
    program = Program()
    for kind in load_events():
        program.add(kind)
    return program
