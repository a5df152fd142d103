"""Finds keys without effect: those that nothing reads, and those that do something else than their name says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal, NamedTuple

from dfly_analysis.catalog.defaults import KeyDefaults, Value, all_defaults, chart_run, defaults_at_path
from dfly_analysis.catalog.key_spelling import GO_ROLES, find_key, is_known_key, nearest_keys, suggest_keys
from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.config.rendered_manifests import RenderedFile
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import CLIENT_ROLES, GO_SECTIONS, LAST_GO_CHART, Setting, is_chart_only
from dfly_analysis.config.value_validation import invalid_reason
from dfly_analysis.schema import ROLES
from dfly_analysis.units import format_duration

KeyKind = Literal[
    "removed_section", "misplaced", "never_read", "renamed", "not_yet", "no_longer", "not_passed_on", "reverse", "bare_number",
    "both_names", "misspelt", "unknown", "unreadable", "repeated",
]  # fmt: skip
_UNSURE: frozenset[KeyKind] = frozenset({"unknown", "unreadable", "repeated"})
_MAX_KEYS = 500
_FIRST_RUST_CHART = "1.1.12"
_CONFIG_SECTIONS = frozenset({"download", "upload", "backend", "storage", "gc", "proxy", "dynconfig"})
_PIECE_DOWNLOAD_TIMEOUT = "scheduler.gc.pieceDownloadTimeout"
_LEAVES = frozenset({
    "pieceTimeout", "writePieceTimeout", "collectedPieceTimeout", "scheduleTimeout", "concurrentPieceCount",
    "maxScheduleCount", "backToSourceBandwidthLimit", "maxRetries",
})  # fmt: skip


class _Ignored(NamedTuple):
    kind: KeyKind
    reason: str


@dataclass(frozen=True)
class IgnoredKey:
    """A key that has no effect, or another one than its name says."""

    path: str
    """As the user wrote it: the dotted path in the values, or the key in a rendered file."""
    file: str
    """Address of the file; empty if the values came as a mapping."""
    line: int
    """Line of the key; 0 if unknown."""
    role: str
    """A role, or the section of the old Go daemon."""
    value: Value
    kind: KeyKind
    reason: str
    """One line."""
    rendered: bool = False
    """Whether it is in a component's own file."""

    @property
    def sure(self) -> bool:
        """Whether it is certain that the key does not have the effect its name says."""
        return self.kind not in _UNSURE

    @property
    def shown(self) -> str:
        """The path, with the file in front if it is a component's own."""
        return f"{self.file}: {self.path}" if self.rendered else self.path

    @property
    def words(self) -> str:
        """The path, and for a misspelt key the suggestion too."""
        return f"{self.path} {self.reason}" if self.kind == "misspelt" else self.path


def find_ignored_keys(settings: Settings) -> tuple[IgnoredKey, ...]:
    """Return the keys that are ignored, misspelt, renamed, of another release, or do something else; at most 500.

    First those of the values, then those of the rendered files, once for a role. A value equal to the chart's own is left out.
    """
    every = (*_misspelt_sections(settings), *_repeated(settings)), _in_values(settings), _in_rendered(settings)
    return tuple(islice(chain.from_iterable(every), _MAX_KEYS))


def _in_values(settings: Settings) -> Iterator[IgnoredKey]:
    user = settings.user
    for path, value in user.entries.items():
        found = _check_path(settings, path, value)
        if found:
            role = path.partition(".")[0]
            yield IgnoredKey(f"{user.prefix}{path}", user.address, user.lines.get(path, 0), role, value, *found)


def _repeated(settings: Settings) -> Iterator[IgnoredKey]:
    user = settings.user
    rows = [(user.address, f"{user.prefix}{one.path}", one, False) for one in user.repeated]
    rows += [(file.path, one.path, one, True) for file in settings.rendered for one in file.repeated]
    for file, path, one, rendered in rows:
        reason = f"written twice; what line {one.earlier} says is lost"
        yield IgnoredKey(path, file, one.line, path.partition(".")[0], None, "repeated", reason, rendered)


def _misspelt_sections(settings: Settings) -> Iterator[IgnoredKey]:
    """Yield the sections of the values whose name is a role's but for capitals and signs: nothing in them is read."""
    plain = {role.lower(): role for role in ROLES}
    for name in dict.fromkeys(path.partition(".")[0] for path in settings.user.entries):
        expected = plain.get(name.lower().replace("_", "").replace("-", ""))
        if expected and expected != name:
            user = settings.user
            reason = f"the chart reads the section {expected}; nothing below {name} has an effect"
            yield IgnoredKey(
                f"{user.prefix}{name}", user.address, user.lines.get(name, 0), expected, None, "misspelt", reason
            )


def ignored_paths(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return the keys that certainly have no effect: path as the user wrote it, and the reason in one line."""
    return tuple({key.shown: key.reason for key in find_ignored_keys(settings) if key.sure}.items())


def _check_path(settings: Settings, path: str, value: Value) -> _Ignored | None:  # noqa: PLR0911 - one return a reason
    role, _, rest = path.partition(".")
    if role in GO_SECTIONS:
        return _go_section(settings)
    if role not in ROLES or value is None:
        return None
    run = chart_run(path, settings.chart) if settings.chart else None
    if run is not None and str(run.value) == str(value):
        return None
    if not rest.startswith("config."):
        is_misplaced = role in CLIENT_ROLES and rest.partition(".")[0] in _CONFIG_SECTIONS
        return _Ignored("misplaced", f"the chart reads this under {role}.config.{rest}") if is_misplaced else None
    key = rest.removeprefix("config.")
    if role in CLIENT_ROLES and settings.chart and _older(settings.chart, _FIRST_RUST_CHART):
        return _Ignored("not_yet", f"chart {settings.chart} has no {role}; it came with chart {_FIRST_RUST_CHART}")
    item = defaults_at_path(role, path) or find_key(role, key)
    if item is None:
        return _unknown_name(role, key)
    return _without_effect(settings, role, item) or _other_effect(settings, role, item, value)


def _older(one: str, other: str) -> bool:
    return parse_version(one).release < parse_version(other).release


def _go_section(settings: Settings) -> _Ignored | None:
    if settings.chart and not _older(LAST_GO_CHART, settings.chart):
        return None
    reason = f"a section of the old Go daemon, which charts after {LAST_GO_CHART} do not have; client and seedClient took its place"
    return _Ignored("removed_section", reason)


def _without_effect(settings: Settings, role: str, item: KeyDefaults) -> _Ignored | None:  # noqa: PLR0911 - one return a reason
    if item.helm_path is None:
        return _Ignored("not_passed_on", "the chart's template does not pass it on")
    if not item.eras:
        return None
    reader = "the Rust client" if role in CLIENT_ROLES else f"the {role}"
    never = all(era.ignored for era in item.eras)
    version = settings.versions.get(role)
    if version is None:
        reason = f"{reader} ignores it; {_knob_named_in(item.eras[-1].ignored or '')}"
        return _Ignored("never_read", reason) if never else None
    era = item.at(version)
    if era is None:
        renamed = next((name for name in item.spellings if name != item.key and _reads(settings, role, name)), None)
        if renamed:
            return _Ignored("renamed", f"{reader} {version} reads it under the name {renamed}")
        since, until = item.eras[0].since, item.eras[-1].until
        reason = f"{reader} {version} has no such key; it is read from {since} to {until}"
        return _Ignored("not_yet" if _older(version, since) else "no_longer", reason)
    if not era.ignored:
        return None
    begins: dict[str, KeyKind] = {"renamed": "renamed", "not yet": "not_yet"}
    kind = next(
        (kind for start, kind in begins.items() if era.ignored.startswith(start)),
        "never_read" if never else "no_longer",
    )
    return _Ignored(kind, f"{reader} ignores it in {version}; {_knob_named_in(era.ignored)}")


def _reads(settings: Settings, role: str, key: str) -> bool:
    item, version = find_key(role, key), settings.versions.get(role)
    era = item.at(version) if item and version else None
    return era is not None and era.ignored is None


def _knob_named_in(reason: str) -> str:
    # Where the reason names the knob, the knob is what the user needs to read.
    return f"the knob is {reason.partition('the knob is ')[2]}" if "the knob is " in reason else reason


def _other_effect(settings: Settings, role: str, item: KeyDefaults, value: Value) -> _Ignored | None:
    if role == "scheduler" and item.key == _PIECE_DOWNLOAD_TIMEOUT and (shortened := _shortened(settings, value)):
        return shortened
    if item.unit == "duration" and isinstance(value, int | float) and not isinstance(value, bool):
        if role in CLIENT_ROLES:
            return _Ignored("bare_number", f"a bare number is no duration to the client; write {value}s")
        return _Ignored("bare_number", f"a bare number counts nanoseconds here; write {value}s")
    twin = next((name for name in item.spellings if name != item.key and "Threshold" in name), None)
    if twin and settings.chart and _set_below(settings, role, twin):
        reason = f"the chart sets the same under the name {twin}, and both names in one file are refused; use that name"
        return _Ignored("both_names", reason)
    message = invalid_reason(role, item.unit, value)
    return _Ignored("unreadable", message) if message else None


def _set_below(settings: Settings, role: str, key: str) -> bool:
    return any(item.layer == "chart" and item.key == key for item in settings.chain(key, role))


def _shortened(settings: Settings, value: Value) -> _Ignored | None:
    default = next((s for s in settings.chain(_PIECE_DOWNLOAD_TIMEOUT, "scheduler") if s.layer == "binary"), None)
    usual = (default.seconds if default else None) or 1800.0
    written = Setting(_PIECE_DOWNLOAD_TIMEOUT, "scheduler", None, value, "user", "").seconds
    if written is None or written >= usual:
        return None
    lowers = f"{format_duration(written)} lowers it from {format_duration(usual)}"
    reason = f"a garbage collection rule; it never bounds a transfer, and {lowers}; the knob is download.pieceTimeout of the seed client"
    return _Ignored("reverse", reason)


def _unknown_name(role: str, key: str) -> _Ignored | None:
    if is_known_key(role, key) or is_chart_only(key):
        return None
    expected = suggest_keys(role, key)
    if expected and expected[0].lower() == key.lower():
        return _Ignored("misspelt", f"capitals matter; nothing reads it so, it is spelt {expected[0]}")
    leaf = key.rpartition(".")[2]
    paths = [
        item.key
        for item in all_defaults()
        if (item.component, item.key.rpartition(".")[2]) == (role, leaf)
        and item.eras
        and not item.key.startswith("download.maxSchedule")
    ]
    if role in CLIENT_ROLES and leaf in _LEAVES and paths:
        return _Ignored("misspelt", f"nothing reads it there; it is {paths[0]}")
    if expected:
        return _Ignored("misspelt", f"nothing reads it; did you mean {' or '.join(expected)}?")
    near = nearest_keys(role, key)
    taken = "any capitals" if role in GO_ROLES else "these capitals"
    hint = f"; nearest are {', '.join(near)}" if near else ""
    return _Ignored(
        "unknown",
        f"no release of the {role} is known to read a key of this name in {taken}, and unknown keys are dropped in silence{hint}",
    )


def _in_rendered(settings: Settings) -> Iterator[IgnoredKey]:
    observed: set[tuple[str, str]] = set()
    for file in settings.rendered:
        for key, value in file.values.items():
            found = _check_rendered(settings, file, key, value)
            if found and (file.role, key) not in observed:
                observed.add((file.role, key))
                yield IgnoredKey(key, file.path, file.lines.get(key, 0), file.role, value, *found, rendered=True)


def _check_rendered(settings: Settings, file: RenderedFile, key: str, value: Value) -> _Ignored | None:
    # Charts write dead keys of their own into these files; only what no chart writes is the user's doing.
    role = file.role
    if role == "scheduler" and key == _PIECE_DOWNLOAD_TIMEOUT and (shortened := _shortened(settings, value)):
        return shortened
    item = find_key(role, key)
    if item is None:
        return _unknown_name(role, key)
    return _two_names(file, key, item) or _dead_rendered(settings, role, item)


def _two_names(file: RenderedFile, key: str, item: KeyDefaults) -> _Ignored | None:
    twin = next((name for name in item.spellings if name != item.key and name in file.values), None)
    if twin is None or "Threshold" not in key:
        return None
    return _Ignored(
        "both_names", f"the file sets the same under the name {twin}, and both names in one file are refused"
    )


def _dead_rendered(settings: Settings, role: str, item: KeyDefaults) -> _Ignored | None:
    found = _without_effect(settings, role, item) if item.eras and not item.chart_runs else None
    if found is None or found.kind == "not_passed_on":
        return None
    return found if found.kind == "never_read" or settings.versions.get(role) is not None else None
