"""Times as Kubernetes and Dragonfly's manager write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

_TIME = re.compile(
    r"\s*+(?P<clock>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*+(?:\s*+(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?))?"
    r"(?:\s++[A-Z]{2,5}|\s++[+-]\d{2,4})?(?:\s++m=[+-][\d.]++)?\s*+"
)


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
