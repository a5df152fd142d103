"""Timeout selection: the smallest piece timeout that safely meets a target, what stalled pieces cost, and the sensitivity."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from dfly_analysis.errors import TableError
from dfly_analysis.estimates import DEFAULT_RETRY_CORRELATION, Interval
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.layer_failure import LONGEST_S, LayerShape, layer_failure_rate, timeout_for_target
from dfly_analysis.models.link_capacity import CapacityFit


@dataclass(frozen=True)
class TimeoutChoice:
    """A piece timeout for a layer and a target.

    ``timeout_s`` is the smallest whose upper failure bound meets the target (infinite where none up to 30 days does), ``estimate_s`` the
    smallest whose estimate does, ``failure_rate`` that of a layer at ``timeout_s``. ``waited_s`` is the time lost on stalled pieces, per
    layer (expected slot seconds spent on attempts that the timeout then cuts).
    """

    layer: LayerShape
    target_failure_rate: float
    timeout_s: float
    estimate_s: float
    failure_rate: Interval
    waited_s: Interval


def choose_timeout(
    fit: DurationFit, layer: LayerShape, target_failure_rate: float, *, slower: float = 1.0,
    retry_failure_correlation: Interval = DEFAULT_RETRY_CORRELATION,
) -> TimeoutChoice:  # fmt: skip
    """Choose a piece timeout at which at most a share of such layers fails, where each attempt takes `slower` times as long as measured."""
    if not (0.0 < target_failure_rate < 1.0 and slower > 0.0):
        given = f"a target of {target_failure_rate} and {slower}"
        reason = f"target must be between 0 and 1 and slower above 0, got {given}"
        raise TableError(reason, where="choose_timeout")
    # Times that are so many times as long are the same as a timeout that is so many times shorter.
    correlation = retry_failure_correlation
    needed = timeout_for_target(fit, layer, target_failure_rate, retry_failure_correlation=correlation)
    at = min(needed.high * slower, LONGEST_S)
    rate = layer_failure_rate(fit, layer, at / slower, competing=False, retry_failure_correlation=correlation)
    cut = fit.timeout_rate(layer.piece_bytes, at / slower)
    waited = Interval(*(layer.n_pieces * end * at for end in (cut.value, cut.low, cut.high)))
    return TimeoutChoice(layer, target_failure_rate, needed.high * slower, needed.value * slower, rate, waited)


def timeout_sensitivity(  # noqa: PLR0913 - each is one thing that may change
    fit: DurationFit, layer: LayerShape, target_failure_rate: float, *, capacity: CapacityFit | None = None,
    client_version: str | None = None, targets: Sequence[float] = (1e-2, 1e-3, 1e-4), sizes_bytes: Sequence[float] = (),
    speeds: Sequence[float] = (0.5, 2.0), slots: Sequence[int] = (), retry_failure_correlation: Interval = DEFAULT_RETRY_CORRELATION,
) -> pd.DataFrame:  # fmt: skip
    """Return how the chosen timeout moves, one thing changed at a time: a frame whose first row is the current choice.

    ``capacity`` is how much slower a piece is with other numbers in flight (without it pieces do not slow each other); ``client_version``
    sets the piece length of layers of other sizes; ``speeds`` are bandwidths as multiples of the measured one.
    """
    rows: list[tuple[str, LayerShape, float, float, float]] = [("asked", layer, target_failure_rate, 1.0, 1.0)]
    rows += [("target", layer, target, 1.0, 1.0) for target in targets if target != target_failure_rate]
    for size in sizes_bytes:
        rows.append(("size", LayerShape.of_client(size, layer.slots, client_version), target_failure_rate, 1.0, 1.0))
    rows += [("bandwidth", layer, target_failure_rate, speed, 1.0 / speed) for speed in speeds]
    for count in slots:
        slower = 1.0
        if capacity is not None:
            slower = count / layer.slots * capacity.throughput(layer.slots).value / capacity.throughput(count).value
        rows.append(("concurrency", replace(layer, slots=count), target_failure_rate, 1.0, slower))
    result = []
    for changed, one, target, speed, slower in rows:
        choice = choose_timeout(fit, one, target, slower=slower, retry_failure_correlation=retry_failure_correlation)
        waited = choice.waited_s
        result.append({
            "changed": changed, "target_failure_rate": target, "size_bytes": one.size_bytes, "piece_bytes": one.piece_bytes,
            "slots": one.slots, "speed": speed, "timeout_s": choice.timeout_s, "estimate_s": choice.estimate_s,
            "waited_s": waited.value, "waited_low_s": waited.low, "waited_high_s": waited.high,
        })  # fmt: skip
    return pd.DataFrame(result)
