"""Records of the facts: each key of each component, its eras, and the runs of charts that set it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from dfly_analysis.errors import FactMissingError, KnowledgeError, nearest
from dfly_analysis.catalog.yaml_loader import read_file
from dfly_analysis.catalog.releases import Line, known_release, require_known, within

Value = str | int | float | bool | None
FILES = (
    "client", "fixed_client", "fixed_server", "go_client", "manager", "metrics_client", "metrics_server", "resources", "scheduler",
)  # fmt: skip
_PREFIXES = ("database:", "fixed:", "metric:")
UNITS = (
    "duration", "nanoseconds", "size", "rate", "count", "requests_per_s", "percent", "quantity", "bool", "text", "list", "mapping",
)  # fmt: skip


@dataclass(frozen=True)
class Era:
    """A span of releases in which a key has one default.

    Attributes
    ----------
    since, until : str
        Releases of the component, both included.
    default : str, int, float, bool or None
        As the configuration would write it; None where unset.
    ignored : str or None
        Why a written value has no effect; None where the component reads the key.
    note : str
    source : str
        Repository, file and tag it was read from.
    """

    since: str
    until: str
    default: Value
    ignored: str | None
    note: str
    source: str


@dataclass(frozen=True)
class ChartRun:
    """A span of charts that set one value; both ends included."""

    since: str
    until: str
    value: Value


@dataclass(frozen=True)
class Fact:
    """A key of one component.

    Attributes
    ----------
    component : {"client", "seedClient", "scheduler", "manager", "go-client", "go-seed-peer"}
        Client and seed client are one binary and differ in what the chart sets.
    key : str
        In the component's own file.
    helm_path : str or None
        In the chart's values; None where the chart's template does not pass it on.
    line : {"client", "server", "chart"}
        Numbering line of the eras.
    unit : str
        One of `UNITS`; ``rate`` is bytes per second.
    meaning, too_small, too_large : str
        What it does, and what goes wrong; empty where nothing is known.
    spellings : tuple of str
        This key and the other names of the same setting, newest first.
    eras : tuple of Era
        Oldest first, apart from one another; empty where only the chart knows the key.
    """

    component: str
    key: str
    helm_path: str | None
    line: Line
    unit: str
    meaning: str
    too_small: str
    too_large: str
    spellings: tuple[str, ...]
    eras: tuple[Era, ...]

    def at(self, version: str) -> Era | None:
        """Return the era of a release, or None where no era covers it.

        A release newer than all known ones is read as the newest known.
        """
        known = None if self.line == "chart" else known_release(self.line, version)
        if known is None:
            return None
        return next((era for era in self.eras if within(known, era.since, era.until)), None)

    @property
    def chart_runs(self) -> tuple[ChartRun, ...]:
        """What the charts set, oldest first."""
        return _runs().get(self.helm_path or "", ())


@cache
def _runs() -> Mapping[str, tuple[ChartRun, ...]]:
    values: Mapping[str, list[list[Any]]] = read_file("defaults", "charts")["values"]
    return {path: tuple(ChartRun(*run) for run in runs) for path, runs in values.items()}


@cache
def facts() -> tuple[Fact, ...]:
    """Return all facts, by file and key.

    Raises
    ------
    KnowledgeError
        Naming the file and the key that is wrong.
    """
    read = [item for name in FILES for item in _read(name)]
    known = {item.helm_path for item in read}
    return tuple(read + [_chart_only(path) for path in _runs() if path not in known])


def _read(name: str) -> Iterator[Fact]:
    content = read_file("defaults", name)
    former: dict[str, tuple[str, ...]] = {}
    for entry in content["keys"]:
        family = (entry["key"], *entry.get("formerly", ()))
        former.update(dict.fromkeys(family, family) if len(family) > 1 else {})
    for entry in content["keys"]:
        where = f"catalog/entries/defaults/{name}.yaml {entry['key']}"
        if entry["unit"] not in UNITS:
            raise KnowledgeError(f"unit is {entry['unit']!r}", where=where, hint=f"one of {', '.join(UNITS)}")
        eras = tuple(_era(row, content["repository"]) for row in entry.get("eras", ()))
        for role in entry["roles"]:
            standard = f"{role}.{entry['key']}" if content["line"] == "chart" else f"{role}.config.{entry['key']}"
            yield Fact(
                component=role, key=entry["key"], helm_path=entry.get("helm_path", standard), line=content["line"],
                unit=entry["unit"], meaning=entry["meaning"], too_small=entry.get("too_small", ""),
                too_large=entry.get("too_large", ""), spellings=former.get(entry["key"], (entry["key"],)), eras=eras,
            )  # fmt: skip


def _era(row: Mapping[str, Any], repository: str) -> Era:
    source = f"{repository} {row['source']}"
    return Era(row["since"], row["until"], row.get("default"), row.get("ignored"), row.get("note", ""), source)


def _chart_only(path: str) -> Fact:
    component, _, key = path.replace(".config.", ".", 1).partition(".")
    meaning = "a value that the chart sets; the component's own default is not in the facts"
    return Fact(component, key, path, "chart", "text", meaning, "", "", (key,), ())


@cache
def fact_of(component: str, key: str) -> Fact | None:
    """Return the fact of a component's key, or None."""
    return _index().get((component, key))


@cache
def _index() -> Mapping[tuple[str, str], Fact]:
    return {(item.component, item.key): item for item in facts()}


@cache
def fact(key: str) -> tuple[Fact, ...]:
    """Return the facts of a key: one for each component that has it.

    Parameters
    ----------
    key : str
        ``download.pieceTimeout``, its last part ``pieceTimeout``, a Helm path, or ``seedClient:download.pieceTimeout``;
        what no configuration changes is called ``fixed:preheat.pollingWindow`` and so on.

    Raises
    ------
    FactMissingError
        With the nearest names, where no fact has that key.
    """
    component, colon, bare = key.rpartition(":") if not key.startswith(_PREFIXES) else ("", "", key)
    known = [item for item in facts() if not colon or item.component == component]
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
    hint = nearest(bare, names) or "facts are kept under names such as download.pieceTimeout"
    raise FactMissingError(f"no fact is named {key!r}", hint=hint)


def chart_run(helm_path: str | None, chart_version: str) -> ChartRun | None:
    """Return the run of charts that sets a value, or None where that chart sets none."""
    known = require_known("chart", chart_version)
    runs = _runs().get(helm_path or "", ())
    return next((run for run in runs if within(known, run.since, run.until)), None)


def chart_value(helm_path: str, chart_version: str) -> Value:
    """Return what a chart sets.

    Parameters
    ----------
    helm_path : str
        ``seedClient.config.download.pieceTimeout``
    chart_version : str
        A chart newer than all known ones is read as the newest known.

    Returns
    -------
    str, int, float, bool or None
        As written; None where that chart does not set it.

    Raises
    ------
    FactMissingError
        Where the path or the chart is not known.
    """
    if helm_path not in _runs() and all(item.helm_path != helm_path for item in facts()):
        raise FactMissingError(f"no chart sets {helm_path!r}", hint=nearest(helm_path, _runs()) or None)
    run = chart_run(helm_path, chart_version)
    return run.value if run else None


def value_at(component: str, key: str, version: str) -> Value:
    """Return a component's own default in a release; of what only the chart knows, the chart's value.

    Raises
    ------
    FactMissingError
        Where the component has no such key, or the text is not a release.
    """
    item = fact_of(component, key) or fact(f"{component}:{key}")[0]
    if item.line == "chart":
        return chart_value(item.helm_path or item.key, version)
    era = item.at(version)
    return era.default if era else None
