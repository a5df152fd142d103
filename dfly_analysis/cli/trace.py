"""The command trace."""

from pathlib import Path
from typing import Any

import click

from dfly_analysis.cli.options import command, file_option, load_dataset, options, refuse_input
from dfly_analysis.cli.output import message
from dfly_analysis.errors import NotEnoughDataError
from dfly_analysis.options import ReadingOptions, SettingsOptions


@command(
    "dfly-analysis trace run.tar.gz -o trace.json", "dfly-analysis trace logs/ jobs.json --format otlp -o spans.json"
)
@options(SettingsOptions, ReadingOptions, paths=True)
@file_option("-o", "--output", required=True, help="File to write.")
@click.option("--format", "trace_format", type=click.Choice(["chrome", "otlp"]), default="chrome", show_default=True, help="Trace Event JSON for Perfetto, or OTLP JSON for Jaeger.")  # fmt: skip
def trace(paths: tuple[str, ...], output: Path, trace_format: Any, **given: Any) -> None:
    """Write tasks and pieces as a trace for Perfetto or Jaeger.

    Jobs and the waits for a scheduler are spans too.
    """
    from dfly_analysis.reporting.trace import write_trace

    refuse_input(output, paths)
    dataset = load_dataset(paths, given)
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("w", encoding="utf-8") as out:
            count = write_trace(dataset, out, trace_format)
        if not count:
            raise NotEnoughDataError("no task has a start and an end", where=", ".join(paths), hint="give the clients' logs or the scheduler's core.log")  # fmt: skip
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    click.echo(str(output))
    message(f"{count:,} spans")
