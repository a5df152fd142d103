"""Finds a host that fetches far more slowly than its peers, whether or not anything failed there."""

from itertools import groupby
from operator import itemgetter
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dfly_analysis.dataset import Dataset
from dfly_analysis.sql_scripts import sql

TIMES = 2.5
MIN_TASKS = 3
_WHOLE = 0.5
_LEVEL = 0.99


class SlowHost(NamedTuple):
    """A host, its rate and that of its peers: median over tasks of the median rate of a piece, bytes per second."""

    host: str
    rate_bps: float
    peers_bps: float
    tasks: int
    peers: int


def slow_host(dataset: Dataset) -> SlowHost | None:
    """Return the slowest host whose rates (by order statistics over tasks, 99 %) are clearly below those of all others of its role and run."""
    found = []
    for _, tasks in groupby(dataset.rows(sql("diagnosis", "rates_of_tasks"), [_WHOLE]), itemgetter(0)):
        hosts, rates = (np.array(column) for column in list(zip(*tasks, strict=True))[1:])
        names = np.unique(hosts).tolist()
        for name in names:
            own, rest = rates[hosts == name], rates[hosts != name]
            if _is_slower(own, rest):
                found.append(SlowHost(name, float(np.median(own)), float(np.median(rest)), len(own), len(names) - 1))
    return min(found, key=lambda host: host.rate_bps / host.peers_bps, default=None)


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
