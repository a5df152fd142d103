"""Says whether a written value means anything to its reader, by the unit of its key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from dfly_analysis.catalog.defaults import Value
from dfly_analysis.catalog.key_spelling import GO_ROLES
from dfly_analysis.errors import DflyError
from dfly_analysis.units import parse_duration, parse_size

# Go reads h, m, s and below; days and weeks are words of the Rust client alone.
_GO_DURATION = re.compile(r"[+-]?(?:\d+(?:\.\d*)?(?:ns|us|µs|μs|ms|s|m|h))+|0")


def invalid_reason(role: str, unit: str, value: Value) -> str | None:
    """Say why a value means nothing to its reader, or None where it does or nothing is known.

    Parameters
    ----------
    role : str
    unit : str
        As the facts know the key's.
    value : str, int, float, bool or None
    """
    check = _CHECKS.get(unit)
    return None if value is None or check is None else check(role, value)


def _duration(role: str, value: Value) -> str | None:
    if not isinstance(value, str):
        return f"{value!r} is no duration; write it like 30s"
    if role in GO_ROLES:
        fits = _GO_DURATION.fullmatch(value.strip())
        return None if fits else f"{value!r} is no duration to Go, which knows h, m, s and below; write it like 720h"
    try:
        parse_duration(value)
    except DflyError:
        return f"{value!r} is no duration; write it like 30s"
    return None


def _size(role: str, value: Value) -> str | None:  # noqa: ARG001 - one shape for all checks
    try:
        return None if not isinstance(value, bool) and parse_size(value or 0) >= 0 else f"{value!r} is no size"
    except DflyError:
        return f"{value!r} is no size; write it like 64MiB"


def _count(role: str, value: Value) -> str | None:  # noqa: ARG001 - one shape for all checks
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if whole else f"{value!r} is no whole number"


def _percent(role: str, value: Value) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and not 0 < value < 100:
        return f"{value} is refused: from 1 to 99"
    return _count(role, value)


def _flag(role: str, value: Value) -> str | None:  # noqa: ARG001 - one shape for all checks
    return None if isinstance(value, bool) else f"{value!r} is neither true nor false"


_CHECKS: Mapping[str, Callable[[str, Value], str | None]] = {
    "duration": _duration, "size": _size, "rate": _size, "count": _count, "percent": _percent, "bool": _flag,
}  # fmt: skip
