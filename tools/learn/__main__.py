"""Learns a release, or checks the catalogue against every release: ``python -m tools.learn --help``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from dfly_analysis.catalog.releases import Line, known_release, parse_version, releases
from tools.learn.audit import audit, write_page
from tools.learn.charts import read_chart
from tools.learn.compare import Comparison, compare, compare_chart, release_row
from tools.learn.components import COMPONENTS, read_component
from tools.learn.sources import NoSourcesError, Sources, from_clone, from_crates, from_folder

CACHE = Path("build/learn")
_LINES: tuple[Line, ...] = ("client", "server", "chart")
_CLONE = click.option(
    "--clone", "clones", multiple=True, type=click.Path(path_type=Path), help="Clone of a repository, its tags fetched."
)
_CARGO = click.option("--cargo-home", type=click.Path(path_type=Path), default=CACHE / "cargo", show_default=True, help="Where cargo keeps the crates that it downloads.")  # fmt: skip


@click.group()
def main() -> None:
    """Learn what a release of Dragonfly reads, logs and exports, from its published sources."""


@main.command()
@click.option("--client", help="Release of the client; its crates are downloaded by cargo where nothing else is given.")
@click.option("--scheduler", help="Release of manager and scheduler; needs --clone or --source.")
@click.option("--chart", help="Release of the chart; needs --clone or --source.")
@click.option("--source", type=click.Path(path_type=Path), help="Root of a source tree, for a fork.")
@click.option("--date", default=lambda: f"{datetime.now(UTC):%Y-%m-%d}", help="Day of the release.  [default: today]")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=CACHE, show_default=True)
@_CLONE
@_CARGO
def learn(
    client: str | None, scheduler: str | None, chart: str | None, source: Path | None, date: str, output: Path,
    clones: Sequence[Path], cargo_home: Path,
) -> None:  # fmt: skip
    """Compare a release with the catalogue: write the entries to add, and what a person must judge."""
    asked: tuple[tuple[Line, str | None], ...] = (("client", client), ("server", scheduler), ("chart", chart))
    wanted = [(line, version.removeprefix("v")) for line, version in asked if version]
    if not wanted:
        raise click.UsageError("give --client, --scheduler or --chart")
    for line, version in wanted:
        began = time.monotonic()
        tree, before = _sources(line, version, source, clones, cargo_home), _release_before(line, version)
        previous: Sources | None = None
        with suppress(NoSourcesError):
            previous = _sources(line, before, None, clones, cargo_home)
        found, row = _learn(line, version, date, tree, previous)
        if previous is None:
            text = f"the sources of {before} are not there: constants, texts and uses of keys are not compared"
            found.judge.append(text)
        _write(output, f"{line}-{version}", row, found, time.monotonic() - began)


def _learn(line: Line, version: str, date: str, tree: Sources, previous: Sources | None) -> tuple[Comparison, str]:
    if line == "chart":
        chart = read_chart(tree)
        row = release_row(line, version, date, chart)
        return compare_chart(chart, read_chart(previous) if previous else None), row
    found = Comparison()
    for component in COMPONENTS[line]:
        before = read_component(component, previous) if previous else None
        one = compare(component, f"v{version}", read_component(component, tree), before)
        found.differences += one.differences
        found.entries += one.entries
        found.judge += one.judge
    return found, release_row(line, f"v{version}", date)


def _release_before(line: Line, version: str) -> str:
    older = [one for one in releases(line) if parse_version(one) < parse_version(version)]
    return (older[-1] if older else known_release(line, version) or version).removeprefix("v")


def _sources(line: Line, version: str, source: Path | None, clones: Iterable[Path], cargo_home: Path) -> Sources:
    if source is not None:
        return from_folder(source)
    reasons = []
    for clone in clones:
        try:
            return from_clone(clone, f"dragonfly-{version}" if line == "chart" else f"v{version}")
        except NoSourcesError as problem:
            reasons.append(str(problem))
    if line == "client":
        return from_crates(version, cargo_home)
    raise NoSourcesError(
        "; ".join(reasons)
        or f"{line} {version} is in no crate; give a clone of its repository with --clone, or a tree with --source"
    )


def _write(output: Path, name: str, row: str, found: Comparison, seconds: float) -> None:
    output.mkdir(parents=True, exist_ok=True)
    entries, judge = output / f"{name}.entries.yaml", output / f"{name}.judge.md"
    entries.write_text("\n".join([f"# entries/rules/releases.yaml\n{row}\n", *dict.fromkeys(found.entries)]), "utf-8")
    sections = (
        ("Differs from the catalogue", found.differences),
        ("To judge: what does it mean for a large preheat?", found.judge),
    )
    judge.write_text(
        "\n".join(
            f"# {title}\n\n" + "\n".join(f"- {one}" for one in dict.fromkeys(items)) + "\n" for title, items in sections
        ),
        "utf-8",
    )
    click.echo(
        f"{name}: {len(found.differences)} differences, {len(found.judge)} changes to judge, {seconds:.0f} s: {entries} {judge}"
    )


@main.command("audit")
@click.option("--page", type=click.Path(path_type=Path), default=Path("docs/evaluation/releases.md"), show_default=True)
@_CLONE
@_CARGO
def audit_command(page: Path, clones: Sequence[Path], cargo_home: Path) -> None:
    """Check the catalogue against the sources of every release, and write the page that reports it."""
    rows = [audit(line, partial(_sources, line, source=None, clones=clones, cargo_home=cargo_home)) for line in _LINES]
    write_page(page, rows)
    click.echo(
        f"{page}: "
        + ", ".join(f"{row.line} {row.releases} releases, {len(row.differences)} differences" for row in rows)
    )


if __name__ == "__main__":
    try:
        main.main(standalone_mode=False)
    except NoSourcesError as problem:
        sys.exit(f"learn: {problem}")
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
