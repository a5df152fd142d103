"""The results of a simulation: rates and times with intervals, from copies under each variant of what is assumed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from dfly_analysis.estimates import Interval
from dfly_analysis.simulation.pipeline import Array, Index, Outcome
from dfly_analysis.simulation.uncertainty import EDGE, UncertaintyVariants

_HALF = 0.5
_LOGIT_EDGE = 30.0


@dataclass(frozen=True)
class SimulationResult:
    """The prediction for some layers under some settings; rates have a 95 % interval of what is not known of the source."""

    n_layers: int
    failure_rate: Interval
    attempt_failure_rate: Interval
    cut_rate: Interval  # of attempts that time out
    failed: Interval  # layers; this and the times include chance
    layer_time_s: Interval
    makespan_s: Interval
    variance_shares: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Of the squared width of `failure_rate`, by axis (``chance``: the copies)."""


def summarize(outcome: Outcome, variant: Index, uncertainty: UncertaintyVariants) -> SimulationResult:
    """Return the result of copies, given the variant of each."""
    layers, lost = outcome.ok.shape[1], (~outcome.ok).sum(axis=1).astype(float)
    rate, variance_shares = _share(lost, np.full(len(lost), float(layers)), variant, uncertainty)
    span = outcome.ended_s.max(axis=1) - outcome.started_s.min(axis=1)
    return SimulationResult(
        n_layers=layers, failure_rate=rate, attempt_failure_rate=_share(outcome.failed, outcome.attempts, variant, uncertainty)[0],
        cut_rate=_share(outcome.timed_out, outcome.attempts, variant, uncertainty)[0],
        failed=_predicted(lost, variant, uncertainty, mean=True),
        layer_time_s=_predicted(np.median(outcome.ended_s - outcome.started_s, axis=1), variant, uncertainty),
        makespan_s=_predicted(span, variant, uncertainty), variance_shares=variance_shares,
    )  # fmt: skip


def _share(part: Array, whole: Array, variant: Index, uncertainty: UncertaintyVariants) -> tuple[Interval, dict[str, float]]:  # fmt: skip
    """Return a share with the squares of its deviations added up over the axes, on the scale of log odds."""
    count = int(variant.max()) + 1
    hits, of = (np.bincount(variant, weights=values, minlength=count) for values in (part, whole))
    of = np.maximum(of, 1.0)
    odds = np.clip(np.log((hits + _HALF) / (of - hits + _HALF)), -_LOGIT_EDGE, _LOGIT_EDGE)
    ends = odds[1:].reshape(-1, 2) - odds[0]
    below, above = np.minimum(ends.min(axis=1), 0.0), np.maximum(ends.max(axis=1), 0.0)
    copies, value = variant == 0, float(hits[0] / of[0])
    # the standard error of log odds from a finite number of copies, whose layers share their link
    n, spread = float(of[0]), float(np.sqrt(((part[copies] - value * whole[copies]) ** 2).sum())) / float(of[0])
    variance = max(value * (1.0 - value), _HALF / n)
    chance = EDGE * float(max(spread, np.sqrt(variance / n)) / variance)
    low = float(special.expit(odds[0] - np.sqrt((below**2).sum() + chance**2)))
    high = float(special.expit(odds[0] + np.sqrt((above**2).sum() + chance**2)))
    found = Interval(value, 0.0 if not hits[0] else min(low, value), 1.0 if hits[0] == of[0] else max(high, value))
    wide = {axis: float(a - b) ** 2 for axis, a, b in zip(uncertainty.axes, above, below, strict=True)}
    wide["chance"] = (2.0 * chance) ** 2
    total = sum(wide.values())
    return found, {axis: square / total if total else 0.0 for axis, square in wide.items()}


def _predicted(figure: Array, variant: Index, uncertainty: UncertaintyVariants, *, mean: bool = False) -> Interval:
    """Return the middle of the first variant's copies, and between which ends 95 % of all copies lie by their weights."""
    weight = (uncertainty.weights / np.maximum(np.bincount(variant, minlength=uncertainty.count), 1))[variant]
    order = np.argsort(figure)
    place = np.cumsum(weight[order]) / weight.sum()
    low, high = figure[order][np.minimum(np.searchsorted(place, [0.025, 0.975]), len(order) - 1)]
    plain = figure[variant == 0]
    value = float(plain.mean() if mean else np.median(plain))
    return Interval(value, min(float(low), value), max(float(high), value))
