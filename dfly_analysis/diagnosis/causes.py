"""Proportions of the causes over failed tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dfly_analysis.estimates import wilson
from dfly_analysis.findings import CauseProportion

# Where two causes hold as many tasks each, the one that brings the other about is named first: a dead process or a full
# disk makes others wait until their time is up, never the other way round.
_PRECEDENCE = (
    "resource_limit", "disk_full", "auth", "origin_registry", "rate_limited", "scheduler_unavailable", "storage_io",
    "network_instability", "timeout_too_short", "client_bug", "cancelled", "unknown",
)  # fmt: skip
_CONFIDENCES = ("low", "medium", "high")


def cause_shares(failures: Iterable[tuple[str | None, str | None, int]]) -> tuple[CauseProportion, ...]:
    """Return the proportion of each cause.

    Parameters
    ----------
    failures : iterable of (cause, confidence, count)
        Failed tasks, or what stands for them, counted.

    Returns
    -------
    tuple of CauseProportion
        Largest first; shares add up to 1; empty where nothing failed.
    """
    counts: dict[str, dict[str | None, int]] = {}
    for cause, confidence, count in failures:
        of_cause = counts.setdefault(cause or "unknown", {})
        of_cause[confidence] = of_cause.get(confidence, 0) + count
    total = sum(sum(of_cause.values()) for of_cause in counts.values())
    shares = []
    for cause, of_cause in counts.items():
        tasks = sum(of_cause.values())
        interval = wilson(tasks, total)
        shares.append(CauseProportion(cause, tasks / total, interval.low, interval.high, tasks, _confidence(of_cause)))
    return tuple(sorted(shares, key=lambda share: (-share.tasks, _PRECEDENCE.index(share.cause))))


def _confidence(counts: dict[str | None, int]) -> str | None:
    """Return the confidence that most tasks have; of equally many the lower."""
    if not any(confidence is not None for confidence in counts):
        return None
    return max(_CONFIDENCES, key=lambda one: (counts.get(one, 0), -_CONFIDENCES.index(one)))


def primary_cause(shares: Sequence[CauseProportion]) -> str | None:
    """Return the cause that holds most failed tasks, or None where none failed."""
    return shares[0].cause if shares else None
