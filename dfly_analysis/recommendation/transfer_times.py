"""How long layers take over each link: pieces drawn from a fitted distribution through the slots of a layer, or bytes over a bandwidth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dfly_analysis.catalog.piece_length_rules import piece_attempts, piece_length_bytes, siblings_cancelled
from dfly_analysis.catalog.releases import releases
from dfly_analysis.catalog.sizing_guide import unpack_speeds
from dfly_analysis.config import Settings
from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import DEFAULT_RETRY_CORRELATION, Interval, measured_retry_correlation
from dfly_analysis.models import DurationFit, LayerShape, layer_failure_rate
from dfly_analysis.recommendation.context import PIECE, SLOTS, WRITE
from dfly_analysis.recommendation.manifest import Layer
from dfly_analysis.units import format_duration, format_rate, format_share

MARGIN = 3.0
"""A timeout this many times the even share of the link leaves room for the tail: documented sizing and real runs agree."""
USUAL_SLOTS = 8
"""Pieces in flight of a layer: the default of the client from v1.0.36 on."""
PULLED_AT_ONCE = 3  # containerd's max_concurrent_downloads
# Published: a file of 6.17 GB out of the local cache in 19.7 s (d7y.io, integration with Hugging Face).
NODE_BPS = 313e6
_BUSY_QUANTILE = 0.95
_RUNS, _MOST_SCHEDULED = 64, 2000
_PROBABILITIES = (*(place / 24 for place in range(1, 24)), 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
_SEED = 20260301
_Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Link:
    """What layers are transferred over.

    The model is a piece's, from logs; the bandwidth (bytes per second) is that of all transfers together, with a model the most
    that its times are valid for. `slots` pieces of one layer are in flight, each ends at `timeout_s` and gets `passes` attempts;
    `client` is the release that determines the length of pieces.
    """

    duration_model: DurationFit | None
    bandwidth_bps: float | None
    slots: int
    timeout_s: float | None
    client: str | None
    passes: int = 2
    retry_failure_correlation: Interval = DEFAULT_RETRY_CORRELATION
    _known: dict[Any, Interval] = field(default_factory=dict, compare=False, repr=False)
    _model_cache: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """Quantiles by size, and times drawn from them; links of one model share it."""

    @property
    def knows(self) -> bool:
        """Whether anything is known of its times."""
        return self.duration_model is not None or self.bandwidth_bps is not None

    def with_model_of(self, other: Link) -> Link:
        """Return it sharing what the other link of the same model has computed."""
        return replace(self, _model_cache=other._model_cache)

    def piece_bytes(self, size_bytes: int) -> int:
        """Return the length of a layer's pieces."""
        return max(1, min(piece_length_bytes(size_bytes, self.client), size_bytes))

    def in_flight(self, size_bytes: int) -> int:
        """Return how many pieces of a layer are in flight."""
        return max(1, min(self.slots, math.ceil(size_bytes / self.piece_bytes(size_bytes))))

    def slower(self, sizes: Sequence[int]) -> float:
        """Return how many times longer a piece takes where these layers are fetched at once; 1 where the link bears it."""
        if self.duration_model is None or self.bandwidth_bps is None:
            return 1.0
        requested = sum(self._flying_bytes(size) / self.mean_piece_s(size) for size in sizes if size)
        return max(1.0, requested / self.bandwidth_bps)

    def mean_piece_s(self, size_bytes: int) -> float:
        """Return the mean time of a piece of a layer, by the distribution, seconds."""
        grid, values = self._quantiles(self.piece_bytes(size_bytes))[:2]
        return float(np.trapezoid(values, grid))

    def layer_time(self, size_bytes: int, concurrent_sizes: Sequence[int]) -> Interval | None:
        """Return how long a layer takes among all layers in flight, seconds, 95 %: the model's uncertainty and chance together."""
        if not size_bytes:
            return Interval(0.0, 0.0, 0.0)
        if self.duration_model is None:
            if self.bandwidth_bps is None:
                return None
            share = self._flying_bytes(size_bytes) / sum(self._flying_bytes(size) for size in concurrent_sizes if size)
            time = size_bytes / (self.bandwidth_bps * min(1.0, share))
            return Interval(time, time, time)
        slower = self.slower(concurrent_sizes)
        key = ("drawn", self._rounded(size_bytes), round(slower, 3))
        if key not in self._known:
            first, repeated = self._times(size_bytes)
            limit = self.timeout_s or math.inf
            times = np.minimum(first * slower, limit)
            times += np.where(first * slower > limit, np.minimum(repeated * slower, limit), 0.0)
            done = _makespan(times.reshape(-1, times.shape[-1]), self.in_flight(size_bytes)).reshape(3, _RUNS)
            value, low, high = (
                float(np.percentile(own, share)) for own, share in zip(done, (50.0, 2.5, 97.5), strict=True)
            )
            self._known[key] = Interval(value, min(low, value), max(high, value))
        return self._known[key]

    def layer_failure(self, size_bytes: int, concurrent_sizes: Sequence[int]) -> Interval | None:
        """Return the probability that a layer fails; None where it is not known.

        Without a model only two cases are clear: a timeout below the even share of the link ends every piece, so the
        probability is 1. Where there is room, how much is `margin`; the tail is in the logs alone.
        """
        if not size_bytes:
            return Interval(0.0, 0.0, 0.0)
        if self.timeout_s is None:
            return None
        if self.duration_model is None:
            margin = self.margin(size_bytes, concurrent_sizes)
            return Interval(1.0, 1.0, 1.0) if margin is not None and margin < 1.0 else None
        slower = self.slower(concurrent_sizes)
        key = ("failure", self._rounded(size_bytes), round(slower, 3))
        if key not in self._known:
            slots, piece_bytes = self.in_flight(size_bytes), self.piece_bytes(size_bytes)
            layer = LayerShape(size_bytes, piece_bytes, slots, self.passes, siblings_cancelled(self.client))
            correlation = self.retry_failure_correlation
            self._known[key] = layer_failure_rate(
                self.duration_model, layer, self.timeout_s / slower, retry_failure_correlation=correlation
            )
        return self._known[key]

    def margin(self, size_bytes: int, concurrent_sizes: Sequence[int]) -> float | None:
        """Return the timeout in even shares of the link, the least of the layers in flight; None without a bandwidth."""
        if self.bandwidth_bps is None or self.timeout_s is None or not size_bytes:
            return None
        return self.timeout_s / (
            sum(self._flying_bytes(size) for size in concurrent_sizes if size) / self.bandwidth_bps
        )

    def _flying_bytes(self, size_bytes: int) -> int:
        return self.in_flight(size_bytes) * self.piece_bytes(size_bytes)

    def _rounded(self, size_bytes: int) -> int:
        return size_bytes if size_bytes > self.piece_bytes(size_bytes) else 1 << max(0, size_bytes - 1).bit_length()

    def _quantiles(self, piece_bytes: int) -> _Array:
        """Return probabilities and the times of a piece: estimate, lower and upper end; a row each."""
        size = 1 << max(12, (piece_bytes - 1).bit_length())  # few sizes, so that few distributions are computed
        if size not in self._model_cache:
            assert self.duration_model is not None
            found = self.duration_model.quantiles([size] * len(_PROBABILITIES), _PROBABILITIES)
            rows = [[one.value for one in found], [one.low for one in found], [one.high for one in found]]
            self._model_cache[size] = np.array(
                [[0.0, *_PROBABILITIES, 1.0], *([row[0], *row, row[-1]] for row in rows)]
            )
        result: _Array = self._model_cache[size]
        return result

    def _times(self, size_bytes: int) -> tuple[_Array, _Array]:
        """Return times of a layer's pieces and of their second attempts, by estimate and ends of the model, run and piece."""
        piece = self.piece_bytes(size_bytes)
        n = math.ceil(size_bytes / piece)
        if (piece, n) not in self._model_cache:
            grid, *sides = self._quantiles(piece)
            rng = np.random.default_rng(_SEED)
            drawn = [rng.random((_RUNS, n)) for _ in range(2)]
            self._model_cache[piece, n] = tuple(
                np.array([np.interp(one, grid, side) for side in sides]) for one in drawn
            )
        result: tuple[_Array, _Array] = self._model_cache[piece, n]
        return result


def _makespan(times: _Array, slots: int) -> _Array:
    """Return when the last piece ends, a run a row; a piece starts when a slot is free, in order."""
    runs, n = times.shape
    if n > _MOST_SCHEDULED:
        return np.asarray(times.sum(axis=1) / slots + 0.5 * times[:, -slots:].max(axis=1))
    free, rows = np.zeros((runs, slots)), np.arange(runs)
    for piece in np.ascontiguousarray(times.T):
        free[rows, free.argmin(axis=1)] += piece
    return np.asarray(free.max(axis=1))


def any_failure(failures: Sequence[Interval | None]) -> Interval | None:
    """Return the probability that at least one of several independent failures occurs; None where one is not known."""
    known = [one for one in failures if one is not None]
    if len(known) < len(failures):
        return Interval(1.0, 1.0, 1.0) if any(one.low >= 1.0 for one in known) else None
    return Interval(*(1.0 - math.prod(1.0 - getattr(one, end) for one in known) for end in ("value", "low", "high")))


@dataclass(frozen=True)
class Links:
    """The links that a layer passes: from the registry to the seeds and to a node, from the seeds to a node, out of the node's cache."""

    source: Link
    origin: Link
    seed: Link
    node: Link
    unpack_bps: float | None
    assumptions: tuple[str, ...]

    def unpack_s(self, layers: Sequence[Layer]) -> float | None:
        """Return how long the layers are unpacked, one after another; None where a size is not known."""
        if any(layer.size_bytes is None for layer in layers):
            return None
        return sum((one.size_bytes or 0) / (self.unpack_bps or _usual_unpack_bps(one.compression)) for one in layers)


def _usual_unpack_bps(compression: str) -> float:
    """Return what one core unpacks of compressed bytes a second; an unknown algorithm counts as gzip."""
    speeds = unpack_speeds()
    return speeds[compression if compression in speeds else "gzip"].value


def find_links(
    settings: Settings, dataset: Dataset | None, fits: Mapping[str, Any] | None, rates: Mapping[str, float | None]
) -> Links:
    """Find the links of a layer from settings, logs and named bandwidths; arguments as `plan_preheat`."""
    known = dataset.settings if dataset is not None else settings
    notes: list[str] = []
    source = _link("seedClient", "source", known, dataset, fits, rates.get("registry"), notes)
    origin = _link("client", "source", known, None, fits, rates.get("registry") or source.bandwidth_bps, [])
    if origin.duration_model is source.duration_model:
        origin = origin.with_model_of(source)
    seed = _link("client", "parent", known, dataset, fits, rates.get("seed"), notes)
    if not rates.get("node"):
        notes.append(
            f"the node's cache gives {format_rate(NODE_BPS)}, as published for a file of 6.17 GB; name yours with --node-rate"
        )
    if not rates.get("unpack"):
        shown = ", ".join(f"{name} at {format_rate(_usual_unpack_bps(name))}" for name in ("gzip", "zstd"))
        notes.append(f"unpacking is assumed, not measured: {shown} of compressed bytes; name yours with --unpack-rate")
    notes.append("a node that finds nothing preheated has the registry's bandwidth to itself")
    notes.append(f"a node pulls {PULLED_AT_ONCE} layers at once, as containerd does by default")
    node = Link(None, rates.get("node") or NODE_BPS, USUAL_SLOTS, None, source.client)
    return Links(source, origin, seed, node, rates.get("unpack"), tuple(notes))


def _link(
    role: str, way: str, settings: Settings, dataset: Dataset | None, fits: Mapping[str, Any] | None,
    bandwidth_bps: float | None, notes: list[str],
) -> Link:  # fmt: skip
    fits = fits or {}
    model = fits.get(f"piece_from_{way}_{role}") or fits.get(f"piece_from_{way}") or None
    client = settings.versions.get(role) or settings.versions.get("seedClient")
    where = "from the registry" if way == "source" else "from a seed to a node"
    timeout_s = min(
        (one for key in (PIECE, WRITE) if (one := settings.get(key, role).seconds) is not None), default=None
    )
    number = settings.get(SLOTS, role).number
    slots = max(1, int(number)) if number else USUAL_SLOTS
    if way == "source":
        if client is None:
            notes.append(
                f"the client's release is not named: pieces are cut as {releases('client')[-1]} does; name it with --client or --chart"
            )
        limit = (
            format_duration(timeout_s) if timeout_s is not None else "not known, so no failure by timeout can be told"
        )
        basis = "in force" if number is not None else "assumed"
        notes.append(f"the limit of a piece on a seed is {limit}; {slots} pieces of a layer in flight ({basis})")
    if model is not None:
        share = format_share(model.n_censored / model.n)
        notes.append(
            f"{where}: times of a piece are those of {model.n} attempts in the logs, {share} of them cut short"
        )
        if bandwidth_bps is None and dataset is not None and (bandwidth_bps := busy_rate_bps(dataset, way)) is not None:
            rate = format_rate(bandwidth_bps)
            notes.append(
                f"{where}: no more than {rate} all together, the highest rate seen; name it where the link bears more"
            )
    elif bandwidth_bps is not None:
        notes.append(
            f"{where}: {format_rate(bandwidth_bps)}, shared evenly; no logs, so no spread of times and no interval"
        )
    else:
        notes.append(f"{where}: nothing is known, so no time; give logs with --from, or a bandwidth")
    correlation = (measured_retry_correlation(fits) if way == "source" else None) or DEFAULT_RETRY_CORRELATION
    return Link(model, bandwidth_bps, slots, timeout_s, client, piece_attempts(client).passes, correlation)


def busy_rate_bps(dataset: Dataset, origin: str) -> float | None:
    """Return the rate that all hosts together reached in their busiest twentieth of the time, bytes per second.

    Finished attempts from ``source`` or ``parent`` count, each with an even rate between start and end; None where there is none.
    """
    query = """
        WITH attempts AS (
            SELECT nanoseconds(ended) / 1e9 AS end_s, end_s - duration_s AS start_s, size_bytes / duration_s AS rate FROM pieces
            WHERE origin = ? AND outcome = 'ok' AND duration_s > 0 AND size_bytes IS NOT NULL AND ended IS NOT NULL
        ), changes AS (SELECT start_s AS at_s, rate FROM attempts UNION ALL SELECT end_s, -rate FROM attempts),
        levels AS (
            SELECT sum(rate) OVER (ORDER BY at_s ROWS UNBOUNDED PRECEDING) AS level, lead(at_s) OVER (ORDER BY at_s) - at_s AS width_s
            FROM changes
        ), busy AS (
            SELECT level, sum(width_s) OVER (ORDER BY level ROWS UNBOUNDED PRECEDING) AS below_s, sum(width_s) OVER () AS total_s
            FROM levels WHERE level > 1 AND width_s > 0
        )
        SELECT min(level) FROM busy WHERE below_s >= ? * total_s"""
    rate: float | None = dataset.rows(query, [origin, _BUSY_QUANTILE])[0][0]
    return rate
