"""Finds the JSON values in text that is not valid JSON as a whole: concatenated responses, or a broken one among valid ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

OnBroken = Callable[[int, str], None]
"""Called with the offset of what is broken and what is wrong there."""
_BEGINNING = re.compile(r"[\[{]")
_OPENINGS = re.compile(r"[\[{\s]*")
_MAX_BROKEN = 1000
# A broken place is parsed once for each level around it. Responses have about ten levels; more is hostile and skipped.
_MAX_READINGS = 16
_MAX_DIGITS = 100


def scan(text: str, on_broken: OnBroken) -> Iterator[tuple[int, Any]]:
    """Yield each outermost JSON object or list, and the valid ones inside a broken one.

    Parameters
    ----------
    text : str
        Anything; text between the values is skipped.
    on_broken : callable
        Called once for each broken place.

    Yields
    ------
    tuple of (int, object)
        Offset of the value and the value.
    """
    decoder = json.JSONDecoder(parse_int=_integer)
    at, failures, reported, left = 0, 0, -1, _MAX_READINGS * len(text)
    while match := _BEGINNING.search(text, at):
        try:
            content, at = decoder.raw_decode(text, match.start())
        except json.JSONDecodeError as problem:
            at, broken, reason = match.end(), problem.pos, problem.msg
        except RecursionError:
            opening = _OPENINGS.match(text, match.start())
            at = max(match.end(), opening.end() if opening else 0)
            broken, reason = at, "nested too deeply"
        else:
            yield match.start(), content
            continue
        failures, left = failures + 1, left - (broken - match.start())
        at = max(at, broken) if left < 0 else at
        if broken > reported:  # what encloses the same place fails at it again
            on_broken(broken, reason)
            reported = broken
        if failures >= _MAX_BROKEN:
            on_broken(at, f"more than {_MAX_BROKEN} broken places; the rest was not read")
            return


def _integer(digits: str) -> float:
    # Python refuses to read thousands of digits; no field of a job has more than twenty.
    return int(digits) if len(digits) < _MAX_DIGITS else float(digits)
