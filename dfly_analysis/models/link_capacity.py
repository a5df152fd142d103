"""Bandwidth from bytes in flight: whether pieces share a link, and how much it carries."""

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

NAME, AT_USUAL_LOAD = "source_capacity", "piece_from_source_at_usual_load"
MIN_COUNT = 30
CONTENTION_EXPONENTS = (1.0, 4.0, 7.0, 12.0)
_FAR_BEHIND = 8.0
_OWN, _SOFT, _HARD = message("own rates"), message("shared softly"), message("shared link")
# Contention times the usual load: 0 for requests that do not feel each other, large for a link that is always full.
_GRID = np.array([0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.6, 2.5, 4.0, 7.0, 15.0, 60.0, 1000.0])
_COLLECT = message(
    "client logs with piece start and finish lines (level debug from client v1.4.1), or the scheduler's log"
)


@dataclass(frozen=True, kw_only=True, repr=False)
class CapacityFit(Fit):
    """Throughput of the source against pieces in flight: ``X(n) = n r (1 + (c n)^k)^(-1/k)``.

    ``r`` is the rate of a piece alone, ``c`` the contention: 0 where pieces do not slow each other, and ``r / c`` the bandwidth that
    throughput tends to. A piece's progress is the integral of its speed over the pieces in flight at each moment, so that a slow piece
    which outlives its siblings is not taken for one that profits from their absence. Beyond ``most_in_flight`` it extrapolates.

    ``model`` is ``own rates`` (no sharing is seen), ``shared softly`` (k = 1) or ``shared link`` (k = 4, 7 or 12). ``params`` are
    ``rate_alone`` and ``bandwidth`` (B/s), the latter infinite where no sharing is seen. ``goodness`` has ``gain`` (log likelihood over own
    rates), ``design_effect``, ``usual_load``, ``most_in_flight``, ``busiest_bps``. ``scope``: whether pieces of one ``host`` share, or those
    of all (``source``). ``rate_error`` is the relative standard error of the rate, and so of the bandwidth, over all exponents that fit
    nearly as well.
    """

    scope: str
    contention: Interval
    contention_exponent: float
    usual_load: float
    rate_alone_bps: float
    rate_error: float
    hosts: tuple[str, ...] = ()

    @property
    def shared(self) -> bool:
        """Return whether the data show that pieces share a link."""
        return self.contention.value > 0

    @property
    def bandwidth_bps(self) -> Interval:
        """Return what throughput tends to, bytes per second, infinite without contention; at the usual load all ends agree."""
        ends = []
        for contention in (self.contention.value, self.contention.high, self.contention.low):
            alone = self._usual_bps / shared_speed(self.usual_load, contention, self.contention_exponent)
            ends.append(float(alone) / contention if contention > 0 else float("inf"))
        return Interval(*ends)

    @property
    def _usual_bps(self) -> float:
        speed = shared_speed(self.usual_load, self.contention.value, self.contention_exponent)
        return float(self.rate_alone_bps * speed)

    def throughput(self, in_flight: float) -> Interval:
        """Return bytes per second with so many pieces in flight (at least 1); at the usual load all ends agree."""
        if not in_flight >= 1:
            raise TableError(f"pieces in flight must be at least 1, got {in_flight}", where="capacity")
        speeds = np.array([in_flight, self.usual_load])
        result = []
        for contention in (self.contention.value, self.contention.low, self.contention.high):
            there, here = shared_speed(speeds, contention, self.contention_exponent)
            result.append(float(self._usual_bps * in_flight * there / here))
        return Interval(result[0], min(result), max(result))


def fit_capacity(pieces: pd.DataFrame, tasks: pd.DataFrame | None = None) -> CapacityFit | NotFitted:
    """Fit throughput against pieces in flight to frames of `PIECES` and `TASKS`, which are not changed.

    Tasks show how long passes lasted whose pieces are not logged.
    """
    spans = take_spans(pieces, tasks)
    used = int((spans.usable & spans.finished).sum())
    if used < MIN_COUNT:
        reason = message("{n} finished attempts at the source have a start time; {needed} are needed", n=used, needed=MIN_COUNT)  # fmt: skip
        return NotFitted(NAME, reason, _COLLECT, len(spans.row))
    loads = {scope: count_load(spans, scope) for scope in ((HOST, SOURCE) if len(spans.hosts) > 1 else (HOST,))}
    usual = {scope: _usual_load(spans, steps) for scope, steps in loads.items()}
    gains = {
        (scope, exponent): profile(spans, steps, _GRID / usual[scope], exponent)[0]
        for scope, steps in loads.items()
        for exponent in CONTENTION_EXPONENTS
    }
    scope, exponent = max(gains, key=lambda key: float(gains[key].max()))
    effect = design_effect(spans, loads[scope], float(_GRID[gains[scope, exponent].argmax()] / usual[scope]), exponent)
    found = {key: bounds(gain / effect, _GRID / usual[key[0]]) for key, gain in gains.items()}
    if found[scope, exponent].value == 0:
        scope, exponent = HOST, max(CONTENTION_EXPONENTS, key=lambda one: found[HOST, one].high)
    contention, steps, gain = found[scope, exponent], loads[scope], float(gains[scope, exponent].max())
    rate, spread = rate_alone(spans, steps, contention.value, exponent)
    # How far the bandwidth under other exponents is from this one, in logs, weighted by how well they fit.
    weights, squares = [1.0], [0.0]
    for other in CONTENTION_EXPONENTS:
        value, behind = found[scope, other].value, (gain - float(gains[scope, other].max())) / effect
        if other != exponent and contention.value > 0 and value > 0 and behind < _FAR_BEHIND:
            weights.append(float(np.exp(-behind)))
            bandwidth = rate_alone(spans, steps, value, other)[0] / value
            squares.append(float(np.log(bandwidth * contention.value / rate)) ** 2)
    between = np.sqrt(np.average(squares, weights=weights))
    error = float(np.hypot(spread * np.sqrt(effect / spans.finished.sum()), between))
    started = pd.to_datetime(pieces["started"], utc=True).iloc[spans.row]
    goodness = {
        "gain": gain, "design_effect": effect, "usual_load": usual[scope], "most_in_flight": float(steps.load.max()),
        "busiest_bps": max(_rate_of_host(spans, host) for host in range(len(spans.hosts))),
    }  # fmt: skip
    fit = CapacityFit(
        name=NAME, model=_OWN if contention.value == 0 else _SOFT if exponent == CONTENTION_EXPONENTS[0] else _HARD,
        n=int(spans.usable.sum()), n_censored=int((spans.usable & ~spans.finished).sum()), goodness=goodness,
        window=(started.min().isoformat(), started.max().isoformat()), scope=scope, contention=contention, contention_exponent=exponent,
        usual_load=usual[scope], rate_alone_bps=rate, rate_error=error, hosts=tuple(sorted(spans.hosts)),
        notes=_notes(spans, scope, contention, usual[scope]),
    )  # fmt: skip
    wide, band = float(np.exp(1.96 * error)), fit.bandwidth_bps
    alone = Param("rate_alone", rate, rate / wide, rate * wide, "B/s")
    return replace(fit, params=(alone, Param("bandwidth", band.value, band.low / wide, band.high * wide, "B/s")))


def fit_link(pieces: pd.DataFrame, tasks: pd.DataFrame | None) -> dict[str, CapacityFit | DurationFit | NotFitted]:
    """Return the capacity, and where sharing is seen the duration of a piece at the usual load; arguments as of `fit_capacity`."""
    capacity = fit_capacity(pieces, tasks)
    result: dict[str, CapacityFit | DurationFit | NotFitted] = {NAME: capacity}
    if isinstance(capacity, CapacityFit) and capacity.shared:
        result[AT_USUAL_LOAD] = fit_duration(at_usual_load(pieces, capacity, tasks), name=AT_USUAL_LOAD)
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


def _rate_of_host(spans: Spans, host: int) -> float:
    """Return the bytes of finished attempts over the seconds with a piece in flight."""
    own = spans.host == host
    begin, end = spans.begin_s[own], np.maximum.accumulate(spans.end_s[own])
    busy = float(end[-1] - begin[0] - np.maximum(begin[1:] - end[:-1], 0.0).sum())
    return float(spans.size_bytes[own & spans.finished].sum()) / max(busy, 1e-9)


def _notes(spans: Spans, scope: str, contention: Interval, usual: float) -> tuple[Message, ...]:
    notes = [message("pieces in flight do not slow each other as far as the data reach")]
    if contention.value > 0 and scope == HOST:
        notes = [message("pieces of one host share a link: more in flight are each slower")]
    elif contention.value > 0:
        notes = [message("pieces of all hosts share a link: more in flight are each slower")]
    elif contention.high * usual > 1.0:
        notes = [
            message(
                "whether pieces share a link is unknown, since about {n:.0f} were in flight all the time; a run with half as many would show it",
                n=usual,
            )
        ]
    if bool((~spans.usable).any()) and len(spans.hosts) > 1:
        notes.append(message("rounds whose finished pieces are not logged are missing from the pieces in flight"))
    return tuple(notes)
