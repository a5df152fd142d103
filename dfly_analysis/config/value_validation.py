"""Checks whether a value is valid for the unit of its key."""

import re
from collections.abc import Callable

from dfly_analysis.catalog.defaults import Value
from dfly_analysis.catalog.key_spelling import GO_ROLES
from dfly_analysis.errors import DflyError
from dfly_analysis.messages import Message, message
from dfly_analysis.units import parse_duration, parse_size

# Go has no units above the hour; the Rust client also reads days and weeks.
_GO_DURATION = re.compile(r"[+-]?(?:\d+(?:\.\d*)?(?:ns|us|µs|μs|ms|s|m|h))+|0")


def invalid_reason(role: str, unit: str, value: Value) -> Message | None:  # noqa: PLR0911 - one return a reason
    """Return why a value is invalid; None if it is valid, or the unit is not known."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    shown = repr(value)
    match unit:
        case _ if value is None:
            return None
        case "duration" if role in GO_ROLES and isinstance(value, str):
            if not _GO_DURATION.fullmatch(value.strip()):
                return message("{value} is not a Go duration, whose largest unit is h; write it like 720h", value=shown)
        case "duration" if not isinstance(value, str) or not _is_valid(parse_duration, value):
            return message("{value} is not a duration; write it like 30s", value=shown)
        case "size" | "rate" if not _is_valid(parse_size, 0 if value == "" else value):
            return message("{value} is not a size; write it like 64MiB", value=shown)
        case "percent" if whole and not 0 < int(value) < 100:
            return message("{value} is out of range; use 1 to 99", value=shown)
        case "count" | "percent" if not whole or int(value) < 0:
            return message("{value} is not a non-negative integer", value=shown)
        case "bool" if not isinstance(value, bool):
            return message("{value} is not true or false", value=shown)
    return None


def _is_valid(parse: Callable[[str | float], float], value: str | float) -> bool:
    try:
        return not isinstance(value, bool) and parse(value) >= 0
    except DflyError:
        return False
