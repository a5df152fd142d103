"""Proportions of the causes over failed tasks."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from dfly_analysis.estimates import wilson
from dfly_analysis.findings import CauseProportion, Strength

# Of causes with equally many tasks, the one that can bring about the others comes first: a dead process or a full disk makes
# others wait until their timeout, never the other way round.
_PRECEDENCE = (
    "resource_limit", "disk_full", "auth", "origin_registry", "rate_limited", "scheduler_unavailable", "storage_io",
    "network_instability", "timeout_too_short", "client_bug", "cancelled", "unknown",
)  # fmt: skip
_CONFIDENCES = ("low", "medium", "high")
STRENGTHS: Mapping[str | None, Strength] = {"high": "seen", "medium": "likely", "low": "possible"}
"""How well a cause is supported, by the confidence of its tasks."""


def cause_shares(failures: Iterable[tuple[str | None, str | None, int]]) -> tuple[CauseProportion, ...]:
    """Return the proportion of each cause, the largest first, from counts of failed tasks by cause and confidence."""
    counts: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for cause, confidence, count in failures:
        counts[cause or "unknown"][confidence] += count
    total = sum(by_confidence.total() for by_confidence in counts.values())
    shares = []
    for cause, by_confidence in counts.items():
        interval = wilson(by_confidence.total(), total)
        share = (by_confidence.total() / total, interval.low, interval.high)
        shares.append(CauseProportion(cause, *share, by_confidence.total(), _confidence(by_confidence)))
    return tuple(sorted(shares, key=lambda share: (-share.tasks, _PRECEDENCE.index(share.cause))))


def _confidence(counts: Counter[str | None]) -> str | None:
    """Return the confidence of most tasks; of equally many the lower."""
    if not any(counts.keys() - {None}):
        return None
    return max(_CONFIDENCES, key=lambda name: (counts[name], -_CONFIDENCES.index(name)))
