"""The failures of tasks that were seen beside those the law of a piece foretells, and whether passes share a fate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dfly_analysis.estimates import Interval, wilson
from dfly_analysis.models.censored_data import Flags
from dfly_analysis.models.distribution import Array
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.failure_by_size import SIZE_BOUNDS_BYTES
from dfly_analysis.models.layer_failure import LayerShape, layer_failure_chance

_RETRY_CORRELATIONS = np.linspace(0.0, 1.0, 101)
_MIN_TASKS = 5
# A share of which not even half the range can be ruled out is no measurement.
_WIDEST = 0.5
# Twice the log of a likelihood ratio that a share of 0 reaches in one of twenty runs: half of chi-squared's mass is at 0,
# since no share lies below it (Self and Liang, J. Am. Stat. Assoc. 82, 1987).
_DISTINCT_FROM_ZERO = 2.706
_SEED = "seedClient"


@dataclass(frozen=True)
class CalibrationBin:
    """Tasks of about one size: what was seen and what is foretold.

    Attributes
    ----------
    from_bytes, to_bytes : float
    n, failed : int
    seen : Interval
        Share that failed, with Wilson's interval.
    predicted : Interval
        Mean chance of these tasks; the ends are those of the law's interval, passes independent below, and with the upper
        end of the shared fate above.
    """

    from_bytes: float
    to_bytes: float
    n: int
    failed: int
    seen: Interval
    predicted: Interval


@dataclass(frozen=True)
class Calibration:
    """Failures of whole tasks against the law of a piece.

    Attributes
    ----------
    retry_failure_correlation : Interval
        Share of the failures of a pass that repeat for sure in the next one, which explains best how many tasks failed
        (flat prior, 95 %). 0 where independent passes do not explain them worse than chance would; wide: too few failed to tell.
    expected : Interval
        How many tasks would have failed by the law and that share.
    failed, n : int
        How many did, of how many.
    passes, slots : int
        Of a layer of several pieces, and its pieces in flight.
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
        """Return whether the number that failed lies within the interval of what is foretold."""
        return self.expected.low <= self.failed <= self.expected.high

    @property
    def measures_retry_correlation(self) -> bool:
        """Return whether enough tasks ended, one way or the other, to say how much fate passes share."""
        return self.retry_failure_correlation.high - self.retry_failure_correlation.low <= _WIDEST


def calibrate(
    duration_fit: DurationFit,
    tasks: pd.DataFrame,
    pieces: pd.DataFrame,
    client_version: str | None,
    slots: float | None = None,
) -> Calibration | None:
    """Set what was seen of tasks from the source beside what the law of their pieces foretells.

    Parameters
    ----------
    duration_fit : DurationFit
        Of pieces from the source.
    tasks, pieces : DataFrame
        The tables; seed clients' tasks count where there are any.
    client_version : str or None
        Says how often a piece is tried and what becomes of its siblings; the newest release known where None.
    slots : float, optional
        Pieces in flight; the release's default where not known.

    Returns
    -------
    Calibration or None
        None where no timeout is known or fewer than five tasks have a size and an end.
    """
    limits = pd.to_numeric(pieces["timeout_s"]).dropna() if "timeout_s" in pieces.columns else pd.Series(dtype=float)
    rows = tasks[tasks["outcome"].isin(["ok", "failed"]) & tasks["size_bytes"].notna()]
    if "role" in rows.columns and (rows["role"] == _SEED).any():
        rows = rows[(rows["role"] == _SEED).fillna(value=False)]
    rows = rows[rows["size_bytes"] > 0]
    if not len(limits) or len(rows) < _MIN_TASKS:
        return None
    timeout_s = float(limits.mode().iloc[0])
    size = rows["size_bytes"].to_numpy(dtype="float64")
    failed = (rows["outcome"] == "failed").to_numpy(dtype=bool)
    piece, count = _pieces_of(rows, duration_fit)
    attempt = duration_fit.failure_rate(piece, timeout_s)
    distinct, place = np.unique(count, return_inverse=True)
    layers = [LayerShape.of_client(n * piece, slots, client_version, piece) for n in distinct]

    def chances(of_attempt: float, retry_correlation: float) -> Array:
        return np.array(
            [layer_failure_chance(of_attempt, layer, retry_failure_correlation=retry_correlation) for layer in layers]
        )[place]

    chance = np.array([chances(attempt.value, retry_correlation) for retry_correlation in _RETRY_CORRELATIONS])
    retry_correlation = _posterior(chance, failed)
    low, high = chances(attempt.low, retry_correlation.low), chances(attempt.high, retry_correlation.high)
    value = chances(attempt.value, retry_correlation.value)
    largest = layers[-1]
    return Calibration(
        retry_correlation,
        _expected(value, low, high),
        int(failed.sum()),
        len(failed),
        largest.passes,
        largest.slots,
        timeout_s,
        _bins(size, failed, value, low, high),
    )


def _pieces_of(rows: pd.DataFrame, duration_fit: DurationFit) -> tuple[float, Array]:
    """Return the length of a piece, and how many pieces each task has."""
    size = rows["size_bytes"].to_numpy(dtype="float64")
    usual = float(np.median(duration_fit.attempts.size_bytes))
    length = np.full(len(rows), usual)
    if "piece_bytes" in rows.columns:
        known = rows["piece_bytes"].to_numpy(dtype="float64", na_value=np.nan)
        length = np.where(np.isfinite(known) & (known > 0), known, usual)
    return usual, np.maximum(np.ceil(size / length), 1.0)


def _posterior(chance: Array, failed: Flags) -> Interval:
    held = np.clip(chance, 1e-12, 1.0 - 1e-12)
    log = np.log(held[:, failed]).sum(axis=1) + np.log1p(-held[:, ~failed]).sum(axis=1)
    share = np.cumsum(np.exp(log - log.max()))
    share /= share[-1]
    low, high = (
        float(_RETRY_CORRELATIONS[min(int(np.searchsorted(share, p)), len(_RETRY_CORRELATIONS) - 1)])
        for p in (0.025, 0.975)
    )
    if 2.0 * (log.max() - log[0]) < _DISTINCT_FROM_ZERO:
        return Interval(0.0, 0.0, high)
    value = float(_RETRY_CORRELATIONS[int(log.argmax())])
    return Interval(value, min(low, value), max(high, value))


def _expected(value: Array, low: Array, high: Array) -> Interval:
    """Return the expected count, with the scatter of a count of independent tasks."""
    least = low.sum() - 2.0 * np.sqrt((low * (1.0 - low)).sum())
    most = high.sum() + 2.0 * np.sqrt((high * (1.0 - high)).sum())
    return Interval(float(value.sum()), max(float(least), 0.0), min(float(most), float(len(value))))


def _bins(size: Array, failed: Flags, value: Array, low: Array, high: Array) -> tuple[CalibrationBin, ...]:
    edges = np.array([0.0, *SIZE_BOUNDS_BYTES, np.inf])
    place = np.searchsorted(edges, size, side="right") - 1
    result = []
    for bin_ in np.unique(place):
        inside = place == bin_
        n, bad = int(inside.sum()), int(failed[inside].sum())
        predicted = Interval(*(float(part[inside].mean()) for part in (value, low, high)))
        result.append(CalibrationBin(float(edges[bin_]), float(edges[bin_ + 1]), n, bad, wilson(bad, n), predicted))
    return tuple(result)
