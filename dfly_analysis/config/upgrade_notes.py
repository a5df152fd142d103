"""What an upgrade changes: every default that differs, and the consequences for a large layer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dfly_analysis.catalog.defaults import Change, KeyDefaults, all_defaults, changes_between, defaults_of
from dfly_analysis.catalog.piece_length_rules import concurrency_key
from dfly_analysis.catalog.releases import (
    Line,
    changes_after,
    is_known,
    known_release,
    line_of,
    parse_version,
    releases,
    require_known,
)
from dfly_analysis.config.check import check_settings
from dfly_analysis.config.query import USUAL_SIZE_BYTES, Query
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import GO_SECTIONS, KEYS_THAT_MATTER, LAST_GO_CHART, PIECE_LENGTH, Setting
from dfly_analysis.messages import Message, format_list, message
from dfly_analysis.schema import ROLES
from dfly_analysis.units import format_duration, format_rate, format_size

_CLIENTS = ("seedClient", "client")
_FIXED = (("scheduler", "fixed:preheat.jobDeadline"), ("manager", "fixed:preheat.pollingWindow"))
_GO_CLIENT = "go-client"
_SUCCESSORS = {
    "download.pieceDownloadTimeout": "download.pieceTimeout",
    "scheduler.scheduleTimeout": "scheduler.scheduleTimeout",
    "download.totalRateLimit": "download.bandwidthLimit",
    "upload.rateLimit": "upload.bandwidthLimit",
    "download.concurrent.goroutineCount": "download.concurrentPieceCount",
    "storage.taskExpireTime": "gc.policy.taskTTL",
    "storage.diskGCThresholdPercent": "gc.policy.diskHighThresholdPercent",
}
"""Settings of the old Go client, and what has their role in the Rust client."""
_KINDS = frozenset({"duration", "rate", "size"})


@dataclass(frozen=True)
class Consequence:
    """One consequence of an upgrade; quantities are in seconds, bytes or bytes per second."""

    topic: str  # one of image, piece_length, demand, setting, meaning, key, trap
    role: str | None
    key: str | None
    text: Message
    before: str | float | None
    after: str | float | None
    factor: float | None = None  # `after` divided by `before`, of quantities above zero


@dataclass(frozen=True)
class UpgradeNote:
    """What changes between two releases of one line: consequences of the defaults for a layer of `size_bytes`, and all changes."""

    line: Line
    from_version: str
    to_version: str
    size_bytes: int
    consequences: tuple[Consequence, ...]
    changes: tuple[Change, ...]
    notes: tuple[Message, ...] = ()
    """What is not known of a release that the catalogue does not have."""


def upgrade_note(from_version: str, to_version: str, size_bytes: int = USUAL_SIZE_BYTES) -> UpgradeNote:
    """Return what an upgrade changes for a layer of a size, bytes. Two charts, two clients, two releases of manager and scheduler, or one of these (it has the old Go client) and a client; a FactMissingError if one is unknown or the lines differ."""
    line, first, _ = line_of(from_version)
    to_line, second, _ = line_of(to_version)
    if (line, to_line) == ("server", "client") and (go := [one for one in _go_keys() if one.is_read(first)]):
        return _note_from_go(go, first, second, size_bytes)
    changes = changes_between(from_version, to_version)
    sides = (_defaults(line, first), _defaults(line, second))
    queries = tuple(Query(side, size_bytes) for side in sides)
    found = (
        *_images(line, *sides),
        *(_go_sections(first, second) if line == "chart" else ()),
        *(one for role in _CLIENTS for one in _pieces(role, *queries)),
        *(one for role in _CLIENTS for one in _demand(role, *queries)),
        *_settings(*sides),
        *_meanings(line, *sides),
        *_keys(*sides),
        *_rules(size_bytes, *sides),
    )
    return UpgradeNote(line, first, second, size_bytes, found, changes, tuple(_unknown(line, first, second)))


def _go_keys() -> Iterator[KeyDefaults]:
    return (one for one in all_defaults() if one.component == _GO_CLIENT and one.helm_path)


def _note_from_go(keys: Iterable[KeyDefaults], first: str, second: str, size_bytes: int) -> UpgradeNote:
    """Return what replaces the old Go client, which has the numbers of manager and scheduler, by the Rust client changes."""
    require_known("client", second)
    side, changes = _defaults("client", second), list[Change]()
    replaced = message("the old Go client is replaced by the Rust client, which reads none of its file")
    found = [Consequence("image", "client", None, replaced, first, second)]
    for item in keys:
        era = item.at(first)
        before = era.default if era else None
        name = _SUCCESSORS.get(item.key)
        if item.key.endswith("goroutineCount"):
            name = concurrency_key(second, "source")
        new = side.get(name, "client") if name else None
        shown = before if before is not None else message("not set")
        text = message("{key} ({before}): the Rust client has no such setting", key=item.key, before=shown)
        if new is not None and new.value is not None:
            text = message(
                "{key} ({before}): in the Rust client {name} ({after})", key=item.key, before=shown, name=new.key, after=new.value
            )  # fmt: skip
        found.append(Consequence("key", None, item.key, text, "read", "not read"))
        changes.append(Change(item.component, item.key, "binary", first, before, None, None, changed=True, note=""))
    found += _rules(size_bytes, Settings(), side)
    return UpgradeNote(
        "client", first, second, size_bytes, tuple(found), tuple(changes), tuple(_unknown("client", second))
    )


def _go_sections(first: str, second: str) -> Iterator[Consequence]:
    """Yield that charts from some release on have no old Go client, or have it again on the way back."""
    is_old = [parse_version(one).release <= parse_version(LAST_GO_CHART).release for one in (first, second)]
    sections = format_list(GO_SECTIONS, len(GO_SECTIONS))
    values = {"sections": sections, "chart": LAST_GO_CHART}
    text = message("the old Go client (sections {sections}) is not in charts after {chart}; the Rust client (sections client and seedClient) reads none of its settings", **values)  # fmt: skip
    if is_old[1]:
        text = message("charts up to {chart} have the old Go client too (sections {sections}), which reads none of the Rust client's settings", **values)  # fmt: skip
    states = ("absent", "present")
    if is_old[0] != is_old[1]:
        yield Consequence("image", None, None, text, states[is_old[0]], states[is_old[1]])


def _unknown(line: Line, *versions: str) -> Iterator[Message]:
    for version in dict.fromkeys(versions):
        known = known_release(line, version)
        if known is not None and not is_known(line, version):
            yield message(
                "{version} is not known to this version of dfly-analysis and read as {known}; what it changes beyond that is missing here",
                version=version, known=known,
            )  # fmt: skip


def _defaults(line: Line, version: str) -> Settings:
    if line == "server":
        return Settings.resolve(scheduler=version, manager=version)
    return Settings.resolve(chart=version) if line == "chart" else Settings.resolve(client=version)


def _images(line: Line, one: Settings, other: Settings) -> Iterator[Consequence]:
    for role in ROLES if line == "chart" else ():
        before, after = one.versions[role], other.versions[role]
        if before != after:
            values = {"role": role, "before": before or message("none"), "after": after or message("none")}
            text = message("the {role} changes from {before} to {after}", **values)
            yield Consequence("image", role, None, text, before, after)


def _pieces(role: str, one: Query, other: Query) -> Iterator[Consequence]:
    first, second = one.demand(role), other.demand(role)
    if first.piece_bytes == second.piece_bytes or None in (first.client_version, second.client_version):
        return
    factor = second.piece_bytes / first.piece_bytes
    times = message("{n:g} times longer", n=factor) if factor > 1 else message("{n:g} times shorter", n=1 / factor)
    sizes = [format_size(side.piece_bytes) for side in (first, second)]
    lengths = message("{before} → {after}", before=sizes[0], after=sizes[1])
    text = message(
        "{role}: pieces of a {size} layer become {times} ({lengths}){limits}", role=role, size=format_size(one.size_bytes), times=times,
        lengths=lengths, limits=_limits(first.limit, second.limit),
    )  # fmt: skip
    before, after = float(first.piece_bytes), float(second.piece_bytes)
    yield Consequence("piece_length", role, "fixed:piece.most", text, before, after, factor)


def _limits(first: Setting | None, second: Setting | None) -> Message | str:
    if first is None or second is None or first.seconds is None or second.seconds is None:
        return ""
    values = {"after": format_duration(second.seconds), "key": second.key, "source": second.source}
    if first.seconds == second.seconds:
        return message(" while the piece timeout stays {after} ({key}, {source})", **values)
    before = format_duration(first.seconds)
    return message(
        ", and the piece timeout changes from {before} to {after} ({key}, {source})", before=before, **values
    )


def _demand(role: str, one: Query, other: Query) -> Iterator[Consequence]:
    first, second = one.demand(role).bps, other.demand(role).bps
    if first is None or second is None or abs(first - second) <= 1e-9 * max(first, second):
        return
    factor, size = second / first, format_size(one.size_bytes)
    text = message(
        "{role}: the bandwidth demanded from the source for a layer of {size} changes from {before} to {after} ({factor:.3g} times)",
        role=role, size=size, before=format_rate(first), after=format_rate(second), factor=factor,
    )  # fmt: skip
    yield Consequence("demand", role, "download.pieceTimeout", text, first, second, factor)


def _settings(one: Settings, other: Settings) -> Iterator[Consequence]:
    """Yield the effective defaults that differ, under any name and from any layer."""
    keys = [(role, key) for key in KEYS_THAT_MATTER if key != PIECE_LENGTH for role in ROLES if defaults_of(role, key)]
    for role, key in (*keys, *_FIXED):
        before, after = one.get(key, role), other.get(key, role)
        first, second = _quantity(before), _quantity(after)
        if first == second:
            continue
        factor = second / first if isinstance(first, float) and isinstance(second, float) and first > 0 else None
        text = message(
            "{role}: effective {key} changes from {before} to {after}", role=role, key=key, before=_shown(before), after=_shown(after)
        )  # fmt: skip
        if factor:
            text = message("{change}, {factor:.3g} times", change=text, factor=factor)
        yield Consequence("setting", role, key, text, first, second, factor)


def _quantity(setting: Setting) -> str | float | None:
    for worth in (setting.seconds, setting.size_bytes) if setting.unit in _KINDS else (setting.number,):
        if worth is not None:
            return float(worth)
    return None if setting.value is None else str(setting.value)


def _shown(setting: Setting) -> Message:
    if setting.value is None:
        return message("none")
    return message("{value} ({source})", value=str(setting.value), source=setting.source)


def _meanings(line: Line, one: Settings, other: Settings) -> Iterator[Consequence]:
    """Yield what the releases between change for large preheats, or lose again on the way back; of a chart, those of its clients."""
    roles = ("scheduler",) if line == "server" else ("seedClient",)
    old, new = (side.versions.get(roles[0]) for side in (one, other))
    if old is None or new is None:
        return
    forth = _is_upgrade(old, new)
    older, newer = (old, new) if forth else (new, old)
    for change in changes_after("server" if line == "server" else "client", older, newer):
        text = message("from {release} on: {text}", release=change.release, text=change.text)
        if not forth:
            text = message("no longer, as from {release} on: {text}", release=change.release, text=change.text)
        states = (f"before {change.release}", f"from {change.release}")
        yield Consequence("meaning", None, change.key, text, states[not forth], states[forth])


def _keys(one: Settings, other: Settings) -> Iterator[Consequence]:
    """Yield the keys that lose their effect and those that gain one, once for client and seed client."""
    observed: set[tuple[str, bool]] = set()
    for item in all_defaults():
        if item.component not in ROLES or not item.eras or item.helm_path is None:
            continue
        old, new = one.versions.get(item.component), other.versions.get(item.component)
        if old is None or new is None:
            continue
        before, after = item.is_read(old), item.is_read(new)
        if before == after or (item.key, after) in observed:
            continue
        observed.add((item.key, after))
        release = _switch(item, old, new)
        if not _is_upgrade(old, new):
            text = message("{key} is read from {release} on only: it is silently ignored again", key=item.key, release=release)  # fmt: skip
            if after:
                text = message("{key} is read again: from {release} on it is not", key=item.key, release=release)
        elif after:
            text = message("{key} is read from {release}", key=item.key, release=release)
        else:
            text = message("{key} is no longer read, and silently ignored, from {release}", key=item.key, release=release)  # fmt: skip
            unread = item.at(new)
            if unread and unread.ignored:
                text = message("{change} ({reason})", change=text, reason=unread.ignored)
        states = ("not read", "read")
        yield Consequence("key", item.component, item.key, text, states[before], states[after])


def _is_upgrade(old: str, new: str) -> bool:
    return parse_version(old) <= parse_version(new)


def _switch(item: KeyDefaults, old: str, new: str) -> str:
    """Return the release between two, the later one included, from which on a key is read or not as it is in the later one."""
    older, newer = (old, new) if _is_upgrade(old, new) else (new, old)
    low, high, is_read = parse_version(older), parse_version(newer), item.is_read(newer)
    first = newer
    for release in reversed(releases(item.line)):
        version = parse_version(release)
        if not low < version <= high or version.is_prerelease:
            continue
        if item.is_read(release) != is_read:
            break
        first = release
    return first


def _rules(size_bytes: int, one: Settings, other: Settings) -> Iterator[Consequence]:
    sides = [{found.id: found for found in check_settings(side, size=size_bytes).present()} for side in (one, other)]
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        before, after = name in sides[0], name in sides[1]
        if before != after:
            found = sides[after][name]
            text = message("{title} [{name}]: new problem", title=found.title, name=name)
            if before:
                text = message("{title} [{name}]: no longer a problem", title=found.title, name=name)
            states = ("absent", "present")
            yield Consequence("trap", None, found.knob, text, states[before], states[after])
