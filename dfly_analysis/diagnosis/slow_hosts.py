"""Finds a host that fetches far more slowly than its peers, whether or not anything failed there."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from dfly_analysis.dataset import Dataset

TIMES = 2.5
MIN_TASKS = 3
_WHOLE = 0.5
_LEVEL = 0.99


@dataclass(frozen=True)
class SlowHost:
    """A host and how slow it is.

    Attributes
    ----------
    host, role : str
    rate_bps, peers_bps : float
        Median over tasks of the median rate of a piece, bytes a second.
    tasks, peers : int
        Tasks of the host, and other hosts it is compared with.
    """

    host: str
    role: str
    rate_bps: float
    peers_bps: float
    tasks: int
    peers: int


def slow_host(dataset: Dataset) -> SlowHost | None:
    """Return the slowest host whose tasks' rates lie clearly below those of all others of its role.

    One task is one observation, for its pieces share what they suffer from. The intervals of both medians (99 %, by order
    statistics) may not meet, and the medians differ by `TIMES` at least.
    """
    rows = dataset.rows(
        """
        WITH timed AS (
            SELECT role, host, peer_id, size_bytes, duration_s FROM pieces
            WHERE origin = 'source' AND duration_s > 0 AND size_bytes > 0 AND host IS NOT NULL AND outcome IN ('ok', 'timeout')
        )
        SELECT role, host, median(size_bytes::DOUBLE / duration_s) FROM timed
        -- of a small piece the first byte takes longest
        WHERE size_bytes >= ? * (SELECT max(size_bytes) FROM timed) AND role IS NOT NULL AND peer_id IS NOT NULL
        GROUP BY role, host, peer_id
        """,
        (_WHOLE,),
    )
    by_role: dict[str, list[tuple[str, float]]] = {}
    for role, host, rate in rows:
        by_role.setdefault(role, []).append((host, rate))
    found = []
    for role, of_role in sorted(by_role.items()):
        hosts, rates = np.array([host for host, _ in of_role]), np.array([rate for _, rate in of_role])
        order = np.argsort(rates, kind="stable")
        hosts, rates = hosts[order], rates[order]
        names, host = np.unique(hosts, return_inverse=True)
        for place, name in enumerate(names.tolist()):
            own, rest = rates[host == place], rates[host != place]
            if _is_slower(own, rest):
                found.append(
                    SlowHost(name, role, float(np.median(own)), float(np.median(rest)), len(own), len(names) - 1)
                )
    return min(found, key=lambda one: one.rate_bps / one.peers_bps, default=None)


def _is_slower(own: npt.NDArray[np.float64], rest: npt.NDArray[np.float64]) -> bool:
    """Compare the medians of two sorted samples."""
    if min(len(own), len(rest)) < MIN_TASKS:
        return False
    return bool(np.median(own) * TIMES <= np.median(rest) and _median_interval(own)[1] < _median_interval(rest)[0])


def _median_interval(ordered: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the interval of a median by order statistics, in the normal approximation of the binomial."""
    n = len(ordered)
    half = NormalDist().inv_cdf(0.5 + _LEVEL / 2) * np.sqrt(n) / 2
    low, high = int(np.floor(n / 2 - half)), int(np.ceil(n / 2 + half))
    return float(ordered[max(low, 0)]), float(ordered[min(high, n - 1)])
