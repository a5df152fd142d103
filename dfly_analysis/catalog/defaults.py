"""Defaults by release: what each component reads, what it holds by default, and what the Helm chart sets instead."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Literal, NamedTuple, get_args

from dfly_analysis.catalog.releases import (
    LINE_TITLES,
    Line,
    Span,
    chart_with,
    entry_at,
    images_of,
    is_known,
    known_release,
    line_of,
    parse_version,
    releases,
    require_known,
    within,
)
from dfly_analysis.catalog.yaml_loader import load_document, record
from dfly_analysis.errors import FactMissingError, suggest_similar
from dfly_analysis.schema import ROLES

Value = str | int | float | bool | None
Unit = Literal[
    "duration", "nanoseconds", "size", "rate", "count", "requests_per_s", "percent", "quantity", "bool", "text", "list", "mapping",
]  # fmt: skip
UNITS: tuple[str, ...] = get_args(Unit)
FILES = (
    "client", "client_other", "fixed_client", "fixed_server", "go_client", "manager", "metrics_client", "metrics_server", "resources", "scheduler",
)  # fmt: skip
_PREFIXES = ("database:", "fixed:", "metric:")


@record
class Era(Span):
    """A span of releases in which a key has one default; `ignored` says why a set value has no effect, None if it is read."""

    source: str
    default: Value = None
    ignored: str | None = None
    note: str = ""


class ChartRun(NamedTuple):
    """A span of charts that set one value, both ends included; in the file, the newest chart is written as null."""

    since: str
    until: str
    value: Value


class _WrittenRun(NamedTuple):
    since: str
    until: str | None
    value: Value


class _Entry(NamedTuple):
    """A key as the files have it, for one role or several; ``helm_path`` is null where the chart does not pass it on."""

    key: str
    roles: tuple[str, ...]
    unit: Unit
    meaning: str
    helm_path: str | None = ""
    too_small: str = ""
    too_large: str = ""
    formerly: tuple[str, ...] = ()
    eras: tuple[Era, ...] = ()


@record
class DefaultsFile:
    """The keys of one component; the eras are numbered as `line` is."""

    repository: str
    line: Line
    keys: tuple[_Entry, ...]


@record
class ChartDefaults:
    """What each release of the chart sets, by path in its values."""

    repository: str
    source: str
    values: Mapping[str, tuple[_WrittenRun, ...]]


@dataclass(frozen=True)
class KeyDefaults:
    """A key of one component; client and seed client are one binary and differ in what the chart sets."""

    component: str
    key: str
    helm_path: str | None  # in the chart's values; None if the chart's template does not pass it on
    line: Line  # numbering line of the eras
    unit: str  # one of `UNITS`; ``rate`` is bytes per second
    meaning: str
    too_small: str
    too_large: str
    spellings: tuple[str, ...]  # this key and the other names of the same setting, newest first
    repository: str = ""
    eras: tuple[Era, ...] = ()  # oldest first; empty if only the chart knows the key

    def at(self, version: str) -> Era | None:
        """Return the era of a release, or None; a release newer than all known ones is read as the newest known."""
        known = None if self.line == "chart" else known_release(self.line, version)
        return None if known is None else entry_at(self.eras, known)

    def is_read(self, version: str | None) -> bool:
        """Return whether a release reads the key, or any release if none is given."""
        if version is None:
            return any(era.ignored is None for era in self.eras)
        era = self.at(version)
        return era is not None and era.ignored is None

    def source_of(self, era: Era) -> str:
        """Return the repository and file of an era; of some the chart's values are what is known."""
        repository = "dragonflyoss/helm-charts" if era.source.startswith("charts/") else self.repository
        return f"{repository} {era.source}"

    @property
    def chart_runs(self) -> tuple[ChartRun, ...]:
        """What the charts set, oldest first."""
        return _runs().get(self.helm_path or "", ())


@cache
def _runs() -> Mapping[str, tuple[ChartRun, ...]]:
    newest, written = releases("chart")[-1], load_document(ChartDefaults, "defaults/charts").values
    return {
        path: tuple(ChartRun(one.since, one.until or newest, one.value) for one in runs)
        for path, runs in written.items()
    }


@cache
def all_defaults() -> tuple[KeyDefaults, ...]:
    """Return the defaults of all keys, by file and key; those that only charts set at the end."""
    read = [item for name in FILES for item in _expanded(load_document(DefaultsFile, f"defaults/{name}"))]
    known = {item.helm_path for item in read}
    meaning = "a value that the chart sets; the component's own default is not known here"
    for path in _runs():
        if path not in known:
            component, _, key = path.replace(".config.", ".", 1).partition(".")
            read.append(KeyDefaults(component, key, path, "chart", "text", meaning, "", "", (key,)))
    return tuple(read)


def _expanded(file: DefaultsFile) -> Iterator[KeyDefaults]:
    newest = releases(file.line)[-1]
    families = [(entry.key, *entry.formerly) for entry in file.keys if entry.formerly]
    spellings = {name: family for family in families for name in family}
    for entry in file.keys:
        eras = tuple(era if era.until else replace(era, until=newest) for era in entry.eras)
        for role in entry.roles:
            standard = f"{role}.{entry.key}" if file.line == "chart" else f"{role}.config.{entry.key}"
            yield KeyDefaults(
                role, entry.key, standard if entry.helm_path == "" else entry.helm_path, file.line, entry.unit, entry.meaning,
                entry.too_small, entry.too_large, spellings.get(entry.key, (entry.key,)), file.repository, eras,
            )  # fmt: skip


@cache
def defaults_of(component: str, key: str) -> KeyDefaults | None:
    """Return the fact of a component's key, or None."""
    return _index().get((component, key))


@cache
def defaults_at_path(component: str, helm_path: str) -> KeyDefaults | None:
    """Return the defaults of the key that a component takes from a path of the chart's values, or None."""
    return next((item for item in all_defaults() if (item.component, item.helm_path) == (component, helm_path)), None)


@cache
def _index() -> Mapping[tuple[str, str], KeyDefaults]:
    return {(item.component, item.key): item for item in all_defaults()}


@cache
def find_defaults(key: str) -> tuple[KeyDefaults, ...]:
    """Return the defaults of a key (``download.pieceTimeout``, its last part, a Helm path, ``seedClient:KEY``), one for each component that has it; a FactMissingError offers similar names."""
    component, colon, bare = key.rpartition(":") if not key.startswith(_PREFIXES) else ("", "", key)
    known = [item for item in all_defaults() if not colon or item.component == component]
    tests = (
        lambda item: bare in (item.key, item.helm_path),
        lambda item: item.key == f"fixed:{bare}",
        lambda item: item.key.endswith(f".{bare}") or item.key.endswith(f" args.{bare}"),
        lambda item: item.key.lower().endswith(bare.lower()),
    )
    for test in tests:
        found = tuple(item for item in known if bare and test(item))
        if found:
            return found
    names = dict.fromkeys([item.key for item in known] + [item.helm_path or item.key for item in known])
    hint = suggest_similar(bare, names) or "names look like download.pieceTimeout"
    raise FactMissingError(f"unknown key {key!r}", hint=hint)


def chart_run(helm_path: str | None, chart_version: str) -> ChartRun | None:
    """Return the run of charts that sets a value, or None where that chart sets none."""
    known = require_known("chart", chart_version)
    runs = _runs().get(helm_path or "", ())
    return next((run for run in runs if within(known, run.since, run.until)), None)


def defaults_by_release(key: str) -> list[dict[str, Any]]:
    """Return the defaults of a key, see `find_defaults`: a row for each span of releases and layer, the binary's first."""
    rows = []
    for item in find_defaults(key):
        head = {"component": item.component, "key": item.key, "helm_path": item.helm_path}
        for era in item.eras:
            note = f"{era.since} to {era.until}: ignored, {era.ignored}" if era.ignored else era.note
            span = {"layer": "binary", "since": era.since, "until": era.until, "default": era.default}
            rows.append({**head, **span, "source": item.source_of(era), "note": note})
        for run in item.chart_runs:
            span = {"layer": "chart", "since": run.since, "until": run.until, "default": run.value}
            rows.append({**head, **span, "source": f"dragonflyoss/helm-charts dragonfly-{run.since}", "note": ""})
    return rows


def defaults_at(key: str, version: str) -> list[dict[str, Any]]:
    """Return the values of a key (see `find_defaults`) in a release of client, services or chart, a row for each component and layer; a FactMissingError if one is unknown, or of another line than the key."""
    line, known, assumptions = _asked(version)
    try:
        found = find_defaults(key)
    except FactMissingError as error:
        if is_known(line, version):
            raise
        reason = f"{error.message} up to {releases(line)[-1]}, the newest known release; whether {version} reads it is not known"
        raise FactMissingError(reason, hint=error.hint) from error
    rows = [row for item in found for row in _rows(item, line, known, assumptions)]
    if not rows:
        lines = " or ".join(dict.fromkeys(f"{LINE_TITLES[item.line]} ({releases(item.line)[-1]} …)" for item in found))
        reason, hint = f"{found[0].key} has no value in {version}", f"give a release of {lines}"
        raise FactMissingError(reason, where=assumptions, hint=hint)
    return rows


def _asked(version: str) -> tuple[Line, str, str]:
    """Return line, known release and what was assumed; refuse a release that was never tagged between those that were."""
    line, number, assumptions = line_of(version)
    known = require_known(line, number)
    if parse_version(known) == parse_version(number):
        return line, known, assumptions
    known_all = releases(line)
    requested, newest = parse_version(number), parse_version(known_all[-1])
    if requested < newest and requested.release not in {parse_version(one).release for one in known_all}:
        hint = suggest_similar(number, known_all) or f"known are {known_all[0]} to {known_all[-1]}"
        raise FactMissingError(f"{LINE_TITLES[line]} {version} does not exist", hint=hint)
    return line, known, f"{assumptions}; {number} is not known: read as {known}"


def _rows(item: KeyDefaults, line: Line, number: str, assumptions: str) -> Iterator[dict[str, Any]]:
    binary: str | None = number if line == item.line else None
    chart: str | None = number if line == "chart" else None
    if line == "chart" and item.component in ROLES and item.line != "chart":
        binary = images_of(number)[item.component]
    elif line == item.line != "chart":
        chart = chart_with("client" if line == "client" else "scheduler", number)
    era = item.at(binary) if binary and item.line != "chart" else None

    def row(layer: str, version: str, span: ChartRun | None, source: str, *notes: str) -> dict[str, Any]:
        return {
            "component": item.component, "key": item.key, "helm_path": item.helm_path,
            "line": LINE_TITLES["chart" if layer == "chart" else item.line], "version": version,
            "value": span.value if span else None, "layer": layer, "since": span.since if span else None,
            "until": span.until if span else None, "source": source, "note": "; ".join(note for note in notes if note),
        }  # fmt: skip

    if binary is not None and era is not None:
        remark = f"ignored: {era.ignored}" if era.ignored else era.note
        span = ChartRun(era.since, era.until, era.default)
        yield row("binary", binary, span, item.source_of(era), assumptions, remark)
    elif binary is not None and item.line != "chart":
        known = f"{item.eras[0].since} to {item.eras[-1].until}" if item.eras else "no release"
        yield row("binary", binary, None, "", assumptions, f"{binary} has no such key, known in {known}")
    run = chart_run(item.helm_path, chart) if chart else None
    if run is not None and chart is not None:
        latest = "" if line == "chart" else f"{chart} is the latest chart that ships it"
        unread = item.eras and binary and (era is None or era.ignored)
        source = f"dragonflyoss/helm-charts dragonfly-{run.since}"
        yield row("chart", chart, run, source, assumptions, latest, f"{binary} does not read it" if unread else "")


@dataclass(frozen=True)
class Change:
    """How a key differs between two releases; values are None if it is unset or unknown."""

    component: str
    key: str
    layer: str
    from_version: str | None
    before: Value
    to_version: str | None
    after: Value
    changed: bool
    note: str


def defaults_diff(key: str, v1: str, v2: str) -> list[dict[str, Any]]:
    """Return how a key differs between two releases of one line: rows with the fields of `Change` by component and layer."""
    _require_same_line(v1, v2)
    return [asdict(change) for change in _changes(defaults_at(key, v1), defaults_at(key, v2))]


def changes_between(v1: str, v2: str) -> tuple[Change, ...]:
    """Return every difference between two releases of one line, see `defaults_diff`."""
    _require_same_line(v1, v2)
    sides = []
    for version in (v1, v2):
        line, known, assumptions = _asked(version)
        rows = (row for item in all_defaults() for row in _rows(item, line, known, assumptions))
        # Between two programs, the charts that happen to ship them say nothing.
        sides.append([row for row in rows if line == "chart" or row["layer"] == "binary"])
    return tuple(change for change in _changes(*sides) if change.changed)


def _require_same_line(v1: str, v2: str) -> None:
    (first, _, one), (second, _, two) = _asked(v1), _asked(v2)
    if first != second:
        raise FactMissingError(f"{one}, {two}: they cannot be compared", hint="give two releases of one line")


def _changes(before: Iterable[dict[str, Any]], after: Iterable[dict[str, Any]]) -> Iterator[Change]:
    sides = [{(row["component"], row["key"], row["layer"]): row for row in side} for side in (before, after)]
    for place in dict.fromkeys([*sides[0], *sides[1]]):
        rows = [side.get(place) for side in sides]
        (old, new), (first, second) = ([row[name] if row else None for row in rows] for name in ("value", "version"))
        notes = dict.fromkeys(row["note"] for row in rows if row)
        yield Change(*place, first, old, second, new, old != new, " | ".join(notes))
