"""The words for what the program names by ids: causes, roles, outcomes, layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from dfly_analysis.estimates import Interval
from dfly_analysis.units import format_duration, format_rate, format_share, format_size

CAUSES = {
    "timeout_too_short": "a timeout is too short",
    "network_instability": "connections were cut",
    "resource_limit": "CPU, memory or descriptors ran out",
    "storage_io": "the disk failed or was too slow",
    "origin_registry": "the registry answered with errors",
    "auth": "the registry refused the credentials",
    "scheduler_unavailable": "the scheduler was silent or away",
    "disk_full": "the disk was full",
    "rate_limited": "requests were rate-limited",
    "client_bug": "a fault of the client",
    "cancelled": "cancelled because of another failure",
    "unknown": "the cause cannot be told",
}
REMEDIES = {
    "timeout_too_short": "A longer timeout, fewer pieces in flight, or more bandwidth.",
    "network_instability": "No timeout cures this: look at load balancers, proxies and links; retries help.",
    "resource_limit": "Raise the limits of the pod, or ask less of it.",
    "storage_io": "Faster or healthier storage.",
    "origin_registry": "Look at the registry; retries help against brief faults.",
    "auth": "Longer-lived credentials, or a preheat that ends before they do.",
    "scheduler_unavailable": "Look at the scheduler and the way to it.",
    "disk_full": "A larger volume, or earlier eviction.",
    "rate_limited": "Raise the limit, or ask more slowly.",
    "client_bug": "Another client release.",
    "cancelled": "Cure what cancelled it.",
    "unknown": "Collect what the data quality section asks for.",
}
SHORT_LAYERS = {
    "binary": "binary",
    "chart": "chart",
    "user": "your values",
    "rendered": "host's file",
    "unknown": "unknown",
}
FITS = {
    "piece_from_source": "Pieces from the registry",
    "piece_from_source_seedClient": "Pieces from the registry, seed clients",
    "piece_from_source_client": "Pieces from the registry, clients",
    "registry_time": "The registry's own time for a piece",
    "piece_from_parent": "Pieces from other hosts",
    "piece_from_parent_seedClient": "Pieces from other hosts, seed clients",
    "piece_from_parent_client": "Pieces from other hosts, clients",
    "task_failure": "Failures of tasks by size",
    "task_duration": "Times of whole tasks",
    "source_capacity": "What the source carries",
    "piece_from_source_at_usual_load": "Pieces from the registry, at the usual number in flight",
    "storage_write": "What storage takes",
    "benchmark": "Benchmarks",
    "benchmark_dfbench": "Benchmark, dfbench",
    "benchmark_vegeta": "Benchmark, vegeta",
    "benchmark_csv": "Benchmark, own measurements",
}
MIN_SHARE = 1e-5
NOTHING = "\N{EN DASH}"
ROLES = {"seedClient": "seed client", "client": "client", "scheduler": "scheduler", "manager": "manager"}
OUTCOMES = {
    "ok": "finished",
    "timeout": "cut by the timeout",
    "reset": "connection cut",
    "storage": "storage error",
    "origin": "registry error",
    "cancelled": "cancelled with a sibling",
    "unknown": "unknown end",
}
"""Outcomes of an attempt at a piece."""
LAYERS = {
    "binary": "the binary's default",
    "chart": "the chart",
    "user": "your values",
    "rendered": "the host's own file",
    "unknown": "not known",
}


def interval_text(interval: Interval, unit: str) -> str:
    """Print a figure with its interval, ``37 % (30 % to 45 %)``; `unit` as `figure` takes it."""
    high = interval.bound if unit == "s" else interval.high
    return f"{figure(interval.value, unit)} ({range_text(interval.low, high, unit)})"


def range_text(low: float, high: float, unit: str) -> str:
    """Say a range: ``30 % to 45 %``; a share from next to nothing is ``at most 45 %``, and what has no upper end ``at least 3 s``."""
    if math.isinf(high) and math.isfinite(low):
        return f"at least {figure(low, unit)}"
    if unit == "share" and low < MIN_SHARE:
        return f"at most {figure(high, unit)}"
    texts = figure(low, unit), figure(high, unit)
    return texts[0] if unit == "share" and texts[0] == texts[1] else f"{texts[0]} to {texts[1]}"


def figure(value: float | None, unit: str) -> str:
    """Print a number in its unit for people; a dash where there is none."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "unbounded"
    printed = _PRINTED.get(unit)
    return printed(value).replace(" ", "\N{NO-BREAK SPACE}") if printed else plain(value)


def plain(value: float) -> str:
    """Print a number with at most four significant digits, whole numbers whole and grouped."""
    if not math.isfinite(value):
        return "unbounded"
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.4g}"


_PRINTED: Mapping[str, Callable[[float], str]] = {
    "share": format_share, "s": format_duration, "bytes": format_size, "B/s": format_rate,
    "percent": lambda value: f"{plain(value)} %", "cores": lambda value: f"{value:.3g} cores",
}  # fmt: skip


def counted(n: int, noun: str) -> str:
    """Say how many: ``1 task``, ``2 tasks``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def moment(time: Any) -> str:
    """Print a time to the second, or a dash where it is missing."""
    if time is None or pd.isna(time):
        return NOTHING
    return f"{pd.Timestamp(time):%Y-%m-%d %H:%M:%S}"


def text_of(value: Any) -> str:
    """Print a cell of a frame; a dash where it is missing."""
    return NOTHING if value is None or (not isinstance(value, list | tuple | dict) and pd.isna(value)) else str(value)


def parameter_text(value: Any) -> str:
    """Print a parameter as it is given on a command line; a dash where nothing was given."""
    if isinstance(value, list | tuple):
        return " ".join(map(parameter_text, value))
    return str(value).lower() if isinstance(value, bool) else text_of(value)


def remark(value: Any) -> str:
    """Print a cell that is often empty, at most 200 characters."""
    text = text_of(value)
    return "" if text == NOTHING else text[:200]


def common_folder(paths: Iterable[str]) -> str:
    """Return the beginning that all paths share, up to a slash or an archive's mark; empty where they share none."""
    listed = list(paths)
    first, last = min(listed, default=""), max(listed, default="")
    alike = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    return first[: max(first.rfind("/", 0, alike), first.rfind("!", 0, alike)) + 1]
