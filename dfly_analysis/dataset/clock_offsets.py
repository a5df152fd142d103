"""Clocks that disagree: a wrong `--tz`, and hosts whose clock is ahead or behind, estimated from pairs of records that must follow one another.

A client logs that a task begins before the scheduler logs its peer, and reads the scheduler's answer after the scheduler gave it: each peer
bounds the offset of the two clocks from both sides, mostly to a few milliseconds. What is certain is corrected in `events`.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from dfly_analysis.catalog.log_formats import load_formats
from dfly_analysis.dataset.engine import Engine
from dfly_analysis.dataset.file_result import FileResult
from dfly_analysis.messages import Message, format_list, message
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration

TOLERANCE_S = 0.1  # smaller offsets are those of messages on their way and of times in whole milliseconds
_CERTAIN_S = 1.0  # width of an interval whose middle is used as the offset
_QUARTER_S, _HALF_HOUR_S, _LARGEST_ZONE_S = 900, 1800, 26 * 3600
"""Zones differ by whole quarters of an hour, most by whole or half hours, and by 26 h at most."""
_NEAR_ZONE_S = 120.0  # a clock may be off by that much besides its zone
JOBS = message("the Manager's jobs")
_TEXT = pa.string()
_Shift: TypeAlias = tuple[str, str, str | None, float]
"""Log, component, host where the log holds several, and seconds to add to the times."""


@dataclass(frozen=True)
class ClockOffset:
    """How far a clock is ahead of the others (seconds; behind if negative), the interval of it, and whether its times are corrected."""

    kind: Literal["zone", "skew"]
    clock: str
    component: str
    offset_s: float
    low_s: float | None
    high_s: float | None
    pairs: int
    is_corrected: bool
    given_zone: str | None = None  # of a zone: the one the times were read in, None if not known
    zone: str | None = None  # of a zone: the one that the records show
    other: str | None = None  # the only clock that it can be compared with, if there is one only

    def describe(self) -> Message:
        """Return what is wrong, how it is known, and what was done about it."""
        values = {"clock": self.clock, "offset": format_duration(abs(self.offset_s)), "pairs": self.pairs}
        if self.kind == "zone" and self.given_zone and self.zone:
            return message("times without a zone (logs of {clock}) were read in {given}, but pairs of records with clients and jobs ({pairs:,}) show {zone}: they are corrected by {offset}, as with `--tz {zone}`", given=self.given_zone, zone=self.zone, **values)  # fmt: skip
        if self.kind == "zone":
            return message("times without a zone (logs of {clock}) were read in another zone than they were written in, as pairs of records with clients and jobs ({pairs:,}) show: they are corrected by {offset}", **values)  # fmt: skip
        return self._describe_correction(values) if self.is_corrected else self._describe_uncertain(values)

    def _describe_correction(self, values: dict[str, Any]) -> Message:
        if self.other:
            return message("the clocks of {clock} and {other} differ by {offset} (pairs of records: {pairs:,}); which of them is right is not known, so the times of {clock} are shifted to those of {other}", other=self.other, **values)  # fmt: skip
        if self.offset_s > 0:
            return message("the clock of {clock} is {offset} ahead of the others (pairs of records: {pairs:,}); its times are corrected", **values)  # fmt: skip
        return message("the clock of {clock} is {offset} behind the others (pairs of records: {pairs:,}); its times are corrected", **values)  # fmt: skip

    def _describe_uncertain(self, values: dict[str, Any]) -> Message:
        low, high = (message("an unknown time") if end is None else _signed(end) for end in (self.low_s, self.high_s))
        if self.low_s is not None and self.high_s is not None and self.low_s > self.high_s:
            return message("the clock of {clock} changed during the run: it is {high} to {low} off the others (pairs of records: {pairs:,}); its times are left as logged, and no duration is computed from times of two clocks", low=low, high=high, **values)  # fmt: skip
        return message("the clock of {clock} is off the others by {low} to {high} (pairs of records: {pairs:,}), too wide to correct it: its times are left as logged, and no duration is computed from times of two clocks", low=low, high=high, **values)  # fmt: skip


def _signed(seconds: float) -> str:
    return f"{'-' if seconds < 0 else '+'}{format_duration(abs(seconds))}"


class _Clock(NamedTuple):
    """Who wrote logs of a service with one clock, and whether their times were read in the zone that the user gave."""

    component: str
    host: str
    is_zone_given: bool

    @property
    def name(self) -> str:
        return self.host or self.component


class _Bounds(NamedTuple):
    """How far the clock of a service is ahead of the one of a client, or of the Manager's jobs: at least and at most, seconds."""

    clock: _Clock
    other: str
    low: float
    high: float
    pairs: int

    @property
    def is_steady(self) -> bool:
        """Whether one offset explains all pairs of records."""
        return self.low <= self.high + TOLERANCE_S

    @property
    def is_equal(self) -> bool:
        """Whether both clocks may show the same time."""
        return self.low <= TOLERANCE_S and self.high >= -TOLERANCE_S


@dataclass
class _Corrections:
    """What was found, and what follows: seconds to add to the times of logs of services, of hosts' clients and of jobs; and whose reports of pieces have no time that can be compared."""

    found: list[ClockOffset] = field(default_factory=list)
    of_service: dict[_Clock, float] = field(default_factory=dict)
    of_client: dict[str, float] = field(default_factory=dict)
    of_jobs_s: float = 0.0
    incomparable: set[tuple[_Clock, str | None]] = field(default_factory=set)


def correct_clocks(engine: Engine, result: FileResult) -> tuple[ClockOffset, ...]:
    """Estimate the offsets of clocks; correct `events`, coverage and jobs where they are certain."""
    paths = _service_paths(engine, result)
    bounds = _bounds(engine, result, paths) if paths else []
    if all(one.is_equal and one.is_steady for one in bounds):
        return ()
    corrections = _solve(bounds, paths, result)
    _apply(engine, result, corrections, paths)
    return tuple(corrections.found)


def _service_paths(engine: Engine, result: FileResult) -> dict[_Clock, list[str]]:
    """Return the logs of schedulers and Managers, and those of clients without a zone, by their clock."""
    given = {one.id for one in load_formats() if one.zone == "given"}
    rows = {str(row["path"]): row for row in result.coverage}
    paths: defaultdict[_Clock, list[str]] = defaultdict(list)
    listed = engine.rows("SELECT DISTINCT log_path, component FROM events WHERE component IS NOT NULL ORDER BY ALL")
    for path, component in listed:
        row = rows.get(path, {})
        is_own = row.get("component") == component  # else a file that holds the logs of several components
        is_given = row.get("format") in given if is_own else component != "client"
        if component != "client" or is_given:
            paths[_Clock(component, str(row.get("host") or "") if is_own else "", is_given)].append(path)
    return paths


def _bounds(engine: Engine, result: FileResult, paths: Mapping[_Clock, Sequence[str]]) -> list[_Bounds]:
    clocks = list(paths)
    listed = [(path, place) for place, clock in enumerate(clocks) for path in paths[clock]]
    engine.add_rows("service_clocks", listed, pa.schema([("log_path", _TEXT), ("clock", pa.int64())]))
    found = [
        _Bounds(clocks[clock], host, *_interval(high, answered, ended), pairs)
        for host, clock, answered, ended, high, pairs in engine.rows(sql("dataset", "clock_pairs"), (TOLERANCE_S,))
    ]
    if result.jobs:
        moment = pa.timestamp("ns", "UTC")
        schema = pa.schema([("job_id", _TEXT), ("created", moment), ("ended", moment)])
        times = [job if job["state"] == "SUCCESS" else {**job, "ended": None} for job in result.jobs]
        engine.add_arrow("job_times", pa.Table.from_pylist(times, schema))
        rows = engine.rows(sql("dataset", "job_clock_pairs"))
        of_jobs = [_Bounds(clocks[clock], JOBS, *_interval(high, low), pairs) for clock, low, high, pairs in rows]
        # others waited in the queue after the Manager had given them up
        found += [one for one in of_jobs if one.is_steady]
    return found


def _interval(high: float | None, *lows: float | None) -> tuple[float, float]:
    low = max((one for one in lows if one is not None), default=-math.inf)
    return low, math.inf if high is None else high


def _solve(bounds: Sequence[_Bounds], paths: Mapping[_Clock, Sequence[str]], result: FileResult) -> _Corrections:
    """Tell whose clock is off: the offset of a service is the one that most others agree with; who disagrees with it is off itself."""
    corrections = _Corrections()
    of_clock: defaultdict[_Clock, list[_Bounds]] = defaultdict(list)
    of_other: defaultdict[str, list[_Bounds]] = defaultdict(list)
    for one in bounds:
        of_clock[one.clock].append(one)
    steady = {clock: [one for one in listed if one.is_steady] for clock, listed in of_clock.items()}
    agreed = {clock: _agreed(own) for clock, own in steady.items() if 2 * len(own) >= len(of_clock[clock])}
    zones_s = {clock: _zone_s(*interval) for clock, interval in agreed.items() if clock.is_zone_given}
    if len(shown := set(zones_s.values())) == 1:
        # one `--tz` for all logs without a zone, also those that no pair shows
        zones_s = dict.fromkeys((clock for clock in paths if clock.is_zone_given), *shown)
    _add_zones(corrections, zones_s, of_clock, result)
    for clock, listed in of_clock.items():
        pairs = sum(one.pairs for one in listed)
        if clock not in agreed:
            _add_skew(corrections, clock.name, clock.component, *_common(listed), pairs)
            corrections.incomparable.add((clock, None))
            continue
        zone_s = zones_s.get(clock, 0.0)
        low, high = (end - zone_s for end in agreed[clock])
        exact = [one.other for one in steady[clock] if one.high - one.low <= _CERTAIN_S]
        only = exact[0] if len(exact) == 1 else None
        skew_s = _add_skew(corrections, clock.name, clock.component, low, high, pairs, only)
        if skew_s is None:
            corrections.incomparable.add((clock, None))
        shift_s = corrections.of_service[clock] = -zone_s - (skew_s or 0.0)
        for one in listed:
            of_other[one.other].append(one._replace(low=-one.high - shift_s, high=-one.low - shift_s))
    for other, listed in of_other.items():
        is_jobs, pairs = other == JOBS, sum(one.pairs for one in listed)
        skew_s = _add_skew(corrections, other, "manager" if is_jobs else "client", *_common(listed), pairs)
        if is_jobs:
            corrections.of_jobs_s = -(skew_s or 0.0)
        elif skew_s is None:
            corrections.incomparable |= {(one.clock, other) for one in listed}
        else:
            corrections.of_client[other] = -skew_s
    return corrections


def _common(bounds: Sequence[_Bounds]) -> tuple[float, float]:
    return max(one.low for one in bounds), min(one.high for one in bounds)


def _agreed(bounds: Sequence[_Bounds]) -> tuple[float, float]:
    """Return the interval of the offset in which most bounds agree; zero where as many allow it."""
    lows, highs = (np.array([getattr(one, name) for one in bounds]) for name in ("low", "high"))
    candidates = np.concatenate([[0.0], lows[np.isfinite(lows)], highs[np.isfinite(highs)]])
    begun = np.searchsorted(np.sort(lows - TOLERANCE_S), candidates, "right")
    votes = begun - np.searchsorted(np.sort(highs + TOLERANCE_S), candidates, "left")
    best = candidates[int(np.argmax(votes))]  # of equally many the first, which is zero
    if best == 0.0:
        return 0.0, 0.0
    chosen = (lows - TOLERANCE_S <= best) & (best <= highs + TOLERANCE_S)
    return float(lows[chosen].max()), float(highs[chosen].min())


def _zone_s(low: float, high: float) -> float:
    """Return the difference of zones that an offset shows; 0 where it shows none, or several are possible."""
    if (low <= TOLERANCE_S and high >= -TOLERANCE_S) or not (math.isfinite(low) and math.isfinite(high)):
        return 0.0
    first, last = math.ceil((low - TOLERANCE_S) / _QUARTER_S), math.floor((high + TOLERANCE_S) / _QUARTER_S)
    zone_s = float(first * _QUARTER_S) if first == last else 0.0
    if first > last:
        nearest = round((low + high) / 2 / _HALF_HOUR_S) * _HALF_HOUR_S
        zone_s = float(nearest) if max(abs(low - nearest), abs(high - nearest)) <= _NEAR_ZONE_S else 0.0
    return zone_s if abs(zone_s) <= _LARGEST_ZONE_S else 0.0


def _add_zones(
    corrections: _Corrections,
    zones_s: Mapping[_Clock, float],
    bounds: Mapping[_Clock, Sequence[_Bounds]],
    result: FileResult,
) -> None:
    for zone_s in sorted(set(zones_s.values()) - {0.0}):
        clocks = [clock for clock, own in zones_s.items() if own == zone_s]
        corrections.of_service |= dict.fromkeys(clocks, -zone_s)
        pairs = sum(one.pairs for clock in clocks for one in bounds.get(clock, ()))
        names = format_list(sorted({clock.name for clock in clocks}))
        offset = ClockOffset("zone", names, clocks[0].component, zone_s, zone_s, zone_s, pairs, True)
        given, zone = _zone_names(result, zone_s)
        corrections.found.append(replace(offset, given_zone=given, zone=zone))


def _zone_names(result: FileResult, zone_s: float) -> tuple[str | None, str | None]:
    """Return the zone that times were read in, and the one that they were written in; None where logs were read in several."""
    moment = next((row["first"] for row in result.coverage if row.get("first") is not None), None)
    if len(result.zones) != 1 or moment is None:
        return None, None
    import pandas as pd

    offset = pd.Timestamp(moment).tz_localize(None).tz_localize("UTC").tz_convert(result.zones[0]).utcoffset()
    minutes = round(((offset or timedelta()).total_seconds() + zone_s) / 60)
    sign = "-" if minutes < 0 else "+"
    return result.zones[0], f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}" if minutes else "UTC"


def _add_skew(
    corrections: _Corrections, name: str, component: str, low: float, high: float, pairs: int, other: str | None = None
) -> float | None:
    """Add a clock that is off, and return by how many seconds: 0 where it is right, None where it is not certain."""
    is_steady = low <= high + TOLERANCE_S
    if is_steady and low <= TOLERANCE_S and high >= -TOLERANCE_S:
        return 0.0
    low_s, high_s = (end if math.isfinite(end) else None for end in (low, high))
    ends = [end for end in (low_s, high_s) if end is not None]
    middle, is_certain = sum(ends) / len(ends), is_steady and high - low <= _CERTAIN_S
    offset = ClockOffset("skew", name, component, middle, low_s, high_s, pairs, is_certain, other=other)
    corrections.found.append(offset)
    return middle if is_certain else None


def _apply(
    engine: Engine, result: FileResult, corrections: _Corrections, paths: Mapping[_Clock, Sequence[str]]
) -> None:
    of_host = {host: shift_s for host, shift_s in corrections.of_client.items() if shift_s}
    shifts = _client_shifts(engine, result, of_host)
    for clock, shift_s in corrections.of_service.items():
        shifts += [(path, clock.component, None, shift_s) for path in paths[clock] if shift_s]
    place = [("log_path", _TEXT), ("component", _TEXT), ("host", _TEXT)]
    rows = [(*log, round(seconds * 1e9)) for *log, seconds in shifts]
    engine.add_rows("clock_shifts", rows, pa.schema([*place, ("shift_ns", pa.int64())]))
    incomparable = [(path, host) for clock, host in corrections.incomparable for path in paths[clock]]
    engine.add_rows("clocks_incomparable", incomparable, pa.schema([("log_path", _TEXT), ("host", _TEXT)]))
    engine.execute("ALTER VIEW events RENAME TO events_as_logged")
    engine.execute(sql("dataset", "corrected_events"))
    of_file = {path: seconds for path, _, host, seconds in shifts if host is None}
    for row in result.coverage:
        if seconds := of_file.get(row["path"]):
            shift = np.timedelta64(round(seconds * 1e9), "ns")
            row |= {name: row[name] + shift for name in ("first", "last") if row.get(name) is not None}
            note = message("its times are corrected by {shift}", shift=_signed(seconds))
            row["note"] = f"{row['note']}; {note}" if row.get("note") else note
    if corrections.of_jobs_s:
        for job in result.jobs:
            job |= {name: job[name] + timedelta(seconds=corrections.of_jobs_s) for name in ("created", "ended") if job[name] is not None}  # fmt: skip


def _client_shifts(engine: Engine, result: FileResult, of_host: Mapping[str, float]) -> list[_Shift]:
    """Return what to add to the logs of clients: to the whole file where it is of one host."""
    if not of_host:
        return []
    hosts: defaultdict[str, set[str]] = defaultdict(set)
    started = "component = 'client' AND event_id = 'task_started'"
    for path, host in engine.rows(f"SELECT DISTINCT log_path, host FROM events WHERE {started}"):
        hosts[path].add(host)
    shifts: list[_Shift] = []
    for row in result.coverage:
        path, own = str(row["path"]), str(row.get("host"))
        if len(hosts[path]) > 1:
            shifts += [(path, "client", host, of_host[host]) for host in sorted(hosts[path] & of_host.keys())]
        elif row.get("component") == "client" and row["kind"] == "log" and own in of_host:
            shifts.append((path, "client", None, of_host[own]))
    return shifts
