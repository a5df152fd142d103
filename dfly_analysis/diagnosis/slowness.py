"""Finds a host that fetches far more slowly than its peers, whether or not anything failed there."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from dfly_analysis.dataset import Dataset

TIMES = 2.5
FEWEST_TASKS = 3
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
    pieces = dataset.pieces[["origin", "role", "host", "peer_id", "outcome", "duration_s", "size_bytes"]]
    known = pieces[
        (pieces["origin"] == "source")
        & (pieces["duration_s"] > 0)
        & (pieces["size_bytes"] > 0)
        & pieces["host"].notna()
    ]
    known = known[known["outcome"].isin(["ok", "timeout"])]
    known = known[
        known["size_bytes"] >= _WHOLE * known["size_bytes"].max()
    ]  # of a small one the first byte takes longest
    if known.empty:
        return None
    rates = known.assign(rate=known["size_bytes"].astype("float64") / known["duration_s"])
    by_task = rates.groupby(["role", "host", "peer_id"], observed=True)["rate"].median().reset_index()
    found = []
    for role, rows in by_task.groupby("role", observed=True):
        for host, own in rows.groupby("host", observed=True):
            rest = rows[rows["host"] != host]
            if _is_slower(own["rate"], rest["rate"]):
                found.append(SlowHost(str(host), str(role), float(own["rate"].median()), float(rest["rate"].median()), len(own), rest["host"].nunique()))  # fmt: skip
    return min(found, key=lambda one: one.rate_bps / one.peers_bps, default=None)


def _is_slower(own: pd.Series[Any], rest: pd.Series[Any]) -> bool:
    if min(len(own), len(rest)) < FEWEST_TASKS:
        return False
    return bool(own.median() * TIMES <= rest.median() and _median_interval(own)[1] < _median_interval(rest)[0])


def _median_interval(values: pd.Series[Any]) -> tuple[float, float]:
    """Return the interval of a median by order statistics, in the normal approximation of the binomial."""
    ordered = np.sort(values.to_numpy(float))
    n = len(ordered)
    half = NormalDist().inv_cdf(0.5 + _LEVEL / 2) * np.sqrt(n) / 2
    low, high = int(np.floor(n / 2 - half)), int(np.ceil(n / 2 + half))
    return float(ordered[max(low, 0)]), float(ordered[min(high, n - 1)])
