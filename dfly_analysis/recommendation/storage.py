"""Volumes and disks: whether the layers fit, what garbage collection leaves, and whether writes keep up with downloads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from dfly_analysis.catalog.sizing_guide import documented_sizing, sizing_source
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.models import CapacityFit, StorageFit
from dfly_analysis.recommendation.context import CLIENT_ROLES, ROLE_TITLES, RecommendationContext
from dfly_analysis.recommendation.recommendations import Estimate, Item, NoRecommendation, Recommendation
from dfly_analysis.units import format_rate, format_size, size_setting

VOLUME = "persistence.size"
# The chart ships the old spelling of these, and a file with both is refused.
HIGH, LOW = "gc.policy.distHighThresholdPercent", "gc.policy.distLowThresholdPercent"
_DISK, _USED = "dragonfly_client_disk_space_total", "dragonfly_client_disk_usage_space_total"
_USUAL_HIGH, _USUAL_LOW = 80.0, 60.0  # the client's own
_STEP, _BETWEEN, _LEAST = 5, 20, 30
_FINDING = "disk_full"
_WELL_BELOW = 0.8  # a file system keeps a little for itself
_CHECK = "set it, repeat the preheat, then run `dfly-analysis diagnose`: expect disk_full absent"
_CLAIMS = "Helm does not enlarge claims that exist: `kubectl patch pvc` each, or make them anew"
_COLLECT = "`df` of the content volume, metrics.txt of every seed client, and the Helm values or the chart's version"
_estimate = partial(Estimate.of, "storage")


@dataclass(frozen=True)
class _Disk:
    """The file system of a host, by its metrics."""

    host: str
    total_bytes: int
    used_bytes: int

    @property
    def free_bytes(self) -> int:
        return max(0, self.total_bytes - self.used_bytes)


@dataclass(frozen=True)
class _Demand:
    """What a role's volume has to hold.

    The lower end of what is needed leaves nothing to garbage collection, the upper one puts all layers on one host. `full`
    counts tasks that failed for want of space, 1 where only a finding says so.
    """

    role: str
    full: int
    busiest_bytes: int
    all_bytes: int
    largest_layer_bytes: int
    needed_bytes: float
    low_bytes: float
    high_bytes: float
    high_threshold: float
    low_threshold: float
    volume_bytes: int | None
    disks: tuple[_Disk, ...]

    @property
    def smallest(self) -> _Disk | None:
        return min(self.disks, key=lambda disk: disk.total_bytes, default=None)


def advise(context: RecommendationContext) -> Iterator[Item]:
    """Return what volumes need, and thresholds of garbage collection that leave room for a layer."""
    demands = [_demand(context, role) for role in CLIENT_ROLES]
    changes = list(_changes(context, demands[0]))
    yield from changes
    for demand in demands:
        if not (changes and demand.role == "seedClient") and (reason := _no_recommendation(context, demand)):
            yield reason
    yield from _contradictions(context, demands[0])
    yield from _write_speed(context)
    for demand in demands:
        yield from _estimates(context, demand)


def _contradictions(context: RecommendationContext, demand: _Demand) -> Iterator[str]:
    """Warn where a disk that filled up is smaller than the volume that is believed to be in force."""
    configured, disk = context.setting(VOLUME, demand.role), demand.smallest
    if not demand.full or disk is None or configured.size_bytes is None:
        return
    if disk.total_bytes < _WELL_BELOW * configured.size_bytes:
        yield (
            f"the disk of {disk.host} holds {format_size(disk.total_bytes)} by its metrics, yet {VOLUME} is believed to be {configured.value} "
            f"({configured.source}): give the Helm values in force with --values; until then no advice on it can be trusted"
        )


def _demand(context: RecommendationContext, role: str) -> _Demand:
    """Return what the volume of a role has to hold: each blob once that its hosts were asked for, and the requested layer."""
    query = """
        WITH blobs AS (SELECT host, task_id, max(size_bytes) AS size_bytes FROM tasks WHERE role = ? GROUP BY host, task_id)
        SELECT max(size_bytes), (SELECT max(total) FROM (SELECT sum(size_bytes) AS total FROM blobs WHERE host IS NOT NULL GROUP BY host)),
            (SELECT sum(size_bytes) FROM (SELECT max(size_bytes) AS size_bytes FROM blobs GROUP BY task_id)) FROM blobs"""
    largest, busiest, together = (int(size or 0) for size in context.one(query, [role]))
    largest = max(context.size_bytes, largest)
    kept = max(busiest, largest)
    high, low = _threshold(context, role, HIGH, _USUAL_HIGH), _threshold(context, role, LOW, _USUAL_LOW)
    needed = max(kept / low, largest / (1.0 - high)) * (1.0 - 1e-9)
    total, used = (context.gauge_by_host(metric, role) for metric in (_DISK, _USED))
    disks = tuple(_Disk(host, size, used[host]) for host, size in sorted(total.items()) if host in used and size > 0)
    volume = context.setting(VOLUME, role).size_bytes if role == "seedClient" else None
    if volume is None or context.setting("persistence.enable", role).value is False:
        volume = min((disk.total_bytes for disk in disks), default=None)
    most = max(needed, (together + largest) / low)
    full = _full(context, role)
    return _Demand(role, full, busiest, together, largest, needed, float(kept), most, high, low, volume, disks)


def _threshold(context: RecommendationContext, role: str, key: str, usual: float) -> float:
    number = context.setting(key.replace("dist", "disk", 1), role).number or context.setting(key, role).number
    return min(max(number or usual, 1.0), 99.0) / 100.0


def _full(context: RecommendationContext, role: str) -> int:
    if context.failed_tasks(_FINDING):
        return context.failed_tasks(_FINDING, role)
    return int(role == "seedClient" and bool(context.present(_FINDING)))


def _changes(context: RecommendationContext, demand: _Demand) -> Iterator[Recommendation]:
    volume = demand.volume_bytes
    known = context.setting(VOLUME, demand.role).value is not None
    too_small = volume is not None and volume < context.size_bytes and known
    if (demand.full or too_small) and (volume is None or volume < demand.needed_bytes):
        yield from list(_thresholds(context, demand)) or [_volume(context, demand)]


def _change(
    context: RecommendationContext, demand: _Demand, key: str, reasons: list[str], **fields: Any
) -> Recommendation:
    confidence = "medium" if demand.full > 1 and demand.volume_bytes is not None else "low"
    findings = context.present(_FINDING)
    return Recommendation.of(
        context.setting(key, demand.role), key, reasons, confidence=confidence, findings=findings, **fields
    )


def _volume(context: RecommendationContext, demand: _Demand) -> Recommendation:
    documented, disk, proposed = documented_sizing(demand.role), demand.smallest, _round_gib(demand.needed_bytes)
    reasons = [f"{demand.full} tasks failed because a disk was full"] if demand.full else []
    if disk is not None:
        reasons.append(f"the disk of {disk.host} holds {format_size(disk.total_bytes)}, by its metrics")
    reasons += [
        f"the busiest host was asked for {format_size(demand.busiest_bytes)}, all together for {format_size(demand.all_bytes)}",
        f"garbage is collected from {100 * demand.high_threshold:.0f} % down to {100 * demand.low_threshold:.0f} %: what is kept has to fit below, and a layer of {format_size(demand.largest_layer_bytes)} above",
        "the upper end lets all layers land on one host",
    ]
    thumb = f"{format_size(documented.disk_bytes)} for each seed client ({sizing_source()})" if documented else None
    return _change(
        context, demand, VOLUME, reasons, proposed=size_setting(proposed), unit="bytes", low=demand.low_bytes,
        high=max(float(proposed), demand.high_bytes), how_to_check=f"{_CHECK}; {_CLAIMS}", rule_of_thumb=thumb,
    )  # fmt: skip


def _thresholds(context: RecommendationContext, demand: _Demand) -> Iterator[Recommendation]:
    """Yield lower thresholds where the volume holds what is kept, and only the room above the high one is too small."""
    volume = demand.volume_bytes
    if volume is None:
        return
    high = math.floor(100.0 * (1.0 - demand.largest_layer_bytes / volume) / _STEP) * _STEP
    low = max(high - _BETWEEN, math.ceil(100.0 * demand.low_bytes / volume / _STEP) * _STEP)
    if high < _LEAST or low > high - _STEP or high >= 100.0 * demand.high_threshold:
        return
    left, layer = format_size((1.0 - demand.high_threshold) * volume), format_size(demand.largest_layer_bytes)
    reasons = [
        f"a volume of {format_size(volume)} leaves {left} above the high threshold, less than a layer of {layer}",
        "a layer arrives faster than garbage is collected, every 15 min",
    ]
    for key, percent in ((HIGH, high), (LOW, min(low, round(100.0 * demand.low_threshold)))):
        if context.setting(key, demand.role).number != percent:
            yield _change(
                context, demand, key, reasons, proposed=str(percent), unit="percent", low=float(max(_LEAST, percent) - _BETWEEN),
                high=float(percent), how_to_check=_CHECK, rule_of_thumb="or a larger volume: persistence.size",
            )  # fmt: skip


def _round_gib(size_bytes: float) -> int:
    """Round up to what people write: by 1 GiB to 10, by 10 to 100, by 50 above."""
    gib = size_bytes / 2**30
    step = 1 if gib <= 10 else 10 if gib <= 100 else 50
    return max(1, math.ceil(gib / step - 1e-9) * step) * 2**30


def _no_recommendation(context: RecommendationContext, demand: _Demand) -> NoRecommendation | None:
    role, needed, writes = demand.role, format_size(demand.needed_bytes), context.fits.get("storage_write")
    collect = _COLLECT
    if demand.full and role == "client":
        need = f"a client's cache lies on its node, which no value of the chart enlarges; what was asked for takes {needed}"
        reason = f"{demand.full} tasks failed because a disk was full; {need}"
        collect = "`df` on the nodes, and client.extraVolumes of the Helm values"
    elif demand.full and demand.volume_bytes is not None:
        would_hold = f"the volume of {format_size(demand.volume_bytes)} would hold what this run asked for ({needed})"
        reason = f"a disk of a {ROLE_TITLES[role]} was full, yet {would_hold}: something else fills it"
    elif role == "client":
        return None
    elif isinstance(writes, NotFitted):
        reason, collect = f"no disk was full; {writes.reason}", writes.collect
    elif isinstance(writes, StorageFit):
        reason, collect = "no disk was full, and the speed of writes is known", ""
    else:
        reason = "no disk was full, as far as the input shows"
    return NoRecommendation("storage", reason, collect, role)


def _estimates(context: RecommendationContext, demand: _Demand) -> Iterator[Estimate]:
    role, title = demand.role, ROLE_TITLES[demand.role]
    if demand.disks:
        fullest = min(demand.disks, key=lambda disk: disk.free_bytes)
        free = Interval(fullest.free_bytes, fullest.free_bytes, max(disk.free_bytes for disk in demand.disks))
        fits = "fits" if fullest.free_bytes >= context.size_bytes else "does not fit"
        why = f"{fullest.host}, of {format_size(fullest.total_bytes)}, when its metrics were read; a layer of the size asked for {fits}"
        yield _estimate(role, "free space of the fullest disk", free, "bytes", "measured", "high", why)
    if role == "client" and not demand.full:
        return
    what, needed = (
        f"volume of each {title} for what was asked",
        Interval(demand.needed_bytes, demand.low_bytes, demand.high_bytes),
    )
    why = (
        f"{format_size(demand.busiest_bytes)} on the busiest host, kept below {100 * demand.low_threshold:.0f} %, and a layer of "
        f"{format_size(demand.largest_layer_bytes)} above {100 * demand.high_threshold:.0f} %"
    )
    check = "`dfly-analysis check-config VALUES --size SIZE` judges a volume without logs"
    yield _estimate(role, what, needed, "bytes", "computed", "medium" if demand.all_bytes else "low", why, check)
    if (documented := documented_sizing(role)) is not None:
        disk, why = (
            Interval(*[float(documented.disk_bytes)] * 3),
            f"the guide of the project, for up to {documented.peers} peers",
        )
        yield _estimate(role, f"documented disk of each {title}", disk, "bytes", "documented", "low", why)


def _write_speed(context: RecommendationContext) -> Iterator[Estimate]:
    writes, capacity = context.fits.get("storage_write"), context.capacity
    if not isinstance(writes, StorageFit):
        return
    speed, why = writes.speed_bps, f"{writes.n} measured writes"
    if isinstance(capacity, CapacityFit):
        carried = capacity.goodness["busiest_bps"]
        slow = "downloads outrun storage: faster media, or fewer pieces in flight"
        why = f"{why}; {'storage keeps up' if speed.low >= carried else slow}: a host fetched at {format_rate(carried)}"
    check = "write again with fio on an idle host"
    yield _estimate("seedClient", "speed of writes", speed, "B/s", "measured", "high", why, check)
