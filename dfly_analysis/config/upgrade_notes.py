"""What an upgrade changes: every fact that differs, and what follows for a large layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dfly_analysis.catalog.defaults import Change, all_defaults, changes_between, defaults_of
from dfly_analysis.catalog.releases import Line, line_of
from dfly_analysis.config.check import check_settings
from dfly_analysis.config.query import USUAL_SIZE_BYTES, Query
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import KEYS_THAT_MATTER, PIECE_LENGTH, Setting
from dfly_analysis.schema import ROLES
from dfly_analysis.units import format_duration, format_rate, format_size

_CLIENTS = ("seedClient", "client")
_FIXED = (("scheduler", "fixed:preheat.jobDeadline"), ("manager", "fixed:preheat.pollingWindow"))
_KINDS = frozenset({"duration", "rate", "size"})


@dataclass(frozen=True)
class Consequence:
    """One thing that follows from an upgrade, in one sentence."""

    topic: str
    """One of image, piece_length, demand, setting, key, trap."""
    role: str | None
    key: str | None
    text: str
    before: str | float | None
    """A quantity is in seconds, bytes or bytes per second."""
    after: str | float | None
    factor: float | None = None
    """After over before, of quantities above zero."""


@dataclass(frozen=True)
class UpgradeNote:
    """What changes between two releases of one line."""

    line: Line
    from_version: str
    to_version: str
    size_bytes: int
    """Of the layer that the consequences are computed for."""
    consequences: tuple[Consequence, ...]
    """Those of default settings."""
    changes: tuple[Change, ...]
    """Every default that differs."""


def upgrade_note(from_version: str, to_version: str, size_bytes: int = USUAL_SIZE_BYTES) -> UpgradeNote:
    """Return what an upgrade changes.

    Parameters
    ----------
    from_version, to_version : str
        Two charts, two clients, or two releases of manager and scheduler; the older need not come first.
    size_bytes : int
        Of a layer, above zero.

    Raises
    ------
    FactMissingError
        If a release is unknown, or the two are of different lines.
    """
    changes = changes_between(from_version, to_version)
    line, first, _ = line_of(from_version)
    second = line_of(to_version)[1]
    sides = (_defaults(line, first), _defaults(line, second))
    queries = tuple(Query(side, size_bytes) for side in sides)
    found = (
        *_images(line, *sides),
        *(one for role in _CLIENTS for one in _pieces(role, *queries)),
        *(one for role in _CLIENTS for one in _demand(role, *queries)),
        *_settings(*sides),
        *_keys(*sides),
        *_rules(size_bytes, *sides),
    )
    return UpgradeNote(line, first, second, size_bytes, found, changes)


def _defaults(line: Line, version: str) -> Settings:
    if line == "chart":
        return Settings.resolve(chart=version)
    if line == "client":
        return Settings.resolve(client=version)
    return Settings.resolve(scheduler=version, manager=version)


def _images(line: Line, one: Settings, other: Settings) -> Iterator[Consequence]:
    for role in ROLES if line == "chart" else ():
        before, after = one.versions[role], other.versions[role]
        if before != after:
            text = f"the {role} goes from {before or 'none'} to {after or 'none'}"
            yield Consequence("image", role, None, text, before, after)


def _pieces(role: str, one: Query, other: Query) -> Iterator[Consequence]:
    first, second = one.demand(role), other.demand(role)
    if first.piece_bytes == second.piece_bytes or None in (first.client_version, second.client_version):
        return
    factor = second.piece_bytes / first.piece_bytes
    times = f"{factor:g} times longer" if factor > 1 else f"{1 / factor:g} times shorter"
    lengths = f"{format_size(first.piece_bytes)} → {format_size(second.piece_bytes)}"
    limits = _limits(first.limit, second.limit)
    text = f"{role}: pieces of a {format_size(one.size_bytes)} layer become {times} ({lengths}){limits}"
    lengths_bytes = float(first.piece_bytes), float(second.piece_bytes)
    yield Consequence("piece_length", role, "fixed:piece.most", text, *lengths_bytes, factor)


def _limits(first: Setting | None, second: Setting | None) -> str:
    if first is None or second is None or first.seconds is None or second.seconds is None:
        return ""
    if first.seconds == second.seconds:
        return f" while the piece timeout stays {format_duration(second.seconds)} ({second.key}, {second.source})"
    return f", and the piece timeout goes from {format_duration(first.seconds)} to {format_duration(second.seconds)} ({second.key}, {second.source})"


def _demand(role: str, one: Query, other: Query) -> Iterator[Consequence]:
    first, second = one.demand(role).bps, other.demand(role).bps
    if first is None or second is None or abs(first - second) <= 1e-9 * max(first, second):
        return
    factor = second / first
    shown = f"{format_rate(first)} to {format_rate(second)} ({factor:.3g} times)"
    text = (
        f"{role}: the bandwidth demanded of the source for a layer of {format_size(one.size_bytes)} goes from {shown}"
    )
    yield Consequence("demand", role, "download.pieceTimeout", text, first, second, factor)


def _settings(one: Settings, other: Settings) -> Iterator[Consequence]:
    """Yield what is in force by default and moves, under whatever name and from whichever layer."""
    matter = [
        (role, key) for key in KEYS_THAT_MATTER if key != PIECE_LENGTH for role in ROLES if defaults_of(role, key)
    ]
    for role, key in (*matter, *_FIXED):
        before, after = one.get(key, role), other.get(key, role)
        first, second = _quantity(before), _quantity(after)
        if first == second:
            continue
        sides = [_shown(before), _shown(after)]
        factor = second / first if isinstance(first, float) and isinstance(second, float) and first > 0 else None
        times = f", {factor:.3g} times" if factor else ""
        text = f"{role}: {key} in force goes from {sides[0]} to {sides[1]}{times}"
        yield Consequence("setting", role, key, text, first, second, factor)


def _quantity(setting: Setting) -> str | float | None:
    for worth in (setting.seconds, setting.size_bytes) if setting.unit in _KINDS else (setting.number,):
        if worth is not None:
            return float(worth)
    return None if setting.value is None else str(setting.value)


def _shown(setting: Setting) -> str:
    return "none" if setting.value is None else f"{setting.value} ({setting.source})"


def _keys(one: Settings, other: Settings) -> Iterator[Consequence]:
    """Yield the keys that lose their effect and those that gain one, once for client and seed client."""
    observed: set[tuple[str, bool]] = set()
    for item in all_defaults():
        if item.component not in ROLES or not item.eras or item.helm_path is None:
            continue
        versions = one.versions.get(item.component), other.versions.get(item.component)
        if versions[0] is None or versions[1] is None:
            continue
        eras = [item.at(version) for version in versions if version]
        reads = [era is not None and era.ignored is None for era in eras]
        if reads[0] == reads[1] or (item.key, reads[1]) in observed:
            continue
        observed.add((item.key, reads[1]))
        why = next((era.ignored for era, read in zip(eras, reads, strict=True) if era is not None and not read), None)
        text = f"{item.key} is {'read' if reads[1] else 'not read any more, and dropped in silence'} from {versions[1]}"
        text = f"{text} ({why})" if why else text
        before, after = (("not read", "read")[read] for read in reads)
        yield Consequence("key", item.component, item.key, text, before, after)


def _rules(size_bytes: int, one: Settings, other: Settings) -> Iterator[Consequence]:
    sides = [{found.id: found for found in check_settings(side, size=size_bytes).present()} for side in (one, other)]
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        before, after = name in sides[0], name in sides[1]
        if before != after:
            found = sides[1][name] if after else sides[0][name]
            verb = "holds from now on" if after else "holds no more"
            words = ("absent", "present")
            yield Consequence("trap", None, found.knob, f"{found.title} [{name}]: {verb}", words[before], words[after])
