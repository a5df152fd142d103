"""Compressed layers or plain ones: up to which bandwidth the bytes saved outweigh the time to unpack them."""

import itertools
import math
from collections.abc import Iterator

from dfly_analysis.catalog.sizing_guide import Spread, compression_kinds, unpack_speeds
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.messages import Message, message
from dfly_analysis.models import CapacityFit, StorageFit
from dfly_analysis.recommendation.context import RecommendationContext
from dfly_analysis.recommendation.recommendations import Basis, Confidence, Estimate, Item, NoRecommendation
from dfly_analysis.recommendation.transfer_times import busy_rate_bps
from dfly_analysis.units import format_rate

_COLLECT = message("client logs with piece start and finish lines while nodes pull, which show the bandwidth to a node")
_CHECK = message(
    "time `gzip -dc LAYER >/dev/null` (or `zstd -dc`) on a node and add the times as a CSV of size_bytes,duration_s,label with the label "
    "`unpack gzip`; give the ratio with --compression-ratio"
)
_REASON = message(
    "Dragonfly does not compress data in transfer, so no setting enables it: compression is chosen when an image is built, and the "
    "break-even bandwidths show when it pays off"
)


def break_even_bps(ratio: float, unpack_bps: float, plain_bps: float) -> float:
    """Return the bandwidth at which compressed and plain layers take equally long to fetch and unpack, one after the other.

    ``S/(rB) + S/(rD) = S/B + S/P`` solved for ``B``: for ``S`` bytes of files, ``r`` of them in a compressed byte, ``D``
    compressed bytes unpacked a second and ``P`` plain ones. Below it compression pays off; it is infinite where unpacking is no
    slower than writing plain files.
    """
    slower = 1.0 / (ratio * unpack_bps) - 1.0 / plain_bps
    return (1.0 - 1.0 / ratio) / slower if slower > 0 else math.inf


def advise(context: RecommendationContext) -> Iterator[Item]:
    """Return the break-even bandwidth of each algorithm and kind of content, judged at the bandwidth to a node."""
    known = _bandwidth_to_node(context)
    if known is None:
        reason = message("the bandwidth to a node is not known")
        if isinstance(context.capacity, NotFitted):
            reason = message("the bandwidth to a node is not known: {reason}", reason=context.capacity.reason)
        yield NoRecommendation("compression", reason, _COLLECT)
        return
    yield NoRecommendation("compression", _REASON, "")
    ratio = context.compression_ratio
    kinds = compression_kinds() if ratio is None else {"": Spread(ratio, ratio, ratio)}
    for kind, name in itertools.product(kinds, unpack_speeds()):
        if name != "none":
            yield _estimate(context, name, kind, kinds[kind], *known)


def _bandwidth_to_node(context: RecommendationContext) -> tuple[float, Message] | None:
    """Return the bandwidth over which nodes get layers, and its source: from other hosts, else from the registry."""
    found = busy_rate_bps(context.dataset, "parent")
    if found is not None:
        hosts = context.one("SELECT count(DISTINCT host) FROM pieces WHERE origin = 'parent'")[0]
        return found / max(1, hosts), message("the peak rate per node between hosts")
    capacity = context.capacity
    if isinstance(capacity, CapacityFit):
        return capacity.goodness["busiest_bps"], message("the peak rate of one host from the registry")
    return None


def _estimate(context: RecommendationContext, name: str, kind: str, ratio: Spread, bandwidth_bps: float, source: Message) -> Estimate:  # fmt: skip
    speed, measured = unpack_speeds()[name], context.fits.get(f"unpack_{name}")
    basis: Basis = "measured" if isinstance(measured, StorageFit) else "assumed"
    if isinstance(measured, StorageFit):
        speed = Spread(measured.speed_bps.value, measured.speed_bps.low, measured.speed_bps.high)
    parts = (ratio, speed, unpack_speeds()["none"])
    value = break_even_bps(*(part.value for part in parts))
    corners = [value, *(break_even_bps(*ends) for ends in itertools.product(*((one.low, one.high) for one in parts)))]
    found = Interval(value, min(corners), max(corners))
    confidence: Confidence = "medium" if basis == "measured" or context.compression_ratio else "low"
    values = {"name": name, "rate": format_rate(bandwidth_bps), "source": source}
    if bandwidth_bps < found.low:
        verdict = message("{name} pays off at {rate}, {source}", **values)
    elif bandwidth_bps > found.high:
        verdict = message("plain layers are faster than {name} at {rate}, {source}", **values)
    else:
        verdict = message("the assumptions do not show whether {name} pays off at {rate}, {source}", **values)
        confidence = "low"
    ratios: str = f"{ratio.value:g}"
    if ratio.low < ratio.high:
        ratios = message("{low:g} to {high:g}", low=ratio.low, high=ratio.high)
    because = message(
        "{verdict} (compression ratio {ratio}, unpacking at {low} to {high} per core)", verdict=verdict, ratio=ratios,
        low=format_rate(speed.low), high=format_rate(speed.high),
    )  # fmt: skip
    what = message("{name} pays off below this bandwidth, {kind}", name=name, kind=kind)
    if not kind:
        what = message("{name} pays off below this bandwidth, ratio {ratio:g}", name=name, ratio=ratio.value)
    return Estimate.of("compression", "client", what, found, "B/s", basis, confidence, because, _CHECK)
