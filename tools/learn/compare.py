"""Compares the facts of a release with the catalogue: what differs, the entries to add, and what a person must judge."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from dfly_analysis.catalog.defaults import KeyDefaults, all_defaults
from dfly_analysis.catalog.error_signatures import signatures_in
from dfly_analysis.catalog.log_events import name_event
from dfly_analysis.catalog.log_statements import statement_of
from dfly_analysis.catalog.releases import Line, parse_version, releases
from dfly_analysis.units import parse_duration, parse_size
from tools.learn.charts import ROLES, Chart
from tools.learn.facts import COMPUTED, Facts, Key, Metric, Statement

_NO_KEYS = ("fixed:", "metric:", "POST ", "database:")
"""Beginnings of what the catalogue holds beside the keys of configuration files."""
_OF_A_LIBRARY = re.compile(r"(?:dragonfly_)?manager_re(?:quest|sponse)")
"""Metrics that no source of the component names."""
_OF_THE_GO_CLIENT = re.compile(r"dragonfly_dfdaemon_")
"""Metrics of the packages that manager and scheduler share with the old Go client: without series there, as they download nothing."""
_FILLERS = ("x", "ab-7", '"x"', "7", "x: y", "10.0.0.1:65000")
_PARSERS: Mapping[str, Callable[[Any], float]] = {"duration": parse_duration, "size": parse_size, "rate": parse_size}
_UNITS = {
    "Duration": "duration",
    "time.Duration": "duration",
    "ByteSize": "size",
    "bool": "bool",
    "String": "text",
    "string": "text",
    "PathBuf": "text",
}
TELLING = ("warn", "error", "fatal")
"""Levels whose statements are matched."""


@dataclass
class Comparison:
    """What differs between a release and the catalogue."""

    differences: list[str] = field(default_factory=list)
    """Where the catalogue says something else than the sources."""
    entries: list[str] = field(default_factory=list)
    """Entries to add, as YAML; what only a person can write is empty."""
    left_out: list[str] = field(default_factory=list)
    """Keys of manager and scheduler that the catalogue leaves out: it holds those that matter to a preheat."""
    judge: list[str] = field(default_factory=list)
    """What changed and only a person can say what it means for a large preheat."""


def compare(component: str, release: str, facts: Facts, before: Facts | None = None) -> Comparison:
    """Compare the facts of a release of a component with the catalogue, and with those of the release before."""
    found = Comparison()
    _compare_keys(component, release, facts.keys, found)
    _compare_metrics(component, release, facts.metrics, found)
    for statement, _ in unmatched(facts.statements):
        found.differences.append(
            f"no event, signature or statement matches {statement.level} {statement.template!r} ({statement.place})"
        )
        found.entries.append(
            f"# entries/log_statements\n- id:\n  title:\n  pattern: '\\A{_as_pattern(statement.template)}'\n  samples: []\n"
        )
    if before is not None:
        _judge_changes(before, facts, found)
    return found


# keys and metrics


def _compare_keys(component: str, release: str, keys: Iterable[Key], found: Comparison) -> None:
    known = {
        item.key: item for item in all_defaults() if item.component == component and not item.key.startswith(_NO_KEYS)
    }
    roles = ("client", "seedClient") if component == "client" else (component,)
    written = {
        path: key
        for key in keys
        for path in (key.path, *(f"{key.path.rpartition('.')[0]}.{alias}" for alias in key.aliases))
    }
    if component == "client":
        known |= {
            item.key: item
            for item in all_defaults()
            if item.component == "seedClient" and item.key in written and item.key not in known
        }
    for path, key in written.items():
        item = known.get(path)
        era = item.at(release) if item is not None else None
        if item is None and component != "client":
            found.left_out.append(path)
        elif item is None or era is None or era.ignored:
            what = "lacks it" if item is None else "does not know it there" if era is None else "calls it ignored"
            found.differences.append(f"{component} {release} reads {path}, default {key.default}; the catalogue {what}")
            found.entries.append(_key_entry(key, path, roles, release))
        elif not _same(item, era.default, key):
            found.differences.append(
                f"{component} {release}: the default of {path} is {key.default}, the catalogue says {era.default}"
            )
            found.entries.append(f"# {path}: end the era before with `until:`\n  - {_era(release, key)}\n")
    for path, item in known.items():
        era = item.at(release)
        is_written = path in written or any(one.startswith(f"{path}.") for one in written)
        if era is not None and not era.ignored and not is_written and item.line != "chart":
            found.differences.append(
                f"{component} {release} does not read {path}; the catalogue says it does, {era.since} to {era.until}"
            )


def _same(item: KeyDefaults, known: Any, key: Key) -> bool:
    """Return whether a default of the catalogue is that of the source, in whichever unit both are written."""
    options = [key.default, key.section_default]
    if COMPUTED in map(str, options):
        return True
    parse = _PARSERS.get(item.unit)
    empty: tuple[Any, ...] = ("", None, [], {}, "[]", "{}")
    for one in options:
        if (one in empty and known in empty) or str(one).rstrip("/") == str(known).rstrip("/"):
            return True
        try:
            if parse is not None and parse(known) == parse(one):
                return True
        except Exception:  # noqa: BLE001, S112 - a value of another kind is another value
            continue
    return False


def _era(release: str, key: Key) -> str:
    default = (
        {True: "true", False: "false", None: "null"}.get(key.default, key.default)
        if not isinstance(key.default, list | dict)
        else "null"
    )
    return f'{{since: {release}, default: {default}, source: "{key.place.file}@{release}"}}'


def _key_entry(key: Key, path: str, roles: Iterable[str], release: str) -> str:
    unit = _UNITS.get(
        key.type.removeprefix("Option<").rstrip(">"), "count" if re.search(r"[iu]\d|size|int", key.type) else "text"
    )
    checks = f"  # {key.validation}\n" if key.validation else ""
    return f'- key: {path}\n  roles: [{", ".join(roles)}]\n  unit: {unit}\n  meaning: ""\n{checks}  eras:\n  - {_era(release, key)}\n'


def _compare_metrics(component: str, release: str, metrics: Iterable[Metric], found: Comparison) -> None:
    known = {
        item.key.removeprefix("metric:"): item
        for item in all_defaults()
        if item.component == component and item.key.startswith("metric:")
    }
    exported = {one.name: one for one in metrics if component == "client" or not _OF_THE_GO_CLIENT.match(one.name)}
    for name, metric in exported.items():
        era = known[name].at(release) if name in known else None
        if era is None or era.default != metric.shape:
            says = era.default if era is not None else "nothing"
            found.differences.append(f"{component} {release} exports {name}, {metric.shape}; the catalogue says {says}")
            buckets = f"  # buckets: {metric.buckets}\n" if metric.buckets else ""
            found.entries.append(
                f'- key: "metric:{name}"\n  roles: [{component}]\n  helm_path: null\n  unit: text\n  meaning: ""\n{buckets}  eras:\n'
                f'  - {{since: {release}, default: "{metric.shape}", source: "metrics code@{release}"}}\n'
            )
    for name, item in known.items():
        if exported and item.at(release) is not None and name not in exported and not _OF_A_LIBRARY.match(name):
            found.differences.append(f"{component} {release} does not export {name}; the catalogue says it does")


# log statements


def unmatched(statements: Iterable[Statement]) -> Iterator[tuple[Statement, int]]:
    """Yield each text at warning or above that nothing in the catalogue matches, once, with how many statements write it."""
    texts: dict[tuple[str, str], list[Statement]] = {}
    for one in statements:
        if one.level in TELLING and is_daemon(one):
            texts.setdefault((one.level, one.template), []).append(one)
    yield from ((same[0], len(same)) for (_, template), same in texts.items() if matched_by(template) is None)


def is_daemon(statement: Statement) -> bool:
    """Return whether dfdaemon, the manager or the scheduler writes it, not a command that ends."""
    file = statement.place.file
    return "/bin/" not in file or "/bin/dfdaemon/" in file


@cache
def matched_by(template: str) -> str | None:
    """Return the kind of entry that matches a text: event, signature, its error's signature, or a statement's; None if none does."""
    if not re.sub(r"\W|\{\}", "", template):
        return "error"  # nothing but the text of an error, which has a signature of its own
    for filler in _FILLERS:
        text = template.replace("{}", filler)
        if name_event(text):
            return "event"
        if signatures_in(text):
            return "signature"
        if statement_of(text):
            return "statement"
    return None


def coverage(facts: Facts) -> Counter[str]:
    """Return how many texts at warning and above each kind of entry matches; ``none`` for the others."""
    texts = {(one.level, one.template) for one in facts.statements if one.level in TELLING and is_daemon(one)}
    return Counter(matched_by(template) or "none" for _, template in texts)


def _as_pattern(template: str) -> str:
    return re.escape(template).replace(re.escape("{}"), ".*").replace("\\ ", " ").replace("'", "''")


# changes


def _judge_changes(before: Facts, now: Facts, found: Comparison) -> None:
    kinds: tuple[tuple[str, Callable[[Facts], dict[Any, Any]]], ...] = (
        ("constant", lambda facts: {(one.place, one.name): one.value for one in facts.constants}),
        ("key", lambda facts: {one.path: str(one.default) for one in facts.keys}),
        ("validation", lambda facts: {one.path: one.validation for one in facts.keys if one.validation}),
        ("error text", lambda facts: dict.fromkeys((one.name, one.template) for one in facts.errors)),
        (
            "log text",
            lambda facts: dict.fromkeys((one.level, one.template) for one in facts.statements if is_daemon(one)),
        ),
        ("use of a key", lambda facts: dict.fromkeys((str(one.place), one.field) for one in facts.uses)),
        ("buckets", lambda facts: {one.name: one.buckets for one in facts.metrics if one.buckets}),
    )
    for kind, table in kinds:
        old, new = table(before), table(now)
        for name in sorted({*old, *new}, key=str):
            if name not in old:
                found.judge.append(f"{kind}: new: {_shown(name)} {new[name] or ''}".rstrip())
            elif name not in new:
                found.judge.append(f"{kind}: gone: {_shown(name)} {old[name] or ''}".rstrip())
            elif old[name] != new[name]:
                found.judge.append(f"{kind}: {_shown(name)}: {old[name]} -> {new[name]}")


def _shown(name: Any) -> str:
    return " ".join(map(str, name)) if isinstance(name, tuple) else str(name)


# charts


def compare_chart(chart: Chart, before: Chart | None = None) -> Comparison:
    """Compare a chart with the catalogue, and with the chart before it."""
    found, version = Comparison(), chart.version
    known = {item.helm_path: item for item in all_defaults() if item.helm_path}
    for path, value in chart.values.items():
        item = known.get(path)
        run = (
            next((one for one in item.chart_runs if _holds(one.since, one.until, version)), None)
            if item is not None
            else None
        )
        if run is None or _text(run.value) != _text(value):
            says = _text(run.value) if run is not None else "nothing"
            if (
                item is not None
                and (run is not None or item.chart_runs or value not in (None, "", {}, []))
                and not _is_nothing(value, run)
            ):
                found.differences.append(f"chart {version} sets {path} to {_text(value)}; the catalogue says {says}")
                found.entries.append(f'  {path}:\n  - ["{version}", null, {_text(value)}]\n')
            elif item is None and path.partition(".")[0] in ROLES and ".config." in path:
                found.judge.append(f"value that the catalogue does not hold: {path}: {_text(value)}")
    for path, item in known.items():
        run = next((one for one in item.chart_runs if _holds(one.since, one.until, version)), None)
        if run is not None and path not in chart.values and not any(one.startswith(f"{path}.") for one in chart.values):
            found.differences.append(f"chart {version} does not set {path}; the catalogue says {_text(run.value)}")
    if before is not None:
        for path in sorted({*chart.values, *before.values}):
            old, new = before.values.get(path), chart.values.get(path)
            if old != new:
                found.judge.append(f"value: {path}: {_text(old)} -> {_text(new)}")
    return found


def _is_nothing(value: Any, run: Any) -> bool:
    return run is None and value in (None, "", {}, [])


def _holds(since: str, until: str, version: str) -> bool:
    return parse_version(since) <= parse_version(version) and (
        not until or until == releases("chart")[-1] or parse_version(version) <= parse_version(until)
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def release_row(line: Line, release: str, date: str, chart: Chart | None = None) -> str:
    """Return the row of a release in ``entries/rules/releases.yaml``."""
    if chart is not None:
        return f'- ["{release}", "{date}", {", ".join(str(chart.images[role] or "null") for role in ROLES)}]'
    return f'- [{release}, "{date}"]' if line != "chart" else ""
