"""What a source tree says: configuration keys, constants, log statements, error texts and metrics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

COMPUTED = "computed"
"""A value that only a running process knows."""


@dataclass(frozen=True, order=True)
class Place:
    """Where in the sources something is; no line, for lines move with every release."""

    file: str
    function: str = ""

    def __str__(self) -> str:
        """Return ``file``, or ``file function``."""
        return f"{self.file} {self.function}".strip()


@dataclass(frozen=True)
class Key:
    """A configuration key."""

    path: str
    type: str
    default: Any
    section_default: Any
    """Its default where its section is written without it."""
    validation: str = ""
    aliases: tuple[str, ...] = ()
    place: Place = field(default_factory=lambda: Place(""))


@dataclass(frozen=True, order=True)
class Constant:
    """A named duration or number, or a duration written where it is used (its name is then empty)."""

    place: Place
    name: str
    value: str


@dataclass(frozen=True, order=True)
class Statement:
    """A log statement; each ``{}`` of its template is a value. A template of ``{}`` alone is an error's own text."""

    place: Place
    level: str
    template: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class ErrorText:
    """The text of an error, each value as ``{}``; `name` is the variant or the code."""

    place: Place
    name: str
    template: str


@dataclass(frozen=True, order=True)
class Metric:
    """An exported metric; `buckets` as the source makes them."""

    name: str
    kind: str
    labels: tuple[str, ...] = ()
    buckets: str = ""

    @property
    def shape(self) -> str:
        """Return kind and labels as the catalogue writes them: ``counter by type, tag``."""
        return f"{self.kind} by {', '.join(self.labels)}" if self.labels else self.kind


@dataclass(frozen=True, order=True)
class Use:
    """A place that reads a configuration field, as the source spells it: ``download.concurrent_piece_count``."""

    place: Place
    field: str


@dataclass(frozen=True)
class Facts:
    """All facts of one release."""

    keys: tuple[Key, ...] = ()
    constants: tuple[Constant, ...] = ()
    statements: tuple[Statement, ...] = ()
    errors: tuple[ErrorText, ...] = ()
    metrics: tuple[Metric, ...] = ()
    uses: tuple[Use, ...] = ()

    @classmethod
    def join(cls, parts: Iterable[Facts]) -> Facts:
        """Return the facts of several files, each once."""
        parts = tuple(parts)
        once: dict[str, Any] = {
            name: tuple(dict.fromkeys(one for part in parts for one in getattr(part, name)))
            for name in ("constants", "statements", "errors", "metrics", "uses")
        }
        return cls(tuple(key for part in parts for key in part.keys), **once)
