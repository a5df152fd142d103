"""The command batch."""

from pathlib import Path

import click

from dfly_analysis.cli.options import command, folder_option, format_option, options, timeout_option
from dfly_analysis.cli.output import Progress, message, print_result, table
from dfly_analysis.errors import NotebookError
from dfly_analysis.options import LanguageOptions
from dfly_analysis.workers import worker_count


@command("dfly-analysis batch runs.yaml -j 4 -o reports/march", "dfly-analysis batch runs.yaml --resume")
@click.argument("matrix", metavar="MATRIX.yaml", type=click.Path(path_type=Path, dir_okay=False))
@click.option("-j", "--jobs", type=click.IntRange(1, 256), metavar="N", default=worker_count, show_default="number of CPUs", help="Reports to run in parallel.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Keep the reports of an earlier run that had the same parameters.")
@options(LanguageOptions)
@timeout_option
@folder_option("reports/batch")
@format_option
def batch(matrix: Path, output: Path, jobs: int, resume: bool, lang: str, timeout: float, output_format: str) -> None:
    """Write many reports, listed or combined in MATRIX.yaml.

    The file lists reports under `reports:`, or lists of parameters under `matrix:`, of which all combinations are run.

    A failed report is kept with its error and does not stop the others. The output directory receives one directory per
    report, index.html, summary.csv and batch.json. Exit 0 if all succeeded, else the exit code that all failed reports
    share, or 5.
    """
    from dfly_analysis.reporting.batch import Outcome, read_matrix, run_batch, summary_rows, write_index

    specs = read_matrix(matrix)
    done: list[Outcome] = []

    def on_outcome(outcome: Outcome) -> None:
        done.append(outcome)
        progress(f"{len(done)}/{len(specs)} {outcome.name}: {outcome.state}")

    with Progress() as progress:
        outcomes = run_batch(specs, output, workers=jobs, resume=resume, timeout_s=timeout, on_outcome=on_outcome)
    rows = summary_rows(outcomes, output)
    index = str(write_index(rows, output, lang))
    shown = [{name: value for name, value in row.items() if name != "error"} for row in rows]
    print_result({"index": index, "reports": rows}, output_format, rows, lambda: [table("Reports", shown), index])
    failed = [one for one in outcomes if one.state == "failed"]
    for one in failed:
        message(f"{one.name}: {one.error}")
    codes = {one.exit_code for one in failed}
    if codes:
        click.get_current_context().exit(codes.pop() if len(codes) == 1 else NotebookError.exit_code)
