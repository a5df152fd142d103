"""Volumes and disks: whether the layers fit, what garbage collection leaves, and whether writes keep up with downloads."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import NormalDist
from typing import Any

from dfly_analysis.catalog.sizing_guide import documented_sizing, load_sizing_guide
from dfly_analysis.estimates import LEVEL, Interval, NotFitted
from dfly_analysis.messages import Message, join, message
from dfly_analysis.models import CapacityFit, StorageFit
from dfly_analysis.recommendation import recommendations
from dfly_analysis.recommendation.context import CLIENT_ROLES, TITLES, round_gib
from dfly_analysis.recommendation.context import RecommendationContext as Context
from dfly_analysis.recommendation.recommendations import Estimate, Item, NoRecommendation, Recommendation, contradiction
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_rate, format_size, size_setting

VOLUME = "persistence.size"
# The chart ships the old spelling of these, and a file with both is refused.
HIGH, LOW = "gc.policy.distHighThresholdPercent", "gc.policy.distLowThresholdPercent"
_DISK, _USED = "dragonfly_client_disk_space_total", "dragonfly_client_disk_usage_space_total"
_USUAL_HIGH, _USUAL_LOW = 80.0, 60.0  # the client's own
_STEP, _BETWEEN, _LEAST = 5, 20, 30
_SIZES = ((10, 1), (100, 10), (math.inf, 50))  # GiB, as people write them
_FINDING = "disk_full"
_WELL_BELOW = 0.8  # a file system keeps a little for itself
_CHECK = message("set it, repeat the preheat, then run `dfly-analysis diagnose`: disk_full is absent")
_CLAIMS = message("Helm does not enlarge existing claims: run `kubectl patch pvc` on each, or create them again")
_COLLECT = message("`df` of the content volume, metrics.txt of every seed client, and the Helm values or the chart's version")  # fmt: skip
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
    """What a role's volume has to hold."""

    role: str
    full: int  # tasks that failed on a full disk, 1 where only a finding shows it
    busiest_bytes: int
    all_bytes: int
    largest_layer_bytes: int
    hosts: int
    needed: Interval  # low: nothing is left to garbage collection; high: the layers fall unevenly on the hosts
    high_threshold: float
    low_threshold: float
    volume_bytes: int | None
    disks: tuple[_Disk, ...]

    @property
    def smallest(self) -> _Disk | None:
        return min(self.disks, key=lambda disk: disk.total_bytes, default=None)


def advise(context: Context) -> Iterator[Item]:
    """Return what volumes need, and thresholds of garbage collection that leave room for a layer."""
    demands = [_demand(context, role) for role in CLIENT_ROLES]
    changes = list(_changes(context, demands[0]))
    yield from changes
    for demand in demands:
        if not (changes and demand.role == "seedClient") and (reason := _no_recommendation(context, demand)):
            yield reason
    configured, disk = context.setting(VOLUME, "seedClient"), demands[0].smallest
    if demands[0].full and disk is not None and disk.total_bytes < _WELL_BELOW * (configured.size_bytes or 0):
        yield contradiction(_disk_text(disk), configured)
    yield from _write_speed(context)
    for demand in demands:
        yield from _estimates(context, demand)


def _disk_text(disk: _Disk) -> Message:
    return message("the disk of {host} has {size} by its metrics", host=disk.host, size=format_size(disk.total_bytes))


def _demand(context: Context, role: str) -> _Demand:
    """Return what the volume of a role has to hold: each requested blob of its hosts once, and the requested layer."""
    found = context.one(sql("recommendation", "volume_demand"), [role])
    largest, busiest, together, squares, hosts = (int(size or 0) for size in found)
    largest = max(context.size_bytes, largest)
    kept = max(busiest, largest)
    unevenly = max(kept, _fullest(together, squares, hosts))
    high, low = _threshold(context, role, HIGH, _USUAL_HIGH), _threshold(context, role, LOW, _USUAL_LOW)
    needed = max(kept / low, largest / (1.0 - high)) * (1.0 - 1e-9)
    total, used = (context.gauge_by_host(metric, role) for metric in (_DISK, _USED))
    disks = tuple(_Disk(host, size, used[host]) for host, size in sorted(total.items()) if host in used and size > 0)
    volume = context.setting(VOLUME, role).size_bytes if role == "seedClient" else None
    if volume is None or context.setting("persistence.enable", role).value is False:
        volume = min((disk.total_bytes for disk in disks), default=None)
    full = context.failed_tasks(_FINDING, role)
    if not context.failed_tasks(_FINDING):
        full = int(role == "seedClient" and bool(context.present(_FINDING)))
    ends = Interval(needed, float(kept), max(needed, unevenly / low))
    return _Demand(role, full, busiest, together, largest, hosts, ends, high, low, volume, disks)


def _fullest(total: float, squares: float, hosts: int) -> float:
    """Return the bytes on the fullest of some hosts, 97.5 %, where each blob falls on any of them; from the sum of sizes and of their squares."""
    if hosts < 2:
        return total
    z = NormalDist().inv_cdf(1.0 - (1.0 - LEVEL) / 2.0 / hosts)
    return min(total, total / hosts + z * math.sqrt(squares * (hosts - 1)) / hosts)


def _threshold(context: Context, role: str, key: str, usual: float) -> float:
    number = context.setting(key.replace("dist", "disk", 1), role).number or context.setting(key, role).number
    return min(max(number or usual, 1.0), 99.0) / 100.0


def _changes(context: Context, demand: _Demand) -> Iterator[Recommendation]:
    volume = demand.volume_bytes
    known = context.setting(VOLUME, demand.role).value is not None
    too_small = volume is not None and volume < context.size_bytes and known
    if (demand.full or too_small) and (volume is None or volume < demand.needed.value):
        yield from list(_thresholds(context, demand)) or [_volume(context, demand)]


def _change(context: Context, demand: _Demand, key: str, reasons: list[Message], **fields: Any) -> Recommendation:
    confidence = "medium" if demand.full > 1 and demand.volume_bytes is not None else "low"
    setting, findings, disk = context.setting(key, demand.role), context.present(_FINDING), demand.smallest
    if key == VOLUME and setting.value is None and disk is not None:
        setting = replace(setting, value=size_setting(disk.total_bytes), source=_disk_text(disk))
    return Recommendation.of(setting, key, reasons, confidence=confidence, findings=findings, **fields)


def _volume(context: Context, demand: _Demand) -> Recommendation:
    documented, proposed = documented_sizing(demand.role), round_gib(demand.needed.high, _SIZES)
    reasons = [message("{n:,} tasks failed because a disk was full", n=demand.full)] if demand.full else []
    reasons += [
        message(
            "the busiest host received requests for {busiest}, all hosts together for {total}",
            busiest=format_size(demand.busiest_bytes), total=format_size(demand.all_bytes),
        ),
        message(
            "garbage collection starts at {high:.0f} % and stops at {low:.0f} %: what is kept has to fit below, and a layer of {layer} above",
            high=100 * demand.high_threshold, low=100 * demand.low_threshold, layer=format_size(demand.largest_layer_bytes),
        ),
        message("the upper end is the fullest of {n:,} hosts if the layers fall on them by chance", n=demand.hosts),
    ]  # fmt: skip
    thumb = None
    if documented is not None:
        size = format_size(documented.disk_bytes)
        thumb = message("{size} for each seed client ({source})", size=size, source=load_sizing_guide().source)
    return _change(
        context, demand, VOLUME, reasons, proposed=size_setting(proposed), unit="bytes", low=demand.needed.low,
        high=demand.needed.high, how_to_check=join([_CHECK, _CLAIMS], "; "), rule_of_thumb=thumb,
    )  # fmt: skip


def _thresholds(context: Context, demand: _Demand) -> Iterator[Recommendation]:
    """Yield lower thresholds where the volume holds what is kept, and only the room above the high one is too small."""
    volume = demand.volume_bytes
    if volume is None:
        return
    high = math.floor(100.0 * (1.0 - demand.largest_layer_bytes / volume) / _STEP) * _STEP
    low = max(high - _BETWEEN, math.ceil(100.0 * demand.needed.low / volume / _STEP) * _STEP)
    if high < _LEAST or low > high - _STEP or high >= 100.0 * demand.high_threshold:
        return
    reasons = [
        message(
            "a volume of {volume} leaves {room} above the high threshold, less than a layer of {layer}", volume=format_size(volume),
            room=format_size((1.0 - demand.high_threshold) * volume), layer=format_size(demand.largest_layer_bytes),
        ),
        message("a layer can arrive faster than garbage is collected, every 15 min"),
    ]  # fmt: skip
    for key, percent in ((HIGH, high), (LOW, min(low, round(100.0 * demand.low_threshold)))):
        if context.setting(key, demand.role).number != percent:
            yield _change(
                context, demand, key, reasons, proposed=str(percent), unit="percent", low=float(max(_LEAST, percent) - _BETWEEN),
                high=float(percent), how_to_check=_CHECK, rule_of_thumb=message("or a larger volume: {key}", key=VOLUME),
            )  # fmt: skip


def _no_recommendation(context: Context, demand: _Demand) -> NoRecommendation | None:
    role, writes = demand.role, context.fits.get("storage_write")
    collect: str = _COLLECT
    values = {"tasks": demand.full, "needed": format_size(demand.needed.value)}
    if demand.full and role == "client":
        reason = message(
            "{tasks:,} tasks failed because a disk was full: the cache of a client is on its node, which no chart value enlarges, and "
            "this run needs {needed}", **values,
        )  # fmt: skip
        collect = message("`df` on the nodes, and client.extraVolumes of the Helm values")
    elif demand.full and demand.volume_bytes is not None:
        reason = message(
            "a disk of a {role} was full, although the volume of {volume} holds the {needed} of this run: something else fills it",
            role=TITLES[role], volume=format_size(demand.volume_bytes), **values,
        )  # fmt: skip
    elif role == "client":
        return None
    elif isinstance(writes, NotFitted):
        reason, collect = (
            message("no disk was full; the write speed is not known: {reason}", reason=writes.reason),
            writes.collect,
        )
    elif isinstance(writes, StorageFit):
        reason, collect = message("no disk was full, and the write speed is known"), ""
    else:
        reason = message("the input shows no full disk")
    return NoRecommendation("storage", reason, collect, role)


def _estimates(context: Context, demand: _Demand) -> Iterator[Estimate]:
    role = demand.role
    if demand.disks:
        fullest = min(demand.disks, key=lambda disk: disk.free_bytes)
        free = Interval(fullest.free_bytes, fullest.free_bytes, max(disk.free_bytes for disk in demand.disks))
        values = {"host": fullest.host, "size": format_size(fullest.total_bytes)}
        because = message("{host}, of {size}, when its metrics were read; the layer does not fit", **values)
        if fullest.free_bytes >= context.size_bytes:
            because = message("{host}, of {size}, when its metrics were read; the layer fits", **values)
        yield _estimate(role, message("free space of the fullest disk"), free, "bytes", "measured", "high", because)
    if role == "client" and not demand.full:
        return
    because = message(
        "{busiest} on the busiest host, kept below {low:.0f} %, and a layer of {layer} above {high:.0f} %",
        busiest=format_size(demand.busiest_bytes), low=100 * demand.low_threshold, high=100 * demand.high_threshold,
        layer=format_size(demand.largest_layer_bytes),
    )  # fmt: skip
    what = message("volume of each {role} for the requests of this run", role=TITLES[role])
    check = message("`dfly-analysis check-config VALUES --size SIZE` judges a volume without logs")
    sure: recommendations.Confidence = "medium" if demand.all_bytes else "low"
    yield _estimate(role, what, demand.needed, "bytes", "computed", sure, because, check)
    if (documented := documented_sizing(role)) is not None:
        disk, what = Interval(*[documented.disk_bytes] * 3), message("documented disk of each {role}", role=TITLES[role])  # fmt: skip
        because = message("the sizing guide of Dragonfly, for up to {peers:,} peers", peers=documented.peers)
        yield _estimate(role, what, disk, "bytes", "documented", "low", because)


def _write_speed(context: Context) -> Iterator[Estimate]:
    writes, capacity = context.fits.get("storage_write"), context.capacity
    if not isinstance(writes, StorageFit):
        return
    speed, because = writes.speed_bps, message("{n:,} measured writes", n=writes.n)
    if isinstance(capacity, CapacityFit):
        carried = capacity.goodness["busiest_bps"]
        values = {"n": writes.n, "rate": format_rate(carried)}
        because = message("{n:,} measured writes; storage keeps up with a host that fetches at {rate}", **values)
        if speed.low < carried:
            because = message("{n:,} measured writes; storage is slower than a host that fetches at {rate}: use faster disks or fewer pieces in flight", **values)  # fmt: skip
    check = message("measure writes again with fio on an idle host")
    yield _estimate("seedClient", message("write speed"), speed, "B/s", "measured", "high", because, check)
