"""The command that compares two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dfly_analysis.cli.options import format_option, reading_options, release_options
from dfly_analysis.cli.printing import as_table, print_result
from dfly_analysis.errors import NotEnoughDataError
from dfly_analysis.report.view import TableView

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("before")
@click.argument("after")
@click.option("--values-before", type=_FILE, metavar="FILE", help="Helm values in force before.")
@click.option("--values-after", type=_FILE, metavar="FILE", help="Helm values in force after.")
@release_options
@reading_options
@format_option
def compare(
    before: str,
    after: str,
    values_before: Path | None,
    values_after: Path | None,
    output_format: str,
    *,
    no_cache: bool,
    **asked: Any,
) -> None:
    """Say whether a change helped, from two runs.

    BEFORE and AFTER are the logs of a run before the change and of one after it.

    The verdict is one of: helped, no difference, worse, cannot tell. The releases named are those of both runs; what the logs
    and rendered files of a run say counts more.
    """
    from dfly_analysis.analysis import compare as run

    found = run(before, after, values_before=values_before, values_after=values_after, cache=not no_cache, **asked)
    if not found.comparison.effects:
        hint = "logs of clients, seed clients and scheduler in both"
        raise NotEnoughDataError("nothing can be counted in both runs", where=f"{before}, {after}", hint=hint)
    differing = [pair for pair in found.comparison.settings if pair.changed]
    lines = [f"Verdict: {found.comparison.verdict}", ""]
    lines += [f"- {sentence}" for sentence in found.comparison.because]
    lines += [f"- beware: {sentence}" for sentence in found.comparison.cautions]
    lines += ["", as_table("Effects", _rows(found.effects))]
    shown = [row for row in _rows(found.settings_table) if row["Differs"] or not differing]
    if shown:
        lines += ["", as_table("Settings that differ" if differing else "Settings, the same in both", shown)]
    if differing:
        lines.append(
            f"and {len(found.comparison.settings) - len(differing)} that are the same, or not known: see --format json"
        )
    tables = {"Effects": _rows(found.effects)}
    print_result(found.to_dict(), output_format, tables, "\n".join(lines))


def _rows(table: TableView) -> list[dict[str, str]]:
    names = [heading.text for heading in table.headings]
    return [
        dict(zip(names, (cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row), strict=True)) for row in table.rows
    ]
