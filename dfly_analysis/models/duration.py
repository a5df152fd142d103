"""The law of how long an attempt at a piece takes, given its size, from attempts of which some were cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dfly_analysis.errors import TableError, nearest
from dfly_analysis.fits import Curve, Interval, NotFitted, Param
from dfly_analysis.models.averaging import WORST_DIFFERENCE, Average, average
from dfly_analysis.models.competing import Ending, count_endings
from dfly_analysis.models.describing import describe
from dfly_analysis.models.law import Array, Law
from dfly_analysis.models.laws import all_laws
from dfly_analysis.models.likelihood import OVERHEAD, POWER, Fitted, Model, maximise
from dfly_analysis.models.nonparametric import kaplan_meier
from dfly_analysis.models.observations import Attempts, Rows, bin_attempts, read_attempts
from dfly_analysis.models.residuals import Residuals, take_residuals

FEWEST_EVENTS = 5
_GRID = 80
_FIRST_LAW, _FLEXIBLE_LAW = "lognormal", "bent"
_LEAST_SPAN_OF_SIZES = 0.1


@dataclass(frozen=True)
class DurationFit:
    """How long an attempt takes, were it not cut, and how often one fails at a timeout.

    Attributes
    ----------
    name : str
    law : str
        The law with the best criterion; answers come from all laws near it, by weight.
    params : tuple of Param
        Of that law.
    n, n_censored : int
        Attempts, and how many of them did not finish.
    goodness : mapping of str to float
        ``aic_<law>``, ``weight_<law>``, ``km_distance`` (largest distance between the law and Kaplan and Meier's
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
        x = self._x(size_bytes)
        value = float(self.average.log_quantile(x, np.array([p]))[0])
        found = self.average.interval(value, self.average.drawn_log_quantile(x, p), level)
        found = self.residuals.widened_quantile(found, x, p)
        unit = self.average.best.model.rows.log_unit
        return Interval(*(float(np.exp(edge + unit)) for edge in (found.value, found.low, found.high)))

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
        x, y = self._x(size_bytes), self._y(timeout_s)
        value = float(self.average.survival(x, np.array(y)))
        found = self.average.interval(value, self.average.drawn_survival(x, np.array(y)), level)
        return self.residuals.widened_survival(found, x, y)

    def failure_rate(self, size_bytes: float, timeout_s: float, level: float = 0.95) -> Interval:
        """Return the chance that an attempt fails at a timeout, for any cause.

        With survival ``S`` of the uncut time, hazard ``h`` of all other failures per second and chance ``q`` of those at
        the start: ``q + (1 - q) (S(T) exp(-h T) + h * integral of S(t) exp(-h t) from 0 to T)``.

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
        x, y = self._x(size_bytes), self._y(timeout_s)
        if not any(ending.count for ending in self.endings.values()):
            return self.timeout_rate(size_bytes, timeout_s, level)
        time = np.concatenate([[0.0], timeout_s * np.geomspace(1e-5, 1.0, _GRID)])
        grid = y + np.log(np.maximum(time, 1e-12 * timeout_s) / timeout_s)
        hazard = sum(ending.value for ending in self.endings.values() if not ending.per_attempt)
        chance = 1.0 - np.prod([1.0 - ending.value for ending in self.endings.values() if ending.per_attempt])
        value = _failing(self.average.survival(x, grid), time, np.array([hazard]), np.array([chance]))
        drawn = [ending.draws() for ending in self.endings.values() if not ending.per_attempt]
        kept = [1.0 - np.minimum(ending.draws(), 1.0) for ending in self.endings.values() if ending.per_attempt]
        survival = self.average.drawn_survival(x, grid)
        hazards = np.sum(drawn, axis=0) if drawn else np.zeros(survival.shape[1])
        chances = 1.0 - np.prod(kept, axis=0) if kept else np.zeros(survival.shape[1])
        found = self.average.interval(float(value[0]), _failing(survival, time, hazards, chances), level)
        cut = self.average.interval(float(self.average.survival(x, np.array(y))), survival[..., -1], level)
        wide = self.residuals.widened_survival(cut, x, y)
        stretched = (found.low - (cut.low - wide.low), found.high + (wide.high - cut.high))
        return Interval(found.value, max(stretched[0], 0.0), min(stretched[1], 1.0))

    def curve(self, size_bytes: float, probabilities: Sequence[float], level: float = 0.95) -> Curve:
        """Return quantiles as a line: ``x`` seconds (with ``low`` and ``high`` of the seconds), ``y`` the probabilities."""
        found = [self.quantile(size_bytes, p, level) for p in probabilities]
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

    def _x(self, size_bytes: float) -> float:
        return float(np.log(size_bytes)) - self.average.best.model.rows.log_size

    def _y(self, timeout_s: float) -> float:
        return float(np.log(timeout_s)) - self.average.best.model.rows.log_unit


def fit_duration(
    pieces: pd.DataFrame, *, law: str | None = None, name: str = "piece_duration", level: float = 0.95
) -> DurationFit | NotFitted:
    """Fit the law of an attempt's uncut time, given its size.

    Parameters
    ----------
    pieces : DataFrame
        Needs ``size_bytes`` (bytes), ``duration_s`` (s), ``outcome`` (``ok`` finished; ``timeout`` is a lower bound at
        ``timeout_s``, every other outcome one at ``duration_s``) and ``timeout_s`` (s). Takes ``task_id`` and ``host``
        (attempts of one share a fate), ``started`` (window) and ``weight``. It is not changed.
    law : str, optional
        Only this law; otherwise all, weighed by Akaike's criterion.
    name : str
        What to call the fit.
    level : float
        Of the parameters' intervals.

    Returns
    -------
    DurationFit or NotFitted

    Raises
    ------
    TableError
        Where a column is missing or the law is not known.
    """
    laws = _chosen(law)
    attempts = read_attempts(pieces)
    refusal = _refusal(attempts, name)
    if refusal is not None:
        return refusal
    rows = bin_attempts(attempts)
    candidates = _candidates(laws, rows, attempts)
    if not candidates:
        return NotFitted(
            name, "no law's likelihood has a finite best point", "more attempts, with their sizes", attempts.n
        )
    return _finished(name, average(candidates), candidates, attempts, level)


def _chosen(law: str | None) -> tuple[Law, ...]:
    known = all_laws()
    if law is None:
        return tuple(known.values())
    if law not in known:
        hint = nearest(law, known) or f"known are {', '.join(known)}"
        raise TableError(f"there is no law {law!r}", where="fit_duration", hint=hint)
    return (known[law],)


def _refusal(attempts: Attempts, name: str) -> NotFitted | None:
    if not attempts.n:
        collect = "client logs with piece start and finish lines (level debug from client v1.4.1)"
        return NotFitted(name, "there are no attempts with a time and a size", collect, 0)
    if attempts.n_events < FEWEST_EVENTS:
        reason = f"only {attempts.n_events} of {attempts.n} attempts finished; {FEWEST_EVENTS} are needed"
        return NotFitted(name, reason, "a run with a longer timeout, so that attempts finish", attempts.n)
    seen = attempts.duration_s[attempts.event] / attempts.size_bytes[attempts.event]
    if np.ptp(np.log(seen)) < 1e-9:
        return NotFitted(
            name, "all attempts took the same time for their size", "times with their fractions", attempts.n
        )
    return None


def _candidates(laws: Sequence[Law], rows: Rows, attempts: Attempts) -> list[Fitted]:
    """Fit the laws, each in the forms of its location that the most flexible law finds possible."""
    first, flexible = all_laws()[_FIRST_LAW], all_laws()[_FLEXIBLE_LAW]
    residual = rows.y[rows.event] - rows.x[rows.event]
    begin = (float(residual.mean()), 1.0, float(np.log(residual.std() + 1e-6)))
    forms = (POWER, OVERHEAD) if np.ptp(rows.x) > _LEAST_SPAN_OF_SIZES else (POWER,)
    made = {form: maximise(Model(first, form, rows), _start(begin, form), attempts) for form in forms}
    plain = {form: fitted for form, fitted in made.items() if fitted}
    bent = {form: maximise(Model(flexible, form, rows), fitted.theta, attempts) for form, fitted in plain.items()}
    pairs = [*plain.values(), *(fitted for fitted in bent.values() if fitted)]
    best = {form: min(f.criterion() for f in pairs if f.model.form == form) for form in plain}
    kept = [form for form in plain if best[form] - min(best.values(), default=0.0) < WORST_DIFFERENCE]
    found = [fitted for fitted in pairs if fitted.model.law in laws]
    for law in laws:
        if law in (first, flexible):
            continue
        ahead = min(kept, key=lambda form: min(f.criterion() for f in pairs + found if f.model.form == form))
        for form in (ahead,) if law.heterogeneous else kept:
            found += [f for f in (maximise(Model(law, form, rows), plain[form].theta, attempts),) if f]
    return found


def _start(start: tuple[float, float, float], form: str) -> tuple[float, float, float]:
    return start if form == POWER else (start[0], -2.0, start[2])


def _failing(survival: Array, time: Array, hazard: Array, chance: Array) -> Array:
    """Return the chance to fail by the last time; hazard and chance of one length, the survival's last axis is time."""
    decay = np.exp(-hazard[..., None] * time)
    risk = survival * decay
    area = (0.5 * (risk[..., 1:] + risk[..., :-1]) * np.diff(time)).sum(axis=-1)
    return np.asarray(chance + (1.0 - chance) * np.minimum(risk[..., -1] + hazard * area, 1.0))


def _check(**given: float) -> None:
    for name, value in given.items():
        if name in ("p", "level") and not 0.0 < value < 1.0:
            raise TableError(f"{name} is {value}, not between 0 and 1", where="duration fit")
        if not (np.isfinite(value) and value > 0):
            raise TableError(f"{name} is {value}, not above 0", where="duration fit")


def _finished(name: str, mean: Average, candidates: list[Fitted], attempts: Attempts, level: float) -> DurationFit:
    endings = count_endings(attempts)
    residuals = take_residuals(mean.best)
    goodness = _goodness(mean, candidates, attempts, residuals)
    return DurationFit(
        name=name,
        law=mean.best.model.name,
        params=describe(mean.best, level),
        n=attempts.n,
        n_censored=attempts.n - attempts.n_events,
        goodness=goodness,
        window=attempts.window,
        extrapolates_beyond_s=float(attempts.duration_s.max()),
        hazards={outcome: ending.rate() for outcome, ending in endings.items() if not ending.per_attempt},
        notes=_notes(goodness, endings, attempts),
        average=mean,
        endings=endings,
        residuals=residuals,
        attempts=attempts,
    )


def _goodness(mean: Average, candidates: list[Fitted], attempts: Attempts, residuals: Residuals) -> dict[str, float]:
    effect = mean.best.design_effect
    made = {f"aic_{fitted.model.name}": fitted.criterion(effect) for fitted in candidates}
    made |= {f"weight_{f.model.name}": float(w) for f, w in zip(mean.members, mean.weights, strict=True)}
    made |= {"km_distance": residuals.distance, "km_distance_expected": residuals.expected * float(np.sqrt(effect))}
    made |= {"design_effect": effect, "n_dropped": float(attempts.n_dropped)}
    made["n_finished_late"] = float(attempts.n_late)
    made["distinct_sizes"] = float(len(np.unique(np.round(np.log(attempts.size_bytes), 2))))
    mixed = [(f, w) for f, w in zip(mean.members, mean.weights, strict=True) if f.model.law.heterogeneous]
    if sum(w for _, w in mixed) > 0.5:
        share = next(place for place, shape in enumerate(mixed[0][0].model.law.shapes) if shape.name == "share")
        made["stall_share"] = mixed[0][0].model.law.shapes[share].natural(float(mixed[0][0].theta[2 + share]))
    return made


def _notes(goodness: Mapping[str, float], endings: Mapping[str, Ending], attempts: Attempts) -> tuple[str, ...]:
    made = []
    if goodness["distinct_sizes"] < 2:
        made.append("one size only: time is taken in proportion to size, so other sizes are extrapolated")
    if goodness["km_distance"] > goodness["km_distance_expected"]:
        made.append("no law follows the data closely below the limit: rely on the intervals, not on the values")
    if "stall_share" in goodness:
        made.append(f"about {goodness['stall_share']:.1%} of attempts are of a slower kind, or stall")
    made += [
        f"{e.outcome} failures come at the start of an attempt, not in the course of time"
        for e in endings.values()
        if e.per_attempt
    ]
    if attempts.n_dropped:
        made.append(
            f"{attempts.n_dropped} rows without a positive time or size, or with an unknown outcome, were left out"
        )
    return tuple(made)
