"""How many workers this process may use."""

from __future__ import annotations

import os


def worker_count() -> int:
    """Return the number of processors that affinity and cgroup limits leave to this process, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
