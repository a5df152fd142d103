"""Failure rate of tasks by size: counts with their intervals, and a logistic regression."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special

from dfly_analysis.estimates import Fit, Interval, NotFitted, Param, wilson
from dfly_analysis.messages import message
from dfly_analysis.models.censored_data import Flags, numbers, require_columns, starts_window
from dfly_analysis.models.distribution import Array
from dfly_analysis.models.task_calibration import Calibration, count_by_size

_MIB = 2.0**20
_SLOPE_PRIOR_SD = 2.0


@dataclass(frozen=True)
class SizeBin:
    """Tasks of about one size: ``from_bytes <= size < to_bytes``."""

    from_bytes: float
    to_bytes: float  # infinite in the last bin
    n: int
    failed: int
    rate: Interval  # the share that failed, with Wilson's interval


@dataclass(frozen=True, kw_only=True, repr=False)
class TaskFailureFit(Fit):
    """The share of tasks that fail, against their size.

    ``model`` is ``logistic`` where a line in the log of the size was fitted, else ``binned``; ``n`` tasks have a known end, ``n_censored``
    do not and are left out; ``calibration`` compares with the failures predicted from the duration of a piece.
    """

    n_failed: int
    bins: tuple[SizeBin, ...]
    calibration: Calibration | None = None
    _line: tuple[Array, Array, float] | None = None

    def rate(self, size_bytes: float, level: float = 0.95) -> Interval:
        """Return the share of tasks of a size that fail, by the logistic line; where there is none, the share over all sizes."""
        if self._line is None:
            return wilson(self.n_failed, self.n, level)
        theta, spread, centre = self._line
        row = np.array([1.0, np.log(size_bytes) - centre])
        half = float(special.ndtri(0.5 + level / 2.0)) * float(np.sqrt(row @ spread @ row))
        middle = float(row @ theta)
        return Interval(*(float(special.expit(edge)) for edge in (middle, middle - half, middle + half)))


def task_failure_by_size(tasks: pd.DataFrame, level: float = 0.95) -> TaskFailureFit | NotFitted:
    """Count failures of tasks by size; raise `TableError` where a column is missing.

    Tasks need ``size_bytes`` and ``outcome`` (``ok``; ``failed`` and ``died`` count as failed; ``unknown`` is left out), and may have
    ``started`` and ``last_started`` for the window, and ``weight``, how many tasks a row stands for.
    """
    name = "task_failure"
    require_columns(tasks, ("size_bytes", "outcome"), "table tasks")
    weight = tasks["weight"].to_numpy(dtype="float64") if "weight" in tasks.columns else np.ones(len(tasks))
    size = numbers(tasks, "size_bytes")
    ended = tasks["outcome"].isin(["ok", "failed", "died"]).to_numpy(dtype=bool)
    known = ended & (np.nan_to_num(size) > 0) & np.isfinite(size)
    total = round(float(weight.sum()))
    if not known.any():
        collect = message("logs that hold both the start and the end of tasks, with the size of the blob")
        return NotFitted(name, message("no task has both a size and a known end"), collect, total)
    failed = (tasks["outcome"] != "ok").to_numpy(dtype=bool)[known]
    size, weight = size[known], weight[known]
    bins = tuple(SizeBin(*counts) for _, counts in count_by_size(size, failed, weight, level))
    line = _line(size, failed, weight) if sum(one.failed > 0 for one in bins) >= 2 and not failed.all() else None
    n = round(float(weight.sum()))
    return TaskFailureFit(
        name=name, model="logistic" if line else "binned", params=_params(line, level) if line else (), n=n, n_censored=total - n,
        n_failed=round(float(weight[failed].sum())), bins=bins, window=starts_window(tasks[known]), _line=line,
    )  # fmt: skip


def _line(size: Array, failed: Flags, weight: Array) -> tuple[Array, Array, float]:
    """Return the logistic regression with a normal prior of the slope: parameters, covariance, log of the centre."""
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
    units = (message("log odds at {size:.4g} MiB", size=np.exp(centre) / _MIB), message("log odds per log size"))
    return tuple(
        Param(name, float(value), float(value - wide), float(value + wide), unit)
        for name, value, wide, unit in zip(("intercept", "slope"), theta, half, units, strict=True)
    )
