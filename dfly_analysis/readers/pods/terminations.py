"""What the endings of containers mean: why a process of Dragonfly was gone, and when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_KILLED, _PANICKED, _ABORTED, _FAULTED, _TERMINATED, _GO_PANIC = 137, 101, 134, 139, 143, 2
_CRASHES = (_PANICKED, _ABORTED, _FAULTED, _GO_PANIC)
_STORAGE = re.compile(r"ephemeral|disk ?pressure|inode|nodefs|imagefs|storage", re.IGNORECASE)
_MEMORY = re.compile(r"memory", re.IGNORECASE)
_OUT_OF_MEMORY = ("OOMKilled", "OOMKilling", "SystemOOM")
_SAME_S = 5.0
_DEADLY_EVENTS = ("Evicted", "OOMKilling", "SystemOOM", "OOMKilled")


@dataclass(frozen=True)
class Termination:
    """One ending of a process that nobody asked for."""

    time: datetime | None  # when, to the second
    cause: str  # one of `dfly_analysis.schema.CAUSES`
    confidence: str
    words: str  # what Kubernetes says of it


def read_termination(row: Mapping[str, Any]) -> Termination | None:
    """Return what a row means, or None where nothing ended against its will."""
    reason, kind = row.get("reason") or "", row.get("kind")
    is_termination = (
        kind == "ending" or (kind == "event" and reason in _DEADLY_EVENTS) or (kind == "pod" and reason == "Evicted")
    )
    if not is_termination:
        return None
    if reason == "Evicted":
        return _evicted(row)
    cause, confidence, words = _ended(reason, row.get("exit_code"))
    code = "" if row.get("exit_code") is None else f", exit code {row['exit_code']}"
    return Termination(row.get("time"), cause, confidence, f"{reason or 'ended'}{code}{words}") if cause else None


def _evicted(row: Mapping[str, Any]) -> Termination:
    message, time = row.get("message") or "", row.get("time")
    if _STORAGE.search(message):
        return Termination(time, "disk_full", "high", "evicted: the node ran short of disk")
    if _MEMORY.search(message):
        return Termination(time, "resource_limit", "high", "evicted: the node ran short of memory")
    return Termination(time, "resource_limit", "medium", "evicted")


def _ended(reason: str, code: int | None) -> tuple[str, str, str]:
    """Return cause, confidence and a remark; an empty cause where all is well."""
    if reason in _OUT_OF_MEMORY:
        return "resource_limit", "high", ""
    if code == _KILLED:
        return "resource_limit", "medium", ": SIGKILL from outside"
    if code in _CRASHES:
        return "client_bug", "high", ": it crashed by itself"
    if code == _TERMINATED:
        return "cancelled", "medium", ": asked to stop, and did not in time"
    return ("client_bug", "medium", "") if code else ("", "", "")


def terminations_by_host(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Termination, ...]]:
    """Return the terminations by every name that a log may know their host by: that of the pod, and that of its node.

    A pod on the network of its node (``hostNetwork``) goes by the node's name.
    """
    listed = list(rows)
    nodes = {row["pod"]: row["node"] for row in listed if row.get("pod") and row.get("node") and row["kind"] != "event"}
    found: dict[str, list[Termination]] = {}
    for row in listed:
        termination = read_termination(row)
        pod = row.get("pod")
        if termination is None or not pod:
            continue
        for name in {pod, nodes.get(pod)} - {None}:
            found.setdefault(str(name), []).append(termination)
    return {name: _once(terminations) for name, terminations in found.items()}


def _once(terminations: Iterable[Termination]) -> tuple[Termination, ...]:
    ordered = sorted(
        terminations,
        key=lambda termination: (termination.time is None, termination.time or 0, termination.confidence != "high"),
    )
    kept: list[Termination] = []
    for termination in ordered:
        same = next((one for one in kept if one.cause == termination.cause and _near(one, termination)), None)
        if same is None:
            kept.append(termination)
    return tuple(kept)


def _near(one: Termination, other: Termination) -> bool:
    if one.time is None or other.time is None:
        return True
    return abs((one.time - other.time).total_seconds()) <= _SAME_S
