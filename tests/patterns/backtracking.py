"""Counts the steps that Python's backtracking matcher takes: an interpreter of parsed patterns, in the order of `re`."""

from __future__ import annotations

import re
from collections.abc import Callable
from re import _constants as c  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

FEW = 8
"""Higher finite counts are cut to this: the growth of `.{0,200}` shows at small sizes, or not at all."""
ALPHABET = "".join(map(chr, range(256))) + "–‘’“”›…│─é中\u2028"
_Continue = Callable[[int], int]
_Node = Callable[[int, _Continue], int]
_CATEGORIES = {c.CATEGORY_DIGIT: r"\d", c.CATEGORY_NOT_DIGIT: r"\D", c.CATEGORY_SPACE: r"\s", c.CATEGORY_NOT_SPACE: r"\S", c.CATEGORY_WORD: r"\w", c.CATEGORY_NOT_WORD: r"\W"}  # fmt: skip
SINGLE = (c.LITERAL, c.NOT_LITERAL, c.ANY, c.IN)


class TooManyStepsError(Exception):
    """The budget is spent."""


class Steps:
    """A pattern, and how many steps it takes on a text."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        is_bytes = isinstance(pattern.pattern, bytes)
        source = pattern.pattern.decode("latin-1") if is_bytes else pattern.pattern
        self._flags = pattern.flags & (re.IGNORECASE | re.DOTALL | re.MULTILINE) | (
            re.ASCII if is_bytes else pattern.flags & re.ASCII
        )
        self.tree = _parser.parse(source, (pattern.flags & ~re.UNICODE) | (re.ASCII if is_bytes else 0))
        self.alphabet = ALPHABET[:256] if is_bytes else ALPHABET
        self.steps = self._budget = 0
        self._text = ""
        self._groups: dict[int, tuple[int, int]] = {}
        self._root = self._sequence(list(self.tree))

    def match(self, text: str, at: int = 0, *, whole: bool = False) -> tuple[int, int] | None:
        """Return the span of a match that begins there."""
        self._text, self._groups = text, {}
        end = self._root(at, (lambda i: i if i == len(text) else -1) if whole else (lambda i: i))
        return None if end < 0 else (at, end)

    def count(self, text: str, *, anchored: bool, budget: int) -> int:
        """Return the steps of one match, or of finding all matches; the budget where more are needed."""
        self.steps, self._budget = 0, budget
        try:
            if anchored:
                self.match(text)
                self.match(text, whole=True)
            else:
                self.find_all(text)
        except TooManyStepsError:
            return budget
        return self.steps

    def find_all(self, text: str) -> list[tuple[int, int]]:
        """Return the spans of all matches, as `re.finditer` finds them."""
        found: list[tuple[int, int]] = []
        at, was_empty = 0, False
        only_at_start = self.tree[:1] in ([(c.AT, c.AT_BEGINNING_STRING)], [(c.AT, c.AT_BEGINNING)]) and not self._flags & re.MULTILINE  # fmt: skip
        while at <= len(text):
            self._step()
            self._text, self._groups = text, {}
            least = at + was_empty  # behind an empty match there is no other
            end = self._root(at, lambda i: i if i >= least else -1)  # noqa: B023 - called at once
            if end >= 0:
                found.append((at, end))
                was_empty, at = end == at, end
            elif only_at_start:
                break
            else:
                at, was_empty = at + 1, False
        return found

    def members(self, op: Any, argument: Any) -> str:
        """Return the characters that a single item matches."""
        pattern = re.compile(_source(op, argument), self._flags)
        return "".join(one for one in self.alphabet if pattern.fullmatch(one))

    def _step(self, count: int = 1) -> None:
        self.steps += count
        if self._budget and self.steps > self._budget:
            raise TooManyStepsError

    def _sequence(self, items: list[Any]) -> _Node:
        nodes = [self._node(op, argument) for op, argument in items]
        if len(nodes) == 1:
            return nodes[0]

        def run(at: int, then: _Continue, place: int = 0) -> int:
            if place == len(nodes):
                return then(at)
            return nodes[place](at, lambda i: run(i, then, place + 1))

        return run

    def _node(self, op: Any, argument: Any) -> _Node:
        if op in SINGLE:
            return self._single(re.compile(_source(op, argument), self._flags))
        if op in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
            return self._repeat(op, *argument)
        if op is c.SUBPATTERN:
            group, add, remove, items = argument
            outer, self._flags = self._flags, (self._flags | add) & ~remove
            body = self._sequence(list(items))
            self._flags = outer
            return self._group(group, body)
        if op is c.BRANCH:
            return self._branch([self._sequence(list(items)) for items in argument[1]])
        if op is c.ATOMIC_GROUP:
            return self._atomic(self._sequence(list(argument)))
        if op in (c.ASSERT, c.ASSERT_NOT):
            return self._look(op is c.ASSERT, argument[0], argument[1])
        if op is c.AT:
            return self._place(argument)
        if op is c.GROUPREF:
            return self._reference(argument)
        raise NotImplementedError(str(op))

    def _single(self, pattern: re.Pattern[str]) -> _Node:
        def run(at: int, then: _Continue) -> int:
            self._step()
            return then(at + 1) if pattern.match(self._text, at) else -1

        return run

    def _repeat(self, op: Any, least: int, most: Any, items: Any) -> _Node:
        limit = None if most is c.MAXREPEAT else most
        if limit is not None and limit > FEW:
            least, limit = min(least, FEW), FEW
        items = list(items)
        if len(items) == 1 and items[0][0] in SINGLE:
            return self._repeat_single(op, least, limit, _source(*items[0]))
        body = self._sequence(items)
        if op is c.POSSESSIVE_REPEAT:

            def run_possessive(at: int, then: _Continue) -> int:
                count = 0
                while limit is None or count < limit:
                    self._step()
                    end = body(at, lambda i: i)
                    if end < 0 or end == at:
                        break
                    at, count = end, count + 1
                return then(at) if count >= least else -1

            return run_possessive

        def run(at: int, then: _Continue, count: int = 0) -> int:
            self._step()

            def more() -> int:
                if limit is not None and count >= limit:
                    return -1
                return body(at, lambda i: run(i, then, count + 1) if i > at or count < least else -1)

            if count < least:
                return more()
            first, second = (lambda: then(at), more) if op is c.MIN_REPEAT else (more, lambda: then(at))
            end = first()
            return end if end >= 0 else second()

        return run

    def _repeat_single(self, op: Any, least: int, limit: int | None, source: str) -> _Node:
        runs = re.compile(f"(?:{source}){{0,{limit}}}+" if limit is not None else f"(?:{source})*+", self._flags)
        least_run = least

        def run(at: int, then: _Continue) -> int:
            found = runs.match(self._text, at)
            most = (found.end() if found else at) - at
            if op is c.MIN_REPEAT:
                counts: Any = range(least_run, most + 1)
                self._step(least_run)
            else:
                self._step(most + 1)
                counts = (most,) if op is c.POSSESSIVE_REPEAT else range(most, least_run - 1, -1)
            if most < least_run:
                return -1
            for count in counts:
                self._step()
                end = then(at + count)
                if end >= 0:
                    return end
            return -1

        return run

    def _group(self, group: int | None, body: _Node) -> _Node:
        if group is None:
            return body

        def run(at: int, then: _Continue) -> int:
            def after(end: int) -> int:
                before = self._groups.get(group)
                self._groups[group] = (at, end)
                result = then(end)
                if result < 0:
                    if before is None:
                        del self._groups[group]
                    else:
                        self._groups[group] = before
                return result

            return body(at, after)

        return run

    def _branch(self, branches: list[_Node]) -> _Node:
        def run(at: int, then: _Continue) -> int:
            for branch in branches:
                self._step()
                end = branch(at, then)
                if end >= 0:
                    return end
            return -1

        return run

    def _atomic(self, body: _Node) -> _Node:
        def run(at: int, then: _Continue) -> int:
            end = body(at, lambda i: i)
            return then(end) if end >= 0 else -1

        return run

    def _look(self, wanted: bool, direction: int, items: Any) -> _Node:
        body, width = self._sequence(list(items)), items.getwidth()[0]

        def run(at: int, then: _Continue) -> int:
            self._step()
            start = at if direction > 0 else at - width
            end = (
                body(start, (lambda i: i) if direction > 0 else (lambda i: i if i == at else -1)) if start >= 0 else -1
            )
            return then(at) if (end >= 0) is wanted else -1

        return run

    def _place(self, kind: Any) -> _Node:
        sources = {c.AT_BEGINNING: "^", c.AT_BEGINNING_STRING: r"\A", c.AT_BOUNDARY: r"\b", c.AT_NON_BOUNDARY: r"\B", c.AT_END: "$", c.AT_END_STRING: r"\Z"}  # fmt: skip
        pattern = re.compile(sources[kind], self._flags)

        def run(at: int, then: _Continue) -> int:
            self._step()
            return then(at) if pattern.match(self._text, at) else -1

        return run

    def _reference(self, group: int) -> _Node:
        def run(at: int, then: _Continue) -> int:
            if group not in self._groups:
                return -1
            start, end = self._groups[group]
            self._step(end - start + 1)
            return then(at + end - start) if self._text.startswith(self._text[start:end], at) else -1

        return run


def _source(op: Any, argument: Any) -> str:
    """Return the pattern of a single item."""
    if op is c.ANY:
        return "."
    if op is c.LITERAL:
        return re.escape(chr(argument))
    if op is c.NOT_LITERAL:
        return f"[^{re.escape(chr(argument))}]"
    parts = []
    for kind, value in argument:
        if kind is c.NEGATE:
            parts.append("^")
        elif kind is c.LITERAL:
            parts.append(re.escape(chr(value)))
        elif kind is c.RANGE:
            parts.append(f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}")
        else:
            parts.append(_CATEGORIES[value])
    return f"[{''.join(parts)}]"
