"""Takes line, time and writer out of JSON objects and rows, and tells which of two times is the older."""

from __future__ import annotations

import json
import re
from calendar import timegm
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from dfly_analysis.catalog.envelopes import Fields
from dfly_analysis.readers.logs.envelopes.line_buffers import Key

_LABEL = re.compile(r'(\w+)\s*=\s*"?((?:[^"\\,}]|\\.)*)"?')
_TEXT_CAP = 8192
_KEYS_CAP = 10_000
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)? ?(?:Z|UTC|([+-])(\d\d):?(\d\d))?"
)
_BSD = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DIGITS = {10: 9, 13: 6, 16: 3, 19: 0}  # seconds, milli-, micro-, nanoseconds -> zeros to add
_ANY_YEAR = 2000  # a leap year


def look_up(row: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a path, None where nothing does; dots may be part of a name, or lead into an object."""
    found = row.get(path)
    if found is None and "." in path:
        name, _, rest = path.partition(".")
        inner = row.get(name)
        if isinstance(inner, str) and inner[:1] == "{":
            inner = _labels(inner)
        if isinstance(inner, Mapping):
            return look_up(inner, rest)
    return found


def first_text(row: Mapping[str, Any], paths: tuple[str, ...]) -> str | None:
    """Return the first of the paths that holds text or a number, as text."""
    for path in paths:
        found = look_up(row, path)
        if isinstance(found, str) and found:
            return found
        if isinstance(found, int | float) and not isinstance(found, bool):
            return str(found)
    return None


def writer_of(row: Mapping[str, Any], fields: Fields) -> str:
    """Return who wrote a row's line, empty where it does not say."""
    return first_text(row, fields.writer) or ""


def part_of(row: Mapping[str, Any], fields: Fields) -> tuple[str, ...]:
    """Return what must not be mixed, besides the writer."""
    return tuple([first_text(row, (path,)) or "" for path in fields.part])


class _Plan(NamedTuple):
    """Which paths can lead anywhere in rows that have the same names."""

    text: tuple[str, ...]
    identifying_fields: tuple[str, ...]
    continues: tuple[tuple[str, str], ...]


class RowReader:
    """Reads rows of one wrapper; what rows with the same names have in common is worked out once."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._keys: dict[tuple[Any, ...], Key] = {}

    def read(self, row: Mapping[str, Any]) -> tuple[bytes, Key, bool] | None:
        """Return a row's line, its key, and whether the line goes on in the next row; None where it has no line."""
        names = tuple(row)
        plan = self._plans.get(names)
        if plan is None:
            plan = self._plan(names)
        for path in plan.text:
            found = row.get(path)
            if found is None and "." in path:
                found = look_up(row, path)
            if isinstance(found, str):
                text = encode(found)
            elif (
                isinstance(found, list)
                and found
                and all(isinstance(octet, int) and 0 <= octet < 256 for octet in found)
            ):
                text = bytes(found)  # journalctl, where a line holds what is not printable
            else:
                continue
            goes_on = bool(plan.continues) and any(str(look_up(row, path)) == value for path, value in plan.continues)
            return text, self._key(row, names, plan), goes_on
        return None

    def _key(self, row: Mapping[str, Any], names: tuple[str, ...], plan: _Plan) -> Key:
        identifying = (
            names,
            *[row[name] if isinstance(row[name], str) else repr(row[name]) for name in plan.identifying_fields],
        )
        key = self._keys.get(identifying)
        if key is None:
            if len(self._keys) >= _KEYS_CAP:
                self._keys.clear()
            names = (writer_of(row, self._fields), *part_of(row, self._fields))
            writer, *part = (
                name.encode("utf-8", "replace").decode() for name in names
            )  # no table holds half a character
            self._keys[identifying] = key = (writer, *part)
        return key

    def _plan(self, names: tuple[str, ...]) -> _Plan:
        fields = self._fields
        leads = [path for path in fields.text if path in names or path.partition(".")[0] in names]
        identifying = {name for path in (*fields.writer, *fields.part) for name in (path, path.partition(".")[0])}
        continues = [
            (path, value)
            for path, value in (fields.continues or {}).items()
            if path in names or path.partition(".")[0] in names
        ]
        plan = _Plan(
            tuple(leads) if all(name in names for name in fields.needs) else (),
            tuple(name for name in names if name in identifying),
            tuple(continues),
        )
        if len(self._plans) >= _KEYS_CAP:
            self._plans.clear()
        self._plans[names] = plan
        return plan


def encode(text: str) -> bytes:
    """Return the bytes of text that was decoded with `surrogateescape`."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair, escaped
        return text.encode("utf-8", "replace")


@lru_cache(1024)
def _labels(text: str) -> Mapping[str, Any] | None:
    """Read labels written as JSON or as ``{pod="a", container="b"}``."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return dict(_LABEL.findall(text[:_TEXT_CAP]))
    return found if isinstance(found, dict) else None


def parse_timestamp(text: str) -> int | None:
    """Return a time in nanoseconds, comparable with others of the same file, or None where it is not known."""
    if text.isascii() and text.isdigit():
        zeros = _DIGITS.get(len(text))
        return None if zeros is None else int(text) * 10**zeros
    if match := _ISO.search(text):
        *whole, fraction, sign, hours, minutes = match.groups()
        offset_s = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
        return _nanoseconds([int(part) for part in whole], fraction, offset_s)
    if (match := _BSD.search(text)) and match[1] in _MONTHS:
        whole = [_ANY_YEAR, _MONTHS.index(match[1]) + 1, *map(int, match.group(2, 3, 4, 5))]
        return _nanoseconds([int(part) for part in whole], match[6], 0)
    return None


def _nanoseconds(whole: list[int], fraction: str | None, offset_s: int) -> int | None:
    try:
        seconds = timegm((*whole, 0, 0, 0)) - offset_s
    except (ValueError, OverflowError):  # month 13
        return None
    return seconds * 10**9 + int((fraction or "").ljust(9, "0"))


def is_newest_first(times: Iterable[str], *, least: int = 1, ratio: int = 1) -> bool:
    """Say whether times go down from one line to the next."""
    moments = [moment for moment in map(parse_timestamp, times) if moment is not None]
    steps = list(pairwise(moments))
    down = sum(after < before for before, after in steps)
    up = sum(after > before for before, after in steps)
    return down >= least and down > ratio * up
