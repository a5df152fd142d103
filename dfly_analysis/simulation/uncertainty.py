"""From fits to what a simulation assumes: the fitted distribution, and that distribution at either end of each source of uncertainty."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy import special

from dfly_analysis.estimates import Interval
from dfly_analysis.models import CapacityFit, DurationFit
from dfly_analysis.models.concurrency import shared_speed
from dfly_analysis.simulation.pipeline import SCORES, Array, Assumptions, Index

# What may be wrong: piece times, contention on a link, its bandwidth, competing risks, the retry correlation.
AXES = DISTRIBUTION, LINK, BANDWIDTH, OTHER, RETRIES = ("distribution", "link", "bandwidth", "other", "retries")
EDGE = 1.959964
_STEP, _LEAST_TAIL = 0.2, 2e-7
_FARTHEST_LOG = 14.0
_NO_CORRELATION = Interval(0.0, 0.0, 0.0)
Tables = Mapping[tuple[int, float], Array]
"""Log seconds against `SCORES` by pass (0 or 1) and bytes: of the distribution, and of either end of its interval."""


@dataclass(frozen=True)
class Source:
    """Where pieces come from, as fitted."""

    duration_models: tuple[DurationFit, DurationFit]
    """Of the first pass and of later ones, at `speed` relative to the run."""
    sharing: CapacityFit | None = None  # without it pieces do not slow each other
    bandwidth_bps: float | None = None  # replaces the link's fitted one
    speed: float = 1.0
    retry_failure_correlation: Interval = _NO_CORRELATION  # beyond what the load explains
    retries: int = 0  # of a request that fails at its start
    observed_retries: int = 0  # when the distribution was fitted

    @property
    def same_model(self) -> bool:
        return self.duration_models[0] is self.duration_models[1]

    def at_speed(self, speed: float) -> Self:
        if speed == 1.0:
            return self
        first = self.duration_models[0].at_speed(speed)
        later = first if self.same_model else self.duration_models[1].at_speed(speed)
        return replace(self, duration_models=(first, later), speed=self.speed * speed)


@dataclass(frozen=True)
class UncertaintyVariants:
    """Variants of what is assumed: the middle, then either end of each uncertain axis."""

    axes: tuple[str, ...]

    @property
    def count(self) -> int:
        return 1 + 2 * len(self.axes)

    @property
    def weights(self) -> Array:
        """Weights under which the variants have the mean and the variance of independent normal uncertainties."""
        side = 0.5 / EDGE**2
        return np.array([1.0 - 2 * len(self.axes) * side, *[side] * (2 * len(self.axes))])

    def ends(self, axis: str) -> Index:
        """Return each variant's end on an axis: 0 the value, 1 the low and 2 the high end."""
        result = np.zeros(self.count, dtype=np.intp)
        if axis in self.axes:
            place = 1 + 2 * self.axes.index(axis)
            result[place : place + 2] = 1, 2
        return result


def uncertain_axes(source: Source, *, same_load: bool) -> UncertaintyVariants:
    """Return the uncertain axes; how pieces share a link matters only where one is shared, or where the load changes."""
    other = any(ending.count for model in source.duration_models for ending in model.endings.values())
    sharing, correlation = source.sharing, source.retry_failure_correlation
    shared = sharing is not None and sharing.contention.value > 0
    link = sharing is not None and sharing.contention.high > sharing.contention.low and (shared or not same_load)
    uncertain = (True, link, shared, other, correlation.high > correlation.low)
    return UncertaintyVariants(tuple(axis for axis, there in zip(AXES, uncertain, strict=True) if there))


def assume(source: Source, class_bytes: Sequence[float], uncertainty: UncertaintyVariants, tables: Tables) -> Assumptions:  # fmt: skip
    """Return what each variant assumes; the tables are those of `time_tables` for the bytes of each size class."""
    passes = [np.stack([tables[later, size] for size in class_bytes], axis=1) for later in (0, 1)]
    hazards = np.array([_competing_risks(model, source) for model in source.duration_models])
    contention, usual_contention = _contention(source, uncertainty)
    other, sharing = uncertainty.ends(OTHER), source.sharing
    return Assumptions(
        log_time=np.stack(passes, axis=1)[uncertainty.ends(DISTRIBUTION)], hazard_per_s=hazards[:, 0, :].T[other],
        at_start=hazards[:, 1, :].T[other], contention=contention, usual_contention=usual_contention,
        usual_load=sharing.usual_load if sharing else 1.0, contention_exponent=sharing.contention_exponent if sharing else 4.0,
        class_bytes=np.asarray(class_bytes, dtype=float), usual_bps=_usual_bps(sharing) * source.speed if sharing else 0.0,
        retry_failure_correlation=_edges(source.retry_failure_correlation)[uncertainty.ends(RETRIES)],
    )  # fmt: skip


def time_tables(source: Source, class_bytes: Iterable[float]) -> Tables:
    """Return the times of each pass and size."""
    sizes, (first, later) = sorted(set(class_bytes)), source.duration_models
    result = {(0, size): _time_table(first, size) for size in sizes}
    return result | {(1, size): result[0, size] if source.same_model else _time_table(later, size) for size in sizes}


def _time_table(model: DurationFit, size_bytes: float) -> Array:
    # Logs of times from where nothing has ended to where nothing is left: fewer than one in ten thousand, and than the least tail.
    log_time = np.arange(-_FARTHEST_LOG, _FARTHEST_LOG + 0.5, 0.5)
    survival = model.survival_estimates(size_bytes, np.exp(log_time).tolist())
    started, over = survival < 1.0 - 1e-4, survival <= _LEAST_TAIL
    end = max(float(log_time[over.argmax()]) if over.any() else _FARTHEST_LOG, 0.0)
    begin = float(log_time[max(int(started.argmax()) - 1, 0)]) if started.any() else _FARTHEST_LOG
    log_time = np.append(np.arange(min(begin, max(end - 1.0, 0.0)), end + 3.0, _STEP), _FARTHEST_LOG + 4.0)
    result = []
    found = model.timeout_rates(size_bytes, np.exp(log_time).tolist())
    for rates in np.array([(one.value, one.low, one.high) for one in found]).T:
        score = -special.ndtri(np.clip(rates, 1e-12, 1.0 - 1e-12))
        score = np.maximum.accumulate(score) + 1e-9 * np.arange(len(log_time))
        result.append(np.interp(SCORES, score, log_time))
    return np.array(result)


def _edges(interval: Interval) -> Array:
    return np.array([interval.value, interval.low, interval.high])


def _competing_risks(model: DurationFit, source: Source) -> Array:
    """Return (per second, at the start) of other failures, each as value, low and high end."""
    per_s, kept = np.zeros(3), np.ones(3)
    for ending in model.endings.values():
        if ending.count and ending.per_attempt:
            # What was seen had failed in all its tries; with another number of them it is another power.
            tries = (1.0 + source.retries) / (1.0 + source.observed_retries)
            kept *= 1.0 - np.clip(_edges(ending.rate()), 0.0, 1.0) ** tries
        elif ending.count:
            per_s += _edges(ending.rate())
    return np.array([per_s, 1.0 - kept])


def _contention(source: Source, uncertainty: UncertaintyVariants) -> tuple[Array, Array]:
    """Return the contention to be and the one seen; a link of less bandwidth than estimated has more contention."""
    sharing = source.sharing
    if sharing is None:
        return np.zeros(uncertainty.count), np.zeros(uncertainty.count)
    seen = _edges(sharing.contention)[uncertainty.ends(LINK)]
    carried = np.exp(EDGE * sharing.rate_error * np.array([0, -1, 1])[uncertainty.ends(BANDWIDTH)])
    if source.bandwidth_bps is None:
        return seen / carried, seen
    # All variants agree on the speed at the usual load, where it was seen.
    alone = _usual_bps(sharing) / shared_speed(sharing.usual_load, seen, sharing.contention_exponent) * source.speed
    return alone / source.bandwidth_bps / carried, seen


def _usual_bps(sharing: CapacityFit) -> float:
    """Return the rate of a piece under the usual load, where all variants agree."""
    shape = shared_speed(sharing.usual_load, sharing.contention.value, sharing.contention_exponent)
    return float(sharing.rate_alone_bps * shape)
