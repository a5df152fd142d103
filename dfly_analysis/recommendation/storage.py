"""Volumes and disks: whether the layers fit, what garbage collection leaves, and whether writes keep up with downloads."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dfly_analysis.catalog.sizing_guide import documented_sizing, sizing_source
from dfly_analysis.config.setting import helm_path_of
from dfly_analysis.estimates import NotFitted
from dfly_analysis.models import CapacityFit, StorageFit
from dfly_analysis.recommendation.concurrency import capacity_of
from dfly_analysis.recommendation.context import CLIENT_ROLES, RecommendationContext
from dfly_analysis.recommendation.host_usage import Disk, disks_of, requested_by_host, requested_bytes
from dfly_analysis.recommendation.messages import ROLE_TITLES, current_of, in_force_text
from dfly_analysis.recommendation.recommendations import (
    Advice,
    Confidence,
    Estimate,
    NoRecommendation,
    Recommendation,
    Topic,
)
from dfly_analysis.units import format_rate, format_size, size_setting

TOPIC: Topic = "storage"
VOLUME = "persistence.size"
# The chart ships the old spelling of these, and a file with both is refused.
HIGH, LOW = "gc.policy.distHighThresholdPercent", "gc.policy.distLowThresholdPercent"
_USUAL_HIGH, _USUAL_LOW = 80.0, 60.0  # the client's own
_STEP, _BETWEEN, _LEAST = 5, 20, 30
_FINDING = "disk_full"
_WELL_BELOW = 0.8  # a file system keeps a little for itself
_CHECK = "set it, repeat the preheat, then run `dfly-analysis diagnose`: expect disk_full absent"
_CLAIMS = "Helm does not enlarge claims that exist: `kubectl patch pvc` each, or make them anew"
_COLLECT = "`df` of the content volume, metrics.txt of every seed client, and the Helm values or the chart's version"


@dataclass(frozen=True)
class StorageDemand:
    """What a role's volume has to hold.

    Attributes
    ----------
    role : str
    full : int
        Tasks that failed for want of space; 1 where only a finding says so.
    busiest_bytes, all_bytes, burst_bytes : int
        Asked of the busiest host, of all hosts together, and the largest layer, be it seen or asked about.
    needed_bytes, low_bytes, high_bytes : float
        Of a volume, by the thresholds in force; the lower end leaves nothing to garbage collection, the upper one puts all
        layers on one host.
    high, low : float
        Thresholds, 0 to 1.
    volume_bytes : int or None
        In force, by settings, else by metrics.
    measured : Disk or None
        The smallest disk that metrics told of.
    """

    role: str
    full: int
    busiest_bytes: int
    all_bytes: int
    burst_bytes: int
    needed_bytes: float
    low_bytes: float
    high_bytes: float
    high: float
    low: float
    volume_bytes: int | None
    measured: Disk | None


def advise(context: RecommendationContext) -> Advice:
    """Return what volumes need, and thresholds of garbage collection that leave room for a layer."""
    storage_demands = {role: storage_demand_of(context, role) for role in CLIENT_ROLES}
    changes = _changes(context, storage_demands["seedClient"])
    estimates = [
        *_write_speed(context),
        *(one for storage_demand in storage_demands.values() for one in _estimates(context, storage_demand)),
    ]
    silent = [
        _no_recommendation(context, storage_demand)
        for storage_demand in storage_demands.values()
        if not (changes and storage_demand.role == "seedClient")
    ]
    return Advice(
        recommendations=tuple(changes),
        no_advice=tuple(one for one in silent if one),
        warnings=_caveats(context, storage_demands["seedClient"]),
        estimates=tuple(estimates),
    )


def _caveats(context: RecommendationContext, storage_demand: StorageDemand) -> tuple[str, ...]:
    """Warn where a disk that filled up is smaller than the volume that is believed to be in force."""
    configured, disk = context.setting(VOLUME, storage_demand.role), storage_demand.measured
    if (
        not storage_demand.full
        or disk is None
        or configured.size_bytes is None
        or disk.total_bytes >= _WELL_BELOW * configured.size_bytes
    ):
        return ()
    return (
        (
            f"the disk of {disk.host} holds {format_size(disk.total_bytes)} by its metrics, yet {VOLUME} is believed to be {configured.value} "
            f"({configured.source}): give the Helm values in force with --values; until then no advice on it can be trusted"
        ),
    )


def storage_demand_of(context: RecommendationContext, role: str) -> StorageDemand:
    """Return what the volume of a role has to hold, from what its hosts were asked for and the layer asked about."""
    by_host, together = requested_by_host(context, role), requested_bytes(context, role)
    sizes = context.dataset.tasks.loc[context.dataset.tasks["role"] == role, "size_bytes"].dropna()
    burst = max(context.size_bytes, int(sizes.max()) if len(sizes) else 0)
    busiest = int(by_host.max()) if len(by_host) else 0
    kept = max(busiest, burst)
    high, low = _threshold(context, role, HIGH, _USUAL_HIGH), _threshold(context, role, LOW, _USUAL_LOW)
    needed = max(kept / low, burst / (1.0 - high)) * (1.0 - 1e-9)
    disks = disks_of(context, role)
    measured = min(disks, key=lambda one: one.total_bytes, default=None)
    volume = context.setting(VOLUME, role).size_bytes if role == "seedClient" else None
    enabled = context.setting("persistence.enable", role).value if role == "seedClient" else False
    if volume is None or enabled is False:
        volume = measured.total_bytes if measured else None
    return StorageDemand(
        role, _full(context, role), busiest, together, burst, needed, float(kept), max(needed, (together + burst) / low), high, low,
        volume, measured,
    )  # fmt: skip


def _threshold(context: RecommendationContext, role: str, key: str, usual: float) -> float:
    number = context.setting(key.replace("dist", "disk", 1), role).number or context.setting(key, role).number
    return min(max(number or usual, 1.0), 99.0) / 100.0


def _full(context: RecommendationContext, role: str) -> int:
    failed = context.dataset.failed_tasks
    disk_full_tasks = failed[failed["cause"] == _FINDING]
    if len(disk_full_tasks):
        return int((disk_full_tasks["role"] == role).sum())
    return int(role == "seedClient" and bool(context.present(_FINDING)))


def _changes(context: RecommendationContext, storage_demand: StorageDemand) -> list[Recommendation]:
    volume = storage_demand.volume_bytes
    too_small = (
        volume is not None
        and volume < context.size_bytes
        and context.setting(VOLUME, storage_demand.role).value is not None
    )
    if not storage_demand.full and not too_small:
        return []
    if volume is not None and volume >= storage_demand.needed_bytes:
        return []
    return _thresholds(context, storage_demand) or [_volume(context, storage_demand)]


def _volume(context: RecommendationContext, storage_demand: StorageDemand) -> Recommendation:
    current, documented = context.setting(VOLUME, storage_demand.role), documented_sizing(storage_demand.role)
    proposed = _round_gib(storage_demand.needed_bytes)
    reasons = [in_force_text(current)]
    if storage_demand.full:
        reasons.append(f"{storage_demand.full} tasks failed because a disk was full")
    if storage_demand.measured is not None:
        reasons.append(
            f"the disk of {storage_demand.measured.host} holds {format_size(storage_demand.measured.total_bytes)}, by its metrics"
        )
    reasons += [
        f"the busiest host was asked for {format_size(storage_demand.busiest_bytes)}, all together for {format_size(storage_demand.all_bytes)}",
        (
            f"garbage is collected from {100 * storage_demand.high:.0f} % down to {100 * storage_demand.low:.0f} %: what is kept has to fit below, and a layer of "
            f"{format_size(storage_demand.burst_bytes)} above"
        ),
        "the upper end lets all layers land on one host",
    ]
    return Recommendation(
        key=VOLUME, role=storage_demand.role, helm_path=helm_path_of(storage_demand.role, VOLUME) or f"{storage_demand.role}.{VOLUME}", current=current_of(current),
        proposed=size_setting(proposed), unit="bytes", low=storage_demand.low_bytes, high=max(float(proposed), storage_demand.high_bytes),
        because="; ".join(reasons), confidence=_confidence(storage_demand), findings=context.present(_FINDING), how_to_check=f"{_CHECK}; {_CLAIMS}",
        rule_of_thumb=f"{format_size(documented.disk_bytes)} for each seed client ({sizing_source()})" if documented else None,
    )  # fmt: skip


def _confidence(storage_demand: StorageDemand) -> Confidence:
    return "medium" if storage_demand.full > 1 and storage_demand.volume_bytes is not None else "low"


def _thresholds(context: RecommendationContext, storage_demand: StorageDemand) -> list[Recommendation]:
    """Return lower thresholds where the volume holds what is kept, and only the room above the high one is too small."""
    volume = storage_demand.volume_bytes
    if volume is None:
        return []
    high = math.floor(100.0 * (1.0 - storage_demand.burst_bytes / volume) / _STEP) * _STEP
    low = max(high - _BETWEEN, math.ceil(100.0 * storage_demand.low_bytes / volume / _STEP) * _STEP)
    if high < _LEAST or low > high - _STEP or high >= 100.0 * storage_demand.high:
        return []
    proposed_percent = {HIGH: high, LOW: min(low, round(100.0 * storage_demand.low))}
    return [
        _threshold_change(context, storage_demand, key, value) for key, value in proposed_percent.items() if context.setting(key, storage_demand.role).number != value
    ]  # fmt: skip


def _threshold_change(
    context: RecommendationContext, storage_demand: StorageDemand, key: str, percent: int
) -> Recommendation:
    current = context.setting(key, storage_demand.role)
    volume = storage_demand.volume_bytes or 0
    because = [
        in_force_text(current),
        (
            f"a volume of {format_size(volume)} leaves {format_size((1.0 - storage_demand.high) * volume)} above the high threshold, less than a layer of "
            f"{format_size(storage_demand.burst_bytes)}"
        ),
        "a layer arrives faster than garbage is collected, every 15 min",
    ]
    return Recommendation(
        key=key, role=storage_demand.role, helm_path=helm_path_of(storage_demand.role, key) or f"{storage_demand.role}.config.{key}", current=current_of(current),
        proposed=str(percent), unit="percent", low=float(max(_LEAST - _BETWEEN, percent - _BETWEEN)), high=float(percent),
        because="; ".join(because), confidence=_confidence(storage_demand), findings=context.present(_FINDING), how_to_check=_CHECK,
        rule_of_thumb="or a larger volume: persistence.size",
    )  # fmt: skip


def _round_gib(size_bytes: float) -> int:
    """Round up to what people write: by 1 GiB to 10, by 10 to 100, by 50 above."""
    gib = size_bytes / 2**30
    step = 1 if gib <= 10 else 10 if gib <= 100 else 50
    return max(1, math.ceil(gib / step - 1e-9) * step) * 2**30


def _no_recommendation(context: RecommendationContext, storage_demand: StorageDemand) -> NoRecommendation | None:
    title = ROLE_TITLES[storage_demand.role]
    if storage_demand.full and storage_demand.role == "client":
        need = f"a client's cache lies on its node, which no value of the chart enlarges; what was asked for takes {format_size(storage_demand.needed_bytes)}"
        return NoRecommendation(TOPIC, f"{storage_demand.full} tasks failed because a disk was full; {need}", "`df` on the nodes, and client.extraVolumes of the Helm values", "client")  # fmt: skip
    if storage_demand.full and storage_demand.volume_bytes is not None:
        would_hold = f"the volume of {format_size(storage_demand.volume_bytes)} would hold what this run asked for ({format_size(storage_demand.needed_bytes)})"
        return NoRecommendation(
            TOPIC,
            f"a disk of a {title} was full, yet {would_hold}: something else fills it",
            _COLLECT,
            storage_demand.role,
        )
    if storage_demand.role == "client":
        return None
    writes = context.fits.get("storage_write")
    if isinstance(writes, NotFitted):
        return NoRecommendation(TOPIC, f"no disk was full; {writes.reason}", writes.collect, storage_demand.role)
    if isinstance(writes, StorageFit):
        return NoRecommendation(TOPIC, "no disk was full, and the speed of writes is known", "", storage_demand.role)
    return NoRecommendation(TOPIC, "no disk was full, as far as the input shows", _COLLECT, storage_demand.role)


def _estimates(context: RecommendationContext, storage_demand: StorageDemand) -> list[Estimate]:
    result: list[Estimate] = []
    title = ROLE_TITLES[storage_demand.role]
    disks = disks_of(context, storage_demand.role)
    if disks:
        least = min(disks, key=lambda one: one.free_bytes)
        fits = (
            "a layer of the size asked for fits"
            if least.free_bytes >= context.size_bytes
            else "a layer of the size asked for does not fit"
        )
        result.append(Estimate(
            TOPIC, storage_demand.role, "free space of the fullest disk", float(least.free_bytes), float(least.free_bytes), float(max(one.free_bytes for one in disks)),
            "bytes", "measured", "high", f"{least.host}, of {format_size(least.total_bytes)}, when its metrics were read; {fits}",
        ))  # fmt: skip
    if storage_demand.role == "seedClient" or storage_demand.full:
        result.append(Estimate(
            TOPIC, storage_demand.role, f"volume of each {title} for what was asked", storage_demand.needed_bytes, storage_demand.low_bytes, storage_demand.high_bytes, "bytes", "computed",
            "medium" if storage_demand.all_bytes else "low",
            f"{format_size(storage_demand.busiest_bytes)} on the busiest host, kept below {100 * storage_demand.low:.0f} %, and a layer of {format_size(storage_demand.burst_bytes)} above "
            f"{100 * storage_demand.high:.0f} %",
            "`dfly-analysis check-config VALUES --size SIZE` judges a volume without logs",
        ))  # fmt: skip
        documented = documented_sizing(storage_demand.role)
        if documented is not None:
            disk = float(documented.disk_bytes)
            result.append(Estimate(TOPIC, storage_demand.role, f"documented disk of each {title}", disk, disk, disk, "bytes", "documented", "low", f"the guide of the project, for up to {documented.peers} peers"))  # fmt: skip
    return result


def _write_speed(context: RecommendationContext) -> list[Estimate]:
    writes, capacity = context.fits.get("storage_write"), capacity_of(context)
    if not isinstance(writes, StorageFit):
        return []
    speed = writes.speed_bps
    measured_text = f"{writes.n} measured writes"
    if isinstance(capacity, CapacityFit):
        carried = capacity.goodness["busiest_bps"]
        verdict = (
            "storage keeps up"
            if speed.low >= carried
            else "downloads outrun storage: faster media, or fewer pieces in flight"
        )
        measured_text = f"{measured_text}; {verdict}: a host fetched at {format_rate(carried)}"
    return [Estimate(TOPIC, "seedClient", "speed of writes", speed.value, speed.low, speed.high, "B/s", "measured", "high", measured_text, "write again with fio on an idle host")]  # fmt: skip
