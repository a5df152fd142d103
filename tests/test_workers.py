"""The number of workers follows CPU affinity and cgroup quotas."""

from __future__ import annotations

import math
import os

import pytest
from reading_cases import write_tree

from dfly_analysis import workers
from dfly_analysis.workers import cgroup_cpus, worker_count

V2 = "0::/pod/container\n"
V1 = "9:name=systemd:/\n4:memory:/pod\n3:cpu,cpuacct:/pod\n0::/\n"


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({}, math.inf),
        ({"proc/self/cgroup": V2}, math.inf),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "250000 100000\n"}, 2.5),
        ({"proc/self/cgroup": V2, "sys/fs/cgroup/pod/container/cpu.max": "max 100000\n"}, math.inf),
        (
            {
                "proc/self/cgroup": V2,
                "sys/fs/cgroup/pod/cpu.max": "100000 100000\n",
                "sys/fs/cgroup/pod/container/cpu.max": "400000 100000\n",
            },
            1,
        ),
        (
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu,cpuacct/pod/cpu.cfs_quota_us": "150000\n",
                "sys/fs/cgroup/cpu,cpuacct/pod/cpu.cfs_period_us": "100000\n",
            },
            1.5,
        ),
        (
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu,cpuacct/pod/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/pod/cpu.cfs_period_us": "100000\n",
            },
            math.inf,
        ),
    ],
    ids=["no cgroups", "v2 no file", "v2", "v2 no limit", "v2 limit above", "v1", "v1 no limit"],
)
def test_cgroup_quota_is_read(tmp_path, files, cpus):
    """The smallest quota of the cgroup and its parents counts, in version 1 and 2."""
    assert cgroup_cpus(write_tree(tmp_path, files)) == cpus


@pytest.mark.parametrize(("quota", "count"), [(math.inf, 8), (2.5, 3), (0.2, 1)])
def test_smaller_of_affinity_and_quota_counts(monkeypatch, quota, count):
    """Eight processors of a larger machine, and a quota on top; never less than one worker."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(workers, "cgroup_cpus", lambda: quota)
    assert worker_count() == count


def test_without_affinity_all_processors_count(monkeypatch):
    """MacOS and Windows cannot say on which processors a process may run."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(workers, "cgroup_cpus", lambda: math.inf)
    assert worker_count() == 4
