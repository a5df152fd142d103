"""Finds the JSON values of a text that is not quite JSON: several answers after one another, or a broken one among good ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

OnBroken = Callable[[int, str], None]
"""Called with the offset of what is broken and what is wrong there."""
_BEGINNING = re.compile(r"[\[{]")
_OPENINGS = re.compile(r"[\[{\s]*")
# Each broken place costs at most one reading of what stands around it; this bounds what hostile input can cost.
_MOST_BROKEN = 1000


def scan(text: str, on_broken: OnBroken) -> Iterator[tuple[int, Any]]:
    """Yield each outermost JSON object or list, and what is whole inside a broken one.

    Parameters
    ----------
    text : str
        Anything; what stands between the values is passed over.
    on_broken : callable
        Told once of each broken place.

    Yields
    ------
    tuple of (int, object)
        Offset of the value and the value.
    """
    decoder, at, failures, told = json.JSONDecoder(), 0, 0, -1
    while match := _BEGINNING.search(text, at):
        try:
            content, at = decoder.raw_decode(text, match.start())
        except ValueError as problem:
            broken = problem.pos if isinstance(problem, json.JSONDecodeError) else match.start()
            said = problem.msg if isinstance(problem, json.JSONDecodeError) else str(problem)
            at = match.end()
        except RecursionError:
            opening = _OPENINGS.match(text, match.start())
            at = max(match.end(), opening.end() if opening else 0)
            broken, said = at, "nested too deeply"
        else:
            yield match.start(), content
            continue
        failures += 1
        if broken > told:  # what encloses the same place fails at it again
            on_broken(broken, said)
            told = broken
        if failures >= _MOST_BROKEN:
            on_broken(at, f"more than {_MOST_BROKEN} broken places; the rest was not read")
            return
