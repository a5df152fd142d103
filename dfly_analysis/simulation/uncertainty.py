"""From fits to what a simulation assumes: the fitted law, and that law at either end of each source of doubt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from scipy import special

from dfly_analysis.estimates import Interval
from dfly_analysis.simulation.inputs import SCORES, Array, Assumptions, Index, throughput_shape

DISTRIBUTION, LINK, WIDTH, OTHER, FATE = "law", "link", "bandwidth", "other", "fate"
AXES = (DISTRIBUTION, LINK, WIDTH, OTHER, FATE)
"""What may be wrong: the law of a piece's time, how pieces share a link, what it carries, other failures, what repeats."""
EDGE = 1.959964
NO_RETRY_CORRELATION = Interval(0.0, 0.0, 0.0)
_VARIANT = {0: "value", -1: "low", 1: "high"}
_STEP, _LEAST_TAIL = 0.2, 2e-7
_FARTHEST_LOG = 14.0


class PieceDurationModel(Protocol):
    """What is asked of a fitted law: `dfly_analysis.models.DurationFit`."""

    @property
    def endings(self) -> Mapping[str, Any]:
        """Other ways an attempt fails, each with ``per_attempt`` and ``rate()``."""
        ...

    def timeout_rate(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> Interval:
        """Return the chance that an attempt lasts beyond a time."""
        ...

    def timeout_rates(self, size_bytes: float, timeouts_s: Sequence[float], level: float = 0.95) -> list[Interval]:
        """Return the same beyond many times."""
        ...

    def survival_estimates(self, size_bytes: float, times_s: Sequence[float]) -> Array:
        """Return its estimates, without intervals."""
        ...

    def at_speed(self, speed: float) -> PieceDurationModel:
        """Return the law of a source that sends so many times as fast."""
        ...


class CapacityLike(Protocol):
    """What is asked of a fitted capacity: `dfly_analysis.models.link_capacity.CapacityFit`."""

    contention: Interval
    contention_exponent: float
    usual_load: float
    rate_alone_bps: float
    rate_error: float


@dataclass(frozen=True)
class Source:
    """Where pieces come from, as fitted.

    Attributes
    ----------
    duration_models : (PieceDurationModel, PieceDurationModel)
        Of the first pass and of the later ones.
    sharing : CapacityLike or None
        None where nothing is known of the load: then pieces are taken not to feel each other.
    bandwidth_bps : float or None
        Of the link, where another than the fitted one is asked for.
    speed : float
        How many times as fast as it was seen the source sends, which the laws know already; what waits are seen stay.
    retry_failure_correlation : Interval
        Share of the failures of a pass that repeat in the next, beyond what a link's load explains.
    retries, retries_seen : int
        Tries more of a request that fails at its start, then and when the law was seen.
    """

    duration_models: tuple[PieceDurationModel, PieceDurationModel]
    sharing: CapacityLike | None = None
    bandwidth_bps: float | None = None
    speed: float = 1.0
    retry_failure_correlation: Interval = NO_RETRY_CORRELATION
    retries: int = 0
    retries_seen: int = 0

    def at_speed(self, speed: float) -> Source:
        """Return the source sending so many times as fast."""
        if speed == 1.0:
            return self
        first, later = self.duration_models
        moved = first.at_speed(speed)
        return replace(
            self, duration_models=(moved, moved if later is first else later.at_speed(speed)), speed=self.speed * speed
        )


@dataclass(frozen=True)
class UncertaintyVariants:
    """Variants of what is assumed: the middle, then either end of each axis of doubt that is open.

    Attributes
    ----------
    axes : tuple of str
    """

    axes: tuple[str, ...]

    @property
    def signs(self) -> tuple[Mapping[str, int], ...]:
        """Return each variant's end (-1, 0, 1) on each axis; the middle first."""
        ends = [dict.fromkeys(AXES, 0) | {axis: end} for axis in self.axes for end in (-1, 1)]
        return (dict.fromkeys(AXES, 0), *ends)

    @property
    def weights(self) -> Array:
        """Return weights under which the variants have the mean and the variance of independent normal doubts."""
        count = len(self.axes)
        side = 0.5 / EDGE**2
        return np.array([1.0 - 2 * count * side, *[side] * (2 * count)])


def open_uncertainties(source: Source, *, same_load: bool) -> UncertaintyVariants:
    """Return the axes on which there is any doubt.

    How pieces share a link does not matter where none is seen to be shared and as many are in flight as were.
    """
    other = any(ending.count for duration_model in source.duration_models for ending in duration_model.endings.values())
    sharing = source.sharing
    link = sharing is not None and sharing.contention.high > sharing.contention.low
    link = link and not (same_load and sharing is not None and sharing.contention.value == 0)
    width = sharing is not None and sharing.contention.value > 0
    retry_correlation = source.retry_failure_correlation.high > source.retry_failure_correlation.low
    uncertain = ((DISTRIBUTION, True), (LINK, link), (WIDTH, width), (OTHER, other), (FATE, retry_correlation))
    return UncertaintyVariants(tuple(axis for axis, there in uncertain if there))


def assume(
    source: Source, class_bytes: Sequence[float], uncertainty: UncertaintyVariants, tables: Mapping[tuple[int, float], Array]
) -> Assumptions:  # fmt: skip
    """Return what each variant assumes.

    Parameters
    ----------
    source : Source
    class_bytes : sequence of float
        Bytes of each size class.
    uncertainty : UncertaintyVariants
    tables : mapping of (0 or 1, float) to array
        By pass and bytes, from `time_tables`.

    Returns
    -------
    Assumptions
    """
    duration_models = source.duration_models
    passes = [np.stack([tables[later, size] for size in class_bytes], axis=1) for later in (0, 1)]
    pair = np.stack(passes, axis=1)
    hazards = np.array([_others(duration_model, source) for duration_model in duration_models])
    signs = uncertainty.signs
    end = {axis: np.array([("value", "low", "high").index(_VARIANT[sign[axis]]) for sign in signs]) for axis in AXES}
    contention, usual = _contention(source, end[LINK], np.array([sign[WIDTH] for sign in signs]))
    retry_correlation = source.retry_failure_correlation
    return Assumptions(
        log_time=pair[end[DISTRIBUTION]],
        hazard_per_s=hazards[:, 0, :].T[end[OTHER]],
        at_start=hazards[:, 1, :].T[end[OTHER]],
        contention=contention,
        usual_contention=usual,
        usual_load=source.sharing.usual_load if source.sharing else 1.0,
        contention_exponent=source.sharing.contention_exponent if source.sharing else 4.0,
        class_bytes=np.asarray(class_bytes, dtype=float),
        retry_failure_correlation=np.array([retry_correlation.value, retry_correlation.low, retry_correlation.high])[
            end[FATE]
        ],
        usual_bps=_usual_bps(source.sharing) * source.speed if source.sharing else 0.0,
    )


def time_tables(
    duration_models: tuple[PieceDurationModel, PieceDurationModel], class_bytes: Iterable[float]
) -> dict[tuple[int, float], Array]:
    """Return log seconds against `SCORES` for each pass and size: of the law, and of either end of its interval."""
    result = {(0, size): _time_tables(duration_models[0], size) for size in sorted(set(class_bytes))}
    same = duration_models[0] is duration_models[1]
    return result | {
        (1, size): table if same else _time_tables(duration_models[1], size)
        for (_, size), table in list(result.items())
    }


def _time_tables(duration_model: PieceDurationModel, size_bytes: float) -> Array:
    """Return log seconds against `SCORES`: of the law, and of the lower and the upper end of its interval."""
    log_time = _grid(duration_model, size_bytes)
    found = duration_model.timeout_rates(size_bytes, np.exp(log_time).tolist())
    result = []
    for name in ("value", "low", "high"):
        survival_estimates = np.clip([getattr(one, name) for one in found], 1e-12, 1.0 - 1e-12)
        score = np.maximum.accumulate(-special.ndtri(survival_estimates)) + 1e-9 * np.arange(len(log_time))
        result.append(np.interp(SCORES, score, log_time))
    return np.array(result)


def _grid(duration_model: PieceDurationModel, size_bytes: float) -> Array:
    """Return logs of times from where nothing has ended to where nothing is left."""
    log_time = np.arange(-_FARTHEST_LOG, _FARTHEST_LOG + 0.5, 0.5)
    survival_estimates = duration_model.survival_estimates(size_bytes, np.exp(log_time).tolist())
    # Where fewer than one in ten thousand have ended, and where fewer than the least tail are left.
    started, over = survival_estimates < 1.0 - 1e-4, survival_estimates <= _LEAST_TAIL
    high = max(float(log_time[over.argmax()]) if over.any() else _FARTHEST_LOG, 0.0)
    low = float(log_time[max(int(started.argmax()) - 1, 0)]) if started.any() else _FARTHEST_LOG
    return np.append(np.arange(min(low, max(high - 1.0, 0.0)), high + 3.0, _STEP), _FARTHEST_LOG + 4.0)


def _others(duration_model: PieceDurationModel, source: Source) -> Array:
    """Return (per second, at the start) of other failures, each as value, low and high end."""
    per_s, kept = np.zeros(3), np.ones(3)
    for ending in duration_model.endings.values():
        if not ending.count:
            continue
        rate = ending.rate()
        ends = np.array([rate.value, rate.low, rate.high])
        if ending.per_attempt:
            # What was seen had failed in all its tries; with another number of them it is another power.
            kept *= 1.0 - np.clip(ends, 0.0, 1.0) ** ((1.0 + source.retries) / (1.0 + source.retries_seen))
        else:
            per_s += ends
    return np.array([per_s, 1.0 - kept])


def _contention(source: Source, end: Index, width: Index) -> tuple[Array, Array]:
    """Return the crowding to be and the one seen; a link that carries less than was thought crowds its pieces more."""
    sharing = source.sharing
    if sharing is None:
        return np.zeros(len(end)), np.zeros(len(end))
    ends = np.array([sharing.contention.value, sharing.contention.low, sharing.contention.high])[end]
    carried = np.exp(EDGE * sharing.rate_error * width)
    if source.bandwidth_bps is None:
        return ends / carried, ends
    # All variants agree on the speed at the usual load, where it was seen.
    alone = _usual_bps(sharing) / throughput_shape(sharing.usual_load, ends, sharing.contention_exponent) * source.speed
    return alone / source.bandwidth_bps / carried, ends


def _usual_bps(sharing: CapacityLike) -> float:
    """Return what a piece in flight was carried at under the usual load, where all variants agree."""
    return float(
        sharing.rate_alone_bps
        * throughput_shape(sharing.usual_load, sharing.contention.value, sharing.contention_exponent)
    )
