"""Patterns of known events as steps for the compiled reader; what it has no step for stays with Python's engine."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from dfly_analysis.catalog.log_events import EventKind, load_events
from dfly_analysis.catalog.yaml_loader import parsed_name, read_parsed, source_of

TEXT_FIELDS = ("task_id", "url", "origin", "parent_id", "stage", "cost", "pieces", "error", "detail")
NUMBER_FIELDS = ("piece_number", "size_bytes", "piece_bytes")
FIELDS = (*TEXT_FIELDS, *NUMBER_FIELDS)
"""What an event can tell; any other name of a pattern is ``detail``."""
NEEDS_PYTHON = frozenset({"process_started", "service_version", "host_announced"})
"""Events of which more is read than their pattern says."""
_OPS = ("TEXT", "SET", "SPLIT", "JUMP", "SAVE", "AT_END", "GREEDY", "LAZY", "DONE")
_CODE = {name: code for code, name in enumerate(_OPS)}
_MOST_COPIES = 64
_WHOLE_NUMBERS = frozenset(range(ord("0"), ord("9") + 1))
_WORD = (
    _WHOLE_NUMBERS | frozenset(range(ord("a"), ord("z") + 1)) | frozenset(range(ord("A"), ord("Z") + 1)) | {ord("_")}
)
_SPACE = frozenset(b" \t\n\r\f\v")
_ALL = frozenset(range(256))
_LAST_ASCII = 127


class _NoStepsError(Exception):
    """The pattern uses what the compiled reader has no step for."""


@dataclass
class Program:
    """Steps of several patterns, one after another.

    Attributes
    ----------
    steps : list of [op, a, b, c]
    sets : list of frozenset of int
        Sets of bytes that steps refer to by number; the first holds all.
    literals : bytearray
        Texts that steps refer to by place and length.
    """

    steps: list[list[int]] = field(default_factory=list)
    sets: list[frozenset[int]] = field(default_factory=lambda: [_ALL])
    literals: bytearray = field(default_factory=bytearray)

    def add(self, kind: EventKind) -> int:
        """Add the pattern of an event; return its first step, or -1 where it has to stay with Python's engine."""
        first = len(self.steps)
        try:
            parsed = _parse(kind.pattern)
            names = {number: name if name in FIELDS else "detail" for name, number in parsed.state.groupdict.items()}
            if len(set(names.values())) < len(names) or parsed.state.flags & re.IGNORECASE:
                return -1
            self._sequence(parsed, {number: FIELDS.index(name) for number, name in names.items()})
        except _NoStepsError:
            del self.steps[first:]
            return -1
        self._step("DONE")
        return first

    def _step(self, name: str, a: int = 0, b: int = 0, c: int = 0) -> int:
        self.steps.append([_CODE[name], a, b, c])
        return len(self.steps) - 1

    def _set(self, members: frozenset[int]) -> int:
        if members not in self.sets:
            self.sets.append(members)
        return self.sets.index(members)

    def _sequence(self, parsed: Any, fields: dict[int, int]) -> None:
        for is_text, nodes in groupby(parsed, key=lambda node: str(node[0]) == "LITERAL"):
            if is_text:
                self._text([value for _, value in nodes])
            else:
                for op, value in nodes:
                    self._node(str(op), value, fields)

    def _text(self, characters: list[int]) -> None:
        if max(characters) > _LAST_ASCII:
            raise _NoStepsError("a character that is not ASCII")
        self._step("TEXT", len(self.literals), len(characters))
        self.literals += bytes(characters)

    def _node(self, op: str, value: Any, fields: dict[int, int]) -> None:
        members = _members(op, value)
        if members is not None:
            self._step("SET", self._set(members))
        elif op == "AT" and str(value) == "AT_BEGINNING":
            return
        elif op == "AT" and str(value) == "AT_END":
            self._step("AT_END")
        elif op == "SUBPATTERN":
            self._group(value, fields)
        elif op == "BRANCH":
            self._branch(value[1], fields)
        elif op in ("MAX_REPEAT", "MIN_REPEAT"):
            self._repeat(value, fields, lazy=op == "MIN_REPEAT")
        else:
            raise _NoStepsError(op)

    def _group(self, value: Any, fields: dict[int, int]) -> None:
        number, added, removed, inner = value
        if added or removed:
            raise _NoStepsError("flags")
        if number in fields:
            self._step("SAVE", 2 * fields[number])
        self._sequence(inner, fields)
        if number in fields:
            self._step("SAVE", 2 * fields[number] + 1)

    def _branch(self, branches: Any, fields: dict[int, int]) -> None:
        leaving = []
        for branch in branches[:-1]:
            split = self._step("SPLIT")
            self.steps[split][1] = len(self.steps)
            self._sequence(branch, fields)
            leaving.append(self._step("JUMP"))
            self.steps[split][2] = len(self.steps)
        self._sequence(branches[-1], fields)
        for jump in leaving:
            self.steps[jump][1] = len(self.steps)

    def _repeat(self, value: Any, fields: dict[int, int], *, lazy: bool) -> None:
        least, most, inner = value
        endless = str(most) == "MAXREPEAT"
        if len(inner) == 1 and (members := _members(str(inner[0][0]), inner[0][1])) is not None:
            self._step("LAZY" if lazy else "GREEDY", self._set(members), int(least), -1 if endless else int(most))
            return
        if lazy or endless or most > _MOST_COPIES:
            raise _NoStepsError("a repeated group")
        for _ in range(least):
            self._sequence(inner, fields)
        splits = []
        for _ in range(most - least):
            splits.append(self._step("SPLIT"))
            self.steps[splits[-1]][1] = len(self.steps)
            self._sequence(inner, fields)
        for split in splits:
            self.steps[split][2] = len(self.steps)


def _parse(pattern: str) -> Any:
    """Return the parse tree of a pattern as Python's engine has it."""
    try:
        from re import _parser  # type: ignore[attr-defined]
    except ImportError as problem:  # another Python than those known
        raise _NoStepsError("no parser") from problem
    return _parser.parse(pattern, re.DOTALL)


def _members(op: str, value: Any) -> frozenset[int] | None:
    """Return the bytes that a node of one character matches, None for other nodes. Lines here are ASCII."""
    if op == "LITERAL":
        return frozenset({value}) if value <= _LAST_ASCII else None
    if op == "NOT_LITERAL":
        return _ALL - {value}
    if op == "ANY":
        return _ALL
    if op != "IN":
        return None
    negated = bool(value) and str(value[0][0]) == "NEGATE"
    members = frozenset[int]().union(*(_of_class(str(kind), inner) for kind, inner in value[negated:]))
    return _ALL - members if negated else members


def _of_class(kind: str, inner: Any) -> frozenset[int]:
    if kind == "LITERAL":
        return frozenset({inner}) & _ALL
    if kind == "RANGE":
        return frozenset(range(inner[0], inner[1] + 1)) & _ALL
    categories = {"CATEGORY_DIGIT": _WHOLE_NUMBERS, "CATEGORY_WORD": _WORD, "CATEGORY_SPACE": _SPACE}
    name = str(inner)
    if name in categories:
        return categories[name]
    if name.replace("_NOT", "") in categories:
        return _ALL - categories[name.replace("_NOT", "")]
    raise _NoStepsError(name)


def steps_of_events() -> dict[str, Any]:
    """Return the steps of all events in what JSON can hold, as the installation made them or made anew.

    Returns
    -------
    dict
        ``places``: first step of each event, -1 where it stays with Python; ``steps``, each four numbers; ``sets``, each the
        bytes in it; ``literals``, a text of one byte a character.
    """
    found: dict[str, Any] = read_parsed(steps_name()) or make_steps()
    return found


def steps_name() -> str:
    """Return how the file is called that holds the steps: by the events, by what makes steps of them, and by Python's parser."""
    return parsed_name(sys.version.encode() + Path(__file__).read_bytes() + source_of("log_events"))


def make_steps() -> dict[str, Any]:
    """Return the steps of all events, made of their patterns."""
    program = Program()
    places = {kind.id: -1 if kind.id in NEEDS_PYTHON else program.add(kind) for kind in load_events()}
    return {
        "places": places,
        "steps": program.steps,
        "sets": [sorted(members) for members in program.sets],
        "literals": program.literals.decode("ascii"),
    }


def write_steps(folder: Path) -> Path:
    """Write the steps where `steps_of_events` finds them, and return the file."""
    path = folder / steps_name()
    path.write_text(json.dumps(make_steps()), "utf-8")
    return path
