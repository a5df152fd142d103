"""How many workers this process may keep busy."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def worker_count() -> int:
    """Return the number of processors that this process may use: its affinity, within the limit of its cgroup (v2).

    Returns
    -------
    int
        At least 1.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = _CPU_MAX.read_text("ascii").split()
        limit = math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no cgroup, or "max": no limit
        limit = count
    return max(1, min(count, limit))
