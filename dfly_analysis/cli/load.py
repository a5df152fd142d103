"""The command load."""

import json
from typing import Any

import click

from dfly_analysis.cli.options import cluster_option, command, options, resolve_settings
from dfly_analysis.cli.output import reporting
from dfly_analysis.options import ReadingOptions, SettingsOptions

_COVERAGE = "coverage.json"


@command(
    "dfly-analysis load logs/ -o tables/",
    "dfly-analysis load logs/ --cluster tcp://scheduler:8786 -o s3://bucket/tables",
)
@options(SettingsOptions, paths=True)
@options(ReadingOptions, without=("cache",))
@cluster_option
@click.option("--tables", type=click.Choice(["all", "events"]), default="all", help="Tables to write: all, or events alone without reconstructing pieces and tasks.")  # fmt: skip
@click.option("-o", "--output", required=True, metavar="DIR", help="Output directory, or s3://bucket/prefix.")
def load(paths: tuple[str, ...], output: str, prometheus: str | None, cluster: str | None, tables: str, **given: Any) -> None:  # fmt: skip
    """Write the input as Parquet tables, in bounded memory.

    coverage.json in the output directory says what was read of each file.

    DIR/events.parquet has one part per input file. The other commands accept it in place of the logs.
    """
    from dfly_analysis.dataset import Prometheus, ReadOptions
    from dfly_analysis.dataset.export import write_tables
    from dfly_analysis.io.output_store import open_store
    from dfly_analysis.reporting.json import coverage_json, coverage_rows_json, versioned
    from dfly_analysis.schema import COVERAGE

    settings, read_options = resolve_settings(given), ReadOptions(given["tz"], given["log_format"])
    with reporting() as (on_error, progress):
        written = write_tables(
            paths, output, read_options, settings=settings, cluster=cluster, prometheus=Prometheus(prometheus) if prometheus else None,
            reconstruct=tables == "all", on_problem=on_error, progress=progress,
        )  # fmt: skip
    folder = output.rstrip("/")
    for name, rows in written.tables.items():
        click.echo(f"{folder}/{name}\t{rows} rows")
    problems = {"lacks": written.missing_inputs, "problems": written.problems}
    files = {"by_file": coverage_rows_json(written.coverage), **problems}
    content = versioned(coverage_json(COVERAGE.frame(written.coverage)) | files)
    open_store(output).write(_COVERAGE, json.dumps(content, indent=1, ensure_ascii=False).encode())
    click.echo(f"{folder}/{_COVERAGE}")
