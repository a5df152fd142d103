"""Operands of a rule's comparisons: effective settings, literals, and quantities derived from both."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from dfly_analysis.catalog.config_checks import Factor
from dfly_analysis.catalog.defaults import defaults_of
from dfly_analysis.catalog.piece_length_rules import piece_rules
from dfly_analysis.catalog.sizing_guide import documented_sizing
from dfly_analysis.config.bandwidth_demand import COLLECTED, BandwidthDemand, demanded_bps
from dfly_analysis.config.query import USUAL_LINK_BPS, Query
from dfly_analysis.config.setting import Setting
from dfly_analysis.errors import CatalogError
from dfly_analysis.messages import message
from dfly_analysis.schema import ROLES
from dfly_analysis.units import format_duration, format_rate, format_size, parse_duration, parse_size

_LITERAL = re.compile(r"\d+(?:\.\d+)?(?P<unit>[A-Za-z]*)")
_SIZE_UNIT = re.compile(r"(?:[KMGTP]i?)?B|[KMGTP]i")
_CPU = re.compile(r"(\d+(?:\.\d+)?)(m?)")
_COUNT = "{:g}".format


@dataclass(frozen=True)
class Operand:
    """The value of one operand."""

    state: Literal["known", "unset", "unknown"]
    """``unset`` if the release has no such key or nothing was given: no comparison is true. ``unknown`` if a release is unknown."""
    value: float | str | bool | None = None  # seconds, bytes, bytes per second, cores, a count, a flag or a text
    text: str = ""  # for people; why the value is unknown
    setting: Setting | None = None


class Scope(NamedTuple):
    """Where an expression is evaluated: a role, and one host if there are files of hosts."""

    query: Query
    role: str
    host: str | None = None

    @property
    def demand(self) -> BandwidthDemand:
        """What the role demands for the layer."""
        return self.query.demand(self.role, self.host)


def operand(scope: Scope, name: str) -> Operand:
    """Return the value of a name, see `dfly_analysis.catalog.config_checks.Factor`; a CatalogError for an unknown quantity."""
    if name.startswith("$"):
        if name not in _QUANTITIES:
            raise CatalogError(f"unknown quantity {name}", hint=f"use one of {', '.join(_QUANTITIES)}")
        return _QUANTITIES[name](scope)
    if name in ("true", "false"):
        return Operand("known", name == "true", name)
    if name.startswith("'"):
        return Operand("known", name.strip("'"), name.strip("'"))
    if literal := _LITERAL.fullmatch(name):
        unit = literal["unit"]
        read = float if not unit else parse_size if _SIZE_UNIT.fullmatch(unit) else parse_duration
        return Operand("known", float(read(name)), name)
    return _setting(scope, name)


def product(scope: Scope, factors: Iterable[Factor]) -> Operand:
    """Return the product of factors; unknown if one is unknown, unset if one is not a number. A single factor keeps its value."""
    operands = [(operand(scope, factor.name), factor.inverse) for factor in factors]
    if len(operands) == 1 and not operands[0][1]:
        return operands[0][0]
    missing = next((item for item, _ in operands if item.state != "known"), None)
    if missing is not None:
        return missing
    total = 1.0
    for item, inverse in operands:
        if isinstance(item.value, bool) or not isinstance(item.value, int | float):
            return Operand("unset", None, item.text)
        total *= item.value if not inverse else 1 / item.value if item.value else math.inf
    return Operand("known", total)


def _setting(scope: Scope, name: str) -> Operand:
    key, _, layer = name.partition("@")
    other, colon, bare = key.partition(":")
    role, key = (other, bare) if colon and other in ROLES else (scope.role, key)
    settings = scope.query.settings
    chain = settings.chain(key, role, scope.host if role == scope.role else None)
    if layer:
        layers = ("user", "rendered") if layer == "user" else (layer,)
        chain = tuple(item for item in chain if item.layer in layers)
    if chain and chain[-1].layer != "unknown":
        value = _value(chain[-1])
        text = message("{value} ({source})", value=str(chain[-1].value), source=chain[-1].source)
        return Operand("unset" if value is None else "known", value, text, chain[-1])
    found, item = settings.get(key, role), defaults_of(role, key)
    unknown = bool(chain) or (settings.versions.get(role) if item and item.eras else settings.chart) is None
    state: Literal["unknown", "unset"] = "unknown" if not layer and found.layer == "unknown" and unknown else "unset"
    return Operand(state, None, found.source, found)


def _value(setting: Setting) -> float | str | bool | None:  # noqa: PLR0911 - one return per unit
    value, unit = setting.value, setting.unit
    if value is None or isinstance(value, bool):
        return value
    if setting.key.endswith(".cpu"):
        cores = _CPU.fullmatch(str(value))
        return float(cores[1]) / (1000 if cores[2] else 1) if cores else None
    match unit:
        case "duration":
            return setting.seconds
        case "size" | "rate" | "quantity":
            return setting.size_bytes
        case "text" | None if isinstance(value, int | float):
            return float(value) if abs(value) < 1e300 else None
        case "count" | "percent" | "requests_per_s" | "nanoseconds":
            return setting.number
    return str(value)


def _known(value: float | None, show: Callable[[float], str], reason: str = "") -> Operand:
    return Operand("unknown", None, reason) if value is None else Operand("known", value, show(value))


def _given(value: float | None, show: Callable[[float], str]) -> Operand:
    return Operand("unset") if value is None else Operand("known", value, show(value))


def _limit(scope: Scope) -> Operand:
    limit = scope.demand.limit
    if limit is None or limit.seconds is None:
        return Operand("unknown", None, scope.demand.reason)
    text = message("{key} {value} ({source})", key=limit.key, value=str(limit.value), source=limit.source)
    return Operand("known", limit.seconds, text, limit)


def _parent_demand(scope: Scope) -> Operand:
    """Return what a parent needs from the source to finish its first piece before its child gives up."""
    timeout = operand(scope, COLLECTED)
    if timeout.state != "known" or not isinstance(timeout.value, float) or not timeout.value:
        return timeout
    parent = scope.query.demand("seedClient")
    in_flight = parent.in_flight_bytes
    return _known(None if in_flight is None else demanded_bps(in_flight, timeout.value), format_rate, parent.reason)


def _tries(scope: Scope) -> float:
    settings = scope.query.settings
    number = settings.get("backend.maxRetries", scope.role, scope.host).number
    return 1 + (piece_rules(settings.versions.get(scope.role)).retries_before_body if number is None else number)


def _job_deadline(scope: Scope) -> Operand:
    limit = scope.query.settings.get("fixed:preheat.jobDeadline", "scheduler")
    if limit.seconds is None:
        return Operand("unknown" if limit.layer == "unknown" else "unset", None, limit.source)
    return Operand("known", limit.seconds, message("{value} ({source})", value=str(limit.value), source=limit.source))


def _gc_headroom(scope: Scope) -> Operand:
    volume, high = operand(scope, "persistence.size"), operand(scope, "gc.policy.diskHighThresholdPercent")
    if not isinstance(volume.value, int | float) or not isinstance(high.value, float):
        return volume if volume.state != "known" else high
    return _known(volume.value * max(0.0, 1 - high.value / 100), format_size)


_QUANTITIES: Mapping[str, Callable[[Scope], Operand]] = {
    "$size": lambda scope: _known(scope.query.size_bytes, format_size),
    "$asked_layers": lambda scope: _known(scope.query.layers or 1, _COUNT),
    "$layers": lambda scope: _known(scope.query.job_layers, _COUNT),
    "$piece": lambda scope: _known(scope.demand.piece_bytes, format_size),
    "$streams": lambda scope: _known(scope.demand.streams, _COUNT, scope.demand.reason),
    "$in_flight": lambda scope: _known(scope.demand.in_flight_bytes, format_size, scope.demand.reason),
    "$limit": _limit,
    "$demand": lambda scope: _known(scope.demand.bps, format_rate, scope.demand.reason),
    "$job_demand": lambda scope: _known(
        scope.demand.bps and scope.demand.bps * scope.query.job_layers, format_rate, scope.demand.reason
    ),
    "$parent_demand": _parent_demand,
    "$tries": lambda scope: _known(_tries(scope), _COUNT),
    "$layer_time": lambda scope: _given(
        scope.query.bandwidth_bps and scope.query.size_bytes / scope.query.bandwidth_bps, format_duration
    ),
    "$bandwidth": lambda scope: _given(scope.query.bandwidth_bps, format_rate),
    # the assumed link counts only if no bandwidth is given
    "$link": lambda scope: _given(None if scope.query.bandwidth_bps else USUAL_LINK_BPS, format_rate),
    "$job_deadline": _job_deadline,
    "$gc_headroom": _gc_headroom,
    "$documented_cpu": lambda scope: _given(getattr(documented_sizing(scope.role), "cpu", None), _COUNT),
    "$documented_memory": lambda scope: _given(
        getattr(documented_sizing(scope.role), "memory_bytes", None), format_size
    ),
    "$documented_disk": lambda scope: _given(getattr(documented_sizing(scope.role), "disk_bytes", None), format_size),
}
