"""The command report."""

import json
import shutil
import sys
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from dfly_analysis.cli.options import (
    cluster_option,
    command,
    fail_on_option,
    folder_option,
    options,
    resolve_settings,
    timeout_option,
)
from dfly_analysis.cli.output import Progress, message
from dfly_analysis.options import AnalysisOptions
from dfly_analysis.reporting.pdf import find_chromium, print_pdf
from dfly_analysis.schema import SEVERITIES

TABLES, EVENTS = "tables", "events.parquet"
"""What a cluster has read, inside a report's directory."""


@command(
    "dfly-analysis report logs/ jobs.json --values values.yaml --chart 1.7.4 -o reports/run-1",
    "dfly-analysis report run.tar.gz --size 20GiB --lang zh",
)
@options(AnalysisOptions, paths=True)
@cluster_option
@timeout_option
@fail_on_option
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@click.option("--pdf", is_flag=True, help="Also write report.pdf, by a Chromium that is installed.")
@folder_option("reports/run")
def report(paths: tuple[str, ...], output: Path, timeout: float, *, cluster: str | None, fail_on: str | None, opens: bool, pdf: bool, **given: Any) -> None:  # fmt: skip
    """Write the tuning report: HTML page, JSON and Helm values.

    The output directory receives report.html, report.json, overlay.values.yaml, alerts.rules.yaml, manifest.json and
    executed.ipynb. The verdict and the proposed settings are shown on stderr; the last line on stdout is the path of the HTML page.

    With --cluster, the workers write their tables to DIR/tables; DIR must be the same directory on all machines.
    """
    from dfly_analysis.dataset import ReadOptions, check_input
    from dfly_analysis.dataset.export import write_tables
    from dfly_analysis.reporting.notebooks import run_notebook

    browser = find_chromium() if pdf else ""
    settings = resolve_settings(given)  # refuse a wrong file before a kernel starts
    _refuse_secret(given["prometheus"])
    parameters = AnalysisOptions.of(**given).parameters()
    parameters["values"] = str(Path(given["values"]).absolute()) if given["values"] else None
    with _stdin_as_file(paths) as listed, Progress() as progress:
        # fail with one line, before a notebook wraps the error
        check = partial(check_input, listed, given["tz"], given["log_format"])
        parameters["paths"] = listed
        if cluster:
            check()
            folder, read_options = (output / TABLES).absolute(), ReadOptions(given["tz"], given["log_format"])
            # the tables keep what cannot be read, and whoever reads them reports it
            write_tables(listed, folder, read_options, settings=settings, cluster=cluster, reconstruct=False, progress=progress)  # fmt: skip
            parameters["paths"] = [str(folder / EVENTS)]
        page = run_notebook(
            "tuning_report", {name: value for name, value in parameters.items() if value is not None}, output, timeout_s=timeout,
            cell_timeout_s=timeout, progress=lambda done, cells, heading: progress(f"{done}/{cells} {heading}"),
            before=None if cluster else check,
        )  # fmt: skip
    found = json.loads(page.with_name("report.json").read_text("utf-8"))
    for problem in found["data_quality"]["problems"]:  # the notebook shows them on the page alone
        message(problem)
    message(f"{found['verdict']['headline']}")
    for one in found["recommend"]["recommendations"]:
        message(f"set {one['key']} of the {one['role']} to {one['proposed']} ({output / 'overlay.values.yaml'})")
    if pdf:
        print_pdf(browser, page, timeout)
    if opens:
        webbrowser.open(page.absolute().as_uri())
    click.echo(str(page))
    severities = SEVERITIES[: SEVERITIES.index(fail_on) + 1] if fail_on else ()
    if any(one["verdict"] == "present" and one["severity"] in severities for one in found["diagnose"]["findings"]):
        click.get_current_context().exit(1)


@contextmanager
def _stdin_as_file(paths: Sequence[str]) -> Iterator[list[str]]:
    """Yield absolute paths, sorted, and a file in place of standard input, which a notebook's kernel does not share."""
    with TemporaryDirectory(prefix="dfly-analysis-") as folder:
        copy = Path(folder, "stdin")
        if "-" in paths:
            with copy.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        yield sorted(
            str(copy) if path == "-" else path if "://" in path else str(Path(path).absolute()) for path in paths
        )


def _refuse_secret(prometheus: str | None) -> None:
    """Refuse an address with a password: a report keeps its parameters in clear."""
    from dfly_analysis.readers.prometheus.live_query import TOKEN
    from dfly_analysis.redaction import redact

    if prometheus and redact(prometheus) != prometheus:
        hint = f"put the password into ~/.netrc, or a token into the variable {TOKEN}"
        raise click.UsageError(f"--prometheus contains a password, which the report would store: {hint}")
