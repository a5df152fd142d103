"""Commands that make reports again, or many of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dfly_analysis.cli.options import Progress, folder_option, format_option, lang_option, timeout_option
from dfly_analysis.cli.printing import enveloped, print_result
from dfly_analysis.errors import NotebookError
from dfly_analysis.workers import worker_count

if TYPE_CHECKING:
    from dfly_analysis.batch import Outcome


@click.command()
@click.argument("page", metavar="REPORT.html", type=click.Path(path_type=Path, dir_okay=False))
@timeout_option
@folder_option("reports/rerun")
def rerun(page: Path, output: Path, timeout: float) -> None:
    """Make a report again from its page, and compare verdicts.

    An input that has changed or vanished is an error; a verdict that differs ends with 5. The last line of stdout is the
    path of the new page.
    """
    from dfly_analysis.notebook.repeating import repeat_report

    with Progress() as progress:
        made, different = repeat_report(
            page,
            output,
            timeout_s=timeout,
            progress=lambda done, cells, heading: progress(f"{done}/{cells} {heading}"),
        )
    click.echo(str(made))
    if different:
        raise NotebookError(f"the verdict differs: {'; '.join(different)}", where=str(page))
    click.echo("dfly-analysis: the verdict is the same", err=True)


@click.command()
@click.argument("matrix", metavar="MATRIX.yaml", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "-j",
    "--jobs",
    "workers",
    type=click.IntRange(1, 256),
    default=worker_count,
    show_default="processors",
    help="How many at a time.",
)
@click.option("--resume", is_flag=True, help="Keep the reports that an earlier run made with the same parameters.")
@lang_option
@timeout_option
@folder_option("reports/batch")
@format_option
def batch(
    matrix: Path, output: Path, workers: int, resume: bool, lang: str, timeout: float, output_format: str
) -> None:
    """Make many reports, listed or crossed in MATRIX.yaml.

    It lists them under `reports:`, or crosses lists of parameters under `matrix:`.

    A report that fails is kept with its error and stops no other. DIR gets a folder a report, index.html, summary.csv and
    batch.json. Ends with 0 where all were made, else with the exit code the failures share, or 5.
    """
    from dfly_analysis.batch import read_matrix, run_batch, summary_rows, write_index

    asked = read_matrix(matrix)
    told: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        told.append(outcome)
        progress(f"{len(told)}/{len(asked)} {outcome.name}: {outcome.state}")

    with Progress() as progress:
        outcomes = run_batch(asked, output, workers=workers, resume=resume, timeout_s=timeout, tell=tell)
    rows = summary_rows(outcomes, output)
    index = write_index(rows, output, lang)
    shown = [{name: value for name, value in row.items() if name != "error"} for row in rows]
    print_result(
        enveloped(index=str(index), reports=rows),
        output_format,
        {"Reports": shown if output_format == "table" else rows},
    )
    failed = [one for one in outcomes if one.state == "failed"]
    for one in failed:
        click.echo(f"dfly-analysis: {one.name}: {one.error}", err=True)
    if output_format == "table":
        click.echo(f"\n{index}")
    codes = {one.exit_code for one in failed}
    if codes:
        click.get_current_context().exit(codes.pop() if len(codes) == 1 else NotebookError.exit_code)
