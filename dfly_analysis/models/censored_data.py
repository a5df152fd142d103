"""From a frame of attempts to what a likelihood needs of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from dfly_analysis.models.distribution import Array
from dfly_analysis.schema import OUTCOMES

# A bin of a twentieth of the spread, taken at its mean, loses 1 part in 5 000 of the variance: less than a million
# attempts can tell. Few attempts stay as they are.
_BINS_A_SPREAD = 20.0
_COARSE_BINS_A_SPREAD = 6.0
# A survival is smoother than a density.
_CUT_BINS_WIDER = 3.0
_MAX_EXACT_ROWS = 400
_SIZE_BIN_LOG = 0.02
_DRAWN_ANEW = {"host": 0.5}

Index = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
OK = OUTCOMES.index("ok")


@dataclass(frozen=True)
class Attempts:
    """Cleaned attempts, one entry each.

    Attributes
    ----------
    duration_s, upper_s, size_bytes, weight : array
        The time seen, which is a lower bound where ``event`` is false; the upper bound, which is the time itself for an
        attempt seen to finish and infinite for one that was cut; bytes; how many attempts the entry stands for.
    event : array of bool
        Whether the time itself was seen.
    outcome : array of int
        Places in `dfly_analysis.schema.OUTCOMES`.
    clusters : mapping of str to array
        Codes of the tasks and hosts the attempts belong to, where the frame names them; -1 where not known.
    hosts : tuple of str
        Names of the codes of hosts.
    window : (str, str) or None
        First and last start, ISO.
    left_out : mapping of str to int
        Rows that were not used, by why.
    n_late : int
        Rows that finished a little after their limit and are taken as lower bounds at it.
    """

    duration_s: Array
    upper_s: Array
    size_bytes: Array
    weight: Array
    event: Flags
    outcome: npt.NDArray[np.int8]
    clusters: Mapping[str, Index]
    hosts: tuple[str, ...]
    window: tuple[str, str] | None
    left_out: Mapping[str, int]
    n_late: int

    @property
    def n(self) -> int:
        """Return how many attempts there are."""
        return round(float(self.weight.sum()))

    @cached_property
    def finished(self) -> Flags:
        """Return which attempts finished, at a time that was seen or between two bounds."""
        return np.isfinite(self.upper_s)

    @property
    def n_events(self) -> int:
        """Return how many finished."""
        return round(float(self.weight[self.finished].sum()))

    @cached_property
    def middle_s(self) -> Array:
        """Return the time seen, of a bucket its geometric middle."""
        between = self.finished & ~self.event
        if not between.any():
            return self.duration_s
        return np.where(between, np.sqrt(self.duration_s * np.where(between, self.upper_s, 1.0)), self.duration_s)


@dataclass(frozen=True)
class Cluster:
    """Attempts that share a fate.

    Attributes
    ----------
    held : sparse array, clusters by rows
        How much of each row belongs to each cluster.
    drawn_anew : float
        How much of what clusters scatter counts: all of it where the next run meets others, as it does with tasks; half
        of it for hosts, which are mostly the same ones.
    """

    held: Any
    drawn_anew: float = 1.0

    @property
    def count(self) -> int:
        """Return how many clusters there are."""
        return int(self.held.shape[0])


@dataclass(frozen=True)
class Rows:
    """Weighted rows: attempts of nearly one size and one time, taken together.

    Times are logs in units of ``exp(log_unit)`` seconds, sizes logs in units of ``exp(log_size)`` bytes; both units are
    geometric means of the data, so that a fit does not depend on the units chosen.

    Attributes
    ----------
    y, upper, x, weight, event : arrays of the rows
        ``upper`` is infinite for a lower bound, and ``y`` where the time was seen.
    log_unit, log_size : float
    clusters : tuple of Cluster
    """

    y: Array
    upper: Array
    x: Array
    weight: Array
    event: Flags
    log_unit: float
    log_size: float
    clusters: tuple[Cluster, ...] = ()

    @cached_property
    def total(self) -> float:
        """Return how many attempts the rows stand for."""
        return float(self.weight.sum())

    @cached_property
    def cut(self) -> Flags:
        """Return which rows are lower bounds."""
        return np.isinf(self.upper)

    @cached_property
    def middle(self) -> Array:
        """Return the times, of a bucket its middle."""
        between = ~(self.event | self.cut)
        return np.where(between, 0.5 * (self.y + np.where(between, self.upper, 0.0)), self.y)

    @cached_property
    def finished_y(self) -> Array:
        """Return the times, or upper bounds of them, of what finished."""
        return np.asarray(self.upper[~self.cut])

    @cached_property
    def coarse(self) -> Rows:
        """Return fewer and wider rows, without clusters."""
        return _binned(self, _COARSE_BINS_A_SPREAD)[0]


def bin_attempts(attempts: Attempts) -> Rows:
    """Take attempts of one size and one time together; a few hundred are left as they are.

    Parameters
    ----------
    attempts : Attempts
        At least one.

    Returns
    -------
    Rows
    """
    weight, total = attempts.weight, attempts.weight.sum()
    y, x = np.log(attempts.duration_s), np.log(attempts.size_bytes)
    log_unit, log_size = float(np.log(attempts.middle_s) @ weight / total), float(x @ weight / total)
    if x.max() == x.min():
        log_size = float(x[0])
    event = attempts.event
    between = attempts.finished & ~event
    upper = np.where(event, y, np.inf)
    if between.any():
        upper[between] = np.log(attempts.upper_s[between])
    exact = Rows(y - log_unit, upper - log_unit, x - log_size, weight, event, log_unit, log_size)
    few = len(y) <= _MAX_EXACT_ROWS
    rows, row_of = (exact, np.arange(len(y))) if few else _binned(exact, _BINS_A_SPREAD)
    clusters = tuple(
        _cluster(codes, row_of, attempts.weight, len(rows.y), _DRAWN_ANEW.get(name, 1.0))
        for name, codes in attempts.clusters.items()
    )
    return Rows(rows.y, rows.upper, rows.x, rows.weight, rows.event, log_unit, log_size, clusters)


def _binned(rows: Rows, bins_a_spread: float) -> tuple[Rows, Index]:
    """Return wider rows, and the row that each one went into."""
    kind = np.where(rows.event, 1, np.where(rows.cut, 0, 2))
    width = max(float((rows.middle - rows.x).std()), 1e-6) / bins_a_spread
    code = np.where(rows.event, _code(rows.y, width), _code(rows.y, _CUT_BINS_WIDER * width)) * 3 + kind
    code = _code(rows.x, _SIZE_BIN_LOG) * (int(code.max()) + 1) + code
    if (kind == 2).any():  # buckets are few as they are, and their bounds may not be averaged with others'
        own = np.unique(rows.upper[kind == 2], return_inverse=True)[1]
        code[kind == 2] += (int(code.max()) + 1) * (1 + own)
    weight, row_of = _grouped(code, rows.weight)
    count = len(weight)

    def mean(value: Array) -> Array:
        return np.bincount(row_of, weights=value * rows.weight, minlength=count) / weight

    y, event, upper = mean(rows.y), np.zeros(count, dtype=bool), np.full(count, np.inf)
    event[row_of[rows.event]] = True
    upper[event] = y[event]
    upper[row_of[kind == 2]] = rows.upper[kind == 2]
    return Rows(y, upper, mean(rows.x), weight, event, rows.log_unit, rows.log_size), row_of


def _cluster(codes: Index, row_of: Index, weight: Array, n_rows: int, drawn_anew: float) -> Cluster:
    missing = codes < 0
    if missing.any():  # what has no name is taken as alone
        codes = codes.copy()
        codes[missing] = codes.max() + 1 + np.arange(missing.sum())
    held = sparse.coo_array((weight, (codes, row_of)), shape=(int(codes.max()) + 1, n_rows))
    return Cluster(held, drawn_anew)


def _code(value: Array, width: float) -> Index:
    return np.asarray((value - value.min()) * (1.0 / width), dtype=np.intp)


def _grouped(code: Index, weight: Array) -> tuple[Array, Index]:
    """Return the weight of each group that occurs, and the group of each entry."""
    if code.max() < 20_000_000:
        table = np.bincount(code, weights=weight)
        used = np.flatnonzero(table)
        place = np.zeros(len(table), dtype=np.intp)
        place[used] = np.arange(len(used))
        return table[used].astype(float), place[code]
    groups, row_of = np.unique(code, return_inverse=True)
    return np.bincount(row_of, weights=weight, minlength=len(groups)).astype(float), row_of
