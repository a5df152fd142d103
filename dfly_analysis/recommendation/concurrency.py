"""Pieces in flight against the link they share: how many fit the limit, and when fewer help at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from dfly_analysis.estimates import NotFitted
from dfly_analysis.models import CapacityFit
from dfly_analysis.recommendation.context import CLIENT_ROLES, RecommendationContext
from dfly_analysis.recommendation.required_timeout import HEADROOM, PIECE, TimeoutRequirement

SLOTS = "download.concurrentPieceCount"
_MAX_ROWS = 200_000
_WORTH = 1.5  # fewer in flight have to make a piece this many times faster
_STILL_CARRIED = 0.8  # and carry this share of what is carried now
_COLLECT = "client logs with piece start and finish lines (level debug from client v1.4.1)"

Why = Literal["limit", "resets", "refused"]


@dataclass(frozen=True)
class ReducedConcurrency:
    """How many pieces of a layer may be in flight.

    Attributes
    ----------
    role : str
    why : {"limit", "resets", "refused"}
        Whether no sensible limit on a piece suffices for more, connections are cut too often for how long pieces take, or
        the registry refuses requests.
    seen : int
        Most pieces of one layer in flight at a time in this run.
    slots, low, high : int
        Proposed, with its interval.
    times : float
        How much longer a piece takes then than it did; below 1.
    limit_s : float or None
        The limit on a piece that it was made for, seconds.
    link_bps : float or None
        Bandwidth of the link that the pieces share, B/s; None where requests are refused, whatever the link.
    """

    role: str
    why: Why
    seen: int
    slots: int
    low: int
    high: int
    times: float
    limit_s: float | None = None
    link_bps: float | None = None


def capacity_of(context: RecommendationContext) -> CapacityFit | NotFitted:
    """Return the fitted throughput of the source, or why there is none."""
    found = context.fits.get("source_capacity")
    if isinstance(found, CapacityFit | NotFitted):
        return found
    return NotFitted("source_capacity", "the throughput of the source was not fitted", _COLLECT)


def find_reduced_concurrency(context: RecommendationContext) -> dict[str, ReducedConcurrency]:
    """Return how many pieces may be in flight, for the roles where fewer than now would cure something."""
    found = {role: _fewer(context, role) for role in CLIENT_ROLES}
    set_now = {role: context.setting(SLOTS, role).number for role in CLIENT_ROLES}
    return {role: one for role, one in found.items() if one is not None and (set_now[role] or 0) > one.slots}


def slots_seen(context: RecommendationContext, role: str) -> int | None:
    """Return the most pieces of one layer that a host of a role had in flight at a time, or None where none tell when they ran."""
    pieces: Any = context.dataset.pieces
    rows = pieces[(pieces["role"] == role) & (pieces["origin"] == "source")].head(_MAX_ROWS)
    rows = rows[rows["started"].notna() & (rows["duration_s"] > 0) & rows["task_id"].notna()]
    if rows.empty:
        return None
    begin = rows["started"].to_numpy(dtype="datetime64[ns]").astype("int64") * 1e-9
    # the slack: a slot is taken anew within a millisecond of the piece before
    end = begin + rows["duration_s"].to_numpy(dtype=float) * 0.998 - 0.005
    layer = pd.factorize(rows["host"].fillna("").astype(str) + rows["task_id"].astype(str))[0]
    time, change = np.concatenate([begin, np.maximum(begin, end)]), np.repeat([1, -1], len(begin))
    order = np.lexsort((change, time, np.tile(layer, 2)))
    return max(1, int(np.cumsum(change[order]).max()))


def slowed(capacity: CapacityFit, in_flight: float) -> float:
    """Return how many times longer a piece takes among so many in flight than among the usual number."""
    usual = max(1.0, capacity.usual_load)
    there = max(1.0, in_flight)
    return (there / capacity.throughput(there).value) / (usual / capacity.throughput(usual).value)


def _fewer(context: RecommendationContext, role: str) -> ReducedConcurrency | None:
    refused = context.dataset.failed_tasks
    if bool(((refused["role"] == role) & (refused["cause"] == "rate_limited")).any()):
        return _halved(context, role)
    need = context.needs.get((role, PIECE))
    capacity = capacity_of(context)
    if need is None or not isinstance(capacity, CapacityFit) or not capacity.shared:
        return None
    if need.limited_by == "ceiling" or need.verdict == "ceiling":
        return _within_limit(context, need, capacity)
    # one change at a time: a limit that is raised was computed for as many pieces in flight as there are
    if context.diagnosis.primary_cause == "network_instability" and need.proposed_s is None:
        return _against_resets(context, role, capacity)
    return None


def _halved(context: RecommendationContext, role: str) -> ReducedConcurrency | None:
    observed = slots_seen(context, role)
    if observed is None or observed < 2 or _raised(context, role):
        return None
    return ReducedConcurrency(role, "refused", observed, observed // 2, max(1, observed // 4), observed // 2, 1.0)


def _raised(context: RecommendationContext, role: str) -> bool:
    need = context.needs.get((role, PIECE))
    return need is not None and need.proposed_s is not None


def _layers(capacity: CapacityFit, observed: int) -> float:
    """Return how many layers were in flight beside each other, by the pieces that were."""
    return max(1.0, capacity.usual_load / observed)


def _within_limit(
    context: RecommendationContext, need: TimeoutRequirement, capacity: CapacityFit
) -> ReducedConcurrency | None:
    observed, limit_s = slots_seen(context, need.role), need.planned_s
    if observed is None or observed < 2 or limit_s is None or need.needed is None:
        return None
    layers = _layers(capacity, observed)

    def most(asked_s: float) -> int:
        fitting = [n for n in range(1, observed) if asked_s * slowed(capacity, n * layers) <= limit_s]
        return max(fitting, default=0)

    low, high = most(HEADROOM * need.needed.high), most(need.needed.value)
    slots = low or high
    if not slots:
        return None
    times = slowed(capacity, slots * layers)
    return ReducedConcurrency(
        need.role, "limit", observed, slots, max(1, low), high, times, limit_s, capacity.bandwidth_bps.value
    )


def _against_resets(context: RecommendationContext, role: str, capacity: CapacityFit) -> ReducedConcurrency | None:
    observed = slots_seen(context, role)
    if observed is None or observed < 2:
        return None
    layers, usual = _layers(capacity, observed), max(1.0, capacity.usual_load)
    for slots in range(observed // 2, 0, -1):
        carried = capacity.throughput(max(1.0, slots * layers)).value / capacity.throughput(usual).value
        times = slowed(capacity, slots * layers)
        if carried < _STILL_CARRIED:
            return None
        if times * _WORTH <= 1.0:
            high, link_bps = max(slots, math.ceil(observed / 2)), capacity.bandwidth_bps.value
            return ReducedConcurrency(
                role, "resets", observed, slots, max(1, slots // 2), high, times, link_bps=link_bps
            )
    return None
