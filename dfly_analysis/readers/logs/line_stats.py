"""What became of the lines of a log, and the whole numbers that it may hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MAX_DIGITS = 18


@dataclass
class Counts:
    """What became of the lines.

    Attributes
    ----------
    lines, parsed, continuation : int
        Parsed lines begin a record.
    formats : Counter
        Records by id of their format.
    span_ns : tuple of (int, int) or None
        Earliest and latest time, nanoseconds since 1970.
    """

    lines: int = 0
    parsed: int = 0
    continuation: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    span_ns: tuple[int, int] | None = None

    def add(self, other: Counts) -> None:
        """Add the counts of another part of the file."""
        self.lines += other.lines
        self.parsed += other.parsed
        self.continuation += other.continuation
        self.formats += other.formats
        self.reach(other.span_ns)

    def reach(self, span_ns: tuple[int, int] | None) -> None:
        """Take times into account."""
        if span_ns is not None:
            own = self.span_ns or span_ns
            self.span_ns = min(own[0], span_ns[0]), max(own[1], span_ns[1])


def whole_number(text: Any) -> int | None:
    """Return the number of a text where a column of integers can hold it; log text is untrusted."""
    fine = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if fine else None
