"""Calibration: observed failures of tasks against those predicted from the duration of a piece, and the retry correlation."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from dfly_analysis.estimates import Interval, wilson
from dfly_analysis.models.censored_data import Flags, numbers
from dfly_analysis.models.distribution import Array
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.layer_failure import LayerShape, layer_failure_chance

_SIZE_BOUNDS_BYTES = (0.0, *(2.0**20 * bound for bound in (4, 16, 64, 128, 256, 512, 1024, 4096, 8192, 16384, 32768)), float("inf"))  # fmt: skip
_RETRY_CORRELATIONS = np.linspace(0.0, 1.0, 101)
_MIN_TASKS = 5
# An interval wider than half the range is no measurement.
_WIDEST = 0.5
# Twice the log of a likelihood ratio that a share of 0 reaches in one of twenty runs: half of chi-squared's mass is at 0,
# since no share lies below it (Self and Liang, J. Am. Stat. Assoc. 82, 1987).
_DISTINCT_FROM_ZERO = 2.706
_SEED = "seedClient"


@dataclass(frozen=True)
class CalibrationBin:
    """Tasks of about one size: the share that failed, and the mean predicted probability."""

    from_bytes: float
    to_bytes: float
    n: int
    failed: int
    seen: Interval  # Wilson's
    predicted: Interval  # each end takes the same end of the interval of an attempt's failure and of the correlation


@dataclass(frozen=True)
class Calibration:
    """Failures of whole tasks against the duration of a piece.

    ``retry_failure_correlation`` is the share of the failures of a pass that repeat in the next one, which explains best how many tasks
    failed (flat prior, 95 %): 0 where independent passes explain them as well, wide where too few failed. ``expected`` is how many of the
    ``n`` tasks fail by that; ``failed`` did. ``passes`` and ``slots`` are those of a layer of several pieces.
    """

    retry_failure_correlation: Interval
    expected: Interval
    failed: int
    n: int
    passes: int
    slots: int
    timeout_s: float
    bins: tuple[CalibrationBin, ...]

    @property
    def measures_retry_correlation(self) -> bool:
        """Return whether enough tasks ended to measure the correlation of passes."""
        return self.retry_failure_correlation.high - self.retry_failure_correlation.low <= _WIDEST


def calibrate(
    duration_fit: DurationFit, tasks: pd.DataFrame, timeout_s: float, client_version: str | None, slots: float | None = None
) -> Calibration | None:  # fmt: skip
    """Compare failures of tasks from the source with those predicted from the duration of their pieces; None of fewer than five tasks.

    ``tasks`` have ``size_bytes``, ``outcome``; optionally ``piece_bytes``, ``role`` (only seed clients' tasks count where there are any)
    and ``weight``. How often a piece is tried, and the pieces in flight where not given, are those of the client's version.
    """
    rows = tasks[tasks["outcome"].isin(["ok", "failed"]) & tasks["size_bytes"].gt(0).fillna(value=False)]
    if "role" in rows.columns and (rows["role"] == _SEED).any():
        rows = rows[(rows["role"] == _SEED).fillna(value=False)]
    weight = rows["weight"].to_numpy(dtype="float64") if "weight" in rows.columns else np.ones(len(rows))
    if weight.sum() < _MIN_TASKS:
        return None
    size, failed = rows["size_bytes"].to_numpy(dtype="float64"), (rows["outcome"] == "failed").to_numpy(dtype=bool)
    piece = duration_fit.attempts.median_size
    known = numbers(rows, "piece_bytes") if "piece_bytes" in rows.columns else np.full(len(rows), np.nan)
    length = np.where(known > 0, known, piece)
    distinct, place = np.unique(np.maximum(np.ceil(size / length), 1.0), return_inverse=True)
    layers = [LayerShape.of_client(n * piece, slots, client_version, piece) for n in distinct]

    def chances(attempt: float, correlation: float) -> Array:
        found = [layer_failure_chance(attempt, layer, retry_failure_correlation=correlation) for layer in layers]
        return np.array(found)[place]

    attempt = duration_fit.failure_rate(piece, timeout_s)
    by_correlation = np.array([chances(attempt.value, correlation) for correlation in _RETRY_CORRELATIONS])
    correlation = _posterior(by_correlation, failed, weight)
    value, low, high = (chances(getattr(attempt, end), getattr(correlation, end)) for end in ("value", "low", "high"))
    n, n_failed = round(float(weight.sum())), round(float(weight[failed].sum()))
    # The scatter of a count of independent tasks.
    least, most = (weight @ one + 2.0 * sign * np.sqrt(weight @ (one * (1.0 - one))) for one, sign in ((low, -1), (high, 1)))  # fmt: skip
    bins = []
    for inside, counts in count_by_size(size, failed, weight):
        predicted = Interval(*(float(np.average(part[inside], weights=weight[inside])) for part in (value, low, high)))
        bins.append(CalibrationBin(*counts, predicted))
    expected = Interval(float(weight @ value), max(float(least), 0.0), min(float(most), float(n)))
    return Calibration(correlation, expected, n_failed, n, layers[-1].passes, layers[-1].slots, timeout_s, tuple(bins))


def _posterior(chance: Array, failed: Flags, weight: Array) -> Interval:
    chance = np.clip(chance, 1e-12, 1.0 - 1e-12)
    log = np.log(chance[:, failed]) @ weight[failed] + np.log1p(-chance[:, ~failed]) @ weight[~failed]
    share = np.cumsum(np.exp(log - log.max()))
    places = np.minimum(np.searchsorted(share / share[-1], (0.025, 0.975)), len(share) - 1)
    low, high = _RETRY_CORRELATIONS[places].tolist()
    if 2.0 * (log.max() - log[0]) < _DISTINCT_FROM_ZERO:
        return Interval(0.0, 0.0, high)
    value = float(_RETRY_CORRELATIONS[int(log.argmax())])
    return Interval(value, min(low, value), max(high, value))


def count_by_size(
    size: Array, failed: Flags, weight: Array, level: float = 0.95
) -> Iterator[tuple[Flags, tuple[float, float, int, int, Interval]]]:
    """Yield which tasks are of about one size, and its bounds, their number, that of failed ones, and the share with its interval."""
    for low, high in pairwise(_SIZE_BOUNDS_BYTES):
        inside = (size >= low) & (size < high)
        n, bad = (round(float(weight[rows].sum())) for rows in (inside, inside & failed))
        if n:
            yield inside, (low, high, n, bad, wilson(bad, n, level))
