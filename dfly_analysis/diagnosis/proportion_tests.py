"""Compares failure shares of groups: hosts, registries, stretches of time. Failures come in heaps, and the comparison knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dfly_analysis.estimates import Interval, wilson

LEVEL = 0.99
TIMES = 2.0
MIN_SHARE = 0.01
MIN_FAILURES = 4


@dataclass(frozen=True)
class Proportion:
    """Failures among attempts.

    Attributes
    ----------
    bad, n : int
    """

    bad: int
    n: int

    def without(self, part: Proportion) -> Proportion:
        """Return what is left without a part."""
        return Proportion(self.bad - part.bad, self.n - part.n)

    def share(self, inflation: float = 1.0, level: float = LEVEL) -> Interval:
        """Return the share with its interval; `inflation` is by how much heaps widen the variance."""
        return wilson(self.bad / inflation, self.n / inflation, level)


def stands_out(own: Proportion, rest: Proportion, inflation: float = 1.0) -> bool:
    """Return whether a group fails clearly more often than the rest.

    The intervals of both shares (99 %) may not meet, which two equal groups reach about once in several thousand comparisons;
    and its share must be `TIMES` that of the rest and `MIN_SHARE` at least, for a difference too small to act on is none.
    """
    if own.bad < MIN_FAILURES or rest.n <= 0 or own.n <= 0:
        return False
    mine, others = own.share(inflation), rest.share(inflation)
    large = mine.value >= max(TIMES * others.value, MIN_SHARE)
    return large and mine.low > others.high


def inflation_of(groups: Sequence[Any], bad: Sequence[int], n: Sequence[int]) -> float:
    """Return the variance inflation by failures that come together: Pearson's statistic over its degrees of freedom.

    Parameters
    ----------
    groups : sequence
        Group compared (a host) of each cluster: of each set of attempts that may fail together (a task).
    bad, n : sequence of int
        Failures and attempts of each cluster.

    Returns
    -------
    float
        1 or more.
    """
    if not len(groups):
        return 1.0
    _, group = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    failures, attempts = np.asarray(bad, float), np.asarray(n, float)
    total_failures, total = np.bincount(group, failures), np.bincount(group, attempts)
    share = (total_failures / total)[group]
    expected, variance = attempts * share, attempts * share * (1 - share)
    varies = variance > 0
    freedom = int(varies.sum()) - int((total_failures > 0).sum())
    if freedom <= 0:
        return 1.0
    return max(1.0, float(np.sum((failures[varies] - expected[varies]) ** 2 / variance[varies]) / freedom))
