"""Bandwidth from bytes in flight: whether pieces share a link, and how much it carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dfly_analysis.errors import TableError
from dfly_analysis.estimates import Fit, Interval, NotFitted, Param
from dfly_analysis.messages import Message, message
from dfly_analysis.models.concurrency import HOST, SOURCE, Spans, Steps, count_load, shared_speed, take_spans
from dfly_analysis.models.contention import bounds, design_effect, profile, rate_alone
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.model_selection import fit_duration

NAME, LAW_NAME = "source_capacity", "piece_from_source_at_usual_load"
MIN_COUNT = 30
CONTENTION_EXPONENTS = (1.0, 4.0, 7.0, 12.0)
_FALLEN_BEHIND = 8.0
_OWN, _SOFT, _HARD = message("own rates"), message("shared softly"), message("shared link")
# Contention times the usual load: 0 for requests that do not feel each other, large for a link that is always full.
_GRID = np.array([0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.6, 2.5, 4.0, 7.0, 15.0, 60.0, 1000.0])
_COLLECT = message(
    "client logs with piece start and finish lines (level debug from client v1.4.1), or the scheduler's log"
)


@dataclass(frozen=True)
class HostRate:
    """What one host fetched: seconds with a piece in flight, finished bytes per such second, and attempts."""

    host: str
    busy_s: float
    rate_bps: float
    n: int


@dataclass(frozen=True, kw_only=True)
class CapacityFit(Fit):
    """Throughput of the source against pieces in flight: ``X(n) = n r (1 + (c n)^k)^(-1/k)``.

    ``r`` is the rate of a piece alone, ``c`` the contention: 0 where pieces do not slow each other, and ``r / c`` the bandwidth that
    throughput tends to. A piece's progress is the integral of its speed over the pieces in flight at each moment, so that a slow piece
    which outlives its siblings is not taken for one that profits from their absence. Beyond ``most_in_flight`` it extrapolates.

    Attributes
    ----------
    law : str
        ``own rates`` (no sharing is seen), ``shared softly`` (k = 1) or ``shared link`` (k = 4, 7 or 12).
    params : tuple of Param
        ``rate_alone`` and ``bandwidth``, bytes per second; the latter is infinite where no sharing is seen.
    goodness : mapping of str to float
        ``gain`` (log likelihood over own rates), ``design_effect``, ``usual_load``, ``most_in_flight``, ``busiest_bps``.
    scope : {"host", "source"}
        Whether pieces of one host share, or those of all.
    contention : Interval
    contention_exponent, usual_load, rate_alone_bps : float
    rate_error : float
        Relative standard error of that rate, and so of the bandwidth, over all exponents that fit nearly as well.
    hosts : tuple of HostRate
    """

    scope: str
    contention: Interval
    contention_exponent: float
    usual_load: float
    rate_alone_bps: float
    rate_error: float
    hosts: tuple[HostRate, ...] = ()

    @property
    def shared(self) -> bool:
        """Return whether the data show that pieces share a link."""
        return self.contention.value > 0

    @property
    def bandwidth_bps(self) -> Interval:
        """Return what throughput tends to, bytes per second; ends without bound are infinite."""
        c = self.contention
        return Interval(*(_bandwidth(self, x) for x in (c.value, c.high, c.low)))

    def throughput(self, in_flight: float) -> Interval:
        """Return bytes per second with so many pieces in flight (at least 1); at the usual load all ends agree."""
        if not in_flight >= 1:
            raise TableError(f"pieces in flight must be at least 1, got {in_flight}", where="capacity")
        usual = shared_speed(self.usual_load, self.contention.value, self.contention_exponent) * self.rate_alone_bps
        speeds = np.array([in_flight, self.usual_load])
        result = []
        for contention in (self.contention.value, self.contention.low, self.contention.high):
            there, here = shared_speed(speeds, contention, self.contention_exponent)
            result.append(float(usual * in_flight * there / here))
        return Interval(result[0], min(result), max(result))


def fit_capacity(
    pieces: pd.DataFrame, tasks: pd.DataFrame | None = None, *, name: str = NAME
) -> CapacityFit | NotFitted:
    """Fit throughput against pieces in flight.

    Parameters
    ----------
    pieces : DataFrame
        Of `dfly_analysis.schema.PIECES`; not changed.
    tasks : DataFrame, optional
        Of `dfly_analysis.schema.TASKS`; not changed. They show how long passes lasted whose pieces are not logged.
    name : str

    Returns
    -------
    CapacityFit or NotFitted
    """
    spans = take_spans(pieces, tasks)
    used = int((spans.usable & spans.finished).sum())
    if used < MIN_COUNT:
        reason = message(
            "{n} finished attempts at the source have a start time; {needed} are needed", n=used, needed=MIN_COUNT
        )
        return NotFitted(name, reason, _COLLECT, len(spans.row))
    scopes = (HOST, SOURCE) if len(spans.hosts) > 1 else (HOST,)
    loads = {scope: count_load(spans, scope) for scope in scopes}
    usual = {scope: _usual_load(spans, steps) for scope, steps in loads.items()}
    curves = {
        (scope, exponent): profile(spans, loads[scope], _GRID / usual[scope], exponent)
        for scope in scopes
        for exponent in CONTENTION_EXPONENTS
    }
    scope, exponent = max(curves, key=lambda key: float(curves[key][0].max()))
    top = float((_GRID / usual[scope])[int(curves[scope, exponent][0].argmax())])
    effect = design_effect(spans, loads[scope], top, exponent)
    found = {key: bounds(gain / effect, _GRID / usual[key[0]]) for key, (gain, _) in curves.items()}
    contention = found[scope, exponent]
    if contention.value == 0:
        scope = HOST
        exponent = max(CONTENTION_EXPONENTS, key=lambda one: found[HOST, one].high)
        contention = found[HOST, exponent]
    gain = float(curves[scope, exponent][0].max())
    bare = _described(name, spans, loads[scope], contention, (scope, exponent, usual[scope], gain, effect), pieces)
    others = {
        other: (found[scope, other].value, (gain - float(curves[scope, other][0].max())) / effect)
        for other in CONTENTION_EXPONENTS
        if other != exponent
    }
    return _with_params(
        replace(bare, rate_error=float(np.hypot(bare.rate_error, _disagreement(bare, spans, loads[scope], others))))
    )


def _disagreement(fit: CapacityFit, spans: Spans, steps: Steps, others: Mapping[float, tuple[float, float]]) -> float:
    """Return how far the bandwidth under other exponents is from the fitted one, in logs, weighted by how well they fit.

    ``others`` holds the contention of each, and how much its log likelihood is below that of the best.
    """
    weights, squares = [1.0], [0.0]
    for exponent, (contention, short) in others.items():
        if fit.contention.value > 0 and contention > 0 and short < _FALLEN_BEHIND:
            bandwidth = rate_alone(spans, steps, contention, exponent)[0] / contention
            weights.append(float(np.exp(-short)))
            squares.append(float(np.log(bandwidth / fit.bandwidth_bps.value)) ** 2)
    return float(np.sqrt(np.average(squares, weights=weights)))


def _bandwidth(fit: CapacityFit, contention: float) -> float:
    """Return the bandwidth under another contention that agrees on the speed at the usual load, where it was seen."""
    observed = fit.rate_alone_bps * shared_speed(fit.usual_load, fit.contention.value, fit.contention_exponent)
    alone = float(observed / shared_speed(fit.usual_load, contention, fit.contention_exponent))
    return alone / contention if contention > 0 else float("inf")


def fit_link(pieces: pd.DataFrame, tasks: pd.DataFrame | None) -> dict[str, CapacityFit | DurationFit | NotFitted]:
    """Return the capacity, and where sharing is seen the duration of a piece at the usual load; arguments as of `fit_capacity`."""
    capacity = fit_capacity(pieces, tasks)
    result: dict[str, CapacityFit | DurationFit | NotFitted] = {NAME: capacity}
    if isinstance(capacity, CapacityFit) and capacity.shared:
        result[LAW_NAME] = fit_duration(at_usual_load(pieces, capacity, tasks), name=LAW_NAME)
    return result


def at_usual_load(pieces: pd.DataFrame, capacity: CapacityFit, tasks: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the attempts with a start time, with times and timeouts (s) as if the usual number were in flight all the time."""
    spans = take_spans(pieces, tasks)
    steps = count_load(spans, capacity.scope)
    usual = shared_speed(capacity.usual_load, capacity.contention.value, capacity.contention_exponent)
    time = steps.progress(capacity.contention.value, capacity.contention_exponent) / usual
    result = pieces.iloc[spans.row[spans.usable]].copy()
    result["duration_s"] = time[spans.usable]
    result["timeout_s"] = np.where(spans.cut, time, np.nan)[spans.usable]
    return result


def _usual_load(spans: Spans, steps: Steps) -> float:
    """Return the pieces in flight during an attempt, itself among them: the mean over attempts of the mean over their time."""
    area = np.concatenate([[0.0], np.cumsum(steps.lasted_s * steps.load)])
    mean = (area[steps.last] - area[steps.first]) / np.maximum(spans.end_s - spans.begin_s, 1e-9)
    return float(max(mean[spans.usable].mean(), 1.0))


def _host_rates(spans: Spans) -> tuple[HostRate, ...]:
    result = []
    for code, host in enumerate(spans.hosts):
        own = spans.host == code
        begin, end = spans.begin_s[own], np.maximum.accumulate(spans.end_s[own])
        busy = float(end[-1] - begin[0] - np.maximum(begin[1:] - end[:-1], 0.0).sum())
        done = float(spans.size_bytes[own & spans.finished].sum())
        result.append(HostRate(host, busy, done / max(busy, 1e-9), int(own.sum())))
    return tuple(sorted(result, key=lambda one: one.host))


def _described(
    name: str, spans: Spans, steps: Steps, contention: Interval, found: tuple[str, float, float, float, float], pieces: pd.DataFrame
) -> CapacityFit:  # fmt: skip
    scope, exponent, usual, gain, effect = found
    rate, spread = rate_alone(spans, steps, contention.value, exponent)
    error, hosts = float(spread * np.sqrt(effect / spans.finished.sum())), _host_rates(spans)
    started = pd.to_datetime(pieces["started"], utc=True).iloc[spans.row]
    goodness = {
        "gain": gain, "design_effect": effect, "usual_load": usual, "most_in_flight": float(steps.load.max()),
        "busiest_bps": max(one.rate_bps for one in hosts),
    }  # fmt: skip
    return CapacityFit(
        name=name, law=_OWN if contention.value == 0 else _SOFT if exponent == CONTENTION_EXPONENTS[0] else _HARD, params=(),
        n=int(spans.usable.sum()), n_censored=int((spans.usable & ~spans.finished).sum()), goodness=goodness,
        window=(started.min().isoformat(), started.max().isoformat()), scope=scope, contention=contention, contention_exponent=exponent,
        usual_load=usual, rate_alone_bps=rate, rate_error=error, hosts=hosts, notes=_notes(spans, scope, contention, usual),
    )  # fmt: skip


def _with_params(fit: CapacityFit) -> CapacityFit:
    rate, wide, band = fit.rate_alone_bps, float(np.exp(1.96 * fit.rate_error)), fit.bandwidth_bps
    alone = Param("rate_alone", rate, rate / wide, rate * wide, "B/s")
    return replace(fit, params=(alone, Param("bandwidth", band.value, band.low / wide, band.high * wide, "B/s")))


def _notes(spans: Spans, scope: str, contention: Interval, usual: float) -> tuple[Message, ...]:
    if contention.value > 0 and scope == HOST:
        notes = [message("pieces of one host share a link: more in flight are each slower")]
    elif contention.value > 0:
        notes = [message("pieces of all hosts share a link: more in flight are each slower")]
    elif contention.high * usual > 1.0:
        notes = [
            message(
                "whether pieces share a link is unknown, since about {n:.0f} were in flight all the time; a run with half of "
                "download.concurrentPieceCount would show it",
                n=usual,
            )
        ]
    else:
        notes = [message("pieces in flight do not slow each other as far as the data reach")]
    if bool((~spans.usable).any()) and len(spans.hosts) > 1:
        notes.append(message("rounds whose finished pieces are not logged are missing from the pieces in flight"))
    return tuple(notes)
