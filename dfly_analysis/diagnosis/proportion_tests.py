"""Compares the failure proportions of groups (hosts, registries, periods); failures that come together count for less."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dfly_analysis.estimates import Interval, wilson
from dfly_analysis.units import format_share

LEVEL = 0.99
TIMES = 2.0
MIN_SHARE = 0.01
MIN_FAILURES = 4

SOURCE_ATTEMPTS = """
    SELECT role, host, peer_id, started, ended, outcome <> 'ok' AS bad FROM pieces
    WHERE origin = 'source' AND host IS NOT NULL AND ended IS NOT NULL AND NOT successes_not_logged AND outcome <> 'cancelled'
"""
"""Attempts at the source that ended: not those of hosts that log no successes, which would bias the proportion, and no piece
cancelled because another piece failed."""


@dataclass(frozen=True)
class Proportion:
    """Failures among attempts."""

    bad: int
    n: int

    def __add__(self, other: Proportion) -> Proportion:
        return Proportion(self.bad + other.bad, self.n + other.n)

    def __sub__(self, part: Proportion) -> Proportion:
        return Proportion(self.bad - part.bad, self.n - part.n)

    def share(self, dispersion: float = 1.0, level: float = LEVEL) -> Interval:
        """Return the proportion with its interval; `dispersion` is the variance inflation."""
        return wilson(self.bad / dispersion, self.n / dispersion, level)


class Comparison(NamedTuple):
    """The failures of a group and of all other groups."""

    own: Proportion
    rest: Proportion
    dispersion: float = 1.0
    group: str = ""
    others: int = 1
    """How many other groups there are."""

    def stands_out(self) -> bool:
        """Return whether the group fails clearly more often than the rest: the 99 % intervals do not overlap, and it does `TIMES` as often.

        Two equal groups reach that once in several thousand comparisons; a share below `MIN_SHARE` is none to act on.
        """
        if self.own.bad < MIN_FAILURES or self.rest.n <= 0 or self.own.n <= 0:
            return False
        own, rest = self.own.share(self.dispersion), self.rest.share(self.dispersion)
        return own.value >= max(TIMES * rest.value, MIN_SHARE) and own.low > rest.high

    def gap(self) -> float:
        """Return the distance of the 99 % intervals."""
        return self.own.share(self.dispersion).low - self.rest.share(self.dispersion).high

    def shares(self) -> dict[str, str]:
        """Return the proportion of the group with its lower bound and that of the rest with its upper bound (95 %), as text."""
        own, rest = self.own.share(self.dispersion, 0.95), self.rest.share(self.dispersion, 0.95)
        named = {"share": own.value, "low": own.low, "rest": rest.value, "high": rest.high}
        return {name: format_share(value) for name, value in named.items()}


def compare_groups(clusters: Iterable[tuple[str, int, int]]) -> list[Comparison]:
    """Compare each group with all others, from (group, failures, attempts) of each cluster of attempts that may fail together."""
    rows = list(clusters)
    counts: defaultdict[str, Proportion] = defaultdict(lambda: Proportion(0, 0))
    for group, bad, n in rows:
        counts[group] += Proportion(bad, n)
    whole = sum(counts.values(), Proportion(0, 0))
    dispersion = overdispersion(*zip(*rows, strict=True)) if rows else 1.0
    return [Comparison(own, whole - own, dispersion, group, len(counts) - 1) for group, own in sorted(counts.items())]


def overdispersion(groups: Sequence[Any], bad: Sequence[int], n: Sequence[int]) -> float:
    """Return the variance inflation of failures that come together: Pearson's statistic over its degrees of freedom, at least 1; a cluster a row."""
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
