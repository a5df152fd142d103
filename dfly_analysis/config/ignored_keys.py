"""Finds keys without effect: those that no component reads, and those that do something else than their name says."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal, NamedTuple

from dfly_analysis.catalog import key_spelling
from dfly_analysis.catalog.defaults import KeyDefaults, Value, chart_run, defaults_at_path, defaults_of
from dfly_analysis.catalog.key_places import FILES, find_places
from dfly_analysis.catalog.key_spelling import GO_ROLES, find_key, is_known_key
from dfly_analysis.catalog.releases import is_known, known_release, line_of_role, parse_version
from dfly_analysis.config.helm_values import CHART_KEYS, OTHER_SECTIONS
from dfly_analysis.config.rendered_manifests import RenderedFile
from dfly_analysis.config.resolve import Settings
from dfly_analysis.config.setting import (
    CLIENT_ROLES,
    GO_SECTIONS,
    LAST_GO_CHART,
    Setting,
    invalid_reason,
    is_chart_only,
)
from dfly_analysis.messages import Message, format_list, join, message
from dfly_analysis.schema import ROLES
from dfly_analysis.units import format_duration

KeyKind = Literal[
    "removed_section", "misplaced", "never_read", "renamed", "not_yet", "no_longer", "not_passed_on", "reverse", "bare_number",
    "both_names", "misspelt", "unknown", "unknown_release", "unreadable", "repeated", "old_file",
]  # fmt: skip
_UNCERTAIN = frozenset({"unknown", "unknown_release", "unreadable", "repeated", "old_file"})
_MAX_KEYS = 500
_FIRST_RUST_CHART = "1.1.12"
_PIECE_DOWNLOAD_TIMEOUT = "scheduler.gc.pieceDownloadTimeout"


class _Ignored(NamedTuple):
    kind: KeyKind
    reason: str


@dataclass(frozen=True)
class IgnoredKey:
    """A key that has no effect, or another one than its name says."""

    path: str  # as the user wrote it: the dotted path in the values, or the key in a rendered file
    file: str  # address of the file; empty if the values came as a mapping
    line: int  # line of the key; 0 if unknown
    role: str  # a role, or the section of the old Go daemon
    value: Value
    kind: KeyKind
    reason: str
    rendered: bool = False  # whether it is in a component's own file

    @property
    def sure(self) -> bool:
        """Whether it is certain that the key does not have the effect its name says."""
        return self.kind not in _UNCERTAIN

    @property
    def shown(self) -> str:
        """The path, with the file in front if it is a component's own."""
        return f"{self.file}: {self.path}" if self.rendered else self.path

    @property
    def text(self) -> str:
        """The path, and for a misspelt key the suggestion too."""
        return f"{self.path} {self.reason}" if self.kind == "misspelt" else self.path


def find_ignored_keys(settings: Settings) -> tuple[IgnoredKey, ...]:
    """Return the keys, at most 500, that are ignored, misspelt, renamed, of another release, or do something else: those of the values, then of rendered files, once for a role."""
    every = _misspelt_sections(settings), _repeated(settings), _in_values(settings), _in_rendered(settings)
    return tuple(islice(chain.from_iterable(every), _MAX_KEYS))


def ignored_paths(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return the keys that certainly have no effect: path as the user wrote it, and the reason in one line."""
    return tuple({key.shown: key.reason for key in find_ignored_keys(settings) if key.sure}.items())


def _misspelt_sections(settings: Settings) -> Iterator[IgnoredKey]:
    """Yield the sections of the values whose names differ from a role's in case or punctuation; keys below them are ignored."""
    plain, user = {role.lower(): role for role in ROLES}, settings.user
    for name in dict.fromkeys(path.partition(".")[0] for path in user.entries):
        expected = plain.get(name.lower().replace("_", "").replace("-", ""))
        if expected and expected != name:
            reason = message(
                "the chart reads the section {section}; keys below {name} have no effect", section=expected, name=name
            )
            line = user.lines.get(name, 0)
            yield IgnoredKey(f"{user.prefix}{name}", user.address, line, expected, None, "misspelt", reason)


def _repeated(settings: Settings) -> Iterator[IgnoredKey]:
    user = settings.user
    rows = [(user.address, f"{user.prefix}{one.path}", one, False) for one in user.repeated]
    rows += [(file.path, one.path, one, True) for file in settings.rendered for one in file.repeated]
    for file, path, one, rendered in rows:
        reason = message("set twice; the value in line {line} is overwritten", line=one.earlier)
        yield IgnoredKey(path, file, one.line, path.partition(".")[0], None, "repeated", reason, rendered)


def _in_values(settings: Settings) -> Iterator[IgnoredKey]:
    user = settings.user
    for path, value in user.entries.items():
        if found := _check_path(settings, path, value):
            role, (kind, reason), line = path.partition(".")[0], found, user.lines.get(path, 0)
            if path in user.written and role in FILES:
                reason = message("in {file}, {reason}", file=FILES[role], reason=reason)
            yield IgnoredKey(user.as_written(path), user.address, line, role, value, kind, reason)


def _check_path(settings: Settings, path: str, value: Value) -> _Ignored | None:  # noqa: PLR0911 - one return a reason
    role, _, rest = path.partition(".")
    if role in GO_SECTIONS:
        return _go_section(settings)
    if value is None:
        return None
    if role not in ROLES or not rest.startswith("config."):
        return _elsewhere_in_values(settings, path)
    runs = [chart_run(path, one) for one in settings.charts]
    if runs and all(run and str(run.value) == str(value) for run in runs):
        return None
    key = rest.removeprefix("config.")
    if role in CLIENT_ROLES and settings.chart and _older(settings.chart, _FIRST_RUST_CHART):
        reason = message(
            "chart {chart} has no {role}; it exists from chart {first}", chart=settings.chart, role=role, first=_FIRST_RUST_CHART
        )  # fmt: skip
        return _Ignored("not_yet", reason)
    item = defaults_at_path(role, path) or find_key(role, key)
    if item is None:
        return _unknown_name(settings, role, key, in_values=path not in settings.user.written)
    found = _of_known_release(settings, role, _without_effect(settings, role, item))
    return found or _other_effect(settings, role, item, value)


def _of_known_release(settings: Settings, role: str, found: _Ignored | None) -> _Ignored | None:
    """Return what is known of a key, marked where the release itself is not known: it may read what the nearest known one does not."""
    version = settings.versions.get(role)
    line = line_of_role(role)
    if found is None or found.kind == "not_passed_on":
        return found
    if assumed := settings.assumed(role):
        reason = message("{reason}; of the nearest known release: {other}", reason=assumed, other=found.reason)
        return _Ignored("unknown_release", reason)
    if version is None or is_known(line, version):
        return found
    reason = message(
        "whether {role} {version} reads it is not known to this version of dfly-analysis; of the nearest known release: {reason}",
        role=role, version=version, reason=found.reason,
    )  # fmt: skip
    return _Ignored("unknown_release", reason)


def _elsewhere_in_values(settings: Settings, path: str) -> _Ignored | None:
    """Return where the chart reads a component's key that stands in values at a place where it reads none."""
    role, _, rest = path.partition(".")
    if not settings.user.is_chart_values or role in OTHER_SECTIONS or rest.partition(".")[0] in CHART_KEYS:
        return None
    places = [place for place in find_places(path) if role not in ROLES or role in place.roles]
    paths = [one for place in places for one in place.helm_paths]
    if not paths or path in paths or defaults_at_path(role, path) is not None:
        return None
    return _Ignored("misplaced", message("the chart reads this under {path}", path=format_list(paths, 3)))


def _older(one: str, other: str) -> bool:
    return parse_version(one).release < parse_version(other).release


def _go_section(settings: Settings) -> _Ignored | None:
    if settings.chart and not _older(LAST_GO_CHART, settings.chart):
        return None
    reason = message(
        "a section of the old Go daemon, which charts after {chart} do not have; use client and seedClient", chart=LAST_GO_CHART
    )  # fmt: skip
    return _Ignored("removed_section", reason)


def _without_effect(settings: Settings, role: str, item: KeyDefaults) -> _Ignored | None:  # noqa: PLR0911 - one return a reason
    if item.helm_path is None:
        return _Ignored("not_passed_on", message("the chart's template does not pass it on"))
    if not item.eras:
        return None
    reader = message("the Rust client") if role in CLIENT_ROLES else message("the {role}", role=role)
    never = all(era.ignored for era in item.eras)
    version = settings.versions.get(role)
    if version is None:
        reason = message("{reader} ignores it: {reason}", reader=reader, reason=item.eras[-1].ignored or "")
        return _Ignored("never_read", reason) if never else None
    version = known_release(line_of_role(role), version) or version
    values = {"reader": reader, "version": version}
    era = item.at(version)
    if era is None:
        others = (defaults_of(role, name) for name in item.spellings if name != item.key)
        if renamed := next((other.key for other in others if other and other.is_read(version)), None):
            return _Ignored(
                "renamed", message("{reader} {version} reads it under the name {name}", name=renamed, **values)
            )
        since, until = item.eras[0].since, item.eras[-1].until
        kind: KeyKind = "not_yet" if _older(version, since) else "no_longer"
        span = {"since": since, "until": until}
        return _Ignored(kind, message("{reader} {version} does not read it; {since} to {until} do", **values, **span))
    if not era.ignored:
        return None
    kinds: dict[str, KeyKind] = {"renamed": "renamed", "not yet": "not_yet"}
    kind = "never_read" if never else "no_longer"
    kind = next((known for start, known in kinds.items() if era.ignored.startswith(start)), kind)
    return _Ignored(kind, message("{reader} {version} ignores it: {reason}", reason=era.ignored, **values))


def _other_effect(settings: Settings, role: str, item: KeyDefaults, value: Value) -> _Ignored | None:
    if role == "scheduler" and item.key == _PIECE_DOWNLOAD_TIMEOUT and (shortened := _shortened(settings, value)):
        return shortened
    if item.unit == "duration" and isinstance(value, int | float) and not isinstance(value, bool):
        rejected = message("the client rejects a duration without a unit; write {value}s", value=value)
        nanoseconds = message("a duration without a unit is in nanoseconds; write {value}s", value=value)
        return _Ignored("bare_number", rejected if role in CLIENT_ROLES else nanoseconds)
    twin = next((name for name in item.spellings if name != item.key and "Threshold" in name), None)
    if twin and settings.chart and any(one.layer == "chart" and one.key == twin for one in settings.chain(twin, role)):
        text = message("the chart sets it under the name {name}, and both names in one file are rejected", name=twin)
        return _Ignored("both_names", text)
    reason = invalid_reason(role, item.unit, value)
    return _Ignored("unreadable", reason) if reason else None


def _shortened(settings: Settings, value: Value) -> _Ignored | None:
    default = next((s for s in settings.chain(_PIECE_DOWNLOAD_TIMEOUT, "scheduler") if s.layer == "binary"), None)
    usual = (default.seconds if default else None) or 1800.0
    seconds = Setting(_PIECE_DOWNLOAD_TIMEOUT, "scheduler", None, value, "user", "").seconds
    if seconds is None or seconds >= usual:
        return None
    reason = message(
        "a garbage collection timeout, lowered from {usual} to {value}; it does not limit transfers. "
        "Set download.pieceTimeout of the seed client instead",
        usual=format_duration(usual), value=format_duration(seconds),
    )  # fmt: skip
    return _Ignored("reverse", reason)


def _unknown_name(settings: Settings, role: str, key: str, *, in_values: bool = False) -> _Ignored | None:
    if is_known_key(role, key) or is_chart_only(key):
        return None
    line = line_of_role(role)
    version = settings.versions.get(role)
    values = {"role": role, "version": version}
    reason = None
    if assumed := settings.assumed(role):
        reason = message("not known to this version of dfly-analysis; {reason}", reason=assumed)
    elif version is not None and not is_known(line, version):
        reason = message("not known to this version of dfly-analysis, nor is {role} {version}", **values)
    if reason:
        return _Ignored("unknown_release", _with_nearest(reason, role, key))
    expected = key_spelling.suggest_keys(role, key)
    if expected and expected[0].lower() == key.lower():
        return _Ignored("misspelt", message("keys are case-sensitive; write {key}", key=expected[0]))
    if elsewhere := _elsewhere(role, key, in_values=in_values):
        return _Ignored("misplaced", elsewhere)
    if expected:
        names = join(expected, message(" or "))
        return _Ignored("misspelt", message("no component reads it; did you mean {keys}?", keys=names))
    text = message(
        "not known to this version of dfly-analysis: no known release of the {role} reads this key", **values
    )
    if role not in GO_ROLES:
        text = message("{text} (keys are case-sensitive)", text=text)
    return _Ignored("unknown", _with_nearest(text, role, key))


def _with_nearest(text: Message, role: str, key: str) -> Message:
    near = key_spelling.nearest_keys(role, key)
    return message("{text}; nearest names: {names}", text=text, names=join(near, ", ")) if near else text


def _elsewhere(role: str, key: str, *, in_values: bool) -> Message | None:
    """Return where a key belongs that is below wrong sections of a component's file, or in the wrong component's."""
    places = find_places(key)
    own = [place for place in places if role in place.roles]
    if own and own[0].key != key:
        right, paths = own[0].key, [path for path in own[0].helm_paths if path.startswith(f"{role}.")]
        if not in_values or not paths:
            return message("no component reads it there; write {key}", key=right)
        return message(
            "no component reads it there; write {key}, in the chart's values {path}", key=right, path=paths[0]
        )
    if role == "go-client" and (rust := next((place for place in places if "client" in place.roles), None)):
        return message("a key of the Rust client's {file}; the old Go client does not read it", file=rust.file)
    other = [place for place in places if role not in place.roles and "go-client" not in place.roles]
    if other and "." in key:
        paths = [f"{place.file}: {place.key}" for place in other]
        paths = [path for place in other for path in place.helm_paths] if in_values else paths
        return message("the {role} does not read it; it belongs in {paths}", role=role, paths=format_list(paths, 3))
    return None


def _in_rendered(settings: Settings) -> Iterator[IgnoredKey]:
    observed: set[tuple[str, str]] = set()
    for file in settings.rendered:
        found = _old_file(settings, file)
        for key, value in file.values.items():
            if (file.role, key) not in observed and (ignored := _check_rendered(settings, file, key, value)):
                observed.add((file.role, key))
                found.append((key, ignored))
        for key, ignored in found:
            value, line = file.values.get(key), file.lines.get(key, 0)
            yield IgnoredKey(key, file.path, line, file.role, value, *ignored, rendered=True)


def _old_file(settings: Settings, file: RenderedFile) -> list[tuple[str, _Ignored]]:
    """Return the key that shows that a file of a Go component is one of old releases, and what is said of it."""
    if file.role not in GO_ROLES or settings.versions.get(file.role) is not None:
        return []
    keys = [key for key, value in file.values.items() if value is not None]
    since, until, shown = key_spelling.releases_reading(file.role, keys)
    span = {"since": since, "until": until}
    if file.role == "go-client":
        shown = shown or next(key for key in keys if is_known_key("go-client", key) and not is_known_key("client", key))
        reason = message("a file of the old Go client, {since} to {until}; the Rust client reads none of it", **span)
    else:
        reason = message("a file of old releases: {since} to {until} read {key}", key=shown, **span)
    return [(shown, _Ignored("old_file", reason))] if shown else []


def _check_rendered(settings: Settings, file: RenderedFile, key: str, value: Value) -> _Ignored | None:
    """Check a key of a component's file; charts write dead keys of their own, and only other keys are the user's mistake."""
    role = file.role
    if role == "scheduler" and key == _PIECE_DOWNLOAD_TIMEOUT and (shortened := _shortened(settings, value)):
        return shortened
    item = find_key(role, key)
    if item is None:
        return _unknown_name(settings, role, key)
    twin = next((name for name in item.spellings if name != item.key and name in file.values), None)
    if twin is not None and "Threshold" in key:
        text = message("the file sets it under the name {name} too, and both names in one file are rejected", name=twin)
        return _Ignored("both_names", text)
    found = _without_effect(settings, role, item) if item.eras and not item.chart_runs else None
    if found is None or found.kind == "not_passed_on":
        return None
    certain = found.kind == "never_read" or settings.versions.get(role) is not None
    return _of_known_release(settings, role, found) if certain else None
