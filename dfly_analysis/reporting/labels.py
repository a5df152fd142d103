"""Texts for ids (causes, roles, outcomes, layers of settings) and for numbers with their units."""

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from dfly_analysis.estimates import Interval
from dfly_analysis.messages import Message, message
from dfly_analysis.units import format_duration, format_rate, format_share, format_size, parse_duration

_TEXTS = yaml.safe_load(Path(__file__).with_name("labels.yaml").read_text("utf-8"))


def _texts(kind: str, field: str = "label") -> dict[str, Message]:
    return {name: Message(texts[field], {}) for name, texts in _TEXTS[kind].items()}


CAUSES, REMEDIES, FITS, ROLES = _texts("causes"), _texts("causes", "remedy"), _texts("fits"), _texts("roles")
OUTCOMES, TASK_OUTCOMES, LAYERS = _texts("outcomes"), _texts("task_outcomes"), _texts("layers")
CONFIDENCES = _texts("confidences")
SEVERITIES = CONFIDENCES | _texts("severities")
TOPICS, BASES, CHANGES, UNCERTAINTIES = _texts("topics"), _texts("bases"), _texts("changes"), _texts("uncertainties")
FILES = _texts("files")
MIN_SHARE = 1e-5
NOTHING = "\N{EN DASH}"


def interval_text(interval: Interval, unit: str) -> str:
    """Return a figure with its interval, ``37 % (30 % to 45 %)``; `unit` as `figure` takes it."""
    high = interval.bound if unit == "s" else interval.high
    value = figure(interval.value, unit)
    return message("{value} ({interval})", value=value, interval=range_text(interval.low, high, unit))


def range_text(low: float, high: float, unit: str) -> str:
    """Return a range: ``30 % to 45 %``; ``at most 45 %`` where a share begins at 0, and ``at least 3 s`` without an upper end."""
    if math.isinf(high) and math.isfinite(low):
        return message("at least {value}", value=figure(low, unit))
    if unit == "share" and low < MIN_SHARE:
        return message("at most {value}", value=figure(high, unit))
    begin, end = figure(low, unit), figure(high, unit)
    return begin if unit == "share" and begin == end else message("{low} to {high}", low=begin, high=end)


def figure(value: float | None, unit: str) -> str:
    """Return a number in its unit; a dash where there is none."""
    if value is None or pd.isna(value):
        return NOTHING
    if math.isinf(value):
        return message("unbounded")
    if unit == "cores":
        return message("{n} cores", n=f"{value:.3g}")
    printed = _PRINTED.get(unit)
    return printed(value) if printed else plain(value)


def plain(value: float) -> str:
    """Return a number with at most four significant digits, whole numbers whole and grouped."""
    if not math.isfinite(value):
        return message("unbounded")
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.4g}"


_PRINTED: Mapping[str, Callable[[float], str]] = {
    "share": format_share, "s": format_duration, "bytes": format_size, "B/s": format_rate, "percent": lambda value: f"{plain(value)} %",
}  # fmt: skip


def readable_duration(proposed: str, unit: str) -> str:
    """Return a proposed duration as people write it, ``3 h`` for ``10800s``; empty where that is the same."""
    text = figure(parse_duration(proposed), "s") if unit == "s" else ""
    return text if "".join(text.split()) != proposed else ""


def moment(time: Any) -> str:
    """Return a time to the second, or a dash where it is missing."""
    return NOTHING if time is None or pd.isna(time) else f"{pd.Timestamp(time):%Y-%m-%d %H:%M:%S}"


def text_of(value: Any) -> str:
    """Return a cell of a frame as text; a dash where it is missing."""
    if isinstance(value, str):
        return value
    return NOTHING if value is None or (not isinstance(value, list | tuple | dict) and pd.isna(value)) else str(value)


def parameter_text(value: Any) -> str:
    """Return a parameter as it is given on a command line; a dash where nothing was given."""
    if isinstance(value, list | tuple):
        return " ".join(map(parameter_text, value))
    return str(value).lower() if isinstance(value, bool) else text_of(value)


def remark(value: Any) -> str:
    """Return a cell that is often empty, at most 200 characters."""
    text = text_of(value)
    return "" if text == NOTHING else text if len(text) <= 200 else text[:200]


def common_folder(paths: Iterable[str]) -> str:
    """Return the beginning that all paths share, up to a slash or an archive's mark; empty where they share none."""
    listed = list(paths)
    first, last = min(listed, default=""), max(listed, default="")
    alike = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    return first[: max(first.rfind("/", 0, alike), first.rfind("!", 0, alike)) + 1]
