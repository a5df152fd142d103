"""Attempts as right-censored and interval-censored data: which rows of a frame a fit uses, and weighted rows of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from dfly_analysis.errors import TableError, suggest_similar
from dfly_analysis.models.distribution import Array
from dfly_analysis.schema import OUTCOMES

REQUIRED = ("size_bytes", "duration_s", "outcome", "timeout_s")
ORIGINS = ("source", "parent", "local")
# How much of the scatter between clusters counts: all of it where the next run meets others, as it does with tasks; half for
# hosts, which are mostly the same ones.
SHARE_OF_SCATTER = {"task_id": 1.0, "host": 0.5}
PIECE_STEP_BYTES = 4 << 20
"""Piece lengths are multiples of it in every release."""
_WHOLE_SHARE, _FEWEST_WHOLE = 0.5, 10
# A bin of a twentieth of the standard deviation loses 1 part in 5 000 of the variance, too much for very many attempts; few attempts
# are not binned. A survival is smoother than a density.
_BINS_PER_SD, _FINE_BINS_PER_SD, _COARSE_BINS_PER_SD, _CENSORED_BINS_WIDER = 20.0, 60.0, 6.0, 3.0
_MAX_EXACT_ROWS, _VERY_MANY = 400, 200_000
_SIZE_BIN_LOG = 0.02
_OTHER_WEIGHTS, _NO_WEIGHT = ("weight_if_fewest", "weight_if_most"), 1e-6
WIDEST_BUCKET = 4.0
"""The factor between the bounds of an interval beyond which its middle is not the geometric one: a first bucket begins at 0."""

Index = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
OK, TIMEOUT = OUTCOMES.index("ok"), OUTCOMES.index("timeout")


@dataclass(frozen=True)
class Cluster:
    """Groups of correlated attempts: those of one task, or of one host."""

    counts: Any  # sparse, clusters by entries: how many attempts of each entry belong to each cluster
    names: tuple[str, ...] = ()  # of the first clusters; attempts without a name are clusters of their own after those
    share_of_scatter: float = 1.0
    stands_for: float = 1.0  # how many clusters each one stands for, where they are a sample

    @property
    def n(self) -> int:
        return int(self.counts.shape[0])

    @classmethod
    def of_column(cls, column: pd.Series[Any], weight: Array) -> Cluster:
        """Return the clusters of rows, one entry each, that a column names."""
        codes, names = pd.factorize(column)
        missing = codes < 0
        if missing.any():
            weight = np.where(missing, np.sqrt(weight), weight)  # each attempt of such a row by itself
            codes = np.where(missing, len(names) + np.cumsum(missing) - 1, codes)
        shape = (int(codes.max(initial=-1)) + 1, len(codes))
        counts = sparse.coo_array((weight, (codes, np.arange(len(codes)))), shape=shape).tocsr()
        return cls(counts, tuple(str(name) for name in names), SHARE_OF_SCATTER.get(str(column.name), 1.0))

    def select(self, keep: Flags) -> Cluster:
        counts = self.counts[:, np.flatnonzero(keep)]
        some = np.diff(counts.indptr) > 0
        names = tuple(name for name, kept in zip(self.names, some, strict=False) if kept)
        return replace(self, counts=counts[np.flatnonzero(some)], names=names)

    def padded(self, n_entries: int) -> Cluster:
        """Return the same clusters before further entries that belong to none."""
        counts = self.counts.copy()
        counts.resize((self.n, counts.shape[1] + n_entries))
        return replace(self, counts=counts)

    def grouped(self, group_of: Index, n_groups: int) -> Cluster:
        counts = self.counts.tocoo()
        grouped = sparse.coo_array((counts.data, (counts.row, group_of[counts.col])), shape=(self.n, n_groups))
        return replace(self, counts=grouped.tocsr())


@dataclass(frozen=True)
class Attempts:
    """Cleaned attempts."""

    duration_s: Array  # the time observed where ``event``, else a lower bound
    upper_s: Array  # the time itself of an attempt that finished, infinite for a right-censored one
    size_bytes: Array
    weight: Array  # how many attempts the entry stands for
    event: Flags
    outcome: npt.NDArray[np.int8]  # places in `OUTCOMES`
    clusters: Mapping[str, Cluster]
    window: tuple[str, str] | None
    left_out: Mapping[str, int]  # rows not used, by reason
    n_late: int  # those that finished a little after their timeout and are right-censored at it
    other_weights: tuple[Array, ...] = ()
    """What the weights may be as well, where how many attempts ended in one way is not known."""

    @property
    def n(self) -> int:
        return round(float(self.weight.sum()))

    @cached_property
    def finished(self) -> Flags:
        """Return which attempts finished, at an observed time or between two bounds."""
        return np.isfinite(self.upper_s)

    @property
    def n_events(self) -> int:
        return round(float(self.weight[self.finished].sum()))

    @cached_property
    def middle_s(self) -> Array:
        """Return the time observed, the geometric middle of an interval."""
        between = self.finished & ~self.event
        if not between.any():
            return self.duration_s
        upper = np.where(between, self.upper_s, 1.0)
        return np.where(between, np.sqrt(np.maximum(self.duration_s, upper / WIDEST_BUCKET) * upper), self.duration_s)

    def common_sizes(self, most: int, decimals: int = 0) -> Array:
        """Return the most common sizes, rounded, the most common first."""
        size, group = np.unique(np.round(self.size_bytes, decimals), return_inverse=True)
        return np.asarray(size[np.argsort(-np.bincount(group, weights=self.weight), kind="stable")[:most]])

    @property
    def median_size(self) -> float:
        return float(np.quantile(self.size_bytes, 0.5, weights=self.weight, method="inverted_cdf"))


@dataclass(frozen=True)
class Rows:
    """Weighted rows: attempts of nearly one size and time together, in units of the data's geometric means: no fit depends on units."""

    y: Array  # logs of times in units of ``exp(log_unit)`` seconds
    upper: Array  # infinite for a right-censored row, and ``y`` where the time was observed
    x: Array  # logs of sizes in units of ``exp(log_size)`` bytes
    weight: Array
    event: Flags
    log_unit: float
    log_size: float
    clusters: Mapping[str, Cluster]

    @cached_property
    def total(self) -> float:
        return float(self.weight.sum())

    @cached_property
    def cut(self) -> Flags:
        """Return which rows are right-censored."""
        return np.isinf(self.upper)

    @cached_property
    def middle(self) -> Array:
        """Return the times, the middle of an interval."""
        between = ~(self.event | self.cut)
        upper = np.where(between, self.upper, 0.0)
        return np.where(between, 0.5 * (np.maximum(self.y, upper - np.log(WIDEST_BUCKET)) + upper), self.y)

    @cached_property
    def coarse(self) -> Rows:
        """Return fewer and wider rows, without clusters."""
        return _binned(self, (self.middle - self.x).std() / _COARSE_BINS_PER_SD)[0]


def read_attempts(
    pieces: pd.DataFrame, *, of_pieces: bool = True, clusters: Mapping[str, Cluster] | None = None
) -> Attempts:
    """Return the attempts of a frame (columns as of `fit_duration`); raise `TableError` for a column missing or not of numbers.

    Of pieces, rows of another origin than the source, of rounds that show only their failures, and short last pieces of layers among
    many whole ones are left out. ``clusters`` are those of the rows where each row stands for attempts of several.
    """
    require_columns(pieces, REQUIRED, "table pieces")
    codes, names = pd.factorize(pieces["outcome"])
    outcome = np.append(pd.Index(OUTCOMES).get_indexer(names.astype(str)), -1).astype(np.int8)[codes]
    size = numbers(pieces, "size_bytes")
    weight = numbers(pieces, "weight") if "weight" in pieces.columns else np.ones(len(pieces))
    observed, upper, event, late = _bounds(pieces, outcome, weight)
    with np.errstate(invalid="ignore"):
        keep = np.isfinite(observed) & (observed > 0) & (upper >= observed) & np.isfinite(size) & (size > 0)
        keep &= (outcome >= 0) & np.isfinite(weight) & (weight > 0)
    excluded = _excluded(pieces, size, np.where(keep, weight, 0.0)) if of_pieces else {}
    left_out = {"unusable": weight[~keep].sum(), **{reason: weight[rows].sum() for reason, rows in excluded.items()}}
    for rows in excluded.values():
        keep &= ~rows
    kept = pieces if keep.all() else pieces[keep]
    if clusters is None:
        columns = [name for name in SHARE_OF_SCATTER if name in kept.columns]
        clusters = {name: Cluster.of_column(kept[name], weight[keep]) for name in columns}
    else:
        clusters = {name: cluster.select(keep) for name, cluster in clusters.items()}
    return Attempts(
        observed[keep], upper[keep], size[keep], weight[keep], event[keep], outcome[keep],
        clusters={name: cluster for name, cluster in clusters.items() if cluster.n > 1}, window=starts_window(kept),
        left_out={reason: round(float(count)) for reason, count in left_out.items() if count},
        n_late=round(float(weight[late & keep].sum())),
        other_weights=tuple(
            np.maximum(np.where(np.isfinite(other), other, weight)[keep], _NO_WEIGHT)
            for other in (numbers(pieces, name) for name in _OTHER_WEIGHTS if name in pieces.columns)
            if np.isfinite(other).any()
        ),
    )  # fmt: skip


def require_columns(frame: pd.DataFrame, needed: tuple[str, ...], where: str) -> None:
    """Raise `TableError` for a column that is missing."""
    for column in needed:
        if column not in frame.columns:
            hint = suggest_similar(column, map(str, frame.columns)) or f"needed are {', '.join(needed)}"
            raise TableError(f"column {column!r} is missing", where=where, hint=hint)


def _bounds(pieces: pd.DataFrame, outcome: npt.NDArray[np.int8], weight: Array) -> tuple[Array, Array, Flags, Flags]:
    """Return the observed time, its upper bound, whether the time itself was observed, and whether it ended after its timeout."""
    duration, timeout = numbers(pieces, "duration_s"), numbers(pieces, "timeout_s")
    limited = np.isfinite(timeout) & (timeout > 0)
    # Attempts that slipped through after the timeout that cut others of the same length would bend the distribution down.
    # Where they outnumber those cut, the timeout was not in force.
    late = (outcome == OK) & limited & (duration > timeout)
    if weight[late].sum() > weight[outcome == TIMEOUT].sum():
        late = np.zeros(len(late), dtype=bool)
    observed = np.where(((outcome == TIMEOUT) & limited) | late, timeout, duration)
    event = (outcome == OK) & ~late
    upper = np.where(event, observed, np.inf)
    if "upper_s" in pieces.columns:
        bound = numbers(pieces, "upper_s")
        with np.errstate(invalid="ignore"):
            between = event & np.isfinite(bound) & ~(bound <= observed)
            # A first bucket begins just above 0.
            observed = np.where(between & ~(observed > bound * 1e-6), bound * 1e-6, observed)
            endless = event & np.isposinf(bound)
        upper = np.where(endless, np.inf, np.where(between, bound, upper))
        event = event & ~between & ~endless
    return observed, upper, event, late


def _excluded(pieces: pd.DataFrame, size: Array, weight: Array) -> Mapping[str, Flags]:
    """Return usable rows that belong to another distribution, by reason; each row once."""
    found: dict[str, Flags] = {}
    left = weight > 0
    if "successes_not_logged" in pieces.columns:
        found["successes_not_logged"] = left & flags(pieces["successes_not_logged"])
        left &= ~found["successes_not_logged"]
    if "origin" in pieces.columns:
        origin = pieces["origin"].astype("object").to_numpy()
        first = next((place for place in ORIGINS if (left & (origin == place)).any()), None)
        if first is not None:
            found["other_origin"] = left & (origin != first)
            left &= ~found["other_origin"]
    whole = left & (np.where(left, size, 1.0) % PIECE_STEP_BYTES == 0)
    # A last piece may be of any size down to a byte, and its time is mostly set-up: a few bend the distribution where no whole
    # piece ever is.
    if weight[whole].sum() >= max(_WHOLE_SHARE * weight[left].sum(), _FEWEST_WHOLE):
        found["last_piece"] = left & ~whole
    return found


def flags(column: pd.Series[Any]) -> Flags:
    """Return a column of booleans, false where missing."""
    return np.asarray(column.fillna(value=False).to_numpy(dtype=bool))


def seconds(column: pd.Series[Any]) -> Array:
    """Return times as seconds since 1970."""
    return np.asarray(column.to_numpy(dtype="datetime64[ns]").astype("int64") * 1e-9)


def numbers(pieces: pd.DataFrame, column: str) -> Array:
    """Return a column of numbers, not a number where missing; raise `TableError` where it holds others."""
    try:
        return np.asarray(pd.to_numeric(pieces[column]).to_numpy(dtype="float64", na_value=np.nan))
    except (TypeError, ValueError) as problem:
        raise TableError(f"column {column!r} must hold numbers: {problem}", where="table pieces") from problem


def starts_window(kept: pd.DataFrame) -> tuple[str, str] | None:
    """Return the first and the last start of rows, ISO."""
    if "started" not in kept.columns:
        return None
    names = ("started", "last_started" if "last_started" in kept.columns else "started")
    first, last = (pd.to_datetime(kept[name], utc=True, errors="coerce").dropna() for name in names)
    return (first.min().isoformat(), last.max().isoformat()) if len(first) else None


def bin_attempts(attempts: Attempts, like: Rows | None = None) -> Rows:
    """Take attempts of one size and one time together, in units of other rows if given; a few hundred are left as they are."""
    weight, total = attempts.weight, attempts.weight.sum()
    y, x = np.log(attempts.duration_s), np.log(attempts.size_bytes)
    log_unit, log_size = float(np.log(attempts.middle_s) @ weight / total), float(x @ weight / total)
    if x.max() == x.min():
        log_size = float(x[0])
    if like is not None:
        log_unit, log_size = like.log_unit, like.log_size
    upper = np.where(attempts.event, y, np.inf)
    between = attempts.finished & ~attempts.event
    upper[between] = np.log(attempts.upper_s[between])
    clusters = attempts.clusters
    exact = Rows(y - log_unit, upper - log_unit, x - log_size, weight, attempts.event, log_unit, log_size, clusters)
    if len(y) <= _MAX_EXACT_ROWS:
        return exact
    pace = exact.middle - exact.x
    sd = np.sqrt(((pace - pace @ weight / total) ** 2) @ weight / total)
    rows, row_of = _binned(exact, float(sd) / (_BINS_PER_SD if total <= _VERY_MANY else _FINE_BINS_PER_SD))
    return replace(rows, clusters={name: cluster.grouped(row_of, len(rows.y)) for name, cluster in clusters.items()})


def _binned(rows: Rows, width: float) -> tuple[Rows, Index]:
    """Return wider rows, and the row that each one went into."""
    kind = np.where(rows.event, 1, np.where(rows.cut, 0, 2))
    width = max(width, 1e-7)
    code = np.where(rows.event, _code(rows.y, width), _code(rows.y, _CENSORED_BINS_WIDER * width)) * 3 + kind
    code = _code(rows.x, _SIZE_BIN_LOG) * (int(code.max()) + 1) + code
    if (kind == 2).any():  # intervals are few as they are, and their bounds may not be averaged with others'
        own = np.unique(rows.upper[kind == 2], return_inverse=True)[1]
        code[kind == 2] += (int(code.max()) + 1) * (1 + own)
    row_of, groups = pd.factorize(code, sort=True)
    count = len(groups)
    weight: Array = np.bincount(row_of, weights=rows.weight, minlength=count).astype(float)

    def mean(value: Array) -> Array:
        return np.asarray(np.bincount(row_of, weights=value * rows.weight, minlength=count) / weight)

    y, event, upper = mean(rows.y), np.zeros(count, dtype=bool), np.full(count, np.inf)
    event[row_of[rows.event]] = True
    upper[event] = y[event]
    upper[row_of[kind == 2]] = rows.upper[kind == 2]
    return Rows(y, upper, mean(rows.x), weight, event, rows.log_unit, rows.log_size, {}), row_of


def _code(value: Array, width: float) -> Index:
    return np.asarray((value - value.min()) * (1.0 / width), dtype=np.intp)
