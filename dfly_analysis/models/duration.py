"""A fitted duration: how long an attempt at a piece takes, given its size, and how often one fails at a timeout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from dfly_analysis.errors import TableError
from dfly_analysis.estimates import Fit, Interval
from dfly_analysis.models.censored_data import Attempts
from dfly_analysis.models.competing_risks import Ending, incidence
from dfly_analysis.models.distribution import Array
from dfly_analysis.models.model_averaging import Average
from dfly_analysis.models.residuals import Residuals

# Where so few attempts are expected, seeing none is as likely as seeing one.
_DISTINCT_FROM_ZERO = float(np.log(2.0))
# Timeouts computed together: six hundred draws of each are what fits a processor's cache.
_TIMEOUTS_PER_BATCH = 32
_COMMON_QUANTILES, _MOST_SIZES = (0.5, 0.9, 0.99, 0.999), 5


@dataclass(frozen=True, kw_only=True, repr=False)
class DurationFit(Fit):
    """How long an attempt takes, were it not cut, and how often one fails at a timeout.

    All methods take sizes in bytes, times in seconds and probabilities between 0 and 1, ``level`` being that of the interval, and
    raise `TableError` where an argument is out of range. ``model`` and ``params`` are those of the distribution with the best criterion;
    answers come from all distributions near it, by weight.

    ``goodness`` has ``aic_<distribution>``, ``weight_<distribution>``, ``km_distance`` (largest distance between the distribution and the
    Kaplan-Meier survival, below the timeout), ``km_distance_expected`` (what chance alone would reach in one of twenty),
    ``design_effect``, ``n_dropped``, ``n_finished_late``, ``distinct_sizes``, and ``stall_share`` where stalls or slow attempts are seen.
    ``endings`` are resets, storage and origin errors, each with its hazard per second or its chance at the start of an attempt.
    """

    average: Average
    endings: Mapping[str, Ending]
    residuals: Residuals
    attempts: Attempts

    def quantile(self, size_bytes: float, p: float, level: float = 0.95) -> Interval:
        """Return the time (s) within which a share ``p`` of attempts would finish if none were cut."""
        return self.quantiles([size_bytes], [p], level)[0]

    def quantiles(self, sizes_bytes: Sequence[float], shares: Sequence[float], level: float = 0.95) -> list[Interval]:
        """Return `quantile` of many pairs of a size and a share, in a fraction of the time that one after another takes."""
        keys = [("quantile", float(size), float(p), level) for size, p in zip(sizes_bytes, shares, strict=True)]
        for _, size, p, _ in keys:
            _check(p=p, level=level, size_bytes=size)
        new = [key for key in dict.fromkeys(keys) if key not in self._answers]
        if new:
            xs, ps = np.array([self._x(size) for _, size, _, _ in new]), np.array([p for _, _, p, _ in new])
            values = self.average.log_quantiles(xs, ps)
            lows, highs = self.average.ends(self.average.drawn_log_quantiles(xs, ps), level)
            unit = self.average.best.model.rows.log_unit
            for key, x, p, *found in zip(new, xs, ps, values, lows, highs, strict=True):
                wide = self.residuals.widened_quantile(_ordered(*found), float(x), float(p))
                self._answers[key] = Interval(*(float(np.exp(end + unit)) for end in (wide.value, wide.low, wide.high)))
        return [self._answers[key] for key in keys]

    def timeout_rate(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> Interval:
        """Return the chance that a timeout cuts an attempt: that it would last longer, were nothing else to end it."""
        return self.timeout_rates(size_bytes, [timeout_s], level)[0]

    def timeout_rates(self, size_bytes: float, timeouts_s: Sequence[float], level: float = 0.95) -> list[Interval]:
        """Return `timeout_rate` at many timeouts, in a fraction of the time that one after another takes."""
        for timeout_s in timeouts_s:
            _check(timeout_s=timeout_s, level=level, size_bytes=size_bytes)
        keys = [("timeout", float(size_bytes), float(time), level) for time in timeouts_s]
        new = [key for key in dict.fromkeys(keys) if key not in self._answers]
        for begin in range(0, len(new), _TIMEOUTS_PER_BATCH):
            some = new[begin : begin + _TIMEOUTS_PER_BATCH]
            x, ys = self._x(size_bytes), np.array([self._y(time) for _, _, time, _ in some])
            values = self.average.survival(x, ys)
            lows, highs = self.average.ends(self.average.drawn_survival(x, ys), level)
            for key, y, *found in zip(some, ys, values, lows, highs, strict=True):
                wide = self.residuals.widened_survival(_ordered(*found), x, float(y))
                self._answers[key] = self._from_zero(wide)
        return [self._answers[key] for key in keys]

    def plot(self, size_bytes: float | None = None) -> Any:
        """Draw the distribution for pieces of a size in bytes, by default the most common one, against what was observed, as a matplotlib figure."""
        from dfly_analysis.reporting.plots import draw_fit

        return draw_fit(self, size_bytes).canvas

    def survival_estimates(self, size_bytes: float, times_s: Sequence[float]) -> Array:
        """Return the share of attempts that would last longer than each time: `timeout_rate` without its interval."""
        return self.average.survival(self._x(size_bytes), np.array([self._y(time) for time in times_s]))

    def failure_rate(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> Interval:
        """Return the chance that an attempt fails at a timeout, for any cause.

        These are the timeout, resets, storage and origin errors, each at the hazard or chance seen; cancelled and unknown endings are
        not failures.
        """
        if not any(ending.count for ending in self.endings.values()):
            return self.timeout_rate(size_bytes, timeout_s, level)
        key = ("failure", float(size_bytes), float(timeout_s), level)
        if key not in self._answers:
            self._answers[key] = self._incidence(size_bytes, timeout_s, level)["failure"]
        return self._answers[key]

    def incidence(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> dict[str, Interval]:
        """Return the cumulative incidence by cause under a timeout: shares of ``timeout``, ``reset``, ``storage``, ``origin``, ``ok``."""
        result = self._incidence(size_bytes, timeout_s, level)
        failing = result.pop("failure")
        return {**result, "ok": Interval(1.0 - failing.value, 1.0 - failing.high, 1.0 - failing.low)}

    def _incidence(self, size_bytes: float, timeout_s: float, level: float) -> dict[str, Interval]:
        _check(timeout_s=timeout_s, level=level, size_bytes=size_bytes)
        x, y = self._x(size_bytes), self._y(timeout_s)
        best = incidence(self.average, self.endings, x, y)
        draws = incidence(self.average, self.endings, x, y, drawn=True)
        pairs = {"timeout": (best.timeout, draws.timeout), "failure": (best.failures, draws.failures)}
        pairs |= {name: (best.others[name], draws.others[name]) for name in self.endings}
        found = {name: self.average.interval(float(one[0]), drawn, level) for name, (one, drawn) in pairs.items()}
        return found | {name: self._widened(found[name], x, y, level) for name in ("timeout", "failure")}

    def at_speed(self, speed: float) -> Self:
        """Return the fit of a source that sends so many times as fast: what does not grow with size stays as it is."""
        _check(speed=speed)
        by_log = -float(np.log(speed))
        average = replace(self.average, slower_log=self.average.slower_log + by_log)
        return replace(self, average=average, residuals=self.residuals.slower(by_log))

    def seen_s(self, size_bytes: float) -> float | None:
        """Return the longest time seen, in proportion to the size for pieces larger than any seen; None where no time is known."""
        longest, largest = self.extrapolates_beyond_s, float(self.attempts.size_bytes.max())
        return None if longest is None else longest * max(1.0, size_bytes / largest)

    def common_quantiles(self, level: float = 0.95) -> list[dict[str, float]]:
        """Return quantiles at the commonest sizes: rows of ``size_bytes``, ``p``, ``value_s``, ``low_s``, ``high_s``, ``beyond_data``."""
        data, result = self.attempts, []
        for size_bytes in sorted(data.common_sizes(_MOST_SIZES).tolist()):
            longest = float(data.duration_s[np.abs(data.size_bytes - size_bytes) < 1.0].max())
            all_found = self.quantiles([size_bytes] * len(_COMMON_QUANTILES), _COMMON_QUANTILES, level)
            for p, found in zip(_COMMON_QUANTILES, all_found, strict=True):
                result.append({
                    "size_bytes": size_bytes, "p": p, "value_s": found.value, "low_s": found.low,
                    "high_s": found.high, "beyond_data": found.value > longest,
                })  # fmt: skip
        return result

    @cached_property
    def _answers(self) -> dict[tuple[str, float, float, float], Interval]:
        """Cache answers: a report asks for the same many times."""
        return {}

    def _widened(self, found: Interval, x: float, y: float, level: float) -> Interval:
        """Widen an interval of failures as the data widen that of the timeouts among them."""
        time = np.array(y)
        cut = self.average.interval(float(self.average.survival(x, time)), self.average.drawn_survival(x, time), level)
        wide = self._from_zero(self.residuals.widened_survival(cut, x, y))
        low, high = found.low - (cut.low - wide.low), found.high + (wide.high - cut.high)
        return Interval(found.value, min(max(low, 0.0), found.value), min(max(high, found.value), 1.0))

    def _from_zero(self, found: Interval) -> Interval:
        """Let an interval of a share begin at 0 where its low end is less than the table can distinguish from 0."""
        return found if found.low > _DISTINCT_FROM_ZERO / self.n else Interval(found.value, 0.0, found.high)

    def _x(self, size_bytes: float) -> float:
        return float(np.log(size_bytes)) - self.average.best.model.rows.log_size

    def _y(self, timeout_s: float) -> float:
        return float(np.log(timeout_s)) - self.average.best.model.rows.log_unit


def _ordered(value: float, low: float, high: float) -> Interval:
    return Interval(float(value), float(min(low, value)), float(max(high, value)))


def _check(**given: float) -> None:
    for name, value in given.items():
        if name in ("p", "level") and not 0.0 < value < 1.0:
            raise TableError(f"{name} must be between 0 and 1, got {value}", where="duration fit")
        if not (np.isfinite(value) and value > 0):
            raise TableError(f"{name} must be above 0, got {value}", where="duration fit")
