"""Names what a user wrote in vain: keys that nothing reads, and keys that do something else than their name says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dfly_analysis.knowledge.fact import Fact, Value, fact_of, facts
from dfly_analysis.settings.setting import CLIENT_ROLES, ROLES, Setting
from dfly_analysis.units import format_duration

if TYPE_CHECKING:
    from dfly_analysis.settings.resolve import Settings

_GO_SECTIONS = ("dfdaemon", "seedPeer")
_CONFIG_SECTIONS = frozenset({"download", "upload", "backend", "storage", "gc", "proxy", "dynconfig"})
_PIECE_DOWNLOAD_TIMEOUT = "scheduler.gc.pieceDownloadTimeout"
_LEAVES = frozenset({
    "pieceTimeout", "writePieceTimeout", "collectedPieceTimeout", "scheduleTimeout", "concurrentPieceCount",
    "maxScheduleCount", "backToSourceBandwidthLimit", "maxRetries",
})  # fmt: skip


def find_ignored(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return what the user wrote in vain, with the reason.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    tuple of (str, str)
        Path as the user wrote it (for a rendered file: its address and the key), and the reason, one line. Only what
        is known to be without effect is named; keys that the facts do not know are left alone.
    """
    found: dict[str, str] = {}
    for path, value in settings.user.entries.items():
        reason = _reason(settings, path, value)
        if reason:
            found[f"{settings.user.prefix}{path}"] = reason
    found.update(_in_rendered(settings))
    return tuple(found.items())


def _reason(settings: Settings, path: str, value: Value) -> str | None:
    role, _, rest = path.partition(".")
    if role in _GO_SECTIONS:
        return "a section of the old Go daemon, which charts after 1.1.65 do not have; client and seedClient took its place"
    if role not in ROLES or value is None:
        return None
    if not rest.startswith("config."):
        lost = role in CLIENT_ROLES and rest.partition(".")[0] in _CONFIG_SECTIONS
        return f"the chart reads this under {role}.config.{rest}" if lost else None
    key = rest.removeprefix("config.")
    item = next((one for one in facts() if one.component == role and one.helm_path == path), None) or fact_of(role, key)
    if item is None:
        return _misplaced(role, key)
    return _without_effect(settings, role, item) or _other_effect(settings, role, item, value)


def _without_effect(settings: Settings, role: str, item: Fact) -> str | None:
    if item.helm_path is None:
        return "the chart's template does not pass it on"
    if not item.eras:
        return None
    reader = "the Rust client" if role in CLIENT_ROLES else f"the {role}"
    version = settings.versions.get(role)
    if version is None:
        ignored = {era.ignored for era in item.eras}
        return None if None in ignored else f"{reader} ignores it; {_knob(item.eras[-1].ignored or '')}"
    era = item.at(version)
    if era is None:
        return f"{reader} {version} has no such key; it is read from {item.eras[0].since} to {item.eras[-1].until}"
    return f"{reader} ignores it in {version}; {_knob(era.ignored)}" if era.ignored else None


def _knob(reason: str) -> str:
    # Where the reason names the knob, the knob is what the user needs to read.
    return f"the knob is {reason.partition('the knob is ')[2]}" if "the knob is " in reason else reason


def _other_effect(settings: Settings, role: str, item: Fact, value: Value) -> str | None:
    if role == "scheduler" and item.key == _PIECE_DOWNLOAD_TIMEOUT:
        return _lowered(settings, value)
    if item.unit == "duration" and isinstance(value, int | float) and not isinstance(value, bool):
        if role in CLIENT_ROLES:
            return f"a bare number is no duration to the client; write {value}s"
        return f"a bare number counts nanoseconds here; write {value}s"
    twin = next((name for name in item.spellings if name != item.key and "Threshold" in name), None)
    if twin and settings.chart and _set_below(settings, role, twin):
        return f"the chart sets the same under the name {twin}, and both names in one file are refused; use that name"
    return None


def _set_below(settings: Settings, role: str, key: str) -> bool:
    return any(item.layer == "chart" and item.key == key for item in settings.chain(key, role))


def _lowered(settings: Settings, value: Value) -> str | None:
    default = next((s for s in settings.chain(_PIECE_DOWNLOAD_TIMEOUT, "scheduler") if s.layer == "binary"), None)
    usual = (default.seconds if default else None) or 1800.0
    written = Setting(_PIECE_DOWNLOAD_TIMEOUT, "scheduler", None, value, "user", "").seconds
    if written is None or written >= usual:
        return None
    lowers = f"{format_duration(written)} lowers it from {format_duration(usual)}"
    return f"a garbage collection rule; it never bounds a transfer, and {lowers}; the knob is download.pieceTimeout of the seed client"


def _misplaced(role: str, key: str) -> str | None:
    known = [item.key for item in facts() if item.component == role and item.eras]
    twin = next((name for name in known if name.lower() == key.lower()), None)
    if twin:
        return f"capitals matter; nothing reads it so, it is spelt {twin}"
    leaf = key.rpartition(".")[2]
    homes = [name for name in known if name.rpartition(".")[2] == leaf and not name.startswith("download.maxSchedule")]
    return f"nothing reads it there; it is {homes[0]}" if role in CLIENT_ROLES and leaf in _LEAVES and homes else None


def _in_rendered(settings: Settings) -> Iterator[tuple[str, str]]:
    seen: set[tuple[str, str]] = set()
    for file in settings.rendered:
        for key, value in file.values.items():
            reason = _reason_rendered(settings, file.role, key, value)
            if reason and (file.role, key) not in seen:
                seen.add((file.role, key))
                yield f"{file.path}: {key}", reason


def _reason_rendered(settings: Settings, role: str, key: str, value: Value) -> str | None:
    # Charts write dead keys of their own into these files; only what no chart writes is the user's doing.
    if role == "scheduler" and key == _PIECE_DOWNLOAD_TIMEOUT:
        return _lowered(settings, value)
    item = fact_of(role, key)
    if item is None or item.chart_runs or not item.eras or any(era.ignored is None for era in item.eras):
        return None
    return _without_effect(settings, role, item)
