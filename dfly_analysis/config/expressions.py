"""What the operands of a trap's comparison are worth: settings in force, literals, and quantities derived from both."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from dfly_analysis.catalog.defaults import defaults_of
from dfly_analysis.catalog.piece_length_rules import piece_attempts
from dfly_analysis.catalog.sizing_guide import documented_sizing
from dfly_analysis.config import ROLES, Setting
from dfly_analysis.config.bandwidth_demand import COLLECTED, demanded_bps
from dfly_analysis.config.query import USUAL_LINK_BPS, Query
from dfly_analysis.errors import CatalogError
from dfly_analysis.units import format_duration, format_rate, format_size, parse_duration, parse_size

State = Literal["known", "unset", "unknown"]
Worth = float | str | bool | None
_LITERAL = re.compile(r"\d+(?:\.\d+)?(?P<unit>[A-Za-z]*)")
_SIZE_UNIT = re.compile(r"(?:[KMGTP]i?)?B|[KMGTP]i")
_CPU = re.compile(r"(\d+(?:\.\d+)?)(m?)")
_RETRIES, _DEADLINE = "backend.maxRetries", "fixed:preheat.jobDeadline"
_HIGH = "gc.policy.diskHighThresholdPercent"


@dataclass(frozen=True)
class Operand:
    """One operand's worth.

    Attributes
    ----------
    state : {"known", "unset", "unknown"}
        ``unset`` where the release in force has no such key, or nobody asked: a comparison with it does not hold.
        ``unknown`` where a release is not known: it cannot be told.
    worth : float, str, bool or None
        Seconds, bytes, bytes per second, cores, a count, a flag or a text.
    text : str
        For people.
    setting : Setting or None
        What it was read from.
    """

    state: State
    worth: Worth = None
    text: str = ""
    setting: Setting | None = None


def operand(query: Query, role: str, host: str | None, name: str) -> Operand:
    """Return the worth of a name.

    Parameters
    ----------
    query : Query
    role : str
        Role meant where the name does not say.
    host : str or None
    name : str
        See `dfly_analysis.catalog.config_checks.Factor`.

    Raises
    ------
    CatalogError
        Where nothing is called so.
    """
    if name.startswith("$"):
        known = _QUANTITIES.get(name)
        if known is None:
            raise CatalogError(f"no quantity is called {name}", hint=f"one of {', '.join(_QUANTITIES)}")
        return known(query, role, host)
    if name in ("true", "false"):
        return Operand("known", name == "true", name)
    if name.startswith("'"):
        return Operand("known", name.strip("'"), name.strip("'"))
    literal = _LITERAL.fullmatch(name)
    if literal:
        return Operand("known", _literal(name, literal["unit"]), name)
    return _setting(query, role, host, name)


def _literal(text: str, unit: str) -> float:
    if not unit:
        return float(text)
    return float(parse_size(text)) if _SIZE_UNIT.fullmatch(unit) else parse_duration(text)


def _setting(query: Query, role: str, host: str | None, name: str) -> Operand:
    key, _, layer = name.partition("@")
    other, colon, bare = key.partition(":")
    whose, key = (other, bare) if colon and other in ROLES else (role, key)
    chain = query.settings.chain(key, whose, host if whose == role else None)
    if layer:
        wanted = ("user", "rendered") if layer == "user" else (layer,)
        chain = tuple(item for item in chain if item.layer in wanted)
    if not chain:
        found = query.settings.get(key, whose)
        blind = not layer and found.layer == "unknown" and _nothing_known(query, whose, key)
        return Operand("unknown" if blind else "unset", None, found.source, found)
    worth = _worth(chain[-1])
    state: State = "unset" if worth is None else "known"
    return Operand(state, worth, f"{chain[-1].value} ({chain[-1].source})", chain[-1])


def _nothing_known(query: Query, role: str, key: str) -> bool:
    item = defaults_of(role, key)
    if item is None or not item.eras:
        return query.settings.chart is None
    return query.settings.versions.get(role) is None


def _worth(setting: Setting) -> Worth:
    value = setting.value
    if value is None or isinstance(value, bool):
        return value
    if setting.key.endswith(".cpu"):
        cores = _CPU.fullmatch(str(value))
        return float(cores[1]) / (1000 if cores[2] else 1) if cores else None
    numbers: Mapping[str | None, Callable[[], float | None]] = {
        "duration": lambda: setting.seconds, "size": lambda: setting.size_bytes, "rate": lambda: setting.size_bytes,
        "quantity": lambda: setting.size_bytes,
    }  # fmt: skip
    if setting.unit in numbers:
        return numbers[setting.unit]()
    if setting.unit in {"text", None} and isinstance(value, int | float):
        return float(value) if abs(value) < 1e300 else None
    return setting.number if setting.unit in {"count", "percent", "requests_per_s", "nanoseconds"} else str(value)


def _size(worth: float | None, reason: str = "") -> Operand:
    return Operand("unknown", None, reason) if worth is None else Operand("known", worth, format_size(worth))


def _rate(worth: float | None, reason: str = "") -> Operand:
    return Operand("unknown", None, reason) if worth is None else Operand("known", worth, format_rate(worth))


def _time(worth: float | None, reason: str = "") -> Operand:
    return Operand("unknown", None, reason) if worth is None else Operand("known", worth, format_duration(worth))


def _count(worth: float | None, reason: str = "") -> Operand:
    return Operand("unknown", None, reason) if worth is None else Operand("known", worth, f"{worth:g}")


def _demand(query: Query, role: str, host: str | None) -> Operand:
    found = query.demand(role, host)
    return _rate(found.bps, found.reason)


def _job_demand(query: Query, role: str, host: str | None) -> Operand:
    found = query.demand(role, host)
    return _rate(None if found.bps is None else found.bps * query.job_layers, found.reason)


def _limit(query: Query, role: str, host: str | None) -> Operand:
    found = query.demand(role, host)
    if found.limit is None or found.limit.seconds is None:
        return _time(None, found.reason)
    text = f"{found.limit.key} {found.limit.value} ({found.limit.source})"
    return Operand("known", found.limit.seconds, text, found.limit)


def _parent_demand(query: Query, role: str, host: str | None) -> Operand:
    """Say what a parent needs from the source, so that its first piece is done before its child loses patience."""
    parent = query.demand("seedClient")
    patience = operand(query, role, host, COLLECTED)
    if patience.state != "known" or not isinstance(patience.worth, float) or not patience.worth:
        return patience
    in_flight = parent.in_flight_bytes
    return _rate(None if in_flight is None else demanded_bps(in_flight, patience.worth), parent.reason)


def _tries(query: Query, role: str, host: str | None) -> Operand:
    number = query.settings.get(_RETRIES, role, host).number
    usual = piece_attempts(query.settings.versions.get(role)).retries_before_body
    return _count(1 + (usual if number is None else number))


def _layer_time(query: Query, role: str, host: str | None) -> Operand:  # noqa: ARG001 - one shape for all
    if query.bandwidth_bps is None:
        return Operand("unset", None, "no bandwidth was named")
    return _time(query.size_bytes / query.bandwidth_bps)


def _bandwidth(query: Query, role: str, host: str | None) -> Operand:  # noqa: ARG001 - one shape for all
    return Operand("unset") if query.bandwidth_bps is None else _rate(query.bandwidth_bps)


def _link(query: Query, role: str, host: str | None) -> Operand:  # noqa: ARG001 - one shape for all
    # Where a bandwidth is named, feasibility answers; the assumed link is for when none is.
    return _rate(USUAL_LINK_BPS) if query.bandwidth_bps is None else Operand("unset")


def _deadline(query: Query, role: str, host: str | None) -> Operand:  # noqa: ARG001 - one shape for all
    limit = query.settings.get(_DEADLINE, "scheduler")
    if limit.seconds is None:
        return Operand("unknown" if limit.layer == "unknown" else "unset", None, limit.source)
    return Operand("known", limit.seconds, f"{limit.value} ({limit.source})")


def _headroom(query: Query, role: str, host: str | None) -> Operand:
    volume = operand(query, role, host, "persistence.size")
    high = operand(query, role, host, _HIGH)
    known = isinstance(volume.worth, int | float) and isinstance(high.worth, float)
    if not known:
        return volume if volume.state != "known" else high
    assert isinstance(volume.worth, int | float)
    assert isinstance(high.worth, float)
    return _size(volume.worth * max(0.0, 1 - high.worth / 100))


def _documented(part: str) -> Callable[[Query, str, str | None], Operand]:
    def find(query: Query, role: str, host: str | None) -> Operand:  # noqa: ARG001 - one shape for all
        said = documented_sizing(role)
        if said is None:
            return Operand("unset")
        if part == "cpu":
            return _count(said.cpu)
        return _size(said.memory_bytes if part == "memory" else said.disk_bytes)

    return find


def _of_demand(part: str) -> Callable[[Query, str, str | None], Operand]:
    def find(query: Query, role: str, host: str | None) -> Operand:
        found = query.demand(role, host)
        if part == "streams":
            return _count(found.streams, found.reason)
        if part == "in_flight":
            return _size(found.in_flight_bytes, found.reason)
        return _size(found.piece_bytes)

    return find


_QUANTITIES: Mapping[str, Callable[[Query, str, str | None], Operand]] = {
    "$size": lambda query, _role, _host: _size(query.size_bytes),
    "$asked_layers": lambda query, _role, _host: _count(query.layers or 1),
    "$layers": lambda query, _role, _host: _count(query.job_layers),
    "$piece": _of_demand("piece"), "$streams": _of_demand("streams"), "$in_flight": _of_demand("in_flight"),
    "$limit": _limit, "$demand": _demand, "$job_demand": _job_demand, "$parent_demand": _parent_demand, "$tries": _tries,
    "$layer_time": _layer_time, "$bandwidth": _bandwidth, "$link": _link, "$job_deadline": _deadline, "$gc_headroom": _headroom,
    "$documented_cpu": _documented("cpu"), "$documented_memory": _documented("memory"),
    "$documented_disk": _documented("disk"),
}  # fmt: skip


def product(operands: tuple[tuple[Operand, bool], ...]) -> Operand:
    """Multiply operands, those marked dividing.

    Returns
    -------
    Operand
        A single one is itself. Not known where one is not, or where one is no number.
    """
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
