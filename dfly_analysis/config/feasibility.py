"""Whether a layer can come through at all: each bound on its way against the time that a bandwidth leaves."""

from __future__ import annotations

from dataclasses import dataclass

from dfly_analysis.config.bandwidth_demand import COLLECTED, PIECE, WRITE, BandwidthDemand, demanded_bps
from dfly_analysis.config.query import Query
from dfly_analysis.config.setting import Setting
from dfly_analysis.units import format_rate, format_size

_COLLECTOR, _SCHEDULE = "scheduler.gc.pieceDownloadTimeout", "scheduler.scheduleTimeout"
_DEADLINE, _WINDOW = "fixed:preheat.jobDeadline", "fixed:preheat.pollingWindow"
_CAPS = ("download.bandwidthLimit", "download.backToSourceBandwidthLimit")


@dataclass(frozen=True)
class Bound:
    """One timeout on the way of a layer."""

    what: str
    """What it bounds."""
    key: str
    role: str
    source: str
    limit_s: float
    demanded_bps: float | None
    """Bandwidth from the source that it asks for."""
    needed_s: float | None
    """Time needed at the given bandwidth; None without one."""
    factor: float | None
    """Limit over need: below 1 it runs out."""
    fatal: bool
    """Whether the layer is lost when it runs out."""


@dataclass(frozen=True)
class Feasibility:
    """Whether a layer of a size comes through at a bandwidth."""

    size_bytes: int
    bandwidth_bps: float | None
    layers: int
    job_layers: int
    """Layers in flight that the answer is for, and that a job fetches at a time."""
    client_version: str | None
    """Of the seed client."""
    piece_length_bytes: int
    pieces: int
    pieces_in_flight: int | None
    demanded_bps: float | None
    job_demanded_bps: float | None
    """From the source to one seed client, for these layers and for those of a job."""
    feasible: bool | None
    """None without a bandwidth, or if a setting is unknown."""
    factor: float | None
    """Smallest factor of the fatal bounds, and `governed_by` its key: 0.5 means half of what is needed."""
    governed_by: str | None
    reason: str
    bounds: tuple[Bound, ...]
    """In the order in which a layer meets them."""


def assess(query: Query) -> Feasibility:
    """Answer for the seed client, which fetches what is preheated; for one layer if the query names no number."""
    demand = query.demand("seedClient")
    layers = query.layers or 1
    bounds = tuple(_bounds(query, layers, demand.in_flight_bytes))
    limiting = [bound for bound in bounds if bound.fatal and bound.factor is not None]
    worst = min(limiting, key=lambda bound: bound.factor or 0.0) if limiting else None
    feasible = None if worst is None or demand.bps is None else (worst.factor or 0.0) >= 1
    return Feasibility(
        query.size_bytes, query.bandwidth_bps, layers, query.job_layers, demand.client_version, demand.piece_bytes, demand.pieces,
        demand.streams, None if demand.bps is None else demand.bps * layers,
        None if demand.bps is None else demand.bps * query.job_layers, feasible, worst.factor if worst and feasible is not None else None,
        worst.key if worst and feasible is not None else None, _reason(query, layers, worst, feasible, demand), bounds,
    )  # fmt: skip


def _bounds(query: Query, layers: int, in_flight_bytes: int | None) -> list[Bound]:
    settings, rate = query.settings, query.bandwidth_bps
    capped = min([rate, *_caps(query)]) if rate else None
    share = in_flight_bytes * layers if in_flight_bytes is not None else None
    whole = query.size_bytes * layers
    rows: list[tuple[str, Setting, float | None, float | None, bool]] = [
        ("a piece from the source", settings.get(PIECE, "seedClient"), share, rate, True),
        ("a piece's body and disk", settings.get(WRITE, "seedClient"), share, rate, True),
        ("first piece of a parent, as its child waits", settings.get(COLLECTED, "seedClient"), share, rate, False),
        ("a piece, before the scheduler removes the peer", settings.get(_COLLECTOR, "scheduler"), share, rate, True),
        ("all pieces, between two words of the scheduler", settings.get(_SCHEDULE, "seedClient"), whole, capped, False),
        ("the job on the scheduler", settings.get(_DEADLINE, "scheduler"), whole, capped, True),
        ("the job, as the manager waits", settings.get(_WINDOW, "manager"), whole, capped, False),
    ]
    return [
        _bound(what, setting, needed, bps, fatal)
        for what, setting, needed, bps, fatal in rows
        if setting.seconds and needed
    ]


def _bound(what: str, setting: Setting, needed_bytes: float, bps: float | None, fatal: bool) -> Bound:
    limit_s = setting.seconds or 0.0
    needed_s = needed_bytes / bps if bps else None
    factor = limit_s / needed_s if needed_s else None
    demanded = demanded_bps(needed_bytes, limit_s)
    return Bound(what, setting.key, setting.role, setting.source, limit_s, demanded, needed_s, factor, fatal)


def _caps(query: Query) -> list[float]:
    found = (query.settings.get(key, "seedClient").size_bytes for key in _CAPS)
    return [float(value) for value in found if value]


def _reason(query: Query, layers: int, worst: Bound | None, feasible: bool | None, demand: BandwidthDemand) -> str:
    what = (
        f"{layers} layers of {format_size(query.size_bytes)}"
        if layers > 1
        else f"a layer of {format_size(query.size_bytes)}"
    )
    if query.bandwidth_bps is None:
        return (
            demand.reason
            or f"no bandwidth was named; {what} asks for {format_rate(demand.bps or 0)}{_of_job(query, demand)}"
        )
    if feasible is None or worst is None or worst.factor is None:
        return demand.reason or "no bound is known; name the chart or the client"
    at = f"{what} at {format_rate(query.bandwidth_bps)}"
    if feasible:
        return f"{at}: feasible, {worst.factor:.3g} times what {worst.key} ({worst.role}) asks for is there{_of_job(query, demand)}"
    demanded = format_rate(worst.demanded_bps) if worst.demanded_bps else "more"
    return f"{at}: not feasible; {worst.key} ({worst.role}) asks for {demanded}, {1 / worst.factor:.3g} times as much{_of_job(query, demand)}"


def _of_job(query: Query, demand: BandwidthDemand) -> str:
    if query.layers is not None or query.job_layers < 2 or demand.bps is None:
        return ""
    return f"; {query.job_layers} such layers, as a job fetches at a time, ask for {format_rate(demand.bps * query.job_layers)}"
