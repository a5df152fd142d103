"""Checks the catalogue against the sources of all releases of a numbering line, and writes the page that reports it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dfly_analysis.catalog.releases import LINE_TITLES, Line, releases
from tools.learn.charts import read_chart
from tools.learn.compare import Comparison, compare, compare_chart, coverage
from tools.learn.components import COMPONENTS, read_component
from tools.learn.sources import NoSourcesError, Sources

_QUOTED = re.compile(r""" (?:'.*'|".*") \(""")
_KINDS = ("event", "signature", "error", "statement", "none")


@dataclass
class Audit:
    """What the check of a numbering line found."""

    line: Line
    releases: int = 0
    """Read from sources."""
    missing: list[str] = field(default_factory=list)
    """Whose sources were not there."""
    keys: int = 0
    metrics: int = 0
    """Pairs of a key or metric and a release that were compared."""
    left_out: int = 0
    """Of these pairs, those of keys that the catalogue leaves out."""
    differences: dict[str, list[str]] = field(default_factory=dict)
    """Each difference without its release, and the releases that show it."""
    coverage: dict[str, Counter[str]] = field(default_factory=dict)
    """By component and release: texts at warning and above by the kind of entry that matches them."""


def audit(line: Line, sources: Callable[[str], Sources]) -> Audit:
    """Compare each known release of a line with the catalogue; a pre-release counts as its release, and is left out."""
    found = Audit(line)
    for release in (one for one in releases(line) if "-" not in one):
        try:
            tree = sources(release.removeprefix("v"))
            for one in _compared(line, release, tree, found):
                found.left_out += len(one.left_out)
                for text in one.differences:
                    found.differences.setdefault(text.replace(release, "RELEASE"), []).append(release)
        except NoSourcesError:
            found.missing.append(release)
        else:
            found.releases += 1
    return found


def _compared(line: Line, release: str, tree: Sources, found: Audit) -> Iterator[Comparison]:
    if line == "chart":
        chart = read_chart(tree)
        found.keys += len(chart.values)
        yield compare_chart(chart)
        return
    for component in COMPONENTS[line]:
        facts = read_component(component, tree)
        found.keys += len(facts.keys)
        found.metrics += len(facts.metrics)
        found.coverage[f"{component} {release}"] = coverage(facts)
        yield compare(component, release, facts)


def write_page(page: Path, rows: Sequence[Audit]) -> None:
    """Write what was checked, what differs, and how many log texts are matched."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(_page(rows)) + "\n", "utf-8")


def _page(rows: Sequence[Audit]) -> Iterator[str]:
    yield "# The catalogue against the sources\n"
    yield (
        "Written by `make audit`: each release is read from its crates or its repository by the parsers in `tools/learn`, and compared with "
        "the catalogue. Keys: name, default, and whether the release reads it; of manager and scheduler the catalogue leaves out keys on "
        "which no preheat depends. Metrics: name, kind and labels, without those of the old Go client. Pre-releases count as their release.\n"
    )
    yield "| line | releases read | not read | pairs of key and release | of these left out | pairs of metric and release | differences |\n|---|---|---|---|---|---|---|"
    for row in rows:
        span = f"{row.missing[0]} to {row.missing[-1]} ({len(row.missing)})" if row.missing else "none"
        yield f"| {LINE_TITLES[row.line]} | {row.releases} | {span} | {row.keys:,} | {row.left_out:,} | {row.metrics:,} | {len(row.differences)} |"
    for row in rows:
        if row.differences:
            yield f"\n## Differences: {LINE_TITLES[row.line]}\n"
            # The texts of log statements are the project's own: their places are enough to find them.
            lines = (
                f"- {_QUOTED.sub(' (', text)}: {where[0]} to {where[-1]} ({len(where)})"
                for text, where in row.differences.items()
            )
            yield from (line.replace("{}", "…") for line in dict.fromkeys(lines))
    yield "\n## Log statements at warning and above\n"
    yield (
        "A text counts once, however many places write it. *Event* and *signature*: what a diagnosis uses. *Error*: nothing but the text "
        "of an error, which has a signature of its own. *Named*: known as a step whose error tells, or as without effect on a preheat "
        "(`catalog/entries/log_statements`). Packages that manager and scheduler share count for both, whether or not both call them.\n"
    )
    yield "| component | release | texts | event | signature | error | named | not matched | share matched |\n|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        for name, counts in _shown(row):
            component, _, release = name.partition(" ")
            total = counts.total() or 1
            figures = " | ".join(str(counts[kind]) for kind in _KINDS)
            yield f"| {component} | {release} | {counts.total()} | {figures} | {1 - counts['none'] / total:.1%} |"


def _shown(row: Audit) -> Iterator[tuple[str, Counter[str]]]:
    """Yield the releases whose figures differ from those of the release before, and the last one."""
    last: dict[str, Counter[str]] = {}
    names = list(row.coverage)
    for place, name in enumerate(names):
        component = name.partition(" ")[0]
        is_last = not any(other.startswith(f"{component} ") for other in names[place + 1 :])
        if is_last or last.get(component) != row.coverage[name]:
            yield name, row.coverage[name]
        last[component] = row.coverage[name]
