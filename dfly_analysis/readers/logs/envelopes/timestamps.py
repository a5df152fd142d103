"""Times as wrappers write them, only to tell which of two lines is the older."""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Iterable
from itertools import pairwise

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)? ?(?:Z|UTC|([+-])(\d\d):?(\d\d))?"
)
_BSD = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DIGITS = {10: 9, 13: 6, 16: 3, 19: 0}  # seconds, milli-, micro-, nanoseconds -> zeros to add
_ANY_YEAR = 2000  # a leap year


def parse_timestamp(text: str) -> int | None:
    """Return a time in nanoseconds, comparable with others of the same file, or None where it cannot be told.

    Parameters
    ----------
    text : str
        RFC 3339, seconds to nanoseconds since 1970, or syslog's ``May 02 10:00:00``, whose year is not known.
    """
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
    """Say whether times go down from one line to the next.

    Parameters
    ----------
    times : iterable of str
        In the order of the file; those that cannot be read do not count.
    least : int
        How many steps down there must be.
    ratio : int
        How many times as many as steps up.
    """
    moments = [moment for moment in map(parse_timestamp, times) if moment is not None]
    steps = list(pairwise(moments))
    down = sum(after < before for before, after in steps)
    up = sum(after > before for before, after in steps)
    return down >= least and down > ratio * up
