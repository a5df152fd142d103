"""Compressed layers or plain ones: up to which bandwidth the bytes saved outweigh the time to unpack them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from dfly_analysis.catalog.sizing_guide import Spread, compression_kinds, unpack_speeds
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.models import CapacityFit, UnpackFit
from dfly_analysis.recommendation.context import RecommendationContext
from dfly_analysis.recommendation.recommendations import Basis, Confidence, Estimate, Item, NoRecommendation
from dfly_analysis.recommendation.transfer_times import busy_rate_bps
from dfly_analysis.units import format_rate

_COLLECT = (
    "logs of clients with piece start and finish lines while nodes pull, so that the bandwidth to a node is known"
)
_CHECK = (
    "time `gzip -dc LAYER >/dev/null` (or `zstd -dc`) on a node and give it as a CSV of size_bytes,duration_s,label with the label `unpack gzip`; "
    "name the ratio with --compression-ratio"
)
_REASON = "Dragonfly compresses nothing on its way, so no setting turns it on: it is how an image is built; the break-even bandwidths say when it pays"


def break_even_bps(ratio: float, unpack_bps: float, plain_bps: float) -> float:
    """Return the bandwidth at which compressed and plain layers take equally long to fetch and unpack, one after the other.

    ``S/(rB) + S/(rD) = S/B + S/P`` solved for ``B``: for ``S`` bytes of files, ``r`` of them in a compressed byte, ``D``
    compressed bytes unpacked a second and ``P`` plain ones. Below it compression pays; it is infinite where unpacking is no slower
    than writing plain files.
    """
    slower = 1.0 / (ratio * unpack_bps) - 1.0 / plain_bps
    return (1.0 - 1.0 / ratio) / slower if slower > 0 else math.inf


def advise(context: RecommendationContext) -> Iterator[Item]:
    """Return the break-even bandwidth of each algorithm and kind of content, judged at the bandwidth to a node."""
    known = _bandwidth_to_node(context)
    if known is None:
        capacity = context.capacity
        explanation = f": {capacity.reason}" if isinstance(capacity, NotFitted) else ""
        yield NoRecommendation("compression", f"the bandwidth to a node is not known{explanation}", _COLLECT)
        return
    yield NoRecommendation("compression", _REASON, "", "")
    named = context.compression_ratio
    kinds = (
        compression_kinds() if named is None else {f"layers that shrink {named:g} times": Spread(named, named, named)}
    )
    for kind, ratio in kinds.items():
        for name in unpack_speeds():
            if name != "none":
                yield _estimate(context, name, kind, ratio, *known)


def _bandwidth_to_node(context: RecommendationContext) -> tuple[float, str] | None:
    """Return the bandwidth over which nodes get layers, and its source: from other hosts, else from the registry."""
    found = busy_rate_bps(context.dataset, "parent")
    if found is not None:
        hosts = context.one("SELECT count(DISTINCT host) FROM pieces WHERE origin = 'parent'")[0]
        return found / max(1, hosts), "what hosts got from each other at their busiest, a node"
    capacity = context.capacity
    if isinstance(capacity, CapacityFit):
        return capacity.goodness["busiest_bps"], "the most that a host carried from the registry"
    return None


def _break_even(ratio: Spread, unpack: Spread, plain: Spread) -> Interval:
    """Return the break-even bandwidth, and the extremes over the ends of its parts."""
    parts = ((part.low, part.high) for part in (ratio, unpack, plain))
    found = [break_even_bps(ratio.value, unpack.value, plain.value)]
    found += [break_even_bps(*corner) for corner in itertools.product(*parts)]
    return Interval(found[0], min(found), max(found))


def _estimate(
    context: RecommendationContext, name: str, kind: str, ratio: Spread, bandwidth_bps: float, bandwidth_source: str
) -> Estimate:
    speed, measured = unpack_speeds()[name], context.fits.get(f"unpack_{name}")
    basis: Basis = "measured" if isinstance(measured, UnpackFit) else "assumed"
    if isinstance(measured, UnpackFit):
        speed = Spread(measured.speed_bps.value, measured.speed_bps.low, measured.speed_bps.high)
    found = _break_even(ratio, speed, unpack_speeds()["none"])
    confidence: Confidence = "medium" if basis == "measured" or context.compression_ratio else "low"
    if bandwidth_bps < found.low:
        verdict = f"{name} pays"
    elif bandwidth_bps > found.high:
        verdict = f"plain layers are quicker than {name}"
    else:
        verdict, confidence = "which is quicker cannot be told from what is assumed", "low"
    shrink = f"{ratio.low:g} to {ratio.high:g} times" if ratio.low < ratio.high else f"{ratio.value:g} times"
    because = f"{verdict} at {format_rate(bandwidth_bps)}, {bandwidth_source}; shrunk {shrink}, unpacked at {format_rate(speed.low)} to {format_rate(speed.high)} a core"
    what = f"{name} pays below this bandwidth, {kind}"
    return Estimate.of("compression", "client", what, found, "B/s", basis, confidence, because, _CHECK)
