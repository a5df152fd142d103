"""Calibration: observed failures of tasks against those predicted from the duration of a piece, and the retry correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dfly_analysis.estimates import Interval, wilson
from dfly_analysis.models.censored_data import Flags
from dfly_analysis.models.distribution import Array
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.layer_failure import LayerShape, layer_failure_chance

SIZE_BOUNDS_BYTES = tuple(2.0**20 * bound for bound in (4, 16, 64, 128, 256, 512, 1024, 4096, 8192, 16384, 32768))
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
    """Tasks of about one size: the share that failed, with Wilson's interval, and the mean predicted probability.

    The ends of ``predicted`` take the same end of the interval of an attempt's failure and of the correlation.
    """

    from_bytes: float
    to_bytes: float
    n: int
    failed: int
    seen: Interval
    predicted: Interval


@dataclass(frozen=True)
class Calibration:
    """Failures of whole tasks against the duration of a piece.

    Attributes
    ----------
    retry_failure_correlation : Interval
        Share of the failures of a pass that repeat in the next one, which explains best how many tasks failed (flat prior, 95 %).
        0 where independent passes explain them as well; wide where too few failed.
    expected : Interval
        How many tasks fail by that.
    failed, n : int
        How many failed, of how many.
    passes, slots : int
        Of a layer of several pieces.
    timeout_s : float
        The timeout in force.
    bins : tuple of CalibrationBin
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
    def agrees(self) -> bool:
        """Return whether the number that failed lies within the interval of what is predicted."""
        return self.expected.low <= self.failed <= self.expected.high

    @property
    def measures_retry_correlation(self) -> bool:
        """Return whether enough tasks ended to measure the correlation of passes."""
        return self.retry_failure_correlation.high - self.retry_failure_correlation.low <= _WIDEST


def calibrate(
    duration_fit: DurationFit,
    tasks: pd.DataFrame,
    timeout_s: float,
    client_version: str | None,
    slots: float | None = None,
) -> Calibration | None:
    """Compare failures of tasks from the source with those predicted from the duration of their pieces.

    Parameters
    ----------
    duration_fit : DurationFit
        Of pieces from the source.
    tasks : DataFrame
        ``size_bytes``, ``outcome``; optionally ``piece_bytes``, ``role`` (only seed clients' tasks count where there are any) and
        ``weight``, how many tasks a row stands for.
    timeout_s : float
        Of a piece, in force.
    client_version : str or None
        Determines how often a piece is tried and whether its siblings are cancelled; by default the newest release known.
    slots : float, optional
        Pieces in flight; by default the release's own.

    Returns
    -------
    Calibration or None
        None where fewer than five tasks have a size and an end.
    """
    rows = tasks[tasks["outcome"].isin(["ok", "failed"]) & tasks["size_bytes"].gt(0).fillna(value=False)]
    if "role" in rows.columns and (rows["role"] == _SEED).any():
        rows = rows[(rows["role"] == _SEED).fillna(value=False)]
    weight = rows["weight"].to_numpy(dtype="float64") if "weight" in rows.columns else np.ones(len(rows))
    if weight.sum() < _MIN_TASKS:
        return None
    size = rows["size_bytes"].to_numpy(dtype="float64")
    failed = (rows["outcome"] == "failed").to_numpy(dtype=bool)
    piece = duration_fit.attempts.median_size
    length = np.full(len(rows), piece)
    if "piece_bytes" in rows.columns:
        known = rows["piece_bytes"].to_numpy(dtype="float64", na_value=np.nan)
        length = np.where(known > 0, known, piece)
    distinct, place = np.unique(np.maximum(np.ceil(size / length), 1.0), return_inverse=True)
    layers = [LayerShape.of_client(n * piece, slots, client_version, piece) for n in distinct]

    def chances(attempt: float, correlation: float) -> Array:
        found = [layer_failure_chance(attempt, layer, retry_failure_correlation=correlation) for layer in layers]
        return np.array(found)[place]

    attempt = duration_fit.failure_rate(piece, timeout_s)
    by_correlation = np.array([chances(attempt.value, correlation) for correlation in _RETRY_CORRELATIONS])
    correlation = _posterior(by_correlation, failed, weight)
    value, low, high = (
        chances(one, other)
        for one, other in (
            (attempt.value, correlation.value), (attempt.low, correlation.low), (attempt.high, correlation.high)
        )
    )  # fmt: skip
    n, n_failed = round(float(weight.sum())), round(float(weight[failed].sum()))
    # The scatter of a count of independent tasks.
    least, most = (
        float(weight @ one + sign * 2.0 * np.sqrt(weight @ (one * (1.0 - one)))) for one, sign in ((low, -1), (high, 1))
    )
    return Calibration(
        correlation, Interval(float(weight @ value), max(least, 0.0), min(most, float(n))), n_failed, n, passes=layers[-1].passes,
        slots=layers[-1].slots, timeout_s=timeout_s, bins=_bins(size, failed, weight, (value, low, high)),
    )  # fmt: skip


def _posterior(chance: Array, failed: Flags, weight: Array) -> Interval:
    held = np.clip(chance, 1e-12, 1.0 - 1e-12)
    log = np.log(held[:, failed]) @ weight[failed] + np.log1p(-held[:, ~failed]) @ weight[~failed]
    share = np.cumsum(np.exp(log - log.max()))
    places = np.minimum(np.searchsorted(share / share[-1], (0.025, 0.975)), len(share) - 1)
    low, high = _RETRY_CORRELATIONS[places].tolist()
    if 2.0 * (log.max() - log[0]) < _DISTINCT_FROM_ZERO:
        return Interval(0.0, 0.0, high)
    value = float(_RETRY_CORRELATIONS[int(log.argmax())])
    return Interval(value, min(low, value), max(high, value))


def _bins(size: Array, failed: Flags, weight: Array, chances: tuple[Array, Array, Array]) -> tuple[CalibrationBin, ...]:
    edges = np.array([0.0, *SIZE_BOUNDS_BYTES, np.inf])
    place = np.searchsorted(edges, size, side="right") - 1
    result = []
    for bin_ in np.unique(place):
        inside = place == bin_
        n, bad = (round(float(weight[rows].sum())) for rows in (inside, inside & failed))
        predicted = Interval(*(float(np.average(part[inside], weights=weight[inside])) for part in chances))
        result.append(CalibrationBin(float(edges[bin_]), float(edges[bin_ + 1]), n, bad, wilson(bad, n), predicted))
    return tuple(result)
