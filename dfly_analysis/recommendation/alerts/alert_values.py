"""The values that alerts stand on: what the model predicts, where limits lie, how full a disk may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dfly_analysis.catalog.monitoring import load_metric_names
from dfly_analysis.estimates import Interval
from dfly_analysis.models import LayerShape, timeout_for_target
from dfly_analysis.recommendation.plans.jobs import api_of
from dfly_analysis.units import format_duration, format_share, format_size

if TYPE_CHECKING:
    from dfly_analysis.dataset import Dataset
    from dfly_analysis.recommendation.recommendations import Advice

SEED, CLIENT = 'container="seed-client"', 'container="client"'
_NEAR, _PER_HOUR, _DEVIATIONS = 0.8, 600.0, 3.0
_LEAST_SHARE, _MOST_SHARE = 0.1, 0.5
_GC_KEYS = ("gc.policy.diskHighThresholdPercent", "gc.policy.distHighThresholdPercent")
_USUAL_GC_HIGH = 0.8
_LAST_BUCKET_MS = 2.0**23
_MAX_BOUND = 0.5
_USUAL_SLOTS = 8  # default of the client from v1.0.36 on


class PredictionLike(Protocol):
    """What is asked of a prediction: `dfly_analysis.reporting.prediction.Prediction`."""

    @property
    def fit(self) -> str:
        """Return the name of the fit it rests on."""
        ...

    @property
    def size_bytes(self) -> int:
        """Return the layer's size."""
        ...

    @property
    def piece_bytes(self) -> int:
        """Return the length of its pieces."""
        ...

    @property
    def siblings_cancelled(self) -> bool:
        """Return whether a failed piece takes those in flight with it."""
        ...

    @property
    def n_pieces(self) -> int:
        """Return how many pieces it has."""
        ...

    @property
    def passes(self) -> int:
        """Return how many attempts each piece gets."""
        ...

    @property
    def timeout_now_s(self) -> float | None:
        """Return what cuts a piece today, seconds."""
        ...

    @property
    def timeout_then_s(self) -> float | None:
        """Return what cuts a piece after the change, seconds."""
        ...

    @property
    def now(self) -> Interval | None:
        """Return the share of such layers that fail today."""
        ...

    @property
    def then(self) -> Interval | None:
        """Return the share that fail after the change."""
        ...


@dataclass(frozen=True)
class Threshold:
    """The values by name, as text, and why those that are missing are.

    Attributes
    ----------
    texts : mapping of str to str
    missing : mapping of str to str
        Name to reason.
    """

    texts: Mapping[str, str]
    missing: Mapping[str, str]


def values_of(
    dataset: Dataset,
    fits: Mapping[str, Any],
    advice: Advice,
    predicted: PredictionLike | None,
    *,
    seed: str,
    client: str,
) -> Threshold:
    """Return the values that alerts stand on.

    Parameters
    ----------
    dataset, fits, advice
        Of one analysis.
    predicted : Prediction or None
        False or None where nothing could be foretold.
    seed, client : str
        Label matchers of the targets.
    """
    texts = {"seed": seed, "client": client}
    missing: dict[str, str] = {}
    _failures(texts, missing, advice, predicted or None)
    _layer_time(texts, missing, dataset, fits, advice, predicted or None)
    _size(texts, missing, advice)
    share, reason = _source_share(dataset)
    texts |= {"source_share": f"{share:.3g}", "source_share_source": reason}
    high = _gc_high(dataset)
    texts["gc_high"] = f"{high:.3g}"
    return Threshold(texts, missing)


def _failures(texts: dict[str, str], missing: dict[str, str], advice: Advice, predicted: PredictionLike | None) -> None:
    """Fill in the share of layers that may fail, and for the tests how many of 600 an hour are above and below it."""
    rate = (predicted.then or predicted.now) if predicted is not None else None
    target, layers = advice.target_failure_rate, f"layers of {format_size(advice.size_bytes)}"
    if rate is None:
        bound, reason = target, "it is the share that may fail by what was asked, for no law was fitted"
    elif rate.high <= _MAX_BOUND:
        bound, reason = rate.high, f"it is the upper end of what the model predicts for {layers}"
    else:  # an alert at such an upper end would come when most layers are lost
        bound = max(target, rate.value)
        reason = f"the model's interval for {layers} rules little out, so it is what the model expects, or what was asked if that is more"
    bound = max(bound, 1e-6)
    if bound > _MAX_BOUND:
        missing["failure_bound"] = (
            f"the model does not rule out that {format_share(bound)} of layers fail; follow the advice first"
        )
        return
    threshold = _PER_HOUR * bound + _DEVIATIONS * math.sqrt(_PER_HOUR * bound * (1 - bound))
    texts |= {
        "failure_bound": _number(bound), "failure_source": reason,
        "failures_above": _number((1.2 * threshold + 1) / 60), "failures_below": _number(0.8 * threshold / 60),
    }  # fmt: skip


def _layer_time(
    texts: dict[str, str],
    missing: dict[str, str],
    dataset: Dataset,
    fits: Mapping[str, Any],
    advice: Advice,
    predicted: PredictionLike | None,
) -> None:
    """Fill in the time of a layer from which on the tail of its pieces reaches the limit, or its job's deadline comes near."""
    limit_s = (predicted.timeout_then_s or predicted.timeout_now_s) if predicted is not None else None
    if predicted is None or limit_s is None:
        missing["near_limit_ms"] = "no law of a piece's time, or no limit, is known"
        return
    duration_fit, settings = fits[predicted.fit], dataset.settings
    number = settings.get("download.concurrentPieceCount", "seedClient").number
    slots = max(1, min(int(number or _USUAL_SLOTS), predicted.n_pieces))
    rounds = predicted.n_pieces / slots
    layer_s = rounds * _mean_s(duration_fit, predicted.piece_bytes)
    layer = LayerShape(
        predicted.size_bytes, predicted.piece_bytes, slots, predicted.passes, predicted.siblings_cancelled
    )
    needed = timeout_for_target(duration_fit, layer, advice.target_failure_rate)
    window_s = _NEAR * api_of(settings.versions.get("manager") or settings.versions.get("scheduler")).window_s
    # times of pieces and layers stretch alike: where a layer takes so much longer, so do the slowest of its pieces
    tail_s = layer_s * limit_s / needed.value if math.isfinite(needed.value) else math.inf
    near_s, reason = (
        (tail_s, f"then the slowest pieces need all of the {format_duration(limit_s)} they have")
        if tail_s <= window_s
        else (window_s, f"the manager asks after a job for {format_duration(window_s / _NEAR)} only")
    )
    near_ms = 1000.0 * near_s
    if not 2.0 < near_ms < _LAST_BUCKET_MS / 2:
        missing["near_limit_ms"] = f"{format_duration(near_s)} is outside what the metric's buckets can tell"
        return
    above = 2.0 ** (math.floor(math.log2(near_ms)) + 2)
    texts |= {
        "near_limit_ms": _number(near_ms), "near_limit_text": format_duration(near_s), "near_limit_source": reason,
        "bucket_above": f"{above:.0f}", "bucket_above_lower": f"{above / 2:.0f}", "bucket_below": f"{above / 4:.0f}",
    }  # fmt: skip


def _mean_s(duration_fit: Any, piece_bytes: int) -> float:
    """Return the mean time of a piece from three quantiles (Pearson and Tukey, 1965): near enough for buckets of a factor of two."""
    low, middle, high = (duration_fit.quantile(piece_bytes, p).value for p in (0.05, 0.5, 0.95))
    return float(0.63 * middle + 0.185 * (low + high))


def _size(texts: dict[str, str], missing: dict[str, str], advice: Advice) -> None:
    if advice.size_bytes <= 0:
        missing |= dict.fromkeys(
            ("size_level", "size_text", "headroom_bytes"), "no layer size was asked for, and none was seen"
        )
        return
    bounds = load_metric_names().size_bounds
    level = next((place for place, bound in enumerate(bounds, start=1) if advice.size_bytes < bound), len(bounds) + 1)
    texts |= {
        "size_level": str(level), "size_text": format_size(advice.size_bytes), "headroom_bytes": str(advice.size_bytes),
        "headroom_twice_bytes": str(2 * advice.size_bytes + 2000),
    }  # fmt: skip


def _source_share(dataset: Dataset) -> tuple[float, str]:
    """Return twice the share seen, held between a tenth and a half."""
    tasks = dataset.tasks[dataset.tasks["role"] == "client"]
    source, parent = (float(tasks[name].fillna(0).sum()) for name in ("bytes_from_source", "bytes_from_parent"))
    if source + parent <= 0:
        return _LEAST_SHARE, "no pull was seen that could tell what is usual"
    observed = source / (source + parent)
    return min(_MOST_SHARE, max(_LEAST_SHARE, 2 * observed)), f"in the analysed run it was {format_share(observed)}"


def _gc_high(dataset: Dataset) -> float:
    found = (dataset.settings.get(key, "seedClient").number for key in _GC_KEYS)
    percent = next((number for number in found if number is not None and 0 < number <= 95), None)
    return percent / 100.0 if percent is not None else _USUAL_GC_HIGH


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") if value >= 1e-3 else f"{value:.9f}".rstrip("0").rstrip(".")
