"""The command that writes what was read as tables: load."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import paths_argument, resolved, settings_options, telling, writing_options
from dfly_analysis.cli.printing import enveloped

if TYPE_CHECKING:
    from dfly_analysis.dataset import Prometheus
    from dfly_analysis.dataset.export import Written

_COVERAGE = "coverage.json"


@click.command()
@paths_argument
@settings_options
@writing_options
@click.option(
    "--tables",
    type=click.Choice(["all", "events"]),
    default="all",
    help="All tables, or records alone: no pieces and tasks are rebuilt from them.",
)
@click.option("-o", "--output", required=True, metavar="DIR", help="Folder, or s3://bucket/prefix, to write to.")
def load(
    paths: tuple[str, ...],
    output: str,
    tz: str,
    log_format: str | None,
    prometheus: str | None,
    cluster: str | None,
    tables: str,
    **asked: Any,
) -> None:
    """Write the tables as Parquet, however large the input is.

    Memory does not grow with it. What was read stands in coverage.json.

    DIR/events.parquet is a folder with one part a file; it can be given to the other commands in place of the logs.
    """
    from dfly_analysis.beside import allowed
    from dfly_analysis.dataset import ReadOptions
    from dfly_analysis.dataset.export import write_tables

    settings = resolved(asked)
    with telling() as (tell, progress), allowed(if_so=cluster is None):
        written = write_tables(
            paths, output, ReadOptions(tz, log_format), settings=settings, cluster=cluster,
            prometheus=_server(prometheus), reconstruct=tables == "all", on_problem=tell, progress=progress,
        )  # fmt: skip
    for name, rows in written.tables.items():
        click.echo(f"{output.rstrip('/')}/{name}\t{rows} rows")
    click.echo(f"{output.rstrip('/')}/{_write_coverage(output, written)}")


def _write_coverage(output: str, written: Written) -> str:
    """Write what became of the input, and return the name of that file."""
    from dfly_analysis.io.output_store import open_store
    from dfly_analysis.report.json import coverage_of_rows, coverage_rows_json

    by_file = coverage_rows_json(written.coverage)
    content = enveloped(
        **coverage_of_rows(written.coverage), by_file=by_file, lacks=written.missing_inputs, problems=written.problems
    )
    open_store(output).write(_COVERAGE, json.dumps(content, indent=1, ensure_ascii=False).encode())
    return _COVERAGE


def _server(url: str | None) -> Prometheus | None:
    if not url:
        return None
    from dfly_analysis.dataset import Prometheus

    return Prometheus(url)
