"""Which report of a batch is made next, so that those of one input share what was read of it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dfly_analysis.analysis import OF_THE_ANSWER
from dfly_analysis.batch.matrix import Asked


class Queue:
    """Reports that wait to be made, those of one input one after the other.

    Parameters
    ----------
    asked : sequence of Asked
        In the order wanted.
    folder : Path
        For what reports of one input share; each input has its own folder there, as long as one of its reports is to be made.
    """

    def __init__(self, asked: Sequence[Asked], folder: Path) -> None:
        self._folder = folder
        self._waiting = list(asked)
        self._left = Counter(_input_of(one) for one in asked)
        self._alone = {name for name, count in self._left.items() if count == 1}
        self._first: dict[str, Asked] = {}

    def __bool__(self) -> bool:
        """Say whether a report waits."""
        return bool(self._waiting)

    def next(self) -> tuple[Asked, Path | None]:
        """Take the next report, and where it shares; one whose input another reads just now comes later, if others wait."""
        begun = set(self._first)
        place = next((at for at, one in enumerate(self._waiting) if _input_of(one) not in begun), 0)
        one = self._waiting.pop(place)
        name = _input_of(one)
        if name in self._alone:
            return one, None
        if not (self._folder / name).exists():
            self._first.setdefault(name, one)
        return one, self._folder / name

    def done(self, one: Asked) -> None:
        """Note that a report was made; with the last one of an input goes what they shared."""
        name = _input_of(one)
        if self._first.get(name) is one:
            del self._first[name]
        self._left[name] -= 1
        if not self._left[name]:
            shutil.rmtree(self._folder / name, ignore_errors=True)


def _input_of(one: Asked) -> str:
    """Return a name for what a report reads."""
    read = {name: value for name, value in one.parameters.items() if name not in OF_THE_ANSWER}
    return hashlib.sha256(json.dumps([one.notebook, read], sort_keys=True).encode()).hexdigest()
