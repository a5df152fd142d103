"""What to change: recommendations with intervals, or the reason why there is none. Frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

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
        Ids of the findings that speak for it.
    how_to_check : str
    demanded_bandwidth_bps : float or None
        Bytes per second that the proposal silently demands from the source for the asked size.
    rule_of_thumb : str or None
        What the article or the documentation would have said, for comparison.
    layer_failure_now, layer_failure_then : Interval or None
        Chance that a timeout fails a layer of the asked size at the limit in force and at the proposal; None where no
        law was fitted.
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


@dataclass(frozen=True)
class NoRecommendation:
    """Why there is no advice on a topic.

    Attributes
    ----------
    topic : str
    reason : str
    collect : str
        What to collect so that there can be; empty where nothing is missing.
    role : str
        Whose setting it is about; empty where it is about no role's.
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
        Whose; empty where it is about no role's.
    what : str
    value, low, high : float
        In `unit`; `high` is infinite where nothing bounds it.
    unit : {"B/s", "bytes", "share", "cores", "1"}
    basis : {"measured", "computed", "documented", "article", "assumed"}
        Whence it is known.
    confidence : {"high", "medium", "low"}
    because : str
        What it was made of, and what follows from it.
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


@dataclass(frozen=True)
class Advice:
    """All recommendations of one analysis.

    Attributes
    ----------
    recommendations : tuple of Recommendation
    no_advice : tuple of NoRecommendation
    warnings : tuple of str
        E.g. a key that is ignored in silence.
    size_bytes : int
        The layer size advice was asked for.
    target_failure_rate : float
    estimates : tuple of Estimate
        What hosts, links and volumes need or give; no call to change anything.
    """

    recommendations: tuple[Recommendation, ...] = ()
    no_advice: tuple[NoRecommendation, ...] = ()
    warnings: tuple[str, ...] = ()
    size_bytes: int = 0
    target_failure_rate: float = 1e-3
    estimates: tuple[Estimate, ...] = ()

    def __iter__(self) -> Iterator[Recommendation]:
        """Iterate over the recommendations."""
        return iter(self.recommendations)

    def get(self, key: str, role: str) -> Recommendation | None:
        """Return the recommendation for that key and role, or None."""
        return next((item for item in self.recommendations if (item.key, item.role) == (key, role)), None)


def merge(parts: Iterable[Advice], *, size_bytes: int, target_failure_rate: float) -> Advice:
    """Join what several rules say, in the order given."""
    listed = list(parts)
    return Advice(
        recommendations=tuple(item for part in listed for item in part.recommendations),
        no_advice=tuple(item for part in listed for item in part.no_advice),
        warnings=tuple(dict.fromkeys(text for part in listed for text in part.warnings)),
        size_bytes=size_bytes,
        target_failure_rate=target_failure_rate,
        estimates=tuple(item for part in listed for item in part.estimates),
    )
