"""Whether a layer can be downloaded at all: each of its timeouts against the time needed at a bandwidth."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from dfly_analysis.config.bandwidth_demand import COLLECTED, PIECE, WRITE, BandwidthDemand, demanded_bps
from dfly_analysis.config.query import Query
from dfly_analysis.config.setting import CLIENT_ROLES, Setting
from dfly_analysis.units import format_rate, format_size

_COLLECTOR, _SCHEDULE = "scheduler.gc.pieceDownloadTimeout", "scheduler.scheduleTimeout"
_DEADLINE, _WINDOW = "fixed:preheat.jobDeadline", "fixed:preheat.pollingWindow"
_CAPS = ("download.bandwidthLimit", "download.backToSourceBandwidthLimit")
_BOUNDS = (
    ("a piece from the source", PIECE, "seedClient", False, True),
    ("a piece, from its header to the disk", WRITE, "seedClient", False, True),
    ("the first piece of a parent, until its child gives up", COLLECTED, "seedClient", False, False),
    ("a piece, before the scheduler removes the peer", _COLLECTOR, "scheduler", False, True),
    ("all pieces, between two messages of the scheduler", _SCHEDULE, "seedClient", True, False),
    ("the job on the scheduler", _DEADLINE, "scheduler", True, True),
    ("the job, until the manager stops polling", _WINDOW, "manager", True, False),
)
"""What a timeout bounds, its key and role, whether it is for the whole layer rather than a piece, and whether the layer fails then."""


@dataclass(frozen=True)
class Bound:
    """One timeout of a layer, with the bandwidth it demands and the time needed at the given bandwidth (None without one)."""

    what: str
    key: str
    role: str
    source: str
    limit_s: float
    demanded_bps: float | None
    needed_s: float | None
    factor: float | None  # limit divided by need: below 1 it expires
    fatal: bool  # whether the layer fails when it expires


@dataclass(frozen=True)
class Feasibility:
    """Whether layers of a size can be downloaded at a bandwidth, by the seed client."""

    size_bytes: int
    bandwidth_bps: float | None
    layers: int
    job_layers: int
    """Concurrent layers of the answer, and of a job by default."""
    client_version: str | None
    piece_length_bytes: int
    pieces: int
    pieces_in_flight: int | None
    demanded_bps: float | None
    job_demanded_bps: float | None
    """From the source to one seed client, for these layers and for those of a job."""
    feasible: bool | None  # None without a bandwidth, or if a setting is unknown
    factor: float | None
    governed_by: str | None
    """Smallest factor of the fatal bounds, and its key."""
    reason: str
    bounds: tuple[Bound, ...]  # in the order in which a layer meets them


def assess(query: Query) -> Feasibility:
    """Answer for the seed client, which fetches what is preheated, or for the client if only its file is given; for one layer if the query names no number."""
    role = "client" if "seedClient" not in query.roles and "client" in query.roles else "seedClient"
    demand = query.demand(role)
    layers = query.layers or 1
    bounds = tuple(_bounds(query, role, layers))
    limiting = [bound for bound in bounds if bound.fatal and bound.factor is not None]
    worst = min(limiting, key=lambda bound: bound.factor or 0.0) if limiting else None
    feasible = None if worst is None or demand.bps is None else (worst.factor or 0.0) >= 1
    return Feasibility(
        query.size_bytes, query.bandwidth_bps, layers, query.job_layers, demand.client_version, demand.piece_bytes, demand.pieces,
        demand.streams, None if demand.bps is None else demand.bps * layers,
        None if demand.bps is None else demand.bps * query.job_layers, feasible, worst.factor if worst and feasible is not None else None,
        worst.key if worst and feasible is not None else None, _reason(query, layers, worst, feasible, demand), bounds,
    )  # fmt: skip


def _bounds(query: Query, client: str, layers: int) -> Iterator[Bound]:
    rate = query.bandwidth_bps
    for what, key, of, whole, fatal in _BOUNDS:
        setting = query.settings.get(key, client if of == "seedClient" else of)
        yield from _bound(query, what, setting, layers, whole=whole, fatal=fatal, rate=rate)
    for what, key, of, whole, _ in _BOUNDS if client == "seedClient" and "client" in query.roles else ():
        setting = query.settings.get(key, "client")  # a client that is set otherwise: its pulls may expire too
        same = query.settings.get(key, "seedClient").seconds == setting.seconds
        if of == "seedClient" and setting.layer in ("user", "rendered") and not same:
            yield from _bound(query, what, setting, layers, whole=whole, fatal=False, rate=rate)


def _bound(
    query: Query, what: str, setting: Setting, layers: int, *, whole: bool, fatal: bool, rate: float | None
) -> Iterator[Bound]:
    client = setting.role if setting.role in CLIENT_ROLES else "seedClient"
    caps = (query.settings.get(key, client).size_bytes for key in _CAPS)
    capped = min(rate, *(cap or math.inf for cap in caps)) if rate else None
    needed_bytes, bps = (query.size_bytes, capped) if whole else (query.demand(client).in_flight_bytes, rate)
    if limit_s := needed_bytes and setting.seconds:
        needed_s = needed_bytes * layers / bps if bps else None
        factor = limit_s / needed_s if needed_s else None
        demanded = demanded_bps(needed_bytes * layers, limit_s)
        yield Bound(what, setting.key, setting.role, setting.source, limit_s, demanded, needed_s, factor, fatal)


def _reason(query: Query, layers: int, worst: Bound | None, feasible: bool | None, demand: BandwidthDemand) -> str:
    size, job = format_size(query.size_bytes), _of_job(query, demand)
    what = f"{layers} layers of {size}" if layers > 1 else f"a layer of {size}"
    if query.bandwidth_bps is None:
        return demand.reason or f"no bandwidth is given; {what} demands {format_rate(demand.bps or 0)}{job}"
    if feasible is None or worst is None or worst.factor is None:
        return demand.reason or "no timeout is known; give the release of the chart or of the client"
    at = f"{what} at {format_rate(query.bandwidth_bps)}"
    limit = f"{worst.key} ({worst.role})"
    if feasible:
        return f"{at}: feasible, with {worst.factor:.3g} times the bandwidth that {limit} demands{job}"
    demanded = format_rate(worst.demanded_bps) if worst.demanded_bps else "more"
    return f"{at}: not feasible; {limit} demands {demanded}, {1 / worst.factor:.3g} times as much{job}"


def _of_job(query: Query, demand: BandwidthDemand) -> str:
    if query.layers is not None or query.job_layers < 2 or demand.bps is None:
        return ""
    return f"; the {query.job_layers} concurrent layers of a job demand {format_rate(demand.bps * query.job_layers)}"
