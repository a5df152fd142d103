"""The command rerun."""

from pathlib import Path

import click

from dfly_analysis.cli.options import command, folder_option, timeout_option
from dfly_analysis.cli.output import Progress, message
from dfly_analysis.errors import NotebookError


@command("dfly-analysis rerun reports/run-1/report.html -o reports/run-1-again")
@click.argument("page", metavar="REPORT.html", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--prometheus", metavar="URL", help="Ask this Prometheus server again, where the report was made with it."
)
@click.option(
    "--s3",
    "objects",
    metavar="URL",
    multiple=True,
    help="Read this S3 address again, where the report was made from it; may be repeated.",
)
@timeout_option
@folder_option("reports/rerun")
def rerun(page: Path, output: Path, timeout: float, prometheus: str | None, objects: tuple[str, ...]) -> None:
    """Run a report again from its HTML page, and compare verdicts.

    A changed or missing input file is an error. Exit 5 if the verdict differs. The last line on stdout is the path of the
    new page.
    """
    from dfly_analysis.reporting.notebooks.rerun import rerun_report

    with Progress() as progress:
        new_page, different = rerun_report(
            page,
            output,
            timeout_s=timeout,
            prometheus=prometheus,
            objects=objects,
            progress=lambda done, cells, heading: progress(f"{done}/{cells} {heading}"),
        )
    click.echo(str(new_page))
    if different:
        raise NotebookError(f"the verdict differs: {'; '.join(different)}", where=str(page))
    message("the verdict is the same")
