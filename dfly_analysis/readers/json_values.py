"""JSON that other programs wrote: values found in text that is not valid JSON as a whole, and fields of any type read safely."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dfly_analysis.errors import SourceError

OnProblem = Callable[[SourceError], None]
OnBroken = Callable[[int, str], None]
"""Called with the offset of what is broken and what is wrong there."""
_BEGINNING = re.compile(r"[\[{]")
_OPENINGS = re.compile(r"[\[{\s]*")
_MAX_BROKEN = 1000
# A broken place is parsed once for each level around it. Responses have about ten levels; more is hostile and skipped.
_MAX_READINGS = 16
_MAX_DIGITS = 100


def scan(text: str, on_broken: OnBroken) -> Iterator[tuple[int, Any]]:
    """Yield each outermost JSON object or list, and the valid ones inside a broken one."""
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


class Lines:
    """Line numbers of rising places in a text."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._line = text, 0, 1

    def move(self, at: int) -> int:
        """Go to an offset and return its line."""
        self._line += self._text.count("\n", self._at, at)
        self._at = at
        return self._line

    def find(self, name: object) -> int | None:
        """Return the offset from here on at which a text stands in quotes."""
        at = self._text.find(f'"{name}"', self._at) if name else -1
        return at if at >= 0 else None

    def line_of(self, at: int | None) -> int:
        """Return the line of an offset from here on without going there; the line here for None."""
        return self._line + (0 if at is None else self._text.count("\n", self._at, at))


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object, empty for any other value."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """Return a list, empty for any other value."""
    return value if isinstance(value, list) else []


def sound(text: str) -> str:
    """Return the text as a table takes it: JSON may name half a character by its number."""
    return text.encode("utf-8", "replace").decode("utf-8")
