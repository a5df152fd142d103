"""Shares of the causes over failed tasks."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dfly_analysis.findings import CauseShare
from dfly_analysis.fits import wilson

# Where two causes hold as many tasks each, the one that brings the other about is named first: a dead process or a full
# disk makes others wait until their time is up, never the other way round.
_PRECEDENCE = (
    "resource_limit", "disk_full", "auth", "origin_registry", "rate_limited", "scheduler_unavailable", "storage_io",
    "network_instability", "timeout_too_short", "client_bug", "cancelled", "unknown",
)  # fmt: skip
_SURE = ("low", "medium", "high")


def cause_shares(failed: pd.DataFrame) -> tuple[CauseShare, ...]:
    """Count failed tasks by cause.

    Parameters
    ----------
    failed : pandas.DataFrame
        Failed rows of `dfly_analysis.tables.TASKS`.

    Returns
    -------
    tuple of CauseShare
        Largest first; shares add up to 1; empty where nothing failed.
    """
    named = failed["cause"].fillna("unknown")
    counts = named.value_counts()
    total = int(counts.sum())
    shares = []
    for cause, count in counts.items():
        interval = wilson(int(count), total)
        shares.append(
            CauseShare(
                str(cause),
                int(count) / total,
                interval.low,
                interval.high,
                int(count),
                _confidence(failed[named == cause]),
            )
        )
    return tuple(sorted(shares, key=lambda share: (-share.tasks, _PRECEDENCE.index(share.cause))))


def _confidence(failed: pd.DataFrame) -> str | None:
    counts = failed["confidence"].dropna().value_counts()
    return max(_SURE, key=lambda sure: (counts.get(sure, 0), -_SURE.index(sure))) if len(counts) else None


def primary_cause(shares: Sequence[CauseShare]) -> str | None:
    """Return the cause that holds most failed tasks, or None where none failed."""
    return shares[0].cause if shares else None
