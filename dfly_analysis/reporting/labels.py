"""Texts for ids (causes, roles, outcomes, layers of settings) and for numbers with their units."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from dfly_analysis.estimates import Interval
from dfly_analysis.messages import message
from dfly_analysis.units import format_duration, format_rate, format_share, format_size, parse_duration

CAUSES = {
    "timeout_too_short": message("timeout too short"),
    "network_instability": message("connections dropped"),
    "resource_limit": message("CPU, memory or file descriptors exhausted"),
    "storage_io": message("disk failed or too slow"),
    "origin_registry": message("the registry returned errors"),
    "auth": message("the registry rejected the credentials"),
    "scheduler_unavailable": message("scheduler unreachable or not responding"),
    "disk_full": message("disk full"),
    "rate_limited": message("requests rate-limited"),
    "client_bug": message("bug in the client"),
    "cancelled": message("cancelled because of another failure"),
    "unknown": message("unknown cause"),
}
REMEDIES = {
    "timeout_too_short": message("Use a longer timeout, fewer concurrent pieces, or more bandwidth."),
    "network_instability": message(
        "A longer timeout does not help. Check load balancers, proxies and links; retries help."
    ),
    "resource_limit": message("Raise the pod's limits, or reduce its load."),
    "storage_io": message("Use faster or healthier storage."),
    "origin_registry": message("Check the registry; retries help against short outages."),
    "auth": message("Use credentials that are valid for longer, or a preheat that ends before they expire."),
    "scheduler_unavailable": message("Check the scheduler and the network path to it."),
    "disk_full": message("Use a larger volume, or evict earlier."),
    "rate_limited": message("Raise the rate limit, or send fewer requests."),
    "client_bug": message("Use another client release."),
    "cancelled": message("Fix the failure that cancelled it."),
    "unknown": message("Collect what the section on data quality lists as missing."),
}
FITS = {
    "piece_from_source": message("Pieces from the registry"),
    "piece_from_source_seedClient": message("Pieces from the registry, seed clients"),
    "piece_from_source_client": message("Pieces from the registry, clients"),
    "registry_time": message("Registry response time per piece"),
    "piece_from_parent": message("Pieces from other hosts"),
    "piece_from_parent_seedClient": message("Pieces from other hosts, seed clients"),
    "piece_from_parent_client": message("Pieces from other hosts, clients"),
    "task_failure": message("Task failures by size"),
    "task_duration": message("Task durations"),
    "source_capacity": message("Registry bandwidth"),
    "piece_from_source_at_usual_load": message("Pieces from the registry, at the usual concurrency"),
    "storage_write": message("Storage write time"),
    "benchmark": message("Benchmarks"),
    "benchmark_dfbench": message("Benchmark, dfbench"),
    "benchmark_vegeta": message("Benchmark, vegeta"),
    "benchmark_csv": message("Benchmark, own measurements"),
}
MIN_SHARE = 1e-5
NOTHING = "\N{EN DASH}"
ROLES = {"seedClient": message("seed client"), "client": message("client"), "scheduler": message("scheduler"), "manager": message("manager")}  # fmt: skip
OUTCOMES = {
    "ok": message("succeeded"), "timeout": message("timed out"), "reset": message("connection reset"),
    "storage": message("storage error"), "origin": message("registry error"),
    "cancelled": message("cancelled because another piece failed"), "unknown": message("unknown outcome"),
}  # fmt: skip
"""Outcomes of an attempt at a piece."""
TASK_OUTCOMES = {"failed": message("failed"), "died": message("process exited first"), "cancelled": message("cancelled"), "ok": message("succeeded")}  # fmt: skip
LAYERS = {
    "binary": message("binary default"),
    "chart": message("Helm chart"),
    "user": message("your values"),
    "rendered": message("configuration file on the host"),
    "unknown": message("unknown"),
}
"""Layers of the configuration that set a value."""
CONFIDENCES = {"high": message("high"), "medium": message("medium"), "low": message("low")}
SEVERITIES = {**CONFIDENCES, "critical": message("critical"), "info": message("info")}


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
    if value is None or math.isnan(value):
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
