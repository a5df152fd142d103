"""Pieces in flight on a shared link: how many fit the piece timeout, and when fewer help at all."""

import math

from dfly_analysis.dataset.dataset import REFUSED_FOR_LOAD
from dfly_analysis.models import CapacityFit
from dfly_analysis.recommendation.context import CLIENT_ROLES, PIECE, ReducedConcurrency
from dfly_analysis.recommendation.context import RecommendationContext as Context
from dfly_analysis.recommendation.context import TimeoutRequirement as Requirement
from dfly_analysis.sql_scripts import sql

_WORTH = 1.5  # fewer in flight have to make a piece this many times faster
_STILL_CARRIED = 0.8  # and carry this share of what is carried now


def find_reduced_concurrency(context: Context) -> dict[str, ReducedConcurrency]:
    """Return how many pieces may be in flight, for the roles where fewer than now help."""
    found = {role: _reduced(context, role) for role in CLIENT_ROLES}
    set_now = {role: context.concurrency(role).number or 0 for role in CLIENT_ROLES}
    return {role: one for role, one in found.items() if one is not None and set_now[role] > one.slots}


def slots_seen(context: Context, role: str) -> int:
    """Return the most pieces of one layer that a host of a role had in flight at a time; 0 where no times are known."""
    most, n = context.one(sql("recommendation", "slots_seen"), [role])
    return int(most) if n else 0


def slowed(capacity: CapacityFit, in_flight: float) -> float:
    """Return how many times longer a piece takes among so many in flight than among the usual number."""
    usual, there = max(1.0, capacity.usual_load), max(1.0, in_flight)
    return (there / capacity.throughput(there).value) / (usual / capacity.throughput(usual).value)


def _reduced(context: Context, role: str) -> ReducedConcurrency | None:
    need, capacity = context.needs.get((role, PIECE)), context.capacity
    raised = need is not None and need.proposed_s is not None
    if context.failed_tasks("rate_limited", role):
        return None if raised else _below_refusals(context, role)
    if need is None or not isinstance(capacity, CapacityFit) or not capacity.shared:
        return None
    too_long = need.limited_by == "ceiling" or need.verdict == "ceiling"
    # one change at a time: a timeout that is raised was computed for as many pieces in flight as there are
    resets = context.diagnosis.primary_cause == "network_instability" and not raised
    if not (too_long or resets) or (seen := slots_seen(context, role)) < 2:
        return None
    return _within_timeout(need, capacity, seen) if too_long else _against_resets(role, capacity, seen)


def _below_refusals(context: Context, role: str) -> ReducedConcurrency | None:
    """Scale down to the load at which the registry began to refuse; to half where refusals came at any load."""
    seen = slots_seen(context, role)
    if seen < 2:
        return None
    peak, refused = context.one(sql("recommendation", "refused_load", REFUSED=REFUSED_FOR_LOAD), [])
    known = refused is not None and 1 < refused < peak
    slots = max(1, int(seen * (refused - 1) / peak)) if known else seen // 2
    return ReducedConcurrency(
        role, "refused", seen, slots, max(1, slots // 2), max(slots, seen // 2), 1.0, refused_load=(int(refused), int(peak)) if known else None
    )  # fmt: skip


def _within_timeout(need: Requirement, capacity: CapacityFit, seen: int) -> ReducedConcurrency | None:
    timeout_s, layers = need.planned_s, max(1.0, capacity.usual_load / seen)
    if timeout_s is None or need.needed is None:
        return None
    times = [slowed(capacity, n * layers) for n in range(1, seen)]
    low, high = (
        max((n for n, factor in enumerate(times, start=1) if needed_s * factor <= timeout_s), default=0)
        for needed_s in (need.needed.high, need.needed.value)
    )
    slots, link_bps = low or high, capacity.bandwidth_bps.value
    if not slots:
        return None
    return ReducedConcurrency(need.role, "timeout", seen, slots, max(1, low), high, times[slots - 1], timeout_s, link_bps)  # fmt: skip


def _against_resets(role: str, capacity: CapacityFit, seen: int) -> ReducedConcurrency | None:
    layers, usual = max(1.0, capacity.usual_load / seen), max(1.0, capacity.usual_load)
    for slots in range(seen // 2, 0, -1):
        carried = capacity.throughput(max(1.0, slots * layers)).value / capacity.throughput(usual).value
        times = slowed(capacity, slots * layers)
        if carried < _STILL_CARRIED:
            return None
        if times * _WORTH <= 1.0:
            high, link_bps = max(slots, math.ceil(seen / 2)), capacity.bandwidth_bps.value
            return ReducedConcurrency(role, "resets", seen, slots, max(1, slots // 2), high, times, link_bps=link_bps)
    return None
