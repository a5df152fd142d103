"""What to change: recommendations with intervals, or the reason why there is none. Frozen values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from dfly_analysis.catalog.piece_length_rules import CONCURRENCY_KEYS
from dfly_analysis.config.setting import Setting, helm_path_of
from dfly_analysis.estimates import Interval
from dfly_analysis.messages import Message, join, message
from dfly_analysis.quantities import figure, range_text
from dfly_analysis.units import parse_duration, parse_size

Confidence = Literal["high", "medium", "low"]
_CURES: Mapping[str, tuple[str, ...]] = {
    "disk_full": ("persistence.", "gc."), "resource_limit": ("resources.",), "rate_limited": CONCURRENCY_KEYS,
    "network_instability": CONCURRENCY_KEYS,
    "timeout_too_short": ("download.", "storage.", "scheduler."),
}  # fmt: skip
"""Settings that act on a cause, by the beginnings of their keys: they stand first."""
Topic = Literal["network", "resources", "storage", "compression"]
Basis = Literal["measured", "computed", "documented", "article", "assumed"]


@dataclass(frozen=True)
class Current:
    """The value in force: as configured (``6s``) or None, its layer, and where it is written."""

    value: str | None
    layer: str
    source: str


@dataclass(frozen=True)
class Recommendation:
    """One setting to change.

    `key` is that of the component's own configuration, `helm_path` that of the chart's values, `proposed` as the configuration takes
    it; `low` and `high` are the 95 % interval of what is needed in `unit` (``s``, ``B/s``, ``bytes``, ``cores``, ``percent`` or ``1``); `high` is infinite where the need is not known.
    `because` has the reasons joined by semicolons, `findings` the ids of those that support it. `demanded_bandwidth_bps` is what it
    demands from the registry for the requested size, `rule_of_thumb` what the article or the documentation recommends, `layer_failure_now`
    and `layer_failure_then` the probability that a timeout fails a layer of the requested size; None without a fit. `addresses_primary_cause` is whether it acts on the cause of most
    failures; others prevent what may fail next.
    """

    key: str
    role: str
    helm_path: str
    current: Current
    proposed: str
    unit: str
    low: float
    high: float
    because: str
    confidence: Confidence
    findings: tuple[str, ...]
    how_to_check: str
    demanded_bandwidth_bps: float | None = None
    rule_of_thumb: str | None = None
    layer_failure_now: Interval | None = None
    layer_failure_then: Interval | None = None
    addresses_primary_cause: bool = False

    @classmethod
    def of(cls, current: Setting, key: str, reasons: Iterable[str], **fields: Any) -> Recommendation:
        """Return the recommendation to change a setting; the value in force is the first reason."""
        helm_path = helm_path_of(current.role, key) or current.helm_path or f"{current.role}.config.{key}"
        now = Current(None if current.value is None else str(current.value), current.layer, current.source)
        because = join([in_force_text(current), *reasons], "; ")
        result = cls(key, current.role, helm_path, now, because=because, **fields)
        # What is needed is not known up to an end that the proposal does not reach.
        return (
            replace(result, high=math.inf) if result.unit != "1" and result.value < result.high < math.inf else result
        )

    @property
    def value(self) -> float:
        """The proposal as a number in its unit."""
        if self.unit == "s":
            return parse_duration(self.proposed)
        return float(parse_size(self.proposed) if self.unit in {"bytes", "B/s"} else self.proposed)

    def acts_on(self, cause: str) -> bool:
        """Return whether the setting acts on a cause; a timeout only if a finding shows that it expired."""
        return self.key.startswith(_CURES.get(cause, ("-",))) and (cause != "timeout_too_short" or bool(self.findings))

    @property
    def need(self) -> Message:
        """What the value has to be, in words: its 95 % interval, or that only a lower bound is known."""
        if math.isfinite(self.high):
            return message("needed: {interval} (95 % interval)", interval=range_text(self.low, self.high, self.unit))
        return message("needed: not known yet, at least {value}", value=figure(self.low, self.unit))

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(self.because.values["parts"] if isinstance(self.because, Message) else self.because.split("; "))


@dataclass(frozen=True)
class NoRecommendation:
    """Why there is no recommendation on a topic, and what to collect for one; `role` is empty where none is meant."""

    topic: str
    reason: str
    collect: str
    role: str = ""


@dataclass(frozen=True)
class Estimate:
    """One quantity that sizing rests on, whether or not anything has to change.

    Value and interval are in `unit` (``B/s``, ``bytes``, ``share``, ``cores`` or ``1``); `high` is infinite where unbounded. `because`
    is what it was computed from, and what follows from it; `role` is empty where none is meant.
    """

    topic: Topic
    role: str
    what: str
    value: float
    low: float
    high: float
    unit: str
    basis: Basis
    confidence: Confidence
    because: str
    how_to_check: str = ""

    @classmethod
    def of(  # noqa: PLR0913, PLR0917 - the fields, with value, low and high in one
        cls, topic: Topic, role: str, what: str, interval: Interval, unit: str, basis: Basis, confidence: Confidence, because: str, check: str = ""
    ) -> Estimate:  # fmt: skip
        ends = (float(interval.value), float(interval.low), float(interval.high))
        return cls(topic, role, what, *ends, unit, basis, confidence, because, check)

    @property
    def interval(self) -> Interval:
        return Interval(self.value, self.low, self.high)


Item = Recommendation | NoRecommendation | Estimate | str
"""What a rule yields; a text is a warning."""


@dataclass(frozen=True, repr=False)
class Advice:
    """All recommendations of one analysis, for layers of a size of which a share may fail.

    `no_advice` has the topics without a recommendation and why; `warnings` e.g. keys that are ignored without an error.
    """

    recommendations: tuple[Recommendation, ...] = ()
    no_advice: tuple[NoRecommendation, ...] = ()
    warnings: tuple[str, ...] = ()
    size_bytes: int = 0
    target_failure_rate: float = 1e-3
    estimates: tuple[Estimate, ...] = ()

    def __repr__(self) -> str:
        proposed = ", ".join(f"{one.role} {one.key}={one.proposed}" for one in self.recommendations) or "nothing"
        return f"<Advice: {proposed}>"

    @classmethod
    def of(cls, items: Iterable[Item], *, size_bytes: int = 0, target_failure_rate: float = 1e-3) -> Advice:
        """Return what rules yield, by kind, in the order given."""
        listed = list(items)
        return cls(
            recommendations=tuple(item for item in listed if isinstance(item, Recommendation)),
            no_advice=tuple(item for item in listed if isinstance(item, NoRecommendation)),
            warnings=tuple(dict.fromkeys(item for item in listed if isinstance(item, str))),
            size_bytes=size_bytes, target_failure_rate=target_failure_rate,
            estimates=tuple(item for item in listed if isinstance(item, Estimate)),
        )  # fmt: skip

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.recommendations)

    def get(self, key: str, role: str) -> Recommendation | None:
        return next((item for item in self.recommendations if (item.key, item.role) == (key, role)), None)


def contradiction(observed: Message, setting: Setting) -> Message:
    """Return the warning that an observation contradicts the settings."""
    return message(
        "{observed}, although {key} should be {value} ({source}): give the Helm values in force (--values, --chart) or the rendered "
        "dfdaemon.yaml before you follow a recommendation on it", observed=observed, key=setting.key, value=setting.value, source=setting.source,
    )  # fmt: skip


def unknown_value(key: str, setting: Setting) -> NoRecommendation:
    """Return that there is no recommendation because the value in force is not known."""
    reason = message("the value in force is not known: {source}", source=setting.source)
    return NoRecommendation(key, reason, message("the Helm values, the chart's version or dfdaemon.yaml"), setting.role)


def in_force_text(setting: Setting) -> Message:
    """Return the value in force as text, e.g. ``now 40s (chart 1.7.4)``, without the folders above the input."""
    source = setting.source
    if "/" in source and ": " not in source:
        source = "/".join(source.rsplit("!", 1)[-1].split("/")[-2:])
    if setting.value is None:
        return message("now unknown ({source})", source=source)
    return message("now {value} ({source})", value=setting.value, source=source)
