"""Takes line, time and writer out of JSON objects and rows, and tells which of two times is the older."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

from dfly_analysis.catalog.envelopes import EnvelopeKind
from dfly_analysis.readers.json_values import encodable
from dfly_analysis.readers.logs.envelopes.line_buffers import Key

_LABEL = re.compile(r'(?<!\w)(\w++)\s*+=\s*+"?((?:[^"\\,}]|\\.)*)"?')
_TEXT_CAP = 8192
_KEYS_CAP = 10_000
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,](?P<fraction>\d{1,9})\d*+)? ?(?:Z|UTC|(?P<zone>[+-]\d\d:?\d\d))?"
)
_BSD = re.compile(r"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?")
_DIGITS = {10: 9, 13: 6, 16: 3, 19: 0}  # seconds, milli-, micro-, nanoseconds -> zeros to add


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
    """Return the first of the paths that holds text or a number, as text that a table takes."""
    for path in paths:
        found = look_up(row, path)
        if isinstance(found, str) and found:
            return encodable(found)
        if isinstance(found, int | float) and not isinstance(found, bool):
            return str(found)
    return None


def key_of(row: Mapping[str, Any], fields: EnvelopeKind) -> Key:
    """Return who wrote a row's line, empty where it does not say, and what must not be mixed besides."""
    return (first_text(row, fields.writer) or "", *[first_text(row, (path,)) or "" for path in fields.part])


_Plan = tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, str], ...]]
"""In rows of the same names: paths of the line, names that identify the writer, and what marks a line that goes on."""


class RowReader:
    """Reads rows of one envelope; what rows with the same names have in common is worked out once."""

    def __init__(self, fields: EnvelopeKind) -> None:
        self._fields = fields
        self._plan = lru_cache(_KEYS_CAP)(self._make_plan)
        self._keys: dict[tuple[Any, ...], Key] = {}

    def read(self, row: Mapping[str, Any]) -> tuple[bytes, Key, bool] | None:
        """Return a row's line, its key, and whether the line goes on in the next row; None where it has no line."""
        names = tuple(row)
        texts, identity_names, continues = self._plan(names)
        for path in texts:
            found = row.get(path) or look_up(row, path)
            if isinstance(found, str):
                text = _encode(found)
            elif isinstance(found, list) and found and all(isinstance(one, int) and 0 <= one < 256 for one in found):
                text = bytes(found)  # journalctl, where a line holds what is not printable
            else:
                continue
            goes_on = bool(continues) and any(str(look_up(row, path)) == value for path, value in continues)
            return text, self._key(row, names, identity_names), goes_on
        return None

    def _key(self, row: Mapping[str, Any], names: tuple[str, ...], identity_names: tuple[str, ...]) -> Key:
        values = [row[name] for name in identity_names]
        identity = (names, *[value if isinstance(value, str) else repr(value) for value in values])
        key = self._keys.get(identity)
        if key is None:
            if len(self._keys) >= _KEYS_CAP:
                self._keys.clear()
            self._keys[identity] = key = key_of(row, self._fields)
        return key

    def _make_plan(self, names: tuple[str, ...]) -> _Plan:
        fields, starts = self._fields, {*names}
        leads = {path for path in (*fields.text, *(fields.continues or {})) if {path, path.partition(".")[0]} & starts}
        identity = {name for path in (*fields.writer, *fields.part) for name in (path, path.partition(".")[0])}
        return (
            tuple(path for path in fields.text if starts.issuperset(fields.needs) and path in leads),
            tuple(name for name in names if name in identity),
            tuple(pair for pair in (fields.continues or {}).items() if pair[0] in leads),
        )


def _encode(text: str) -> bytes:
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
    """Return nanoseconds of RFC 3339, of a number since 1970, or of syslog's ``May 02 10:00:00`` in some year; None of others."""
    if text.isascii() and text.isdigit():
        zeros = _DIGITS.get(len(text))
        return None if zeros is None else int(text) * 10**zeros
    try:
        if match := _ISO.search(text):
            time = datetime.fromisoformat(f"{match[1]}{match['zone'] or '+00:00'}")
        elif match := _BSD.search(text):  # in a leap year
            time = datetime.strptime(f"2000 {match[1]}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
        else:
            return None
    except (ValueError, OverflowError):  # month 13
        return None
    return round(time.timestamp()) * 10**9 + int((match["fraction"] or "").ljust(9, "0"))


def is_newest_first(times: Iterable[str], *, least: int = 1, ratio: int = 1) -> bool:
    """Return whether of a file's times at least so many are older than the one before, `ratio` times as many as are newer."""
    moments = [moment for moment in map(parse_timestamp, times) if moment is not None]
    down = sum(after < before for before, after in pairwise(moments))
    up = sum(after > before for before, after in pairwise(moments))
    return down >= least and down > ratio * up
