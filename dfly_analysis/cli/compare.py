"""The command compare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import format_option, options
from dfly_analysis.cli.output import Row, bullets, print_result, table, together
from dfly_analysis.errors import NotEnoughDataError
from dfly_analysis.options import ComparisonOptions

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dfly_analysis.reporting.comparison_report import ComparisonReport
    from dfly_analysis.reporting.components import TableView


@click.command()
@click.argument("before")
@click.argument("after")
@options(ComparisonOptions, without=("lang",))
@format_option
def compare(before: str, after: str, output_format: str, **given: Any) -> None:
    """Compare two runs and say whether a change helped.

    BEFORE and AFTER are the logs of a run before the change and of one after it.

    The verdict is one of: helped, no difference, worse, cannot tell. The releases given apply to both runs; what a run's
    own logs and configuration files say takes precedence.
    """
    from dfly_analysis.api import compare as run

    found = run(before, after, **given)
    if not found.comparison.effects:
        hint = "give logs of clients, seed clients and scheduler for both"
        raise NotEnoughDataError("nothing can be counted in both runs", where=f"{before}, {after}", hint=hint)
    print_result(found.to_dict(), output_format, _rows(found.effects), lambda: _view(found))


def _view(found: ComparisonReport) -> Iterator[RenderableType]:
    compared = found.comparison
    yield f"Verdict: {compared.verdict}"
    notes = [*compared.because, *(f"warning: {text}" for text in compared.cautions)]
    if notes:
        yield bullets(notes)
    yield table("Effects", _rows(found.effects))
    differing = [pair for pair in compared.settings if pair.changed]
    shown = [row for row in _rows(found.settings_table) if row["Differs"] or not differing]
    if shown:
        title = "Settings that differ" if differing else "Settings, the same in both runs"
        rest = f"{len(compared.settings) - len(differing)} more settings are the same or unknown: see --format json"
        yield together(table(title, shown), *([rest] if differing else []))


def _rows(view: TableView) -> list[Row]:
    names = [heading.text for heading in view.headings]
    return [
        dict(zip(names, (cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row), strict=True)) for row in view.rows
    ]
