"""Learns the limit really in force where failures pile up well below the one that is believed to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from dfly_analysis.attempts.columns import OK, SOURCE, Columns
from dfly_analysis.attempts.limits import LATE_S, Limits, is_at_limit
from dfly_analysis.attempts.pieces import PeerPieces, span_s
from dfly_analysis.attempts.records import Records
from dfly_analysis.attempts.typed import each_pair
from dfly_analysis.catalog.error_signatures import cause_of

WELL_BELOW = 0.9
FEWEST, PILED_SHARE = 5, 0.8
TIGHT_S, TIGHT_SHARE = 0.06, 0.01  # timers on real runs fire up to 44 ms late


@dataclass(frozen=True)
class Observed:
    """What the attempts of one role show of the limit that cut them; those of several inputs add up.

    Attributes
    ----------
    hosts : frozenset of str
        Hosts with attempts that ended.
    ran_s : tuple of float
        How long failed requests had run whose start is logged, seconds.
    since_round_s : tuple of float
        When the others that name a timeout failed, seconds after their round began.
    longest_ok_s : float
        The longest a finished request took, seconds; one longer than a supposed limit shows that it is none.
    """

    hosts: frozenset[str] = frozenset()
    ran_s: tuple[float, ...] = ()
    since_round_s: tuple[float, ...] = ()
    longest_ok_s: float = 0.0

    def __or__(self, other: Observed) -> Observed:
        return Observed(
            self.hosts | other.hosts,
            self.ran_s + other.ran_s,
            self.since_round_s + other.since_round_s,
            max(self.longest_ok_s, other.longest_ok_s),
        )


def observe(records: Records, finished: Columns, peers: Mapping[str, PeerPieces]) -> dict[str, Observed]:
    """Return role by role what the attempts of one part show.

    Parameters
    ----------
    records : Records
    finished : dict of str to numpy.ndarray
        Of `attempt_columns`; those that did not finish are not looked at.
    peers : mapping of str to PeerPieces
        With the attempts that failed.

    Returns
    -------
    dict of str to Observed
    """
    ok = np.flatnonzero(finished["outcome"] == OK)
    roles, hosts, origin, duration_s = (finished[name].take(ok) for name in ("role", "host", "origin", "duration_s"))
    speakers, at = each_pair(records.role.at(roles), records.host.at(hosts))
    longest_s = np.zeros(len(speakers))
    np.fmax.at(longest_s, at, np.where(origin == SOURCE, duration_s, 0.0))
    observed: dict[str, Observed] = {}
    for (role, host), longest in zip(speakers, longest_s.tolist(), strict=True):
        observed[role] = observed.get(role, Observed()) | Observed(frozenset({host}), longest_ok_s=longest)
    for role, one in _observe_failures(peers.values()).items():
        observed[role] = observed.get(role, Observed()) | one
    return observed


def _observe_failures(peers: Iterable[PeerPieces]) -> dict[str, Observed]:
    hosts: dict[str, set[str]] = {}
    ran_s: dict[str, list[float]] = {}
    since_round_s: dict[str, list[float]] = {}
    for peer in peers:
        for attempt in peer.done:
            role = attempt.record.role
            hosts.setdefault(role, set()).add(attempt.record.host)
            if attempt.outcome != "failed" or attempt.origin != "source" or attempt.ended is None:
                continue
            if peer.sees_starts and attempt.duration_s is not None:
                ran_s.setdefault(role, []).append(attempt.duration_s)
            elif peer.rounds and (known := cause_of(attempt.text)) is not None and known.outcome == "timeout":
                since_round_s.setdefault(role, []).append(span_s(peer.rounds[0][0], attempt.ended))
    return {
        role: Observed(frozenset(hosts[role]), tuple(ran_s.get(role, ())), tuple(since_round_s.get(role, ())))
        for role in hosts
    }


def observe_limits(parts: Iterable[Mapping[str, Observed]], limits: Limits) -> Limits:
    """Return the limits, corrected role by role where the input shows a shorter one.

    Without rendered configuration or values a default is believed to be in force. Where pieces nevertheless end in
    heaps at a time well below it, or say that their time was up long before it, that time was the limit.

    Parameters
    ----------
    parts : iterable of mapping of str to Observed
        What `observe` saw in each part of the input.
    limits : Limits

    Returns
    -------
    Limits
        The same object where nothing is to be corrected.
    """
    shown: dict[str, Observed] = {}
    for part in parts:
        shown |= {role: shown.get(role, Observed()) | one for role, one in part.items()}
    observed: dict[str, float] = {}
    for role, one in shown.items():
        piled = _piled(one)
        configured = [limit for host in one.hosts if (limit := limits.limit_s(role, host)) is not None]
        if piled is not None and (not configured or piled < WELL_BELOW * min(configured)):
            observed[role] = piled
    if not observed:
        return limits
    return replace(
        limits,
        piece_timeout_s=lambda role, host: observed.get(role, limits.piece_timeout_s(role, host)),
        write_timeout_s=lambda role, host: None if role in observed else limits.write_timeout_s(role, host),
    )


def _piled(one: Observed) -> float | None:
    """Return the time at which failed pieces pile up, or None.

    With starts logged: four of five failures at one time. Without: the pieces that took the first slots of a round began
    with it, so the earliest words of a timeout give the limit; a second piece must agree.
    """
    if len(one.ran_s) >= FEWEST:
        middle = float(np.median(one.ran_s))
        near = sum(abs(ran - middle) <= max(TIGHT_S, TIGHT_SHARE * middle) for ran in one.ran_s)
        return middle if near >= PILED_SHARE * len(one.ran_s) and one.longest_ok_s <= middle + LATE_S else None
    earliest = min(one.since_round_s, default=None)
    if earliest is None or earliest <= 0 or sum(is_at_limit(since, earliest) for since in one.since_round_s) < 2:
        return None
    return earliest
