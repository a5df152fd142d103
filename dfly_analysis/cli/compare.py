"""The command compare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import command, format_option_of, options
from dfly_analysis.cli.output import Row, bullets, junit, print_result, table, wrap
from dfly_analysis.errors import NotEnoughDataError
from dfly_analysis.findings import Finding, Verdict
from dfly_analysis.options import ComparisonOptions

if TYPE_CHECKING:
    from dfly_analysis.reporting.comparison_report import ComparisonReport
    from dfly_analysis.reporting.components import TableView


@command(
    "dfly-analysis compare monday.tar.gz tuesday.tar.gz",
    "dfly-analysis compare before/ after/ --values-before old.yaml --values-after new.yaml",
)
@click.argument("before")
@click.argument("after")
@options(ComparisonOptions, without=("lang",))
@format_option_of("junit")
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
    if output_format == "junit":
        click.echo(junit("compare", _cases(found)))
    else:
        print_result(found.to_dict(), output_format, _rows(found.effects), lambda: _view(found))


def _cases(found: ComparisonReport) -> list[Finding]:
    """Return the verdict and each effect as test cases: what is worse is a failure, what cannot be told is skipped."""
    compared = found.comparison
    verdicts: dict[str, Verdict] = {"worse": "present", "cannot tell": "unknown"}
    verdict = Finding(
        "verdict", compared.verdict, verdicts.get(compared.verdict, "absent"), "high", reason=" ".join(compared.because)
    )
    rows = zip(compared.effects, _rows(found.effects), strict=False)
    return [verdict, *(
        Finding(one.id, str(row["Quantity"]), "present" if one.direction > 0 else "absent", "high", reason=f"{row['Before']} before, {row['After']} after")
        for one, row in rows
    )]  # fmt: skip


def _view(found: ComparisonReport) -> Iterator[str]:
    compared = found.comparison
    yield f"Verdict: {compared.verdict}"
    notes = [*compared.because, *(f"warning: {text}" for text in compared.cautions)]
    yield bullets(notes)
    yield table("Effects", _rows(found.effects))
    n_different = sum(pair.changed for pair in compared.settings)
    shown = [row for row in _rows(found.settings_table) if row["Change"] or not n_different]
    if shown and n_different:
        rest = f"{len(compared.settings) - n_different} more settings are the same or unknown: see --format json"
        yield f"{table('Settings that differ', shown)}\n{wrap(rest)}"
    elif shown:
        yield table("Settings, the same in both runs", shown)


def _rows(view: TableView) -> list[Row]:
    names = [heading.text for heading in view.headings]
    return [dict(zip(names, row, strict=True)) for row in view.rows]
