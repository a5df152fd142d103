"""What to change: recommendations with intervals, or the reason why there is none. Frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from dfly_analysis.config import Setting
from dfly_analysis.config.setting import helm_path_of
from dfly_analysis.estimates import Interval

Confidence = Literal["high", "medium", "low"]
Topic = Literal["network", "resources", "storage", "compression"]
Basis = Literal["measured", "computed", "documented", "article", "assumed"]
CONFIDENCES: tuple[Confidence, ...] = ("high", "medium", "low")


@dataclass(frozen=True)
class Current:
    """The value in force today.

    Attributes
    ----------
    value : str or None
        As written in the configuration, e.g. ``6s``.
    layer : str
        ``binary``, ``chart``, ``user``, ``rendered`` or ``unknown``.
    source : str
        Where it is written.
    """

    value: str | None
    layer: str
    source: str


@dataclass(frozen=True)
class Recommendation:
    """One setting to change.

    Attributes
    ----------
    key : str
        Key in the component's own configuration, e.g. ``download.pieceTimeout``.
    role : {"client", "seedClient", "scheduler", "manager"}
    helm_path : str
        Path in the chart's values.
    current : Current
    proposed : str
        As the configuration takes it, e.g. ``180s``.
    unit : str
        ``s``, ``B/s``, ``bytes``, ``cores``, ``percent``, ``1``.
    low, high : float
        Interval of the proposal in `unit`; `high` is infinite where nothing bounds it.
    because : str
        The reason with its numbers.
    confidence : {"high", "medium", "low"}
    findings : tuple of str
        Ids of the findings that support it.
    how_to_check : str
    demanded_bandwidth_bps : float or None
        Bytes per second that the proposal demands from the source for the requested size.
    rule_of_thumb : str or None
        What the article or the documentation would have said, for comparison.
    layer_failure_now, layer_failure_then : Interval or None
        Probability that a timeout fails a layer of the requested size at the limit in force and at the proposal; None
        where no distribution was fitted.
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

    @classmethod
    def of(cls, current: Setting, key: str, reasons: Iterable[str], **fields: Any) -> Recommendation:
        """Return the recommendation to change a setting; the value in force is the first reason."""
        role = current.role
        return cls(
            key=key,
            role=role,
            helm_path=helm_path_of(role, key) or current.helm_path or f"{role}.config.{key}",
            current=Current(None if current.value is None else str(current.value), current.layer, current.source),
            because="; ".join([in_force_text(current), *reasons]),
            **fields,
        )


@dataclass(frozen=True)
class NoRecommendation:
    """Why there is no recommendation on a topic.

    Attributes
    ----------
    topic, reason : str
    collect : str
        What to collect so that there can be one; empty where nothing is missing.
    role : str
        Component; empty where none is meant.
    """

    topic: str
    reason: str
    collect: str
    role: str = ""


@dataclass(frozen=True)
class Estimate:
    """One quantity that sizing rests on, whether or not anything has to change.

    Attributes
    ----------
    topic : {"network", "resources", "storage", "compression"}
    role : {"client", "seedClient", ""}
        Component; empty where none is meant.
    what : str
    value, low, high : float
        In `unit`; `high` is infinite where nothing bounds it.
    unit : {"B/s", "bytes", "share", "cores", "1"}
    basis : {"measured", "computed", "documented", "article", "assumed"}
    confidence : {"high", "medium", "low"}
    because : str
        What it was computed from, and what follows from it.
    how_to_check : str
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
        """Return an estimate of an interval."""
        ends = (interval.value, interval.low, interval.high)
        return cls(topic, role, what, *ends, unit, basis, confidence, because, check)


Item = Recommendation | NoRecommendation | Estimate | str
"""What a rule yields; a text is a warning."""


@dataclass(frozen=True)
class Advice:
    """All recommendations of one analysis.

    Attributes
    ----------
    recommendations : tuple of Recommendation
    no_advice : tuple of NoRecommendation
    warnings : tuple of str
        E.g. a key that is ignored without an error.
    size_bytes : int
        Layer size that the recommendations are for.
    target_failure_rate : float
    estimates : tuple of Estimate
    """

    recommendations: tuple[Recommendation, ...] = ()
    no_advice: tuple[NoRecommendation, ...] = ()
    warnings: tuple[str, ...] = ()
    size_bytes: int = 0
    target_failure_rate: float = 1e-3
    estimates: tuple[Estimate, ...] = ()

    @classmethod
    def of(cls, items: Iterable[Item], *, size_bytes: int = 0, target_failure_rate: float = 1e-3) -> Advice:
        """Return what rules yield, by kind, in the order given."""
        listed = list(items)
        return cls(
            recommendations=tuple(item for item in listed if isinstance(item, Recommendation)),
            no_advice=tuple(item for item in listed if isinstance(item, NoRecommendation)),
            warnings=tuple(dict.fromkeys(item for item in listed if isinstance(item, str))),
            size_bytes=size_bytes,
            target_failure_rate=target_failure_rate,
            estimates=tuple(item for item in listed if isinstance(item, Estimate)),
        )

    def __iter__(self) -> Iterator[Recommendation]:
        """Iterate over the recommendations."""
        return iter(self.recommendations)

    def get(self, key: str, role: str) -> Recommendation | None:
        """Return the recommendation for that key and role, or None."""
        return next((item for item in self.recommendations if (item.key, item.role) == (key, role)), None)


def in_force_text(setting: Setting) -> str:
    """Return the value in force as text, e.g. ``now 40s (chart 1.7.4)``, without the folders above the input."""
    source = setting.source
    if "/" in source and ": " not in source:
        source = "/".join(source.rsplit("!", 1)[-1].split("/")[-2:])
    return f"now {setting.value} ({source})" if setting.value is not None else f"now unknown ({source})"
