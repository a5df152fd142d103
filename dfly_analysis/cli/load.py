"""The command load."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import cluster_option, options, paths_argument, resolve_settings, settings_options
from dfly_analysis.cli.output import reporting, with_schema_version
from dfly_analysis.options import ReadingOptions

if TYPE_CHECKING:
    from dfly_analysis.dataset import Prometheus
    from dfly_analysis.dataset.export import Written

_COVERAGE = "coverage.json"


@click.command()
@paths_argument
@settings_options
@options(ReadingOptions, without=("cache",))
@cluster_option
@click.option(
    "--tables",
    type=click.Choice(["all", "events"]),
    default="all",
    help="Tables to write: all, or events alone without reconstructing pieces and tasks.",
)
@click.option("-o", "--output", required=True, metavar="DIR", help="Output directory, or s3://bucket/prefix.")
def load(
    paths: tuple[str, ...],
    output: str,
    tz: str,
    log_format: str | None,
    prometheus: str | None,
    cluster: str | None,
    tables: str,
    **given: Any,
) -> None:
    """Write the input as Parquet tables, in bounded memory.

    coverage.json in the output directory says what was read of each file.

    DIR/events.parquet has one part per input file. The other commands accept it in place of the logs.
    """
    from dfly_analysis.dataset import ReadOptions
    from dfly_analysis.dataset.export import write_tables

    settings = resolve_settings(given)
    with reporting() as (on_error, progress):
        written = write_tables(
            paths, output, ReadOptions(tz, log_format), settings=settings, cluster=cluster,
            prometheus=_server(prometheus), reconstruct=tables == "all", on_problem=on_error,
            progress=progress,
        )  # fmt: skip
    folder = output.rstrip("/")
    for name, rows in written.tables.items():
        click.echo(f"{folder}/{name}\t{rows} rows")
    _write_coverage(output, written)
    click.echo(f"{folder}/{_COVERAGE}")


def _server(url: str | None) -> Prometheus | None:
    if not url:
        return None
    from dfly_analysis.dataset import Prometheus

    return Prometheus(url)


def _write_coverage(output: str, written: Written) -> None:
    from dfly_analysis.io.output_store import open_store
    from dfly_analysis.reporting.json import coverage_of_rows, coverage_rows_json

    content = with_schema_version(
        **coverage_of_rows(written.coverage), by_file=coverage_rows_json(written.coverage), lacks=written.missing_inputs,
        problems=written.problems,
    )  # fmt: skip
    open_store(output).write(_COVERAGE, json.dumps(content, indent=1, ensure_ascii=False).encode())
