"""The command report."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import (
    cluster_option,
    folder_option,
    options,
    paths_argument,
    resolve_settings,
    timeout_option,
)
from dfly_analysis.cli.output import Progress, message
from dfly_analysis.options import AnalysisOptions

if TYPE_CHECKING:
    from dfly_analysis.config import Settings

TABLES = "tables"
"""Folder inside a report's, for what a cluster has read."""
EVENTS = "events.parquet"


@click.command()
@paths_argument
@options(AnalysisOptions)
@cluster_option
@timeout_option
@folder_option("reports/run")
def report(paths: tuple[str, ...], output: Path, timeout: float, *, cluster: str | None, **given: Any) -> None:
    """Write the tuning report: HTML page, JSON and Helm values.

    The output directory receives report.html, report.json, overlay.values.yaml, alerts.rules.yaml, manifest.json and
    executed.ipynb. The last line on stdout is the path of the HTML page.

    With --cluster, the workers write their tables to DIR/tables; DIR must be the same directory on all machines.
    """
    from dfly_analysis.dataset import check_input
    from dfly_analysis.reporting.notebooks import run_notebook

    settings = resolve_settings(given)  # refuse a wrong file before a kernel starts
    _refuse_secret(given["prometheus"])
    requested = AnalysisOptions.of(**given)
    parameters = requested.parameters()
    parameters["values"] = str(Path(given["values"]).absolute()) if given["values"] else None
    with _stdin_as_file(paths) as listed, Progress() as progress:
        # fail with one line, before a notebook wraps the error
        check = partial(check_input, listed, requested.tz, requested.log_format)
        if cluster:
            check()
        parameters["paths"] = (
            [_read_on_cluster(cluster, listed, output / TABLES, settings, given)] if cluster else listed
        )
        page = run_notebook(
            "tuning_report",
            {name: value for name, value in parameters.items() if value is not None},
            output,
            timeout_s=timeout,
            cell_timeout_s=timeout,
            progress=lambda done, cells, heading: progress(f"{done}/{cells} {heading}"),
            before=None if cluster else check,
        )
    # The notebook shows on the page alone what could not be read.
    for problem in json.loads(page.with_name("report.json").read_text("utf-8"))["data_quality"]["problems"]:
        message(problem)
    click.echo(str(page))


@contextmanager
def _stdin_as_file(paths: Sequence[str]) -> Iterator[list[str]]:
    """Yield absolute paths, and a file in place of standard input, which a notebook's kernel does not share."""
    with ExitStack() as stack:
        listed = []
        for path in paths:
            if path == "-":
                folder = stack.enter_context(TemporaryDirectory(prefix="dfly-analysis-"))
                copy = Path(folder, "stdin")
                with copy.open("wb") as file:
                    shutil.copyfileobj(sys.stdin.buffer, file)
                listed.append(str(copy))
            else:
                listed.append(path if "://" in path else str(Path(path).absolute()))
        yield listed


def _refuse_secret(prometheus: str | None) -> None:
    """Refuse an address with a password: a report keeps its parameters in clear."""
    from dfly_analysis.readers.prometheus.http_api import TOKEN
    from dfly_analysis.redaction import redact

    if prometheus and redact(prometheus) != prometheus:
        hint = f"put the password into ~/.netrc, or a token into the variable {TOKEN}"
        raise click.UsageError(f"--prometheus contains a password, which the report would store: {hint}")


def _read_on_cluster(
    cluster: str, paths: Sequence[str], folder: Path, settings: Settings | None, given: Mapping[str, Any]
) -> str:
    """Let a cluster read the files into a folder of tables, and return the table to use instead of the files."""
    from dfly_analysis.dataset import ReadOptions
    from dfly_analysis.dataset.export import write_tables

    reading = ReadOptions(given["tz"], given["log_format"])
    with Progress() as progress:  # the tables keep what cannot be read, and whoever reads them reports it
        write_tables(
            paths, folder.absolute(), reading, settings=settings, cluster=cluster, reconstruct=False, progress=progress
        )
    return str(folder.absolute() / EVENTS)
