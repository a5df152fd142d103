"""Learns the limit really in force where failures pile up well below the one that is believed to be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from statistics import median

from dfly_analysis.attempts.limits import LATE_S, Limits, is_at_limit
from dfly_analysis.attempts.pieces import Attempt, PeerPieces
from dfly_analysis.knowledge.signature import cause_of

WELL_BELOW = 0.9
FEWEST, PILED_SHARE = 5, 0.8
TIGHT_S, TIGHT_SHARE = 0.06, 0.01  # timers on real runs fire up to 44 ms late


def observe_limits(peers: Iterable[PeerPieces], limits: Limits) -> Limits:
    """Return the limits, corrected role by role where the input shows a shorter one.

    Without rendered configuration or values a default is believed to be in force. Where pieces nevertheless end in
    heaps at a time well below it, or say that their time was up long before it, that time was the limit.

    Parameters
    ----------
    peers : iterable of PeerPieces
    limits : Limits

    Returns
    -------
    Limits
    """
    listed = list(peers)
    seen: dict[str, float] = {}
    for role in sorted({attempt.role for peer in listed for attempt in peer.done}):
        piled = _piled([peer for peer in listed if any(attempt.role == role for attempt in peer.done)])
        hosts = {attempt.host for peer in listed for attempt in peer.done if attempt.role == role}
        believed = [limit for host in hosts if (limit := limits.limit_s(role, host)) is not None]
        if piled is not None and (not believed or piled < WELL_BELOW * min(believed)):
            seen[role] = piled
    if not seen:
        return limits
    return replace(
        limits,
        piece_timeout_s=lambda role, host: seen.get(role, limits.piece_timeout_s(role, host)),
        write_timeout_s=lambda role, host: None if role in seen else limits.write_timeout_s(role, host),
    )


def _piled(peers: list[PeerPieces]) -> float | None:
    """Return the time at which failed pieces pile up, or None.

    With starts logged: four of five failures at one time. Without: the pieces that took the first slots of a round began
    with it, so the earliest words of a timeout give the limit; a second piece must agree.
    """
    ran, since_round = [], []
    for peer in peers:
        for attempt in peer.done:
            if attempt.outcome != "failed" or attempt.origin != "source" or attempt.ended is None:
                continue
            if peer.sees_starts and attempt.duration_s is not None:
                ran.append(attempt.duration_s)
            elif peer.rounds and (known := cause_of(attempt.text)) is not None and known.outcome == "timeout":
                since_round.append((attempt.ended - peer.rounds[0][0]).total_seconds())
    longest_ok = max((_finished_s(attempt) for peer in peers for attempt in peer.done), default=0.0)
    if len(ran) >= FEWEST:
        middle = median(ran)
        near = sum(abs(one - middle) <= max(TIGHT_S, TIGHT_SHARE * middle) for one in ran)
        return middle if near >= PILED_SHARE * len(ran) and longest_ok <= middle + LATE_S else None
    earliest = min(since_round, default=None)
    if earliest is None or earliest <= 0 or sum(is_at_limit(one, earliest) for one in since_round) < 2:
        return None
    return earliest


def _finished_s(attempt: Attempt) -> float:
    """Return how long a finished request took; one longer than a supposed limit shows that it is none."""
    return attempt.duration_s or 0.0 if attempt.outcome == "ok" and attempt.origin == "source" else 0.0
