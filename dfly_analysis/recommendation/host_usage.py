"""What hosts were seen to hold and use: their disks, memory and processor, how their processes ended, what they were asked to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dfly_analysis.diagnosis.kubernetes import rows_of
from dfly_analysis.readers.pods import Termination, read_termination
from dfly_analysis.recommendation.context import RecommendationContext

RESOURCES = "resource_limit"
_DISK, _USED = "dragonfly_client_disk_space_total", "dragonfly_client_disk_usage_space_total"
_RESIDENT, _PROCESSOR = "process_resident_memory_bytes", "process_cpu_seconds_total"
_MEMORY_WORDS = ("OOM", "memory")


@dataclass(frozen=True)
class Disk:
    """A host's disk as its metrics told of it.

    Attributes
    ----------
    host : str
    total_bytes, used_bytes : int
        Of the whole file system.
    """

    host: str
    total_bytes: int
    used_bytes: int

    @property
    def free_bytes(self) -> int:
        """What is left."""
        return max(0, self.total_bytes - self.used_bytes)


@dataclass(frozen=True)
class Endings:
    """How processes of a role were ended from outside.

    Attributes
    ----------
    memory : int
        For memory, by what Kubernetes says.
    killed : int
        Otherwise, by Kubernetes.
    tasks : int
        Tasks that went with a process, their cause being its resources.
    limit_bytes : int or None
        The smallest limit of memory of a container that was ended for it.
    words : str
        An example.
    """

    memory: int
    killed: int
    tasks: int
    limit_bytes: int | None
    words: str

    @property
    def any(self) -> bool:
        """Whether there was one."""
        return bool(self.memory or self.killed or self.tasks)


def disks_of(context: RecommendationContext, role: str) -> list[Disk]:
    """Return the disks of a role's hosts, by host; empty where no metrics of the client are in the input."""
    total, used = (_newest(context, name, role) for name in (_DISK, _USED))
    return [Disk(host, size, used[host]) for host, size in sorted(total.items()) if host in used and size > 0]


def resident_bytes(context: RecommendationContext, role: str) -> tuple[int, str] | None:
    """Return the most memory that a process of a role held when its metrics were read, and on which host."""
    found = _newest(context, _RESIDENT, role)
    return max(((size, host) for host, size in found.items()), default=None)


def processor_seconds(context: RecommendationContext, role: str) -> tuple[int, int] | None:
    """Return the whole seconds of processor that a role's processes took, and the bytes they fetched in the same lives."""
    runs: Any = context.dataset.runs
    own = runs[(runs["tool"] == "prometheus") & (runs["role"] == role) & runs["host"].notna()]
    lives = own[(own["kind"] == "gauge") & (own["metric"] == _PROCESSOR) & own["n"].notna()]
    counted = own[own["kind"] == "counter"].merge(lives[["host", "started"]].drop_duplicates(), on=["host", "started"])
    fetched = sum(int(counted[column].fillna(0).sum()) for column in ("bytes_from_source", "bytes_from_parent"))
    return (int(lives["n"].sum()), fetched) if len(lives) and fetched > 0 else None


def _newest(context: RecommendationContext, metric: str, role: str) -> dict[str, int]:
    """Return a gauge by host; of several lives of a process the last one told."""
    runs = context.dataset.runs
    rows: Any = runs[(runs["kind"] == "gauge") & (runs["metric"] == metric) & (runs["role"] == role)]
    rows = rows[rows["n"].notna() & rows["host"].notna()].sort_values("started", kind="stable")
    return {str(host): int(number) for host, number in zip(rows["host"], rows["n"], strict=True)}


def endings_of(context: RecommendationContext, role: str) -> Endings:
    """Return how a role's processes were ended, by Kubernetes and by the tasks that went with them."""
    found: dict[tuple[Any, ...], tuple[Mapping[str, Any], Termination]] = {}
    for row in rows_of(context.dataset.pods[context.dataset.pods["role"] == role]):
        termination = read_termination(row)
        if termination is not None and termination.cause == RESOURCES:
            found.setdefault((row["pod"], termination.time), (row, termination))
    memory = [
        (row, termination)
        for row, termination in found.values()
        if any(word in termination.words for word in _MEMORY_WORDS)
    ]
    limits = [int(row["memory_limit_bytes"]) for row, _ in memory if row["memory_limit_bytes"] is not None]
    tasks = context.dataset.failed_tasks
    attributed = int(((tasks["role"] == role) & (tasks["cause"] == RESOURCES)).sum())
    first = next(((row, termination) for row, termination in (memory or list(found.values()))), None)
    words = f"{first[0]['pod']}: {first[1].words}" if first else ""
    return Endings(len(memory), len(found) - len(memory), attributed, min(limits, default=None), words)


def requested_by_host(context: RecommendationContext, role: str) -> pd.Series:
    """Return the bytes of all blobs that each host of a role was asked for, each counted once, whether or not they came."""
    tasks = context.dataset.tasks
    own = tasks[(tasks["role"] == role) & tasks["size_bytes"].notna() & tasks["host"].notna()]
    once = own.drop_duplicates(["host", "task_id"])
    return once.groupby("host")["size_bytes"].sum().astype("int64")


def requested_bytes(context: RecommendationContext, role: str) -> int:
    """Return the bytes of all blobs that hosts of a role were asked for, each counted once."""
    tasks = context.dataset.tasks
    own = tasks[(tasks["role"] == role) & tasks["size_bytes"].notna()]
    return int(own.drop_duplicates("task_id")["size_bytes"].sum())
