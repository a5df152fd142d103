"""Volumes and disks: whether the layers fit, what garbage collection leaves, and whether writes keep up with downloads."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dfly_analysis.catalog.sizing_guide import documented_sizing, sizing_source
from dfly_analysis.config.setting import helm_path_of
from dfly_analysis.estimates import NotFitted
from dfly_analysis.models import CapacityFit, StorageFit
from dfly_analysis.recommendation.concurrency import capacity_of
from dfly_analysis.recommendation.context import CLIENT_ROLES, Case
from dfly_analysis.recommendation.host_usage import Disk, asked_by_host, asked_bytes, disks_of
from dfly_analysis.recommendation.messages import ROLE_TITLES, current_of, in_force_text
from dfly_analysis.recommendation.recommendations import Advice, Confidence, Estimate, NoAdvice, Recommendation, Topic
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
class Room:
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


def advise(case: Case) -> Advice:
    """Return what volumes need, and thresholds of garbage collection that leave room for a layer."""
    rooms = {role: room_of(case, role) for role in CLIENT_ROLES}
    changes = _changes(case, rooms["seedClient"])
    estimates = [*_write_speed(case), *(one for room in rooms.values() for one in _estimates(case, room))]
    silent = [_silence(case, room) for room in rooms.values() if not (changes and room.role == "seedClient")]
    return Advice(
        recommendations=tuple(changes),
        no_advice=tuple(one for one in silent if one),
        warnings=_doubt(case, rooms["seedClient"]),
        estimates=tuple(estimates),
    )


def _doubt(case: Case, room: Room) -> tuple[str, ...]:
    """Warn where a disk that filled up is smaller than the volume that is believed to be in force."""
    believed, disk = case.setting(VOLUME, room.role), room.measured
    if (
        not room.full
        or disk is None
        or believed.size_bytes is None
        or disk.total_bytes >= _WELL_BELOW * believed.size_bytes
    ):
        return ()
    return (
        (
            f"the disk of {disk.host} holds {format_size(disk.total_bytes)} by its metrics, yet {VOLUME} is believed to be {believed.value} "
            f"({believed.source}): give the Helm values in force with --values; until then no advice on it can be trusted"
        ),
    )


def room_of(case: Case, role: str) -> Room:
    """Return what the volume of a role has to hold, from what its hosts were asked for and the layer asked about."""
    by_host, together = asked_by_host(case, role), asked_bytes(case, role)
    sizes = case.dataset.tasks.loc[case.dataset.tasks["role"] == role, "size_bytes"].dropna()
    burst = max(case.size_bytes, int(sizes.max()) if len(sizes) else 0)
    busiest = int(by_host.max()) if len(by_host) else 0
    kept = max(busiest, burst)
    high, low = _threshold(case, role, HIGH, _USUAL_HIGH), _threshold(case, role, LOW, _USUAL_LOW)
    needed = max(kept / low, burst / (1.0 - high)) * (1.0 - 1e-9)
    disks = disks_of(case, role)
    measured = min(disks, key=lambda one: one.total_bytes, default=None)
    volume = case.setting(VOLUME, role).size_bytes if role == "seedClient" else None
    enabled = case.setting("persistence.enable", role).value if role == "seedClient" else False
    if volume is None or enabled is False:
        volume = measured.total_bytes if measured else None
    return Room(
        role, _full(case, role), busiest, together, burst, needed, float(kept), max(needed, (together + burst) / low), high, low,
        volume, measured,
    )  # fmt: skip


def _threshold(case: Case, role: str, key: str, usual: float) -> float:
    number = case.setting(key.replace("dist", "disk", 1), role).number or case.setting(key, role).number
    return min(max(number or usual, 1.0), 99.0) / 100.0


def _full(case: Case, role: str) -> int:
    failed = case.dataset.failed_tasks
    told = failed[failed["cause"] == _FINDING]
    if len(told):
        return int((told["role"] == role).sum())
    return int(role == "seedClient" and bool(case.present(_FINDING)))


def _changes(case: Case, room: Room) -> list[Recommendation]:
    volume = room.volume_bytes
    too_small = volume is not None and volume < case.size_bytes and case.setting(VOLUME, room.role).value is not None
    if not room.full and not too_small:
        return []
    if volume is not None and volume >= room.needed_bytes:
        return []
    return _thresholds(case, room) or [_volume(case, room)]


def _volume(case: Case, room: Room) -> Recommendation:
    current, documented = case.setting(VOLUME, room.role), documented_sizing(room.role)
    proposed = _round_gib(room.needed_bytes)
    why = [in_force_text(current)]
    if room.full:
        why.append(f"{room.full} tasks failed because a disk was full")
    if room.measured is not None:
        why.append(f"the disk of {room.measured.host} holds {format_size(room.measured.total_bytes)}, by its metrics")
    why += [
        f"the busiest host was asked for {format_size(room.busiest_bytes)}, all together for {format_size(room.all_bytes)}",
        (
            f"garbage is collected from {100 * room.high:.0f} % down to {100 * room.low:.0f} %: what is kept has to fit below, and a layer of "
            f"{format_size(room.burst_bytes)} above"
        ),
        "the upper end lets all layers land on one host",
    ]
    return Recommendation(
        key=VOLUME, role=room.role, helm_path=helm_path_of(room.role, VOLUME) or f"{room.role}.{VOLUME}", current=current_of(current),
        proposed=size_setting(proposed), unit="bytes", low=room.low_bytes, high=max(float(proposed), room.high_bytes),
        because="; ".join(why), confidence=_confidence(room), findings=case.present(_FINDING), how_to_check=f"{_CHECK}; {_CLAIMS}",
        rule_of_thumb=f"{format_size(documented.disk_bytes)} for each seed client ({sizing_source()})" if documented else None,
    )  # fmt: skip


def _confidence(room: Room) -> Confidence:
    return "medium" if room.full > 1 and room.volume_bytes is not None else "low"


def _thresholds(case: Case, room: Room) -> list[Recommendation]:
    """Return lower thresholds where the volume holds what is kept, and only the room above the high one is too small."""
    volume = room.volume_bytes
    if volume is None:
        return []
    high = math.floor(100.0 * (1.0 - room.burst_bytes / volume) / _STEP) * _STEP
    low = max(high - _BETWEEN, math.ceil(100.0 * room.low_bytes / volume / _STEP) * _STEP)
    if high < _LEAST or low > high - _STEP or high >= 100.0 * room.high:
        return []
    asked = {HIGH: high, LOW: min(low, round(100.0 * room.low))}
    return [
        _threshold_change(case, room, key, value) for key, value in asked.items() if case.setting(key, room.role).number != value
    ]  # fmt: skip


def _threshold_change(case: Case, room: Room, key: str, percent: int) -> Recommendation:
    current = case.setting(key, room.role)
    volume = room.volume_bytes or 0
    because = [
        in_force_text(current),
        (
            f"a volume of {format_size(volume)} leaves {format_size((1.0 - room.high) * volume)} above the high threshold, less than a layer of "
            f"{format_size(room.burst_bytes)}"
        ),
        "a layer arrives faster than garbage is collected, every 15 min",
    ]
    return Recommendation(
        key=key, role=room.role, helm_path=helm_path_of(room.role, key) or f"{room.role}.config.{key}", current=current_of(current),
        proposed=str(percent), unit="percent", low=float(max(_LEAST - _BETWEEN, percent - _BETWEEN)), high=float(percent),
        because="; ".join(because), confidence=_confidence(room), findings=case.present(_FINDING), how_to_check=_CHECK,
        rule_of_thumb="or a larger volume: persistence.size",
    )  # fmt: skip


def _round_gib(size_bytes: float) -> int:
    """Round up to what people write: by 1 GiB to 10, by 10 to 100, by 50 above."""
    gib = size_bytes / 2**30
    step = 1 if gib <= 10 else 10 if gib <= 100 else 50
    return max(1, math.ceil(gib / step - 1e-9) * step) * 2**30


def _silence(case: Case, room: Room) -> NoAdvice | None:
    title = ROLE_TITLES[room.role]
    if room.full and room.role == "client":
        need = f"a client's cache lies on its node, which no value of the chart enlarges; what was asked for takes {format_size(room.needed_bytes)}"
        return NoAdvice(TOPIC, f"{room.full} tasks failed because a disk was full; {need}", "`df` on the nodes, and client.extraVolumes of the Helm values", "client")  # fmt: skip
    if room.full and room.volume_bytes is not None:
        held = f"the volume of {format_size(room.volume_bytes)} would hold what this run asked for ({format_size(room.needed_bytes)})"
        return NoAdvice(
            TOPIC, f"a disk of a {title} was full, yet {held}: something else fills it", _COLLECT, room.role
        )
    if room.role == "client":
        return None
    writes = case.fits.get("storage_write")
    if isinstance(writes, NotFitted):
        return NoAdvice(TOPIC, f"no disk was full; {writes.reason}", writes.collect, room.role)
    if isinstance(writes, StorageFit):
        return NoAdvice(TOPIC, "no disk was full, and the speed of writes is known", "", room.role)
    return NoAdvice(TOPIC, "no disk was full, as far as the input shows", _COLLECT, room.role)


def _estimates(case: Case, room: Room) -> list[Estimate]:
    made: list[Estimate] = []
    title = ROLE_TITLES[room.role]
    disks = disks_of(case, room.role)
    if disks:
        least = min(disks, key=lambda one: one.free_bytes)
        fits = (
            "a layer of the size asked for fits"
            if least.free_bytes >= case.size_bytes
            else "a layer of the size asked for does not fit"
        )
        made.append(Estimate(
            TOPIC, room.role, "free space of the fullest disk", float(least.free_bytes), float(least.free_bytes), float(max(one.free_bytes for one in disks)),
            "bytes", "measured", "high", f"{least.host}, of {format_size(least.total_bytes)}, when its metrics were read; {fits}",
        ))  # fmt: skip
    if room.role == "seedClient" or room.full:
        made.append(Estimate(
            TOPIC, room.role, f"volume of each {title} for what was asked", room.needed_bytes, room.low_bytes, room.high_bytes, "bytes", "computed",
            "medium" if room.all_bytes else "low",
            f"{format_size(room.busiest_bytes)} on the busiest host, kept below {100 * room.low:.0f} %, and a layer of {format_size(room.burst_bytes)} above "
            f"{100 * room.high:.0f} %",
            "`dfly-analysis check-config VALUES --size SIZE` judges a volume without logs",
        ))  # fmt: skip
        documented = documented_sizing(room.role)
        if documented is not None:
            disk = float(documented.disk_bytes)
            made.append(Estimate(TOPIC, room.role, f"documented disk of each {title}", disk, disk, disk, "bytes", "documented", "low", f"the guide of the project, for up to {documented.peers} peers"))  # fmt: skip
    return made


def _write_speed(case: Case) -> list[Estimate]:
    writes, capacity = case.fits.get("storage_write"), capacity_of(case)
    if not isinstance(writes, StorageFit):
        return []
    speed = writes.speed_bps
    said = f"{writes.n} measured writes"
    if isinstance(capacity, CapacityFit):
        carried = capacity.goodness["busiest_bps"]
        verdict = (
            "storage keeps up"
            if speed.low >= carried
            else "downloads outrun storage: faster media, or fewer pieces in flight"
        )
        said = f"{said}; {verdict}: a host fetched at {format_rate(carried)}"
    return [Estimate(TOPIC, "seedClient", "speed of writes", speed.value, speed.low, speed.high, "B/s", "measured", "high", said, "write again with fio on an idle host")]  # fmt: skip
