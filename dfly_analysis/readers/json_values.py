"""JSON of other programs: values in text that is not valid JSON as a whole, fields of any type, times in any notation."""

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from dfly_analysis.errors import SourceError

OnProblem = Callable[[SourceError], None]
_BEGINNING = re.compile(r"[\[{]")
_OPENINGS = re.compile(r"[\[{\s]*")
_MAX_BROKEN = 1000
# A broken place is parsed once for each level around it. Responses have about ten levels; more is hostile and skipped.
_MAX_READINGS = 16
_MAX_DIGITS = 100
_TIME = re.compile(
    r"\s*+(?P<clock>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*+(?:\s*+(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?))?"
    r"(?:\s++[A-Z]{2,5}|\s++[+-]\d{2,4})?(?:\s++m=[+-][\d.]++)?\s*+"
)


class Lines:
    """Line numbers of places in a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = [match.start() for match in re.finditer("\n", text)]

    def number(self, at: int) -> int:
        """Return the line of an offset, from 1."""
        return bisect_left(self._ends, at) + 1

    def find(self, name: object, at: int) -> int:
        """Return the offset from `at` on where a text stands in quotes, `at` where it does not."""
        return max(at, self._text.find(f'"{name}"', at)) if name else at


def scan(text: str, lines: Lines, address: str, on_problem: OnProblem | None) -> Iterator[tuple[int, Any]]:
    """Yield offset and value of each outermost JSON object or list, and of the valid ones inside a broken one, which is reported once; without `on_problem` the first is raised."""

    def report(at: int, message: str) -> None:
        where = f"{address}:{lines.number(at)}"
        error = SourceError(f"is not valid JSON: {message}", where=where, hint="save the output again")
        if on_problem is None:
            raise error
        on_problem(error)

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
            report(broken, reason)
            reported = broken
        if failures >= _MAX_BROKEN:
            report(at, f"more than {_MAX_BROKEN} broken places; the rest was not read")
            return


def _integer(digits: str) -> float:
    # Python refuses to read thousands of digits; no field of a job has more than twenty.
    return int(digits) if len(digits) < _MAX_DIGITS else float(digits)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object, empty for any other value."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Return the items of a list as objects, none for any other value."""
    return [mapping(item) for item in list_of(value)]


def list_of(value: Any) -> list[Any]:
    """Return a list, empty for any other value."""
    return value if isinstance(value, list) else []


def encodable(text: str) -> str:
    """Return the text as a table takes it: JSON may name half a character by its number."""
    return text.encode("utf-8", "replace").decode("utf-8")


def parse_time(value: Any) -> datetime | None:
    """Return a time in UTC to the microsecond, None where there is none between 1970 and 2200.

    It is ISO 8601 (UTC without a zone), Go's own print (``2025-11-02 10:00:00 +0800 CST``), that of
    ``kubectl describe`` (``Sat, 02 May 2026 10:00:00 +0200``), or seconds, milliseconds, microseconds or nanoseconds since 1970.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            units = (1, 10**3, 10**6, 10**9)
            seconds = next((value / unit for unit in units if 10**8 < value / unit < 7 * 10**9), None)
            return datetime.fromtimestamp(seconds, UTC) if seconds else None
        if not isinstance(value, str):
            return None
        if match := _TIME.fullmatch(value):
            zone = match["zone"] if match["zone"] not in (None, "Z", "UTC") else "+00:00"
            time = datetime.fromisoformat(f"{match['clock']}{zone}").astimezone(UTC)
        else:
            time = datetime.strptime(value, "%a, %d %b %Y %H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return time if 1970 <= time.year <= 2200 else None
