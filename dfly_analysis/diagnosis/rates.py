"""Compares failure shares of groups: hosts, registries, stretches of time. Failures come in heaps, and the comparison knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dfly_analysis.fits import Interval, wilson

LEVEL = 0.99
TIMES = 2.0
LEAST_SHARE = 0.01
FEWEST_FAILURES = 4


@dataclass(frozen=True)
class Counted:
    """Failures among attempts.

    Attributes
    ----------
    bad, n : int
    """

    bad: int
    n: int

    def without(self, part: Counted) -> Counted:
        """Return what is left without a part."""
        return Counted(self.bad - part.bad, self.n - part.n)

    def share(self, inflation: float = 1.0, level: float = LEVEL) -> Interval:
        """Return the share with its interval; `inflation` is by how much heaps widen the variance."""
        return wilson(self.bad / inflation, self.n / inflation, level)


def stands_out(own: Counted, rest: Counted, inflation: float = 1.0) -> bool:
    """Return whether a group fails clearly more often than the rest.

    The intervals of both shares (99 %) may not meet, which two equal groups reach about once in several thousand comparisons;
    and its share must be `TIMES` that of the rest and `LEAST_SHARE` at least, for a difference too small to act on is none.
    """
    if own.bad < FEWEST_FAILURES or rest.n <= 0 or own.n <= 0:
        return False
    mine, others = own.share(inflation), rest.share(inflation)
    large = mine.value >= max(TIMES * others.value, LEAST_SHARE)
    return large and mine.low > others.high


def inflation_of(bad: pd.Series[Any], groups: pd.Series[Any], clusters: pd.Series[Any]) -> float:
    """Return by how much failures that come in heaps widen the variance of a group's share: Pearson's statistic over its freedom.

    Parameters
    ----------
    bad : Series of bool
        Whether each attempt failed.
    groups, clusters : Series
        The group compared (a host), and within it what may fail together (a task).

    Returns
    -------
    float
        1 or more.
    """
    group, cluster = (pd.factorize(of)[0] for of in (groups, clusters))
    counts = pd.DataFrame({"bad": bad.to_numpy(bool), "group": group, "cluster": cluster})[
        (group >= 0) & (cluster >= 0)
    ]
    by_cluster = counts.groupby(["group", "cluster"], observed=True)["bad"].agg(["sum", "size"])
    by_group = by_cluster.groupby(level="group", observed=True).sum()
    share = (by_group["sum"] / by_group["size"]).reindex(by_cluster.index.get_level_values("group")).to_numpy()
    n, seen = by_cluster["size"].to_numpy(float), by_cluster["sum"].to_numpy(float)
    expected, variance = n * share, n * share * (1 - share)
    told = variance > 0
    freedom = int(told.sum()) - int((by_group["sum"] > 0).sum())
    if freedom <= 0:
        return 1.0
    return max(1.0, float(np.sum((seen[told] - expected[told]) ** 2 / variance[told]) / freedom))
