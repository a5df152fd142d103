"""How often tasks failed, by size: counts with their intervals, and a logistic line through them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import optimize, special

from dfly_analysis.errors import TableError, suggest_similar
from dfly_analysis.estimates import Interval, NotFitted, Param, wilson
from dfly_analysis.models.censored_data import Flags, starts_window
from dfly_analysis.models.distribution import Array
from dfly_analysis.models.task_calibration import SIZE_BOUNDS_BYTES, Calibration

_MIB = 2.0**20
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
    name, law : str
        ``logistic`` where a line in the log of the size was fitted, else ``binned``.
    params : tuple of Param
    n, n_failed, n_censored : int
        Tasks with a known end; how many failed; how many had no known end and were left out.
    bins : tuple of SizeBin
        Those that hold tasks, small to large.
    goodness : mapping of str to float
    window : (str, str) or None
    calibration : Calibration or None
        The same failures against those predicted from the duration of a piece.
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
        Takes ``started`` and ``last_started`` for the window, and ``weight``, how many tasks a row stands for. It is not changed.
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
            known_names = (str(known) for known in tasks.columns)
            hint = suggest_similar(column, known_names) or "needed are size_bytes and outcome"
            raise TableError(f"column {column!r} is missing", where="table tasks", hint=hint)
    weight = tasks["weight"].to_numpy(dtype="float64") if "weight" in tasks.columns else np.ones(len(tasks))
    size = pd.to_numeric(tasks["size_bytes"]).to_numpy(dtype="float64", na_value=np.nan)
    ended = tasks["outcome"].isin(["ok", "failed", "died"]).to_numpy(dtype=bool)
    known = ended & (np.nan_to_num(size) > 0) & np.isfinite(size)
    total = round(float(weight.sum()))
    if not known.any():
        collect = "logs that hold both the start and the end of tasks, with the size of the blob"
        return NotFitted(name, "no task has both a size and a known end", collect, total)
    failed = (tasks["outcome"] != "ok").to_numpy(dtype=bool)[known]
    size, weight = size[known], weight[known]
    bins = _bins(size, failed, weight, level)
    line = _line(size, failed, weight) if sum(one.failed > 0 for one in bins) >= 2 and not failed.all() else None
    n = round(float(weight.sum()))
    return TaskFailureFit(
        name=name,
        law="logistic" if line else "binned",
        params=_params(line, level) if line else (),
        n=n,
        n_failed=round(float(weight[failed].sum())),
        n_censored=total - n,
        bins=bins,
        window=starts_window(tasks[known]),
        _line=line,
    )


def _bins(size: Array, failed: Flags, weight: Array, level: float) -> tuple[SizeBin, ...]:
    result = []
    for low, high in pairwise((0.0, *SIZE_BOUNDS_BYTES, float("inf"))):
        inside = (size >= low) & (size < high)
        n, bad = (round(float(weight[rows].sum())) for rows in (inside, inside & failed))
        if n:
            result.append(SizeBin(low, high, n, bad, wilson(bad, n, level)))
    return tuple(result)


def _line(size: Array, failed: Flags, weight: Array) -> tuple[Array, Array, float]:
    """Return the logistic line by maximum likelihood with a normal prior of the slope: parameters, covariance, log of the centre."""
    total = weight.sum()
    centre = float(np.log(size) @ weight / total)
    design = np.stack([np.ones(len(size)), np.log(size) - centre], axis=1)
    precision = np.array([0.0, _SLOPE_PRIOR_SD**-2.0])

    def objective(theta: Array) -> tuple[float, Array]:
        linear = design @ theta
        value = weight @ (np.logaddexp(0.0, linear) - linear * failed) + 0.5 * (precision * theta**2).sum()
        return float(value), design.T @ (weight * (special.expit(linear) - failed)) + precision * theta

    start = np.array([special.logit(weight @ failed / total), 0.0])
    theta = optimize.minimize(objective, start, jac=True, method="BFGS").x
    chance = special.expit(design @ theta)
    curvature = (design * (weight * chance * (1.0 - chance))[:, None]).T @ design + np.diag(precision)
    return np.asarray(theta, dtype=float), np.asarray(np.linalg.inv(curvature), dtype=float), centre


def _params(line: tuple[Array, Array, float], level: float) -> tuple[Param, ...]:
    theta, spread, centre = line
    half = float(special.ndtri(0.5 + level / 2.0)) * np.sqrt(np.diag(spread))
    units = (f"log odds at {np.exp(centre) / _MIB:.4g} MiB", "log odds per log size")
    return tuple(
        Param(name, float(value), float(value - wide), float(value + wide), unit)
        for name, value, wide, unit in zip(("intercept", "slope"), theta, half, units, strict=True)
    )
