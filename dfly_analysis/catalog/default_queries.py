"""Facts by version: what each component reads, what it holds by default, and what the Helm chart sets instead.

The one module to import facts from; the records are in `fact_records`, releases in `version`, pieces in `pieces`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from dfly_analysis.errors import FactMissingError, nearest
from dfly_analysis.catalog.defaults import (
    UNITS,
    ChartRun,
    Era,
    Fact,
    Value,
    chart_run,
    chart_value,
    fact,
    fact_of,
    facts,
    value_at,
)
from dfly_analysis.catalog.piece_length_rules import (
    PieceAttempts,
    failure_noticed_at_once,
    passes_of_a_single_piece,
    piece_attempts,
    piece_count,
    piece_length_bytes,
    piece_length_rule,
    siblings_cancelled,
)
from dfly_analysis.catalog.releases import (
    IMAGES,
    LINE_TITLES,
    Line,
    chart_for_client,
    chart_for_server,
    images_of,
    line_of,
    parse_version,
    releases,
    require_known,
)

Layer = Literal["binary", "chart"]

__all__ = [
    "IMAGES", "UNITS", "Change", "ChartRun", "Era", "Fact", "PieceAttempts", "Value", "changes_between", "chart_for_client", "chart_for_server",
    "chart_run", "chart_value", "diff", "fact", "fact_of", "facts", "facts_at", "facts_by_release", "facts_diff", "failure_noticed_at_once",
    "images_of", "passes_of_a_single_piece", "piece_attempts", "piece_count", "piece_length_bytes", "piece_length_rule", "siblings_cancelled",
    "value_at",
]  # fmt: skip


def facts_by_release(key: str) -> list[dict[str, Any]]:
    """Return all that is known of a key, a row for each span of releases and layer.

    Parameters
    ----------
    key : str
        As `fact` takes it.

    Returns
    -------
    list of dict
        component, key, helm_path, layer, since, until, default, source, note; the program's own defaults before what charts
        write. A default is None where the key is unset or ignored, and the note says which.

    Raises
    ------
    FactMissingError
        Where the key is not known.
    """
    rows = []
    for item in fact(key):
        head = {"component": item.component, "key": item.key, "helm_path": item.helm_path}
        for era in item.eras:
            note = f"{era.since} to {era.until}: ignored, {era.ignored}" if era.ignored else era.note
            span = {"layer": "binary", "since": era.since, "until": era.until, "default": era.default}
            rows.append({**head, **span, "source": era.source, "note": note})
        for run in item.chart_runs:
            span = {"layer": "chart", "since": run.since, "until": run.until, "default": run.value}
            rows.append({**head, **span, "source": f"dragonflyoss/helm-charts dragonfly-{run.since}", "note": ""})
    return rows


def facts_at(key: str, version: str) -> list[dict[str, Any]]:
    """Return what holds for a key in a release, a row for each component and layer.

    Parameters
    ----------
    key : str
        As `fact` takes it.
    version : str
        A client (``v0.x``, ``v1.x``), a manager or scheduler (``v2.x``), or a chart (``chart-1.7.4``, ``1.7.4``).

    Returns
    -------
    list of dict
        component, key, helm_path, line, version, value, layer, since, until, source, note; the chart's row, where
        there is one, stands behind the binary's and goes before it in force.

    Raises
    ------
    FactMissingError
        Where the key or the release is not known, or the release is of another line than the key.
    """
    line, known, assumed = _asked(version)
    found = fact(key)
    rows = [row for item in found for row in _rows(item, line, known, assumed)]
    if not rows:
        lines = " or ".join(dict.fromkeys(f"{LINE_TITLES[item.line]} ({releases(item.line)[-1]} …)" for item in found))
        raise FactMissingError(
            f"{found[0].key} has no value in {version}", where=assumed, hint=f"ask by a release of {lines}"
        )
    return rows


def _asked(version: str) -> tuple[Line, str, str]:
    """Return line, known release and what was assumed; refuse a release that was never tagged between those that were."""
    line, number, assumed = line_of(version)
    known = require_known(line, number)
    if parse_version(known) == parse_version(number):
        return line, known, assumed
    known_all = releases(line)
    asked, newest = parse_version(number), parse_version(known_all[-1])
    if asked < newest and asked.release not in {parse_version(one).release for one in known_all}:
        hint = nearest(number, known_all) or f"there are {known_all[0]} to {known_all[-1]}"
        raise FactMissingError(f"{LINE_TITLES[line]} {version} was never tagged", hint=hint)
    return line, known, f"{assumed}, which is not known: read as {known}"


def _rows(item: Fact, line: Line, number: str, assumed: str) -> Iterator[dict[str, Any]]:
    binary: str | None = number if line == item.line else None
    chart: str | None = number if line == "chart" else None
    if line == "chart" and item.component in IMAGES and item.line != "chart":
        binary = images_of(number)[item.component]
    elif line == item.line != "chart":
        chart = chart_for_client(number) if line == "client" else chart_for_server(number)
    if binary is not None and item.line != "chart":
        yield _binary_row(item, binary, assumed)
    run = chart_run(item.helm_path, chart) if chart else None
    if run is not None and chart is not None:
        note = assumed if line == "chart" else f"{assumed}; {chart} is the latest chart that ships it"
        era = item.at(binary) if binary and item.line != "chart" else None
        unread = item.eras and binary and (era is None or era.ignored)
        yield _row(item, "chart", chart, run, f"dragonflyoss/helm-charts dragonfly-{run.since}", note) | {
            "note": f"{note}; {binary} does not read it" if unread else note
        }


def _binary_row(item: Fact, version: str, assumed: str) -> dict[str, Any]:
    era = item.at(version)
    if era is None:
        span = f"{item.eras[0].since} to {item.eras[-1].until}" if item.eras else "no release"
        return _row(item, "binary", version, None, "", f"{assumed}; {version} has no such key, known in {span}")
    remark = f"ignored: {era.ignored}" if era.ignored else era.note
    run = ChartRun(era.since, era.until, era.default)
    return _row(item, "binary", version, run, era.source, f"{assumed}; {remark}" if remark else assumed)


def _row(item: Fact, layer: Layer, version: str, run: ChartRun | None, source: str, note: str) -> dict[str, Any]:
    return {
        "component": item.component, "key": item.key, "helm_path": item.helm_path,
        "line": LINE_TITLES["chart" if layer == "chart" else item.line], "version": version,
        "value": run.value if run else None, "layer": layer, "since": run.since if run else None,
        "until": run.until if run else None, "source": source, "note": note,
    }  # fmt: skip


@dataclass(frozen=True)
class Change:
    """What became of a key between two releases.

    Attributes
    ----------
    component, key, layer : str
        Whose, which, and whether the binary's default or the chart's value.
    from_version, to_version : str or None
        Releases compared; of an image where charts were asked for.
    before, after : str, int, float, bool or None
        None where the key is unset or not known.
    changed : bool
    note : str
    """

    component: str
    key: str
    layer: str
    from_version: str | None
    before: Value
    to_version: str | None
    after: Value
    changed: bool
    note: str


def diff(key: str, v1: str, v2: str) -> tuple[Change, ...]:
    """Return what became of a key between two releases of one numbering line, one for each component and layer.

    Raises
    ------
    FactMissingError
        Where the key or a release is not known, or the releases are of two lines.
    """
    _same_line(v1, v2)
    before, after = (
        {(r["component"], r["key"], r["layer"]): r for r in facts_at(key, version)} for version in (v1, v2)
    )
    return tuple(_change(place, before.get(place), after.get(place)) for place in dict.fromkeys([*before, *after]))


def changes_between(v1: str, v2: str) -> tuple[Change, ...]:
    """Return what differs between two releases of one numbering line, over all facts.

    Parameters
    ----------
    v1, v2 : str
        As `facts_at` takes them.

    Returns
    -------
    tuple of Change
        Only what changed; in the order of the facts. Empty for a release and itself.

    Raises
    ------
    FactMissingError
        Where a release is not known, or the two are of two lines.
    """
    _same_line(v1, v2)
    sides = []
    for version in (v1, v2):
        line, known, assumed = _asked(version)
        rows = (row for item in facts() for row in _rows(item, line, known, assumed))
        # Between two programs, the charts that happen to ship them say nothing.
        told = (row for row in rows if line == "chart" or row["layer"] == "binary")
        sides.append({(row["component"], row["key"], row["layer"]): row for row in told})
    before, after = sides
    changes = (_change(place, before.get(place), after.get(place)) for place in dict.fromkeys([*before, *after]))
    return tuple(change for change in changes if change.changed)


def _same_line(v1: str, v2: str) -> None:
    (first, _, says), (second, _, other) = _asked(v1), _asked(v2)
    if first != second:
        raise FactMissingError(f"{says}, {other}: they cannot be compared", hint="name two releases of one line")


def _change(place: tuple[str, str, str], before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Change:
    old, new = (side["value"] if side else None for side in (before, after))
    notes = dict.fromkeys(side["note"] for side in (before, after) if side)
    versions = [side["version"] if side else None for side in (before, after)]
    return Change(*place, versions[0], old, versions[1], new, old != new, " | ".join(notes))


def facts_diff(key: str, v1: str, v2: str) -> list[dict[str, Any]]:
    """Return `diff` as rows: component, key, layer, from_version, before, to_version, after, changed, note."""
    return [asdict(change) for change in diff(key, v1, v2)]
