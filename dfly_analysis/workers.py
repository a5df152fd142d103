"""How many workers this process can keep busy: its CPU affinity and the CPU quota of its cgroup."""

import math
import os
from collections.abc import Iterator
from pathlib import Path


def worker_count() -> int:
    """Return how many threads or processes can run at the same time: the CPU affinity or the cgroup's CPU quota, which `os.cpu_count` ignores, rounded up."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(cpus, cgroup_cpus())))


def cgroup_cpus(root: Path = Path("/")) -> float:
    """Return the CPU quota of this process's cgroups, in processors; infinity without one. `root` is where proc and sys are."""
    return min(_quotas(root), default=math.inf)


def _quotas(root: Path) -> Iterator[float]:
    try:
        lines = (root / "proc/self/cgroup").read_text("utf-8").splitlines()
    except (OSError, ValueError):  # not Linux, or hidden
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / controllers
        for folder in (mount / path.strip("/"), *(mount / path.strip("/")).parents):
            yield from _quota(folder, version_2=not controllers)
            if folder == mount:
                break


def _quota(folder: Path, *, version_2: bool) -> Iterator[float]:
    names = ("cpu.max",) if version_2 else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    try:
        quota, period = " ".join((folder / name).read_text("utf-8") for name in names).split()
        if quota != "max" and int(quota) > 0:
            yield int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # not limited at this level
        return
