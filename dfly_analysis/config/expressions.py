"""Operands of a rule's comparisons: settings in force, literals, and quantities derived from both."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from dfly_analysis.catalog.config_checks import Factor
from dfly_analysis.catalog.defaults import defaults_of
from dfly_analysis.catalog.piece_length_rules import piece_attempts
from dfly_analysis.catalog.sizing_guide import documented_sizing
from dfly_analysis.config.bandwidth_demand import COLLECTED, BandwidthDemand, demanded_bps
from dfly_analysis.config.query import USUAL_LINK_BPS, Query
from dfly_analysis.config.setting import Setting
from dfly_analysis.errors import CatalogError
from dfly_analysis.schema import ROLES
from dfly_analysis.units import format_duration, format_rate, format_size, parse_duration, parse_size

State = Literal["known", "unset", "unknown"]
Worth = float | str | bool | None
_LITERAL = re.compile(r"\d+(?:\.\d+)?(?P<unit>[A-Za-z]*)")
_SIZE_UNIT = re.compile(r"(?:[KMGTP]i?)?B|[KMGTP]i")
_CPU = re.compile(r"(\d+(?:\.\d+)?)(m?)")
_COUNT = "{:g}".format


@dataclass(frozen=True)
class Operand:
    """The value of one operand."""

    state: State
    """``unset`` if the release has no such key or nothing was asked: no comparison holds. ``unknown`` if a release is unknown."""
    worth: Worth = None
    """Seconds, bytes, bytes per second, cores, a count, a flag or a text."""
    text: str = ""
    """For people."""
    setting: Setting | None = None
    """What it was read from."""


class Scope(NamedTuple):
    """Where an expression is evaluated: in a role, and on one host if there are files of hosts."""

    query: Query
    role: str
    host: str | None = None

    @property
    def demand(self) -> BandwidthDemand:
        """What the role demands for the layer."""
        return self.query.demand(self.role, self.host)


def operand(scope: Scope, name: str) -> Operand:
    """Return the value of a name, see `dfly_analysis.catalog.config_checks.Factor`; a CatalogError if it is no quantity."""
    if name.startswith("$"):
        if name not in _QUANTITIES:
            raise CatalogError(f"no quantity is called {name}", hint=f"one of {', '.join(_QUANTITIES)}")
        return _QUANTITIES[name](scope)
    if name in ("true", "false"):
        return Operand("known", name == "true", name)
    if name.startswith("'"):
        return Operand("known", name.strip("'"), name.strip("'"))
    literal = _LITERAL.fullmatch(name)
    if literal is None:
        return _setting(scope, name)
    unit = literal["unit"]
    return Operand(
        "known",
        float(parse_size(name)) if _SIZE_UNIT.fullmatch(unit) else parse_duration(name) if unit else float(name),
        name,
    )


def product(scope: Scope, factors: Iterable[Factor]) -> Operand:
    """Return the product of factors; unknown if one is unknown, unset if one is not a number. A single factor is kept as it is."""
    operands = [(operand(scope, factor.name), factor.inverse) for factor in factors]
    if len(operands) == 1 and not operands[0][1]:
        return operands[0][0]
    missing = next((item for item, _ in operands if item.state != "known"), None)
    if missing is not None:
        return missing
    total = 1.0
    for item, inverse in operands:
        if isinstance(item.worth, bool) or not isinstance(item.worth, int | float):
            return Operand("unset", None, item.text)
        total *= item.worth if not inverse else 1 / item.worth if item.worth else math.inf
    return Operand("known", total)


def _setting(scope: Scope, name: str) -> Operand:
    key, _, layer = name.partition("@")
    other, colon, bare = key.partition(":")
    role, key = (other, bare) if colon and other in ROLES else (scope.role, key)
    settings = scope.query.settings
    chain = settings.chain(key, role, scope.host if role == scope.role else None)
    if layer:
        wanted = ("user", "rendered") if layer == "user" else (layer,)
        chain = tuple(item for item in chain if item.layer in wanted)
    if chain:
        worth = _worth(chain[-1])
        return Operand(
            "unset" if worth is None else "known", worth, f"{chain[-1].value} ({chain[-1].source})", chain[-1]
        )
    found, item = settings.get(key, role), defaults_of(role, key)
    by_chart = item is None or not item.eras
    unknown = (settings.chart if by_chart else settings.versions.get(role)) is None
    return Operand(
        "unknown" if not layer and found.layer == "unknown" and unknown else "unset", None, found.source, found
    )


def _worth(setting: Setting) -> Worth:
    value, unit = setting.value, setting.unit
    if value is None or isinstance(value, bool):
        return value
    if setting.key.endswith(".cpu"):
        cores = _CPU.fullmatch(str(value))
        return float(cores[1]) / (1000 if cores[2] else 1) if cores else None
    if unit == "duration":
        return setting.seconds
    if unit in {"size", "rate", "quantity"}:
        return setting.size_bytes
    if unit in {"text", None} and isinstance(value, int | float):
        return float(value) if abs(value) < 1e300 else None
    return setting.number if unit in {"count", "percent", "requests_per_s", "nanoseconds"} else str(value)


def _known(worth: float | None, show: Callable[[float], str], reason: str = "") -> Operand:
    return Operand("unknown", None, reason) if worth is None else Operand("known", worth, show(worth))


def _job_demand(scope: Scope) -> Operand:
    bps = scope.demand.bps
    return _known(None if bps is None else bps * scope.query.job_layers, format_rate, scope.demand.reason)


def _limit(scope: Scope) -> Operand:
    limit = scope.demand.limit
    if limit is None or limit.seconds is None:
        return Operand("unknown", None, scope.demand.reason)
    return Operand("known", limit.seconds, f"{limit.key} {limit.value} ({limit.source})", limit)


def _parent_demand(scope: Scope) -> Operand:
    """Return what a parent needs from the source, so that its first piece is done before its child gives up."""
    patience = operand(scope, COLLECTED)
    if patience.state != "known" or not isinstance(patience.worth, float) or not patience.worth:
        return patience
    parent = scope.query.demand("seedClient")
    in_flight = parent.in_flight_bytes
    return _known(None if in_flight is None else demanded_bps(in_flight, patience.worth), format_rate, parent.reason)


def _tries(scope: Scope) -> Operand:
    settings = scope.query.settings
    number = settings.get("backend.maxRetries", scope.role, scope.host).number
    usual = piece_attempts(settings.versions.get(scope.role)).retries_before_body
    return _known(1 + (usual if number is None else number), _COUNT)


def _layer_time(scope: Scope) -> Operand:
    if scope.query.bandwidth_bps is None:
        return Operand("unset", None, "no bandwidth was named")
    return _known(scope.query.size_bytes / scope.query.bandwidth_bps, format_duration)


def _job_deadline(scope: Scope) -> Operand:
    limit = scope.query.settings.get("fixed:preheat.jobDeadline", "scheduler")
    if limit.seconds is None:
        return Operand("unknown" if limit.layer == "unknown" else "unset", None, limit.source)
    return Operand("known", limit.seconds, f"{limit.value} ({limit.source})")


def _gc_headroom(scope: Scope) -> Operand:
    volume, high = operand(scope, "persistence.size"), operand(scope, "gc.policy.diskHighThresholdPercent")
    if not isinstance(volume.worth, int | float) or not isinstance(high.worth, float):
        return volume if volume.state != "known" else high
    return _known(volume.worth * max(0.0, 1 - high.worth / 100), format_size)


def _documented(scope: Scope, part: str, show: Callable[[float], str]) -> Operand:
    message = documented_sizing(scope.role)
    return Operand("unset") if message is None else _known(getattr(message, part), show)


def _bandwidth(scope: Scope) -> Operand:
    bps = scope.query.bandwidth_bps
    return Operand("unset") if bps is None else _known(bps, format_rate)


_QUANTITIES: Mapping[str, Callable[[Scope], Operand]] = {
    "$size": lambda scope: _known(scope.query.size_bytes, format_size),
    "$asked_layers": lambda scope: _known(scope.query.layers or 1, _COUNT),
    "$layers": lambda scope: _known(scope.query.job_layers, _COUNT),
    "$piece": lambda scope: _known(scope.demand.piece_bytes, format_size),
    "$streams": lambda scope: _known(scope.demand.streams, _COUNT, scope.demand.reason),
    "$in_flight": lambda scope: _known(scope.demand.in_flight_bytes, format_size, scope.demand.reason),
    "$limit": _limit,
    "$demand": lambda scope: _known(scope.demand.bps, format_rate, scope.demand.reason),
    "$job_demand": _job_demand,
    "$parent_demand": _parent_demand,
    "$tries": _tries,
    "$layer_time": _layer_time,
    "$bandwidth": _bandwidth,
    # Where a bandwidth is named, feasibility answers; the assumed link is for when none is.
    "$link": lambda scope: Operand("unset") if scope.query.bandwidth_bps else _known(USUAL_LINK_BPS, format_rate),
    "$job_deadline": _job_deadline,
    "$gc_headroom": _gc_headroom,
    "$documented_cpu": lambda scope: _documented(scope, "cpu", _COUNT),
    "$documented_memory": lambda scope: _documented(scope, "memory_bytes", format_size),
    "$documented_disk": lambda scope: _documented(scope, "disk_bytes", format_size),
}
