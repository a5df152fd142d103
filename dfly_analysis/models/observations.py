"""From a frame of attempts to weighted rows a likelihood can be summed over quickly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from dfly_analysis.errors import TableError, nearest
from dfly_analysis.models.law import Array
from dfly_analysis.tables import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterable

REQUIRED = ("size_bytes", "duration_s", "outcome", "timeout_s")
CLUSTERS = ("task_id", "host")
# A bin of a twentieth of the spread, taken at its mean, loses 1 part in 5 000 of the variance: less than a million
# attempts can tell. Few attempts stay as they are.
_BINS_A_SPREAD = 20.0
# A survival is smoother than a density.
_CUT_BINS_WIDER = 5.0
_MOST_EXACT_ROWS = 400
_SIZE_BIN_LOG = 0.02

Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Attempts:
    """Cleaned attempts, one entry each.

    Attributes
    ----------
    duration_s, size_bytes, weight : array
        The time seen (a lower bound where ``event`` is false), bytes, and how many attempts the entry stands for.
    event : array of bool
        Whether the attempt finished.
    outcome : array of str
    clusters : mapping of str to array
        Codes of the tasks and hosts the attempts belong to, where the frame names them.
    window : (str, str) or None
        First and last start, ISO.
    n_dropped : int
        Rows without a positive time or size, or with an outcome nobody knows.
    n_late : int
        Rows that finished a little after their limit and are taken as lower bounds at it.
    """

    duration_s: Array
    size_bytes: Array
    weight: Array
    event: npt.NDArray[np.bool_]
    outcome: npt.NDArray[np.int8]
    clusters: Mapping[str, Index]
    window: tuple[str, str] | None
    n_dropped: int
    n_late: int

    @property
    def n(self) -> int:
        """Return how many attempts there are."""
        return round(float(self.weight.sum()))

    @property
    def n_events(self) -> int:
        """Return how many finished."""
        return round(float(self.weight[self.event].sum()))


@dataclass(frozen=True)
class Rows:
    """Weighted rows: attempts of nearly one size and one time, taken together.

    Times are logs in units of ``exp(log_unit)`` seconds, sizes logs in units of ``exp(log_size)`` bytes; both units are
    geometric means of the data, so that a fit does not depend on the units chosen.

    Attributes
    ----------
    y, x, weight, event : arrays of the rows
    row_of : array
        Row of each attempt.
    log_unit, log_size : float
    """

    y: Array
    x: Array
    weight: Array
    event: npt.NDArray[np.bool_]
    row_of: Index
    log_unit: float
    log_size: float


def read_attempts(pieces: pd.DataFrame) -> Attempts:
    """Read the columns a fit needs, without changing the frame.

    Parameters
    ----------
    pieces : DataFrame
        ``size_bytes``, ``duration_s``, ``outcome``, ``timeout_s``; perhaps ``task_id``, ``host``, ``started``, ``weight``.

    Returns
    -------
    Attempts

    Raises
    ------
    TableError
        Where a column is missing, or is not numbers.
    """
    for column in REQUIRED:
        if column not in pieces.columns:
            hint = nearest(column, (str(name) for name in pieces.columns)) or f"needed are {', '.join(REQUIRED)}"
            raise TableError(f"column {column!r} is missing", where="table pieces", hint=hint)
    duration, size, limit = (_numbers(pieces, column) for column in ("duration_s", "size_bytes", "timeout_s"))
    outcome = _outcomes(pieces["outcome"])
    limited = np.isfinite(limit) & (limit > 0)
    cut = (outcome == OUTCOMES.index("timeout")) & limited
    late = _finished_late(outcome, duration, np.where(limited, limit, np.inf))
    cut |= late
    seen = np.where(cut, limit, duration)
    weight = _numbers(pieces, "weight") if "weight" in pieces.columns else np.ones(len(pieces))
    with np.errstate(invalid="ignore"):
        keep = np.isfinite(seen) & (seen > 0) & np.isfinite(size) & (size > 0) & (outcome >= 0)
        keep &= np.isfinite(weight) & (weight > 0)
    clusters = {name: pd.factorize(pieces[name])[0][keep] for name in CLUSTERS if name in pieces.columns}
    return Attempts(
        duration_s=seen[keep],
        size_bytes=size[keep],
        weight=weight[keep],
        event=(outcome[keep] == OUTCOMES.index("ok")) & ~late[keep],
        outcome=outcome[keep],
        clusters={name: codes for name, codes in clusters.items() if codes.size and codes.max() > 0},
        window=_window(pieces, keep),
        n_dropped=int(len(pieces) - keep.sum()),
        n_late=int((late & keep).sum()),
    )


def bin_attempts(attempts: Attempts) -> Rows:
    """Take attempts of one size and one time together; a few thousand are left as they are.

    Parameters
    ----------
    attempts : Attempts
        At least one.

    Returns
    -------
    Rows
    """
    y, total = np.log(attempts.duration_s), attempts.weight.sum()
    x = np.log(attempts.size_bytes)
    log_unit, log_size = float(y @ attempts.weight / total), float(x @ attempts.weight / total)
    if x.max() == x.min():
        log_size = float(x[0])
    y, x = y - log_unit, x - log_size
    if len(y) <= _MOST_EXACT_ROWS:
        return Rows(y, x, attempts.weight, attempts.event, np.arange(len(y)), log_unit, log_size)
    width = max(float((y - x).std()), 1e-6) / _BINS_A_SPREAD
    code = np.where(attempts.event, _code(y, width) * 2 + 1, _code(y, _CUT_BINS_WIDER * width) * 2)
    code = _code(x, _SIZE_BIN_LOG) * (int(code.max()) + 1) + code
    weight, row_of = _grouped(code, attempts.weight)
    count = len(weight)
    mean_y = np.bincount(row_of, weights=y * attempts.weight, minlength=count) / weight
    mean_x = np.bincount(row_of, weights=x * attempts.weight, minlength=count) / weight
    event = np.zeros(count, dtype=bool)
    event[row_of[attempts.event]] = True
    return Rows(mean_y, mean_x, weight, event, row_of, log_unit, log_size)


def _finished_late(outcome: npt.NDArray[np.int8], duration: Array, limit: Array) -> npt.NDArray[np.bool_]:
    """Return which attempts slipped through after the limit that cut others of the same length.

    They are the lucky ones of their kind: as finished they would bend the law down. Where they outnumber those cut, the
    limit was not in force, and they are what they seem.
    """
    late = (outcome == OUTCOMES.index("ok")) & (duration > limit)
    return late if late.sum() <= (outcome == OUTCOMES.index("timeout")).sum() else np.zeros(len(late), dtype=bool)


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


def _numbers(pieces: pd.DataFrame, column: str) -> Array:
    try:
        return np.asarray(pd.to_numeric(pieces[column]).to_numpy(dtype="float64", na_value=np.nan))
    except (TypeError, ValueError) as problem:
        raise TableError(f"column {column!r} is not numbers: {problem}", where="table pieces") from problem


def _outcomes(column: pd.Series[str]) -> npt.NDArray[np.int8]:
    codes, names = pd.factorize(column)
    known = {name: place for place, name in enumerate(OUTCOMES)}
    table = np.array([known.get(str(name), -1) for name in names] + [-1], dtype=np.int8)
    return table[codes]


def _window(pieces: pd.DataFrame, keep: npt.NDArray[np.bool_]) -> tuple[str, str] | None:
    if "started" not in pieces.columns:
        return None
    started: Iterable[object] = pd.to_datetime(pieces["started"], utc=True, errors="coerce")[keep].dropna()
    times = pd.Series(list(started)) if not isinstance(started, pd.Series) else started
    return (times.min().isoformat(), times.max().isoformat()) if len(times) else None
