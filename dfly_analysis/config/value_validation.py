"""Checks whether a written value means anything to its reader, by the unit of its key."""

from __future__ import annotations

import re

from dfly_analysis.catalog.defaults import Value
from dfly_analysis.catalog.key_spelling import GO_ROLES
from dfly_analysis.errors import DflyError
from dfly_analysis.units import parse_duration, parse_size

# Go reads h, m, s and below; days and weeks are words of the Rust client alone.
_GO_DURATION = re.compile(r"[+-]?(?:\d+(?:\.\d*)?(?:ns|us|µs|μs|ms|s|m|h))+|0")


def invalid_reason(role: str, unit: str, value: Value) -> str | None:  # noqa: PLR0911 - one return a reason
    """Return why a value means nothing to its reader; None if it is valid, or the unit is not known."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    match unit:
        case _ if value is None:
            return None
        case "duration":
            return _invalid_duration(role, value)
        case "size" | "rate":
            try:
                return None if not isinstance(value, bool) and parse_size(value or 0) >= 0 else f"{value!r} is no size"
            except DflyError:
                return f"{value!r} is no size; write it like 64MiB"
        case "percent" if whole and not 0 < int(value) < 100:
            return f"{value} is refused: from 1 to 99"
        case "count" | "percent":
            return None if whole and int(value) >= 0 else f"{value!r} is no whole number"
        case "bool":
            return None if isinstance(value, bool) else f"{value!r} is neither true nor false"
    return None


def _invalid_duration(role: str, value: Value) -> str | None:
    if isinstance(value, str) and role in GO_ROLES:
        fits = _GO_DURATION.fullmatch(value.strip())
        return None if fits else f"{value!r} is no duration to Go, which knows h, m, s and below; write it like 720h"
    try:
        if isinstance(value, str) and parse_duration(value) >= 0:
            return None
    except DflyError:
        pass
    return f"{value!r} is no duration; write it like 30s"
