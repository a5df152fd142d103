"""Contention: how much pieces in flight slow each other, by profile likelihood."""

import numpy as np
from scipy import optimize, special

from dfly_analysis.estimates import Interval
from dfly_analysis.models.concurrency import Spans, Steps, shared_speed
from dfly_analysis.models.distribution import LOG_ROOT_TWO_PI, Array

# Bins of a hundredth of the standard deviation are as good as very many right-censored attempts.
_MAX_EXACT, _BINS_PER_SD = 2_000, 100.0
_PROFILE_DROP = 0.5 * 3.841  # half of the 95 % quantile of chi-squared with one degree of freedom


def _pace(spans: Spans, steps: Steps, contention: float, exponent: float) -> Array:
    return np.log(np.maximum(steps.progress(contention, exponent), 1e-9) / spans.size_bytes)


def _rows(spans: Spans, steps: Steps, contention: float, exponent: float) -> tuple[Array, Array]:
    """Return logs of seconds a byte alone, of usable attempts that finished and of the others."""
    pace = _pace(spans, steps, contention, exponent)
    return pace[spans.usable & spans.finished], pace[spans.usable & ~spans.finished]


def _negative_log_likelihood(
    theta: Array, finished: tuple[int, float, float], cut: Array, weight: Array
) -> tuple[float, Array]:
    """Return the negative log likelihood of normal rows of which some are right-censored, and its gradient."""
    count, total, squares = finished  # number, sum and sum of squares of those observed, which should lie about 0
    centre, spread = theta[0], np.exp(theta[1])
    sum_z = (total - count * centre) / spread
    sum_zz = (squares - 2.0 * centre * total + count * centre * centre) / (spread * spread)
    q = (cut - centre) / spread
    tail = special.log_ndtr(-q)
    hazard = weight * np.exp(-0.5 * q * q - LOG_ROOT_TWO_PI - tail)
    value = 0.5 * sum_zz + count * theta[1] - weight @ tail
    return float(value), np.array([-(sum_z + hazard.sum()) / spread, count - sum_zz - hazard @ q])


def _binned(value: Array) -> tuple[Array, Array]:
    """Return values and their weights; many of them as the means of narrow bins."""
    if len(value) <= _MAX_EXACT:
        return value, np.ones(len(value))
    place = ((value - value.min()) * (_BINS_PER_SD / value.std())).astype(np.intp)
    weight, total = np.bincount(place), np.bincount(place, weights=value)
    some = weight > 0
    return total[some] / weight[some], weight[some].astype(float)


def profile(spans: Spans, steps: Steps, grid: Array, exponent: float) -> tuple[Array, Array]:
    """Return the log likelihood over that without contention, and the fitted centre and spread, for each contention."""
    ended, n_ended = np.unique(steps.load_at_end[spans.usable & spans.finished], return_counts=True)
    value, best = [], []
    start: Array | None = None
    for contention in grid:
        observed, cut = _rows(spans, steps, float(contention), exponent)
        centre = float(observed.mean())
        here = np.array([0.0, np.log(observed.std() + 1e-3)]) if start is None else start
        moved = observed - centre
        data = ((len(moved), float(moved.sum()), float((moved * moved).sum())), *_binned(cut - centre))
        found = optimize.minimize(_negative_log_likelihood, here, args=data, jac=True, method="BFGS")
        start = np.asarray(found.x)
        # Density of a time in seconds, not of its log: the speed at the end is the slope between the two clocks.
        turn = n_ended @ np.log(shared_speed(ended, float(contention), exponent)) - observed.sum()
        value.append(-float(found.fun) + turn)
        best.append((start[0] + centre, float(np.exp(start[1]))))
    return np.array(value) - value[0], np.array(best)


def bounds(gain: Array, grid: Array) -> Interval:
    """Return the best contention with its interval by profile likelihood; none where the data do not rule that out."""
    top = int(gain.argmax())
    inside = np.flatnonzero(gain >= gain[top] - _PROFILE_DROP)
    low, high = float(grid[inside[0]]), float(grid[min(inside[-1] + 1, len(grid) - 1)])
    if inside[0] == 0:
        return Interval(0.0, 0.0, high)
    low = float(grid[inside[0] - 1]) if inside[0] > 1 else low
    return Interval(_peak(gain, grid, top), low, max(high, float(grid[top])))


def _peak(gain: Array, grid: Array, top: int) -> float:
    """Return where a parabola in the log of the contention through the best three points is highest."""
    if top < 2 or top + 1 >= len(grid):
        return float(grid[top])
    x, y = np.log(grid[top - 1 : top + 2]), gain[top - 1 : top + 2]
    bend, slope, _ = np.polyfit(x - x[1], y - y[1], 2)
    if bend >= 0:
        return float(grid[top])
    return float(np.exp(x[1] + np.clip(-slope / (2.0 * bend), x[0] - x[1], x[2] - x[1])))


def design_effect(spans: Spans, steps: Steps, contention: float, exponent: float) -> float:
    """Return how much tasks differ beyond chance: the variance of their summed residuals over that of independent rows."""
    observed = _rows(spans, steps, contention, exponent)[0]
    residual = (observed - observed.mean()) / (observed.std() + 1e-9)
    task = spans.task[spans.usable & spans.finished]
    summed = np.bincount(task[task >= 0], weights=residual[task >= 0])
    return float(max(1.0, (summed @ summed) / max(residual @ residual, 1e-9))) if len(summed) >= 5 else 1.0


def rate_alone(spans: Spans, steps: Steps, contention: float, exponent: float) -> tuple[float, float]:
    """Return the rate alone of those in flight, on average over their time, and the spread of its log."""
    _, best = profile(spans, steps, np.array([contention]), exponent)
    centre, spread = best[0]
    pace = _pace(spans, steps, contention, exponent)
    z = (pace - centre) / spread
    # Of one that was cut, the expected rate, given that it is lower than what it showed.
    cut = np.exp(-centre + 0.5 * spread**2 + special.log_ndtr(-(z + spread)) - special.log_ndtr(-z))
    rate, lasted = np.where(spans.finished, np.exp(-pace), cut), spans.end_s - spans.begin_s
    return float((rate * lasted)[spans.usable].sum() / lasted[spans.usable].sum()), float(spread)
