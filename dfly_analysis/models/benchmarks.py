"""Time against size in benchmarks: an overhead, a throughput, and how much repeats differ."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, special

from dfly_analysis.dataset import Dataset
from dfly_analysis.errors import TableError
from dfly_analysis.estimates import Fit, Interval, NotFitted, Param, wilson
from dfly_analysis.messages import Message, message, plural
from dfly_analysis.models.benchmark_aggregates import BOUND, EXTREMES, RANGE, Statements, Summaries, read_summaries
from dfly_analysis.models.distribution import Array

NAME = "benchmark"
TOOLS = ("dfbench", "file-bench", "dfget-bench", "image-bench", "proxy-bench", "vegeta", "csv")
DISTRIBUTION = message("overhead + size / throughput")
MIN_COUNT = 3
_DRAWS, _SEED = 2_000, 4_711
_STEP = 1e-4
_COLLECT = message("dfbench, vegeta or CSV results of at least two sizes, several repeats each, failed ones included")


@dataclass(frozen=True, kw_only=True, repr=False)
class BenchmarkFit(Fit):
    """How long a download takes, given its size: ``overhead + size / throughput``, times a log-normal factor.

    ``params`` are ``overhead`` (s), ``throughput`` (B/s) and ``spread`` (of the log of the time, repeats and sizes together). Beyond
    ``largest_bytes`` it extrapolates. ``failure_rate`` is None where the tool does not report failures.
    """

    largest_bytes: float
    failure_rate: Interval | None
    _drawn: Array = field(default_factory=lambda: np.zeros((0, 3)))

    def time(self, size_bytes: float, level: float = 0.95) -> Interval:
        """Return the median time (s) of a download of a size above 0; `TableError` where an argument is out of range."""
        if not (np.isfinite(size_bytes) and size_bytes > 0 and 0.0 < level < 1.0):
            given = f"{size_bytes} bytes at level {level}"
            raise TableError(f"size must be above 0 and level between 0 and 1, got {given}", where="benchmark")
        overhead, throughput = self.params[0].value, self.params[1].value
        drawn = np.exp(self._drawn[:, 0]) + size_bytes / np.exp(self._drawn[:, 1])
        low, high = np.quantile(drawn, [0.5 - level / 2.0, 0.5 + level / 2.0])
        value = overhead + size_bytes / throughput
        return Interval(value, min(float(low), value), max(float(high), value))

    def quantile(self, size_bytes: float, p: float, level: float = 0.95) -> Interval:
        """Return the time within which a share ``p`` of downloads ends; arguments as `time`."""
        if not 0.0 < p < 1.0:
            raise TableError(f"p must be between 0 and 1, got {p}", where="benchmark")
        middle, z = self.time(size_bytes, level), float(special.ndtri(p))
        wide = sorted(float(np.exp(z * edge)) for edge in (self.params[2].low, self.params[2].high))
        value = middle.value * float(np.exp(z * self.params[2].value))
        return Interval(value, middle.low * wide[0], middle.high * wide[1])


def fit_benchmark(runs: pd.DataFrame, *, name: str = NAME, level: float = 0.95) -> BenchmarkFit | NotFitted:
    """Fit time against size to rows of one benchmark, see `dfly_analysis.schema.RUNS`.

    Exact times enter with their density, downloads that failed after a known time as lower bounds, buckets and quantiles as
    ranges. Of an aggregate (n, minimum, mean, maximum) the joint density of minimum and maximum and that of the mean of the
    others enter; of three repeats all three are known.
    """
    found = read_summaries(runs)
    stated = found.statements
    sizes = np.unique(stated.size_bytes[stated.kind != BOUND])  # of downloads that finished
    if len(stated.n) < MIN_COUNT:
        reason = message("{n} times with a size are too few; {needed} are needed", n=len(stated.n), needed=MIN_COUNT)
        return NotFitted(name, reason, _COLLECT, found.n)
    if len(sizes) < 2 or sizes[-1] < 2.0 * sizes[0]:
        reason = message("all downloads have about one size: overhead and throughput cannot be separated")
        return NotFitted(name, reason, _COLLECT, found.n)
    theta = _best(stated)
    if theta is None:
        return NotFitted(name, message("the likelihood has no finite maximum"), _COLLECT, found.n)
    spread, freedom = _covariance(stated, theta)
    rng = np.random.default_rng(_SEED)
    scale = np.sqrt(freedom / rng.chisquare(freedom, size=(_DRAWS, 1)))
    drawn = theta + scale * rng.multivariate_normal(np.zeros(3), spread, size=_DRAWS, method="eigh")
    half = float(special.stdtrit(freedom, 0.5 + level / 2.0)) * np.sqrt(np.diag(spread))
    units = (("overhead", "s"), ("throughput", "B/s"), ("spread", "1"))
    params = tuple(
        Param(title, float(np.exp(value)), float(np.exp(value - wide)), float(np.exp(min(value + wide, 300.0))), unit)
        for (title, unit), value, wide in zip(units, theta, half, strict=True)
    )
    return BenchmarkFit(
        name=name, model=DISTRIBUTION, params=params, n=found.n, n_censored=found.n_failed,
        goodness={"rows": float(len(np.unique(stated.row))), "sizes": float(len(sizes)), "lower_bounds": float(found.n_bounds)},
        largest_bytes=float(sizes[-1]), failure_rate=None if found.hidden else wilson(found.n_failed, max(found.n, 1)),
        notes=_notes(found), _drawn=drawn,
    )  # fmt: skip


def fit_benchmarks(dataset: Dataset) -> dict[str, BenchmarkFit | NotFitted]:
    """Return a fit for each tool and its settings: ``benchmark_<tool>``, ``benchmark_<tool>_2`` …; else ``benchmark``, not fitted."""
    own = dataset.select("runs", f"tool IN {TOOLS}")
    if own.empty:
        return {NAME: NotFitted(NAME, message("the input holds no benchmark"), _COLLECT, 0)}
    result: dict[str, BenchmarkFit | NotFitted] = {}
    for tool in sorted(own["tool"].unique()):
        groups = own[own["tool"] == tool].groupby("settings", dropna=False, sort=False)
        for number, (_, rows) in enumerate(groups, start=1):
            name = f"{NAME}_{tool.replace('-', '_')}" + (f"_{number}" if number > 1 else "")
            result[name] = fit_benchmark(rows, name=name)
    return result


def _cost(theta: Array, stated: Statements, start: Array) -> float:
    """Return the negative log likelihood with a prior that keeps what the data do not determine finite."""
    prior = 0.5 * (((theta - start) / np.array([6.0, 6.0, 3.0])) ** 2).sum()
    value = float(stated.log_likelihood(theta).sum())
    return float(prior) - value if np.isfinite(value) else 1e12


def _start(stated: Statements) -> Array:
    low = np.where(stated.kind == RANGE, np.maximum(stated.low_s, 1e-3), stated.low_s)
    time = np.where(stated.kind == EXTREMES, np.sqrt(low * stated.high_s), low)
    return np.array([np.log(time.min() + 1e-6), np.log((stated.size_bytes / time).max()), np.log(0.5)])


def _best(stated: Statements) -> Array | None:
    start = _start(stated)
    bounds = [(edge - wide, edge + wide) for edge, wide in zip(start, (12.0, 12.0, 4.0), strict=True)]
    rough: dict[str, Any] = {"method": "Nelder-Mead", "options": {"maxiter": 400, "xatol": 1e-3, "fatol": 1e-3}}
    fine: dict[str, Any] = {"method": "L-BFGS-B", "jac": "3-point", "options": {"maxiter": 200}, "bounds": bounds}
    results = []
    for shift in (0.0, -2.0):
        near = optimize.minimize(_cost, start + np.array([shift, 0.5 * shift, 0.0]), args=(stated, start), **rough)
        results.append(optimize.minimize(_cost, near.x, args=(stated, start), **fine))
    best = min(results, key=lambda result: float(result.fun))
    return np.asarray(best.x, dtype=float) if np.isfinite(best.fun) else None


def _covariance(stated: Statements, theta: Array) -> tuple[Array, float]:
    """Return the sandwich over rows and its degrees of freedom; the larger of it and the inverse curvature on each axis."""
    start, steps, wide = _start(stated), np.eye(3) * _STEP, np.eye(3) * 10.0 * _STEP
    scores = np.stack(
        [(stated.log_likelihood(theta + s) - stated.log_likelihood(theta - s)) / (2.0 * _STEP) for s in steps], axis=1
    )

    def gradient(at: Array) -> Array:
        return np.array([(_cost(at + s, stated, start) - _cost(at - s, stated, start)) / (20.0 * _STEP) for s in wide])

    curvature = np.array([(gradient(theta + s) - gradient(theta - s)) / (20.0 * _STEP) for s in wide])
    values, vectors = np.linalg.eigh(0.5 * (curvature + curvature.T))
    inverse = (vectors / np.maximum(values, 1e-3)) @ vectors.T
    rows = np.unique(stated.row, return_inverse=True)[1]
    count = int(rows.max()) + 1
    if count <= 3:
        return np.asarray(inverse), float(max(len(scores) - 3, 1))
    summed = np.stack([np.bincount(rows, weights=scores[:, k]) for k in range(3)], axis=1)
    robust = inverse @ (summed.T @ summed) @ inverse * count / (count - 3)
    wider = np.sqrt(np.maximum(np.diag(inverse) / np.maximum(np.diag(robust), 1e-300), 1.0))
    return np.asarray(robust * np.outer(wider, wider)), float(count - 3)


def _notes(found: Summaries) -> tuple[Message, ...]:
    notes = []
    if found.hidden:
        notes.append(message("the tool reports successful downloads only: number and duration of failures are unknown"))
    if (n := found.n_failed - found.n_bounds) > 0:
        notes.append(plural(
            "{n} failed download has no duration: it counts as a failure, not as a time",
            "{n} failed downloads have no duration: they count as failures, not as times", n,
        ))  # fmt: skip
    return tuple(notes)
