"""The law of how long an attempt at a piece takes, given its size, from attempts of which some were cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from dfly_analysis.errors import TableError
from dfly_analysis.estimates import Curve, Interval, Param
from dfly_analysis.models import cumulative_incidence as incidence
from dfly_analysis.models.censored_data import Attempts
from dfly_analysis.models.competing_risks import Ending
from dfly_analysis.models.cumulative_incidence import TimeoutChange
from dfly_analysis.models.diagnostics import Checks, check
from dfly_analysis.models.distribution import Array
from dfly_analysis.models.kaplan_meier import kaplan_meier
from dfly_analysis.models.model_averaging import Average
from dfly_analysis.models.residuals import Residuals

# So many attempts are expected of a share of which a table would as soon have shown none.
_DISTINCT_FROM_ZERO = float(np.log(2.0))
_AT_A_TIME = 32
"""Timeouts answered for together: six hundred draws of each are what fits a processor's cache."""
_COMMON_QUANTILES, _MOST_SIZES = (0.5, 0.9, 0.99, 0.999), 5


@dataclass(frozen=True)
class DurationFit:
    """How long an attempt takes, were it not cut, and how often one fails at a timeout.

    Attributes
    ----------
    name : str
    distribution : str
        The law with the best criterion; answers come from all laws near it, by weight.
    params : tuple of Param
        Of that law.
    n, n_censored : int
        Attempts, and how many of them did not finish.
    goodness : mapping of str to float
        ``aic_<distribution>``, ``weight_<distribution>``, ``km_distance`` (largest distance between the law and Kaplan and Meier's
        survival, below the limit), ``km_distance_expected`` (what chance alone would reach in one of twenty),
        ``design_effect``, ``n_dropped``, ``n_finished_late``, ``distinct_sizes``, and ``stall_share`` where stalls or slow attempts are seen.
    window : (str, str) or None
        First and last start.
    extrapolates_beyond_s : float or None
        Longest time seen, seconds; beyond it the answer is the laws' alone.
    hazards : mapping of str to Interval
        Resets, storage and origin errors per second at risk (95 %); an ending that strikes at the start of an attempt
        has no hazard per second and is only in ``endings``.
    notes : tuple of str
        What the reader must know.
    average, endings, residuals, attempts
        What the answers are made of.
    """

    name: str
    law: str
    params: tuple[Param, ...]
    n: int
    n_censored: int
    goodness: Mapping[str, float]
    window: tuple[str, str] | None
    extrapolates_beyond_s: float | None
    hazards: Mapping[str, Interval]
    notes: tuple[str, ...]
    average: Average
    endings: Mapping[str, Ending]
    residuals: Residuals
    attempts: Attempts

    def quantile(self, size_bytes: float, p: float, level: float = 0.95) -> Interval:
        """Return the time within which a share ``p`` of attempts would finish if none were cut.

        Parameters
        ----------
        size_bytes : float
            Bytes of the piece, above 0.
        p : float
            Between 0 and 1.
        level : float
            Of the interval.

        Returns
        -------
        Interval
            Seconds.

        Raises
        ------
        TableError
            Where an argument is out of range.
        """
        _check(p=p, level=level, size_bytes=size_bytes)
        return self.quantiles([size_bytes], [p], level)[0]

    def quantiles(self, sizes_bytes: Sequence[float], shares: Sequence[float], level: float = 0.95) -> list[Interval]:
        """Return `quantile` of many pairs of a size and a share, in a fraction of the time that one after another takes."""
        keys = [("quantile", float(size), float(p), level) for size, p in zip(sizes_bytes, shares, strict=True)]
        for _, size, p, _ in keys:
            _check(p=p, level=level, size_bytes=size)
        new = [key for key in dict.fromkeys(keys) if key not in self._answers]
        if new:
            requested = np.array([self._x(size) for _, size, _, _ in new]), np.array([p for _, _, p, _ in new])
            self._answers.update(zip(new, self._quantiles(*requested, level), strict=True))
        return [self._answers[key] for key in keys]

    def timeout_rate(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> Interval:
        """Return the chance that a timeout cuts an attempt.

        Parameters
        ----------
        size_bytes, timeout_s : float
            Above 0.
        level : float

        Returns
        -------
        Interval
            A share, 0 to 1: attempts that would last longer than ``timeout_s``, were nothing else to end them.

        Raises
        ------
        TableError
            Where an argument is out of range.
        """
        _check(timeout_s=timeout_s, level=level, size_bytes=size_bytes)
        return self._once("timeout", float(size_bytes), float(timeout_s), level, self._timeout_rate)

    def timeout_rates(self, size_bytes: float, timeouts_s: Sequence[float], level: float = 0.95) -> list[Interval]:
        """Return `timeout_rate` at many timeouts, in a fraction of the time that asking for one after another takes."""
        times = [float(time) for time in timeouts_s]
        _check(level=level, size_bytes=size_bytes, **{"timeout_s": min(times)} if times else {})
        known = self._answers
        requested = [time for time in dict.fromkeys(times) if ("timeout", float(size_bytes), time, level) not in known]
        for begin in range(0, len(requested), _AT_A_TIME):
            some = requested[begin : begin + _AT_A_TIME]
            for time, found in zip(some, self._timeout_rates(float(size_bytes), some, level), strict=True):
                known["timeout", float(size_bytes), time, level] = found
        return [known["timeout", float(size_bytes), time, level] for time in times]

    def survival_estimates(self, size_bytes: float, times_s: Sequence[float]) -> Array:
        """Return the share of attempts that would last longer than each time (s): `timeout_rate` without its interval."""
        return self.average.survival(self._x(size_bytes), np.array([self._y(time) for time in times_s]))

    def failure_rate(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> Interval:
        """Return the chance that an attempt fails at a timeout, for any cause.

        The timeout, and what else ends attempts: resets, storage and origin errors, each at the hazard or chance seen.

        Parameters
        ----------
        size_bytes, timeout_s : float
            Above 0.
        level : float

        Returns
        -------
        Interval
            A share, 0 to 1. Cancelled and unknown endings are not failures.

        Raises
        ------
        TableError
            Where an argument is out of range.
        """
        _check(timeout_s=timeout_s, level=level, size_bytes=size_bytes)
        if not any(ending.count for ending in self.endings.values()):
            return self.timeout_rate(size_bytes, timeout_s, level)
        return self._once("failure", float(size_bytes), float(timeout_s), level, self._failure_rate)

    def incidence(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> dict[str, Interval]:
        """Return how attempts end under a timeout: their cumulative incidence by cause.

        Parameters
        ----------
        size_bytes, timeout_s : float
            Above 0.
        level : float

        Returns
        -------
        dict of str to Interval
            Shares; ``timeout``, ``reset``, ``storage``, ``origin`` and ``ok``. The values add up to 1.

        Raises
        ------
        TableError
            Where an argument is out of range.
        """
        _check(timeout_s=timeout_s, level=level, size_bytes=size_bytes)
        x, y = self._x(size_bytes), self._y(timeout_s)
        best = incidence.estimated(self.average, self.endings, x, y)
        draws = incidence.drawn(self.average, self.endings, x, y)
        cut = self._stretched(self.average.interval(float(best.timeout[0]), draws.timeout, level), x, y, level)
        others = {
            name: self.average.interval(float(best.others[name][0]), draws.others[name], level) for name in self.endings
        }
        failing = self._stretched(self.average.interval(float(best.failures[0]), draws.failures, level), x, y, level)
        return {"timeout": cut, **others, "ok": Interval(1.0 - failing.value, 1.0 - failing.high, 1.0 - failing.low)}

    def change(self, size_bytes: float, from_s: float, to_s: float, level: float = 0.95) -> TimeoutChange:
        """Return what another timeout gains in timeouts, and costs in other endings and in time.

        Parameters
        ----------
        size_bytes, from_s, to_s : float
            Above 0.
        level : float

        Returns
        -------
        TimeoutChange

        Raises
        ------
        TableError
            Where an argument is out of range.
        """
        _check(from_s=from_s, to_s=to_s, level=level, size_bytes=size_bytes)
        ys = (self._y(from_s), self._y(to_s))
        return incidence.change(self.average, self.endings, self._x(size_bytes), ys, level)

    def curve(self, size_bytes: float, probabilities: Sequence[float], level: float = 0.95) -> Curve:
        """Return quantiles as a line: ``x`` seconds (with ``low`` and ``high`` of the seconds), ``y`` the probabilities."""
        found = self.quantiles([size_bytes] * len(probabilities), probabilities, level)
        return Curve(
            x=tuple(interval.value for interval in found),
            y=tuple(float(p) for p in probabilities),
            low=tuple(interval.low for interval in found),
            high=tuple(interval.high for interval in found),
        )

    def failure_curve(self, size_bytes: float, timeouts_s: Sequence[float], level: float = 0.95) -> Curve:
        """Return the failure rate (``y``, 0 to 1) against the timeout (``x``, seconds)."""
        found = [self.failure_rate(size_bytes, timeout, level) for timeout in timeouts_s]
        return Curve(
            x=tuple(float(timeout) for timeout in timeouts_s),
            y=tuple(interval.value for interval in found),
            low=tuple(interval.low for interval in found),
            high=tuple(interval.high for interval in found),
        )

    def kaplan_meier(self, size_bytes: float | None = None) -> Curve:
        """Return the survival seen, without a law: ``x`` seconds, ``y`` share that lasts longer.

        Parameters
        ----------
        size_bytes : float, optional
            Only attempts within a tenth of this size; all of them where not given.
        """
        data = self.attempts
        near = np.ones(len(data.weight), dtype=bool)
        if size_bytes is not None:
            near = np.abs(np.log(data.size_bytes / size_bytes)) < np.log(1.1)
        return kaplan_meier(data.duration_s[near], ~data.event[near], data.weight[near])

    def at_speed(self, speed: float) -> DurationFit:
        """Return the law of a source that sends so many times as fast: what does not grow with size stays as it is."""
        _check(speed=speed)
        by_log = -float(np.log(speed))
        average = replace(self.average, slower_log=self.average.slower_log + by_log)
        return replace(self, average=average, residuals=self.residuals.slower(by_log))

    def checks(self) -> Checks:
        """Return frames to check the fit with: survival, probabilities, residuals, and how far it leans on each host."""
        return check(self)

    def common_quantiles(self, level: float = 0.95) -> list[dict[str, float]]:
        """Return quantiles at the commonest sizes: rows of ``size_bytes``, ``p``, ``value_s``, ``low_s``, ``high_s``, ``beyond_data``."""
        size, count = np.unique(np.round(self.attempts.size_bytes), return_counts=True)
        result = []
        for size_bytes in np.sort(size[np.argsort(-count, kind="stable")[:_MOST_SIZES]]):
            longest = float(self.attempts.duration_s[np.abs(self.attempts.size_bytes - size_bytes) < 1.0].max())
            all_found = self.quantiles([float(size_bytes)] * len(_COMMON_QUANTILES), _COMMON_QUANTILES, level)
            for p, found in zip(_COMMON_QUANTILES, all_found, strict=True):
                result.append({
                    "size_bytes": float(size_bytes), "p": p, "value_s": found.value, "low_s": found.low,
                    "high_s": found.high, "beyond_data": found.value > longest,
                })  # fmt: skip
        return result

    @cached_property
    def _answers(self) -> dict[tuple[str, float, float, float], Interval]:
        """Hold what was asked for before: a report asks for the same many times."""
        return {}

    def _once(
        self, what: str, size_bytes: float, at: float, level: float, answer: Callable[[float, float, float], Interval]
    ) -> Interval:
        key = (what, size_bytes, at, level)
        if key not in self._answers:
            self._answers[key] = answer(size_bytes, at, level)
        return self._answers[key]

    def _quantiles(self, xs: Array, shares: Array, level: float) -> list[Interval]:
        values = self.average.log_quantiles(xs, shares)
        lows, highs = self.average.ends(self.average.drawn_log_quantiles(xs, shares), level)
        unit, result = self.average.best.model.rows.log_unit, []
        for x, p, value, low, high in zip(*(part.tolist() for part in (xs, shares, values, lows, highs)), strict=True):
            found = self.residuals.widened_quantile(Interval(value, min(low, value), max(high, value)), x, p)
            result.append(Interval(*(float(np.exp(edge + unit)) for edge in (found.value, found.low, found.high))))
        return result

    def _timeout_rate(self, size_bytes: float, timeout_s: float, level: float) -> Interval:
        return self._timeout_rates(size_bytes, [timeout_s], level)[0]

    def _timeout_rates(self, size_bytes: float, timeouts_s: Sequence[float], level: float) -> list[Interval]:
        x, ys = self._x(size_bytes), np.array([self._y(time) for time in timeouts_s])
        values = self.average.survival(x, ys)
        lows, highs = self.average.ends(self.average.drawn_survival(x, ys), level)
        result = []
        for y, value, low, high in zip(ys.tolist(), values.tolist(), lows.tolist(), highs.tolist(), strict=True):
            found = Interval(value, min(low, value), max(high, value))
            result.append(self._from_nothing(self.residuals.widened_survival(found, x, y)))
        return result

    def _failure_rate(self, size_bytes: float, timeout_s: float, level: float) -> Interval:
        x, y = self._x(size_bytes), self._y(timeout_s)
        value = float(incidence.estimated(self.average, self.endings, x, y).failures[0])
        draws = incidence.drawn(self.average, self.endings, x, y)
        return self._stretched(self.average.interval(value, draws.failures, level), x, y, level)

    def _stretched(self, found: Interval, x: float, y: float, level: float) -> Interval:
        """Stretch an interval of failures as the data stretch that of the timeouts among them."""
        cut = self.average.interval(
            float(self.average.survival(x, np.array(y))), self.average.drawn_survival(x, np.array(y)), level
        )
        wide = self._from_nothing(self.residuals.widened_survival(cut, x, y))
        low, high = found.low - (cut.low - wide.low), found.high + (wide.high - cut.high)
        return Interval(found.value, min(max(low, 0.0), found.value), min(max(high, found.value), 1.0))

    def _from_nothing(self, found: Interval) -> Interval:
        """Let an interval of a share begin at 0 where its low end is less than such a table could tell from nothing."""
        return found if found.low > _DISTINCT_FROM_ZERO / self.n else Interval(found.value, 0.0, found.high)

    def _x(self, size_bytes: float) -> float:
        return float(np.log(size_bytes)) - self.average.best.model.rows.log_size

    def _y(self, timeout_s: float) -> float:
        return float(np.log(timeout_s)) - self.average.best.model.rows.log_unit


def _check(**given: float) -> None:
    for name, value in given.items():
        if name in ("p", "level") and not 0.0 < value < 1.0:
            raise TableError(f"{name} is {value}, not between 0 and 1", where="duration fit")
        if not (np.isfinite(value) and value > 0):
            raise TableError(f"{name} is {value}, not above 0", where="duration fit")
