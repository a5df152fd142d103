"""How often tasks failed, by size: counts with their intervals, and a logistic line through them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import optimize, special

from dfly_analysis.errors import TableError, suggest_similar
from dfly_analysis.estimates import Interval, NotFitted, Param, wilson
from dfly_analysis.models.distribution import Array

if TYPE_CHECKING:
    from dfly_analysis.models.task_calibration import Calibration

_MIB = 2.0**20
SIZE_BOUNDS_BYTES = tuple(_MIB * bound for bound in (4, 16, 64, 128, 256, 512, 1024, 4096, 8192, 16384, 32768))
_SLOPE_PRIOR_SD = 2.0


@dataclass(frozen=True)
class SizeBin:
    """Tasks of about one size.

    Attributes
    ----------
    from_bytes, to_bytes : float
        ``from_bytes <= size < to_bytes``; the last bin has no upper end.
    n, failed : int
    rate : Interval
        Share that failed, with Wilson's interval.
    """

    from_bytes: float
    to_bytes: float
    n: int
    failed: int
    rate: Interval


@dataclass(frozen=True)
class TaskFailureFit:
    """The share of tasks that fail, against their size.

    Attributes
    ----------
    name, distribution : str
        ``distribution`` is ``logistic`` where a line in the log of the size was fitted, else ``binned``.
    params : tuple of Param
    n, n_failed, n_censored : int
        Tasks with a known end; how many failed; how many had no known end and were left out.
    bins : tuple of SizeBin
        Those that hold tasks, small to large.
    goodness : mapping of str to float
    window : (str, str) or None
    calibration : Calibration or None
        The same failures beside those that the law of a piece foretells.
    extrapolates_beyond_s : None
        Kept so that every fit reads alike; this one holds no time.
    """

    name: str
    law: str
    params: tuple[Param, ...]
    n: int
    n_failed: int
    n_censored: int
    bins: tuple[SizeBin, ...]
    goodness: Mapping[str, float] = field(default_factory=dict)
    window: tuple[str, str] | None = None
    extrapolates_beyond_s: float | None = None
    calibration: Calibration | None = None
    _line: tuple[Array, Array, float] | None = None

    def rate(self, size_bytes: float, level: float = 0.95) -> Interval:
        """Return the share of tasks of a size that fail.

        Parameters
        ----------
        size_bytes : float
            Above 0.
        level : float

        Returns
        -------
        Interval
            By the logistic line, or the share over all sizes where there is none.
        """
        if self._line is None:
            return wilson(self.n_failed, self.n, level)
        theta, spread, centre = self._line
        row = np.array([1.0, np.log(size_bytes) - centre])
        half = float(special.ndtri(0.5 + level / 2.0)) * float(np.sqrt(row @ spread @ row))
        middle = float(row @ theta)
        return Interval(*(float(special.expit(edge)) for edge in (middle, middle - half, middle + half)))


def task_failure_by_size(
    tasks: pd.DataFrame, *, name: str = "task_failure", level: float = 0.95
) -> TaskFailureFit | NotFitted:
    """Count failures of tasks by size.

    Parameters
    ----------
    tasks : DataFrame
        Needs ``size_bytes`` and ``outcome`` (``ok``; ``failed`` and ``died`` count as failed; ``unknown`` is left out).
        Takes ``started`` for the window. It is not changed.
    name : str
    level : float

    Returns
    -------
    TaskFailureFit or NotFitted

    Raises
    ------
    TableError
        Where a column is missing.
    """
    for column in ("size_bytes", "outcome"):
        if column not in tasks.columns:
            hint = (
                suggest_similar(column, (str(known) for known in tasks.columns)) or "needed are size_bytes and outcome"
            )
            raise TableError(f"column {column!r} is missing", where="table tasks", hint=hint)
    size = pd.to_numeric(tasks["size_bytes"]).to_numpy(dtype="float64", na_value=np.nan)
    known = (
        tasks["outcome"].isin(["ok", "failed", "died"]).to_numpy(dtype=bool)
        & np.isfinite(size)
        & (np.nan_to_num(size) > 0)
    )
    failed = (~tasks["outcome"].isin(["ok"])).to_numpy(dtype=bool)[known]
    size = size[known]
    if not len(size):
        collect = "logs that hold both the start and the end of tasks, with the size of the blob"
        return NotFitted(name, "no task has both a size and a known end", collect, len(tasks))
    bins = _bins(size, failed, level)
    line = _line(size, failed) if sum(result.failed > 0 for result in bins) >= 2 and not failed.all() else None
    started = (
        pd.to_datetime(tasks["started"], utc=True)[known].dropna() if "started" in tasks.columns else pd.Series([])
    )
    return TaskFailureFit(
        name=name,
        law="logistic" if line else "binned",
        params=_params(line, level) if line else (),
        n=len(size),
        n_failed=int(failed.sum()),
        n_censored=int(len(tasks) - known.sum()),
        bins=bins,
        window=(started.min().isoformat(), started.max().isoformat()) if len(started) else None,
        _line=line,
    )


def _bins(size: Array, failed: Array, level: float) -> tuple[SizeBin, ...]:
    edges = (0.0, *SIZE_BOUNDS_BYTES, float("inf"))
    result = []
    for low, high in pairwise(edges):
        inside = (size >= low) & (size < high)
        n, bad = int(inside.sum()), int(failed[inside].sum())
        if n:
            result.append(SizeBin(low, high, n, bad, wilson(bad, n, level)))
    return tuple(result)


def _line(size: Array, failed: Array) -> tuple[Array, Array, float]:
    centre = float(np.log(size).mean())
    design = np.stack([np.ones(len(size)), np.log(size) - centre], axis=1)
    precision = np.array([0.0, _SLOPE_PRIOR_SD**-2.0])

    def objective(theta: Array) -> tuple[float, Array]:
        linear = design @ theta
        value = np.logaddexp(0.0, linear).sum() - linear[failed].sum() + 0.5 * (precision * theta**2).sum()
        return float(value), design.T @ (special.expit(linear) - failed) + precision * theta

    share = failed.mean()
    theta = optimize.minimize(objective, np.array([special.logit(share), 0.0]), jac=True, method="BFGS").x
    chance = special.expit(design @ theta)
    curvature = (design * (chance * (1.0 - chance))[:, None]).T @ design + np.diag(precision)
    return np.asarray(theta, dtype=float), np.asarray(np.linalg.inv(curvature), dtype=float), centre


def _params(line: tuple[Array, Array, float], level: float) -> tuple[Param, ...]:
    theta, spread, centre = line
    half = float(special.ndtri(0.5 + level / 2.0)) * np.sqrt(np.diag(spread))
    units = (f"log odds at {np.exp(centre) / _MIB:.4g} MiB", "log odds per log size")
    return tuple(
        Param(name, float(value), float(value - wide), float(value + wide), unit)
        for name, value, wide, unit in zip(("intercept", "slope"), theta, half, units, strict=True)
    )
