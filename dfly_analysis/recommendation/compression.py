"""Compressed layers or plain ones: up to which bandwidth the bytes saved outweigh the time to unpack them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from dfly_analysis.catalog.sizing_guide import Spread, compression_kinds, unpack_speeds
from dfly_analysis.estimates import NotFitted
from dfly_analysis.models import CapacityFit, UnpackFit
from dfly_analysis.recommendation.concurrency import capacity_of
from dfly_analysis.recommendation.context import RecommendationContext
from dfly_analysis.recommendation.plans.links import busy_rate_bps
from dfly_analysis.recommendation.recommendations import Advice, Basis, Confidence, Estimate, NoRecommendation, Topic
from dfly_analysis.units import format_rate

TOPIC: Topic = "compression"
_COLLECT = (
    "logs of clients with piece start and finish lines while nodes pull, so that the bandwidth to a node is known"
)
_CHECK = (
    "time `gzip -dc LAYER >/dev/null` (or `zstd -dc`) on a node and give it as a CSV of size_bytes,duration_s,label with the label `unpack gzip`; "
    "name the ratio with --compression-ratio"
)


@dataclass(frozen=True)
class BreakEven:
    """Up to which bandwidth an algorithm pays against plain layers.

    Attributes
    ----------
    bps, low, high : float
        Bytes per second; infinite where it pays at any bandwidth.
    """

    bps: float
    low: float
    high: float

    def verdict(self, bandwidth_bps: float) -> str:
        """Return ``pays``, ``does not pay`` or ``open`` at a bandwidth."""
        return "pays" if bandwidth_bps < self.low else "does not pay" if bandwidth_bps > self.high else "open"


def break_even_bps(ratio: float, unpack_bps: float, plain_bps: float) -> float:
    """Return the bandwidth at which compressed and plain layers take equally long to fetch and unpack, one after the other.

    ``S/(rB) + S/(rD) = S/B + S/P`` solved for ``B``: for ``S`` bytes of files, ``r`` of them in a compressed byte, ``D``
    compressed bytes unpacked a second and ``P`` plain ones. Below it compression pays, above it does not.

    Parameters
    ----------
    ratio : float
        Above 1.
    unpack_bps, plain_bps : float
        Above 0.

    Returns
    -------
    float
        Bytes per second; infinite where unpacking is no slower than writing plain files.
    """
    slower = 1.0 / (ratio * unpack_bps) - 1.0 / plain_bps
    return (1.0 - 1.0 / ratio) / slower if slower > 0 else math.inf


def break_even(ratio: Spread, unpack: Spread, plain: Spread) -> BreakEven:
    """Return the break-even with the ends that its parts reach together."""
    corners = [
        break_even_bps(*one) for one in itertools.product(*((part.low, part.high) for part in (ratio, unpack, plain)))
    ]
    middle = break_even_bps(ratio.value, unpack.value, plain.value)
    return BreakEven(middle, min(*corners, middle), max(*corners, middle))


def advise(context: RecommendationContext) -> Advice:
    """Return the break-even bandwidth of each algorithm and kind of content, judged at the bandwidth to a node."""
    known = bandwidth_to_node(context)
    if known is None:
        capacity = capacity_of(context)
        explanation = f": {capacity.reason}" if isinstance(capacity, NotFitted) else ""
        return Advice(
            no_advice=(NoRecommendation(TOPIC, f"the bandwidth to a node is not known{explanation}", _COLLECT),)
        )
    bandwidth_bps, bandwidth_source = known
    estimates = [
        _estimate(context, name, kind, ratio, bandwidth_bps, bandwidth_source)
        for kind, ratio in _ratios(context).items()
        for name in unpack_speeds()
        if name != "none"
    ]
    reason = "Dragonfly compresses nothing on its way, so no setting turns it on: it is how an image is built; the break-even bandwidths say when it pays"
    return Advice(no_advice=(NoRecommendation(TOPIC, reason, "", ""),), estimates=tuple(estimates))


def bandwidth_to_node(context: RecommendationContext) -> tuple[float, str] | None:
    """Return the bandwidth over which nodes get layers, and whence it is known: from other hosts, else from the registry."""
    found = busy_rate_bps(context.dataset.pieces, "parent")
    hosts = context.dataset.pieces.loc[context.dataset.pieces["origin"] == "parent", "host"].nunique()
    if found is not None:
        return found / max(1, hosts), "what hosts got from each other at their busiest, a node"
    capacity = capacity_of(context)
    if isinstance(capacity, CapacityFit):
        return capacity.goodness["busiest_bps"], "the most that a host carried from the registry"
    return None


def _ratios(context: RecommendationContext) -> dict[str, Spread]:
    named = context.compression_ratio
    if named is None:
        return dict(compression_kinds())
    return {f"layers that shrink {named:g} times": Spread(named, named, named)}


def _speed(context: RecommendationContext, name: str) -> tuple[Spread, Basis]:
    measured = context.fits.get(f"unpack_{name}")
    if isinstance(measured, UnpackFit):
        speed = measured.speed_bps
        return Spread(speed.value, speed.low, speed.high), "measured"
    return unpack_speeds()[name], "assumed"


def _estimate(
    context: RecommendationContext, name: str, kind: str, ratio: Spread, bandwidth_bps: float, bandwidth_source: str
) -> Estimate:  # fmt: skip
    speed, basis = _speed(context, name)
    found = break_even(ratio, speed, unpack_speeds()["none"])
    verdict = found.verdict(bandwidth_bps)
    words = {"pays": f"{name} pays", "does not pay": f"plain layers are quicker than {name}", "open": "which is quicker cannot be told from what is assumed"}[verdict]  # fmt: skip
    confidence: Confidence = (
        "low" if verdict == "open" else "medium" if basis == "measured" or context.compression_ratio else "low"
    )
    shrink = f"{ratio.low:g} to {ratio.high:g} times" if ratio.low < ratio.high else f"{ratio.value:g} times"
    because = f"{words} at {format_rate(bandwidth_bps)}, {bandwidth_source}; shrunk {shrink}, unpacked at {format_rate(speed.low)} to {format_rate(speed.high)} a core"
    return Estimate(
        TOPIC, "client", f"{name} pays below this bandwidth, {kind}", found.bps, found.low, found.high, "B/s", basis, confidence, because, _CHECK
    )  # fmt: skip
