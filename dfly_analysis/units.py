"""Reads and prints sizes (bytes, int), durations (seconds, float) and bandwidths (bytes per second, float).

Go prints ``1m2.3s`` and ``812.5ms``, the Rust client's configuration takes humantime (``1h 30m``, ``2days``), Kubernetes
writes ``16Gi``, people write ``20GB``.
"""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from dfly_analysis.errors import DflyError
from dfly_analysis.messages import message

UNKNOWN, UNBOUNDED = message("unknown"), message("unbounded")
_SECONDS = {
    "ns": 1e-9, "nsec": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "usec": 1e-6, "ms": 1e-3, "msec": 1e-3,
    "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "secs": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0, "w": 604800.0, "week": 604800.0, "weeks": 604800.0,
}  # fmt: skip
_BELOW_1_S = (("ms", 1e3), ("µs", 1e6))
_BYTES = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgtpe", start=1):
    _BYTES[_letter] = _BYTES[f"{_letter}b"] = 1000**_power
    _BYTES[f"{_letter}i"] = _BYTES[f"{_letter}ib"] = 1024**_power
_DURATION_PART = re.compile(r"(?<![\d.\s])\s*+(\d++(?:\.\d++)?)\s*+([a-zµμ]++)", re.IGNORECASE)
_SIZE = re.compile(r"\s*+(\d++(?:\.\d++)?)\s*+([a-z]*+)\s*+", re.IGNORECASE)


def parse_duration(text: str | float) -> float:
    """Return the seconds of a duration: ``6s``, ``1m2.345678s``, ``812.5ms``, ``1h 30m``; a bare number is seconds; raise DflyError for any other text."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return _finite(text)
    stripped = str(text).strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", stripped):
        return _finite(float(stripped))
    parts = list(_DURATION_PART.finditer(stripped))
    is_whole = parts and "".join(one[0] for one in parts) == stripped
    if not is_whole or any(one[2].lower() not in _SECONDS for one in parts):
        raise DflyError(f"{text!r} is not a duration", hint="write it like 30s, 1m30s, 812.5ms or 3h")
    return _finite(sum(float(one[1]) * _SECONDS[one[2].lower()] for one in parts))


def parse_size(text: str | float) -> int:
    """Return the bytes of a size: ``20GiB``, ``16Gi``, ``20 GB``, ``4194304``; ``k``, ``M``, ``G`` count by 1000, with ``i`` by 1024; raise DflyError for any other text."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return round(_finite(text)) if isinstance(text, float) else text
    match = _SIZE.fullmatch(str(text))
    factor = _BYTES.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise DflyError(f"{text!r} is not a size", hint="write it like 20GiB, 64MiB, 20GB or 4194304")
    return round(_finite(float(match[1]) * factor))


def parse_rate(text: str | float) -> float:
    """Return the bytes per second of a bandwidth: ``100MB/s``, ``50MiB``, ``1Gbit/s``, ``800Mbps``; a bare number is bytes per second; raise DflyError for any other text."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return _finite(text)
    bare = re.sub(r"(?:/s(?:ec)?|ps)$", "", str(text).strip(), flags=re.IGNORECASE)
    bits = re.fullmatch(r"([\d.\s]*+[KMGTPkmgtp]?+i?+)\s*+b(?:its?)?", bare)
    in_bits = bits is not None and (bare.lower().endswith(("bit", "bits")) or str(text).strip().lower().endswith("bps"))
    try:
        return parse_size(bits[1] if in_bits and bits else bare) / (8 if in_bits else 1)
    except DflyError as problem:
        raise DflyError(f"{text!r} is not a bandwidth", hint="write it like 100MB/s, 50MiB/s or 1Gbit/s") from problem


def _finite(number: float) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise DflyError(f"{number} is not a finite number", hint="write a smaller one")
    return value


def format_time(time_ns: int) -> str:
    """Return nanoseconds since 1970 to the second: ``2026-11-23 22:54:55 UTC``."""
    return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC"


def format_duration(seconds: float) -> str:
    """Return a duration for people, three significant digits: ``6 s``, ``812 ms``, ``3 min 32 s``, ``1 h 5 min``."""
    if not math.isfinite(seconds):
        return UNBOUNDED if seconds > 0 else UNKNOWN
    if abs(seconds) < 0.9995:
        unit, factor = next((one for one in _BELOW_1_S if abs(seconds) * one[1] >= 0.9995), ("ns", 1e9))
        return f"{_digits(seconds * factor)} {unit}" if seconds else "0 s"
    if abs(seconds) < 120:
        return f"{_digits(seconds)} s"
    whole = round(seconds) if seconds == round(seconds) else round(seconds, 2 - math.floor(math.log10(abs(seconds))))
    whole = round(whole)
    if whole >= 48 * 3600:
        return f"{_digits(whole / 86400)} d"
    minutes, left = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (left if not hours else 0, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def format_size(size_bytes: float) -> str:
    """Return a size for people in powers of 1024: ``4 MiB``, ``20 GiB``, ``300 MiB``."""
    if not math.isfinite(size_bytes):
        return UNKNOWN
    return _scaled(size_bytes, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"), 1024, 1023.95)


def size_class(from_bytes: float, to_bytes: float) -> str:
    """Return the name of a range of sizes: ``under 4 MiB``, ``4 MiB to 16 MiB``, ``32 GiB and more``."""
    if from_bytes <= 0:
        return message("under {size}", size=format_size(to_bytes))
    if not math.isfinite(to_bytes):
        return message("{size} and more", size=format_size(from_bytes))
    return message("{low} to {high}", low=format_size(from_bytes), high=format_size(to_bytes))


def format_rate(bytes_per_s: float) -> str:
    """Return a bandwidth for people in powers of 1000, as network people count: ``26.8 MB/s``."""
    if not math.isfinite(bytes_per_s):
        return UNKNOWN
    return _scaled(bytes_per_s, ("B/s", "kB/s", "MB/s", "GB/s", "TB/s"), 1000, 999.5)


def format_share(share: float) -> str:
    """Return a probability or share for people: ``37 %``, ``0.12 %``, ``< 0.001 %``."""
    if not math.isfinite(share):
        return UNKNOWN
    percent = 100 * share
    if 0 < percent < 0.001:
        return "< 0.001 %"
    return f"{_digits(percent)} %"


def duration_setting(seconds: float) -> str:
    """Return a duration as Dragonfly's configuration takes it: whole seconds, ``180s``."""
    return f"{math.ceil(seconds - 1e-9)}s"


def size_setting(size_bytes: float) -> str:
    """Return a size as Kubernetes takes it, rounded up: ``16Gi``, from 1 GiB on; ``512Mi`` below."""
    unit, name = (2**30, "Gi") if size_bytes >= 2**30 else (2**20, "Mi")
    return f"{max(1, math.ceil(size_bytes / unit - 1e-9))}{name}"


def rate_setting(bytes_per_s: float, *, bare: bool = False) -> str:
    """Return a bandwidth as Dragonfly's configuration takes it, rounded up: ``200MB``, or bare bytes a second."""
    whole = max(1, math.ceil(bytes_per_s / 1e6 - 1e-9))
    return str(whole * 1_000_000) if bare else f"{whole}MB"


def _scaled(value: float, units: Sequence[str], base: int, limit: float) -> str:
    for unit in units[:-1]:
        if abs(value) < limit:
            return f"{_digits(value)} {unit}"
        value /= base
    return f"{_digits(value)} {units[-1]}"


def _digits(value: float) -> str:
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))  # three significant digits
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
