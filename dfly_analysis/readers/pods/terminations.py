"""What the endings of containers mean: why a process of Dragonfly was gone, and when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dfly_analysis.messages import Message, message

_STORAGE = re.compile(r"ephemeral|disk ?pressure|inode|nodefs|imagefs|storage", re.IGNORECASE)
_OUT_OF_MEMORY = ("OOMKilled", "OOMKilling", "SystemOOM")
_DEADLY_EVENTS = ("Evicted", *_OUT_OF_MEMORY)
_CRASH = "client_bug", "high", message("it crashed")
_BY_EXIT_CODE = {
    137: ("resource_limit", "medium", message("killed from outside (SIGKILL)")),
    143: ("cancelled", "medium", message("asked to stop (SIGTERM), and did not stop in time")),
    **dict.fromkeys((2, 101, 134, 139), _CRASH),  # Go's and Rust's panic, abort, segmentation fault
}
_SAME_S = 5.0


@dataclass(frozen=True)
class Termination:
    """One ending of a process that nobody asked for."""

    time: datetime | None  # to the second
    cause: str  # one of `dfly_analysis.schema.CAUSES`
    confidence: str  # high or medium
    description: Message


def read_termination(row: Mapping[str, Any]) -> Termination | None:
    """Return what a row of `dfly_analysis.schema.PODS` means, or None where nothing ended against its will."""
    reason, kind, time, code = row.get("reason") or "", row.get("kind"), row.get("time"), row.get("exit_code")
    if not (kind == "ending" or (kind == "event" and reason in _DEADLY_EVENTS) or (kind == "pod" and reason == "Evicted")):  # fmt: skip
        return None
    if reason == "Evicted":
        return _read_eviction(row)
    reason = reason or message("terminated")
    described = reason if isinstance(reason, Message) else message("{reason}", reason=reason)
    if code is not None:
        described = message("{reason}, exit code {code}", reason=reason, code=code)
    if reason in _OUT_OF_MEMORY:
        return Termination(time, "resource_limit", "high", described)
    if code in _BY_EXIT_CODE:
        cause, confidence, remark = _BY_EXIT_CODE[code]
        return Termination(time, cause, confidence, message("{ending}: {remark}", ending=described, remark=remark))
    return Termination(time, "client_bug", "medium", described) if code else None


def _read_eviction(row: Mapping[str, Any]) -> Termination:
    text = row.get("message") or ""
    cause, confidence, described = "resource_limit", "medium", message("evicted")
    if _STORAGE.search(text):
        cause, confidence, described = "disk_full", "high", message("evicted: the node ran out of disk space")
    elif "memory" in text.lower():
        confidence, described = "high", message("evicted: the node ran out of memory")
    return Termination(row.get("time"), cause, confidence, described)


def terminations_by_host(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Termination, ...]]:
    """Return the terminations by every name that a log may know their host by: that of the pod, and that of its node.

    A pod on the network of its node (``hostNetwork``) goes by the node's name. They are ordered by time, those without one
    last; an ending in both the container's state and an event is there once.
    """
    listed = list(rows)
    nodes = {row["pod"]: row["node"] for row in listed if row.get("pod") and row.get("node") and row["kind"] != "event"}
    found: dict[str, list[Termination]] = {}
    for row in listed:
        pod = row.get("pod")
        if pod and (termination := read_termination(row)):
            for name in {pod, nodes.get(pod)} - {None}:
                found.setdefault(str(name), []).append(termination)
    return {name: _deduplicate(terminations) for name, terminations in found.items()}


def _deduplicate(terminations: Iterable[Termination]) -> tuple[Termination, ...]:
    kept: list[Termination] = []
    for one in sorted(terminations, key=lambda one: (one.time is None, one.time or 0, one.confidence != "high")):
        if not any(other.cause == one.cause and _is_near(other, one) for other in kept):
            kept.append(one)
    return tuple(kept)


def _is_near(one: Termination, other: Termination) -> bool:
    return one.time is None or other.time is None or abs((one.time - other.time).total_seconds()) <= _SAME_S
