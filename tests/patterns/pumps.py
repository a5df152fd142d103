"""Texts on which a backtracking pattern may take long, made from the pattern itself: what it repeats, what overlaps with that, what ends a match."""

from __future__ import annotations

import random
from re import _constants as c  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from tests.patterns.backtracking import FEW, Steps

TRIES = 120
RECURSION = 200_000
SIZES = (40, 80)
GROWTH = 2.6
"""Twice the text takes a linear pattern about twice the steps and a quadratic one about four times."""
BUDGET = 3_000_000
_MAX_REPRESENTATIVES = 24


class Growth(NamedTuple):
    """The worst text that was found, as what is repeated in it, and how the steps grew."""

    ratio: float
    steps: int
    before: str
    pump: str
    after: str


class Pumps:
    """Random texts of one pattern; the same at each run."""

    def __init__(self, steps: Steps) -> None:
        self._random = random.Random(18)
        self._steps = steps
        self._sets: dict[str, str] = {}
        self.repeats: list[Any] = []
        self._collect(steps.tree)
        self._representatives = self._classes()

    def draw(self) -> tuple[str, str, str]:
        """Return what stands before, is repeated, and stands behind."""
        pick = self._random.choice
        place = self._random.randrange(len(self.repeats))
        path, body = self.repeats[place]
        before = pick(["", "", self._before(path), self._before(path), self.sample(self._steps.tree)])
        parts = [
            lambda: pick(self._representatives),
            lambda: self.sample(body),
            lambda: self.sample(self.repeats[self._random.randrange(len(self.repeats))][1]),
            lambda: self._before(path),
            lambda: self.sample(self._steps.tree),
        ]
        pump = "".join(pick(parts)() for _ in range(pick([1, 1, 1, 2, 2, 3]))) or pick(self._representatives)
        after = pick(["", "\0", "\n", "=", pick(self._representatives), self.sample(self._steps.tree)])
        return before, pump, after

    def sample(self, items: Any) -> str:
        """Return a text that a part of the pattern matches, look-arounds left out of account."""
        return "".join(self._sample(op, argument) for op, argument in items)

    def _sample(self, op: Any, argument: Any) -> str:
        pick = self._random.choice
        if op in (c.LITERAL, c.NOT_LITERAL, c.ANY, c.IN):
            members = self._sets[repr((op, argument))]
            fitting = (
                [one for one in self._representatives if one in members] if hasattr(self, "_representatives") else []
            )
            return pick(fitting or members or [""])
        if op in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
            least, most, items = argument
            count = min(least, FEW) + (pick([0, 1, 1]) if most is c.MAXREPEAT or most > least else 0)
            return "".join(self.sample(items) for _ in range(count))
        if op is c.SUBPATTERN:
            return self.sample(argument[3])
        if op is c.BRANCH:
            return self.sample(pick(argument[1]))
        if op is c.ATOMIC_GROUP:
            return self.sample(argument)
        return ""

    def _before(self, path: list[Any]) -> str:
        """Return a text for what stands before a repeated part."""
        return "".join(self.sample(items) for items in path)

    def _collect(self, items: Any, path: tuple[Any, ...] = ()) -> None:
        items = list(items)
        for place, (op, argument) in enumerate(items):
            own = (*path, items[:place])
            if op in (c.LITERAL, c.NOT_LITERAL, c.ANY, c.IN):
                self._sets[repr((op, argument))] = self._steps.members(op, argument)
            elif op in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
                if argument[1] is c.MAXREPEAT or argument[1] > 1:
                    self.repeats.append((own, list(argument[2])))
                self._collect(argument[2], own)
            elif op is c.SUBPATTERN:
                self._collect(argument[3], own)
            elif op is c.BRANCH:
                for branch in argument[1]:
                    self._collect(branch, own)
            elif op is c.ATOMIC_GROUP:
                self._collect(argument, own)
            elif op in (c.ASSERT, c.ASSERT_NOT):
                self._collect(argument[1], own)

    def _classes(self) -> list[str]:
        """Return one character of each set of those that no part of the pattern tells apart, the most telling ones first."""
        classes: dict[tuple[bool, ...], str] = {}
        sets = list(self._sets.values())
        for character in sorted(self._steps.alphabet, key=lambda one: not one.isprintable()):
            classes.setdefault(tuple(character in members for members in sets), character)
        ordered = sorted(classes.items(), key=lambda entry: -sum(entry[0]))
        return [character for _, character in ordered[:_MAX_REPRESENTATIVES]] or ["a"]


def worst_growth(steps: Steps, *, anchored: bool, tries: int = TRIES) -> Growth | None:
    """Return the pump under which the steps grow fastest; None for a pattern that repeats nothing."""
    pumps = Pumps(steps)
    if not pumps.repeats:
        return None
    worst = Growth(0.0, 0, "", "", "")
    for _ in range(tries):
        before, pump, after = pumps.draw()
        small, large = (steps.count(before + pump * size + after, anchored=anchored, budget=BUDGET) for size in SIZES)
        growth = Growth(float("inf") if large >= BUDGET else large / max(small, 1), large, before, pump, after)
        worst = max(worst, growth)
        if worst.ratio > GROWTH:
            return worst
    return worst
