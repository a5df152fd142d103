"""How long layers take over each link: pieces drawn from a fitted distribution through the slots of a layer, or bytes over a bandwidth."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dfly_analysis.catalog.piece_length_rules import piece_length_bytes, piece_rules
from dfly_analysis.catalog.sizing_guide import unpack_speeds
from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import DEFAULT_RETRY_CORRELATION, Interval, measured_retry_correlation
from dfly_analysis.messages import format_list, message
from dfly_analysis.models import DurationFit, LayerShape, layer_failure_rate
from dfly_analysis.recommendation.context import PIECE, WRITE
from dfly_analysis.recommendation.manifest import Layer
from dfly_analysis.simulation.pipeline import SCORES, schedule
from dfly_analysis.simulation.uncertainty import Source, time_tables
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration, format_rate, format_share

MARGIN = 3.0  # a timeout this many times the even share of the link leaves room for the tail: documented sizing and real runs agree
USUAL_SLOTS = 8  # pieces in flight of a layer: the default of the client from v1.0.36 on
PULLED_AT_ONCE = 3  # containerd's max_concurrent_downloads
# Published: a file of 6.17 GB out of the local cache in 19.7 s (d7y.io, integration with Hugging Face).
NODE_BPS = 313e6
_BUSY_QUANTILE = 0.95
_RUNS, _MOST_SCHEDULED = 64, 2000
_MAX_SCORE = 3.719  # one piece in ten thousand is slower
_SEED = 20260301
ENDS = ("value", "low", "high")
_Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Link:
    """What layers are transferred over."""

    duration_model: DurationFit | None  # of a piece, from logs
    bandwidth_bps: float | None  # of all transfers together; with a model the most that its times are valid for
    slots: int  # pieces of one layer in flight
    timeout_s: float | None
    client: str | None  # the release that determines the length of pieces
    passes: int = 2
    retry_failure_correlation: Interval = DEFAULT_RETRY_CORRELATION
    predicts_failures: bool = True  # not where layers failed in a way that pieces do not show
    _cache: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_known(self) -> bool:
        return self.duration_model is not None or self.bandwidth_bps is not None

    def piece_bytes(self, size_bytes: int) -> int:
        return max(1, min(piece_length_bytes(size_bytes, self.client), size_bytes))

    def in_flight(self, size_bytes: int) -> int:
        return max(1, min(self.slots, math.ceil(size_bytes / self.piece_bytes(size_bytes))))

    def slowdown(self, sizes: Sequence[int]) -> float:
        """Return how many times longer a piece takes where these layers are fetched at once; 1 where the bandwidth suffices."""
        if self.duration_model is None or self.bandwidth_bps is None:
            return 1.0
        scores = SCORES[abs(SCORES) <= _MAX_SCORE]
        shares, requested = [0.0, *(NormalDist().cdf(score) for score in scores), 1.0], 0.0
        for size in filter(None, sizes):
            values = self._time_of(self.piece_bytes(size), scores)[0]
            requested += self._bytes_in_flight(size) / float(np.trapezoid([values[0], *values, values[-1]], shares))
        return max(1.0, requested / self.bandwidth_bps)

    def layer_time(self, size_bytes: int, concurrent_sizes: Sequence[int]) -> Interval | None:
        """Return how long a layer takes among all layers in flight, seconds, 95 %: the model's uncertainty and chance together."""
        if not size_bytes:
            return Interval(0.0, 0.0, 0.0)
        if self.duration_model is None:
            if self.bandwidth_bps is None:
                return None
            flying = sum(self._bytes_in_flight(size) for size in concurrent_sizes if size)
            time = size_bytes / (self.bandwidth_bps * min(1.0, self._bytes_in_flight(size_bytes) / flying))
            return Interval(time, time, time)
        key = ("time", self._rounded(size_bytes), round(self.slowdown(concurrent_sizes), 3))
        if key not in self._cache:
            slowdown, timeout = self.slowdown(concurrent_sizes), self.timeout_s or math.inf
            first, second = (slowdown * times for times in self._drawn(size_bytes))
            times = np.minimum(first, timeout) + np.where(first > timeout, np.minimum(second, timeout), 0.0)
            done = makespan(times.reshape(-1, times.shape[-1]), self.in_flight(size_bytes)).reshape(3, _RUNS)
            value, low, high = (float(np.percentile(*pair)) for pair in zip(done, (50.0, 2.5, 97.5), strict=True))
            self._cache[key] = Interval(value, min(low, value), max(high, value))
        found: Interval = self._cache[key]
        return found

    def layer_failure(self, size_bytes: int, concurrent_sizes: Sequence[int]) -> Interval | None:
        """Return the probability that a layer fails; without a model only that of a timeout below the even share of the link is known."""
        if not self.predicts_failures:
            return None
        if not size_bytes:
            return Interval(0.0, 0.0, 0.0)
        if self.timeout_s is None:
            return None
        if self.duration_model is None:
            margin = self.margin(size_bytes, concurrent_sizes)
            return Interval(1.0, 1.0, 1.0) if margin is not None and margin < 1.0 else None
        slowdown = self.slowdown(concurrent_sizes)
        key = ("failure", self._rounded(size_bytes), round(slowdown, 3))
        if key not in self._cache:
            slots, piece_bytes = self.in_flight(size_bytes), self.piece_bytes(size_bytes)
            layer = LayerShape(size_bytes, piece_bytes, slots, self.passes, piece_rules(self.client).siblings_cancelled)
            self._cache[key] = layer_failure_rate(
                self.duration_model, layer, self.timeout_s / slowdown,
                retry_failure_correlation=self.retry_failure_correlation,
            )  # fmt: skip
        found: Interval = self._cache[key]
        return found

    def margin(self, size_bytes: int, concurrent_sizes: Sequence[int]) -> float | None:
        """Return the timeout in even shares of the link, the least of the layers in flight; None without a bandwidth."""
        if self.bandwidth_bps is None or self.timeout_s is None or not size_bytes:
            return None
        flying = sum(self._bytes_in_flight(size) for size in concurrent_sizes if size)
        return self.timeout_s / (flying / self.bandwidth_bps)

    def _bytes_in_flight(self, size_bytes: int) -> int:
        return self.in_flight(size_bytes) * self.piece_bytes(size_bytes)

    def _rounded(self, size_bytes: int) -> int:
        return size_bytes if size_bytes > self.piece_bytes(size_bytes) else 1 << max(0, size_bytes - 1).bit_length()

    def _time_of(self, piece_bytes: int, scores: _Array) -> _Array:
        """Return times of pieces at normal scores of their probability: by the estimate, and by either end of its interval."""
        size = 1 << max(12, (piece_bytes - 1).bit_length())  # few sizes, so that few distributions are computed
        if size not in self._cache:
            assert self.duration_model is not None
            self._cache[size] = time_tables(Source((self.duration_model, self.duration_model)), [size])[0, size]
        return np.array([np.exp(np.interp(scores, SCORES, log_time)) for log_time in self._cache[size]])

    def _drawn(self, size_bytes: int) -> tuple[_Array, _Array]:
        """Return drawn times of a layer's pieces and of their second attempts, by estimate and ends of the model, run and piece."""
        piece = self.piece_bytes(size_bytes)
        key = ("drawn", piece, math.ceil(size_bytes / piece))
        if key not in self._cache:
            rng = np.random.default_rng(_SEED)
            scores = (np.clip(rng.standard_normal((_RUNS, key[2])), -_MAX_SCORE, _MAX_SCORE) for _ in range(2))
            self._cache[key] = tuple(self._time_of(piece, one) for one in scores)
        found: tuple[_Array, _Array] = self._cache[key]
        return found


def makespan(times: _Array, slots: int) -> _Array:
    """Return when the last piece ends, a run a row; a piece starts when a slot is free, in order."""
    if times.shape[1] > _MOST_SCHEDULED:
        return np.asarray(times.sum(axis=1) / slots + 0.5 * times[:, -slots:].max(axis=1))
    return np.asarray((schedule(times, np.zeros(times.shape[1]), slots) + times).max(axis=1))


def any_failure(failures: Sequence[Interval | None]) -> Interval | None:
    """Return the probability that at least one of several independent failures occurs; None where one is not known."""
    known = [one for one in failures if one is not None]
    if len(known) < len(failures):
        return Interval(1.0, 1.0, 1.0) if any(one.low >= 1.0 for one in known) else None
    return Interval(*(1.0 - math.prod(1.0 - getattr(one, end) for one in known) for end in ENDS))


@dataclass(frozen=True)
class Links:
    """The links of a layer: registry to seed clients, registry to a node, seed client to a node, and out of the node's cache."""

    source: Link
    origin: Link
    seed: Link
    node: Link
    unpack_bps: float | None
    assumptions: tuple[str, ...]

    def without_failures(self, *, source: bool, pulls: bool) -> Self:
        """Return the links without a failure rate: of the registry to seed clients, or of the links to nodes."""
        source_link, origin, seed = (
            replace(link, predicts_failures=not lost) for link, lost in ((self.source, source), (self.origin, pulls), (self.seed, pulls))
        )  # fmt: skip
        return replace(self, source=source_link, origin=origin, seed=seed)

    def unpack_s(self, layers: Sequence[Layer]) -> float | None:
        """Return how long the layers are unpacked, one after another; None where a size is not known."""
        if any(layer.size_bytes is None for layer in layers):
            return None
        return sum((one.size_bytes or 0) / (self.unpack_bps or _usual_unpack_bps(one.compression)) for one in layers)


def _usual_unpack_bps(compression: str) -> float:
    """Return what one core unpacks of compressed bytes a second; an unknown algorithm counts as gzip."""
    speeds = unpack_speeds()
    return speeds[compression if compression in speeds else "gzip"].value


def find_links(settings: Settings, dataset: Dataset | None, fits: Mapping[str, Any] | None, rates: Mapping[str, float | None]) -> Links:  # fmt: skip
    """Find the links of a layer from settings, logs and given bandwidths; arguments as `plan_preheat`."""
    notes: list[str] = []
    source = _link("seedClient", "source", settings, dataset, fits, rates.get("registry"), notes)
    origin = _link("client", "source", settings, None, fits, rates.get("registry") or source.bandwidth_bps, [])
    seed = _link("client", "parent", settings, dataset, fits, rates.get("seed"), notes)
    if not rates.get("node"):
        rate = format_rate(NODE_BPS)
        notes.append(message("a node reads its cache at {rate} (published, assumed): set --node-rate to yours", rate=rate))  # fmt: skip
    if not rates.get("unpack"):
        speeds = format_list([f"{name} {format_rate(_usual_unpack_bps(name))}" for name in ("gzip", "zstd")])
        notes.append(message("a node unpacks compressed bytes at {speeds} (assumed): set --unpack-rate to yours", speeds=speeds))  # fmt: skip
    notes += [
        message("a node that finds nothing preheated has the bandwidth of the registry to itself"),
        message("a node pulls {n} layers at the same time, the default of containerd", n=PULLED_AT_ONCE),
    ]
    node = Link(None, rates.get("node") or NODE_BPS, USUAL_SLOTS, None, source.client)
    return Links(source, origin, seed, node, rates.get("unpack"), tuple(notes))


_WHERE = {"source": message("from the registry"), "parent": message("from a seed client to a node")}


def _link(
    role: str, way: str, settings: Settings, dataset: Dataset | None, fits: Mapping[str, Any] | None,
    bandwidth_bps: float | None, notes: list[str],
) -> Link:  # fmt: skip
    fits = fits or {}
    model = fits.get(f"piece_from_{way}_{role}") or fits.get(f"piece_from_{way}") or None
    client = settings.versions.get(role) or settings.versions.get("seedClient")
    timeouts = [settings.get(key, role).seconds for key in (PIECE, WRITE)]
    timeout_s = min((one for one in timeouts if one is not None), default=None)
    number = settings.pieces_in_flight(role, origin=way).number
    slots = max(1, int(number)) if number else USUAL_SLOTS
    if way == "source":
        named = role if settings.versions.get(role) else "seedClient"
        if (note := settings.release_note(named)) is not None:
            notes.append(note)
        if settings.charts and settings.chart is None:
            notes.append(message("no chart is named: what the values leave out is that of {source}", source=settings.chart_source))  # fmt: skip
        if timeout_s is None:
            notes.append(message("the piece timeout of the seed client is not known, so timeouts are not predicted"))
        else:
            notes.append(message("the piece timeout of the seed client is {time}", time=format_duration(timeout_s)))
        assumed = message("{n} pieces of a layer are in flight (assumed)", n=slots)
        notes.append(assumed if number is None else message("{n} pieces of a layer are in flight", n=slots))
    where = _WHERE[way]
    if model is not None:
        values = {"where": where, "n": model.n, "share": format_share(model.n_censored / model.n)}
        notes.append(message("{where}: piece times of {n:,} attempts in the logs, {share} of them right-censored", **values))  # fmt: skip
        if bandwidth_bps is None and dataset is not None and (bandwidth_bps := busy_rate_bps(dataset, way)) is not None:
            rate = format_rate(bandwidth_bps)
            notes.append(message("{where}: at most {rate} in total (observed)", where=where, rate=rate))
    elif bandwidth_bps is not None:
        values = {"where": where, "rate": format_rate(bandwidth_bps)}
        notes.append(message("{where}: {rate}, shared evenly; without logs the times have no interval", **values))
    else:
        notes.append(message("{where}: no data and no time; give logs with --from, or a bandwidth", where=where))
    correlation = (measured_retry_correlation(fits) if way == "source" else None) or DEFAULT_RETRY_CORRELATION
    return Link(model, bandwidth_bps, slots, timeout_s, client, piece_rules(client).passes, correlation)


def busy_rate_bps(dataset: Dataset, origin: str) -> float | None:
    """Return the bytes per second that finished attempts of all hosts reached together in their busiest twentieth of the time."""
    rate: float | None = dataset.rows(sql("recommendation", "busy_rate"), [origin, _BUSY_QUANTILE])[0][0]
    return rate
