"""One value in force, with the layer and the place it came from."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from dfly_analysis.catalog.defaults import Value, defaults_of
from dfly_analysis.catalog.key_spelling import GO_ROLES
from dfly_analysis.errors import DflyError
from dfly_analysis.messages import Message, message
from dfly_analysis.schema import ROLES
from dfly_analysis.units import parse_duration, parse_size

T = TypeVar("T")
Layer = Literal["binary", "chart", "user", "rendered", "unknown"]

CLIENT_ROLES = ("client", "seedClient")
GO_SECTIONS = ("dfdaemon", "seedPeer")  # sections of the old Go daemon in the chart's values
LAST_GO_CHART = "1.1.65"
SECTIONS = (*ROLES, *GO_SECTIONS)
CHART_ONLY = ("resources", "persistence", "replicas", "extraVolumes")
PIECE_LENGTH = "piece length"
# Go has no units above the hour; the Rust client also reads days and weeks.
_GO_DURATION = re.compile(r"[+-]?(?:\d+(?:\.\d*)?(?:ns|us|µs|μs|ms|s|m|h))+|0")

KEYS_THAT_MATTER: tuple[str, ...] = (
    "download.pieceTimeout", "storage.writePieceTimeout", "download.collectedPieceTimeout", "scheduler.scheduleTimeout",
    "download.concurrentPieceCount", "download.backToSourceConcurrentPieceCount", "download.bandwidthLimit", "download.backToSourceBandwidthLimit", "scheduler.maxScheduleCount",
    "backend.maxRetries", "proxy.disableBackToSource", "upload.bandwidthLimit", "upload.server.requestRateLimit",
    "scheduler.gc.pieceDownloadTimeout", "scheduler.retryInterval", "scheduler.retryLimit", "scheduler.retryBackToSourceLimit",
    PIECE_LENGTH,
)  # fmt: skip
"""Keys that limit a large preheat, by their newest names."""


@dataclass(frozen=True)
class Setting:
    """An effective value and its source."""

    key: str
    """In the component's own file, as spelt in the layer that set it."""
    role: str
    host: str | None
    value: Value
    """As written; None if unset or unknown."""
    layer: Layer
    source: str
    """For example ``chart 1.7.4``; for ``unknown``, the reason."""
    helm_path: str | None = None
    """Path in the chart's values; None if the chart's template does not pass it on."""

    @property
    def unit(self) -> str | None:
        """Unit of the key, or None."""
        found = defaults_of(self.role, self.key)
        return found.unit if found else None

    @property
    def seconds(self) -> float | None:
        """The value as a duration, or None; a bare number is nanoseconds to the Go components."""
        seconds = self._parsed(parse_duration, {None, "duration"})
        bare = isinstance(self.value, int | float) and self.role not in CLIENT_ROLES
        return seconds * 1e-9 if bare and seconds is not None else seconds

    @property
    def size_bytes(self) -> int | None:
        """The value as a size or as bytes per second, or None."""
        return self._parsed(parse_size, {None, "size", "rate", "quantity"})

    @property
    def number(self) -> float | None:
        """The value as a finite number, or None."""
        number = self._parsed(float, {self.unit})
        return number if number is not None and math.isfinite(number) else None

    def _parsed(self, parse: Callable[[Any], T], units: set[str | None]) -> T | None:
        if self.value is None or isinstance(self.value, bool) or self.unit not in units:
            return None
        try:
            return parse(self.value)
        except (DflyError, ValueError, OverflowError):
            return None


def invalid_reason(role: str, unit: str, value: Value) -> Message | None:  # noqa: PLR0911 - one return a reason
    """Return why a value is invalid for the unit of its key; None if it is valid, or the unit is not known."""
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


def helm_path_of(role: str, key: str) -> str | None:
    """Return where the chart's values hold a key of a role, or None where the chart does not pass it on."""
    found = defaults_of(role, key)
    if found is not None:
        return found.helm_path
    return f"{role}.{key}" if is_chart_only(key) else f"{role}.config.{key}"


def is_chart_only(key: str) -> bool:
    """Return whether a key belongs to the chart alone (resources, volumes), so that no component's file holds it."""
    return key.partition(".")[0] in CHART_ONLY
