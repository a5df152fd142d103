"""Commands that read input and say what it means: report, load, diagnose, fit, recommend."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import (
    Duration,
    LogFormatId,
    Progress,
    fail_on_option,
    format_option,
    load_dataset,
    paths_argument,
    reading_options,
    settings_options,
    size_option,
    target_option,
    telling,
    tz_option,
)
from dfly_analysis.cli.printing import enveloped, print_result
from dfly_analysis.cli.rows import advice_rows, advice_text, diagnosis_tables, fit_rows, fits_text
from dfly_analysis.errors import NotEnoughDataError
from dfly_analysis.knowledge.text import LANGUAGES

if TYPE_CHECKING:
    from dfly_analysis.findings import Diagnosis
    from dfly_analysis.loading.writing import Written


@click.command()
@paths_argument
@settings_options
@size_option
@target_option
@tz_option
@click.option("--lang", type=click.Choice(LANGUAGES), default="en", show_default=True, help="Language of the report.")
@click.option("--timeout", type=Duration(), default="30m", show_default=True, help="How long the notebook may run.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("reports/run"),
    show_default=True,
    metavar="DIR",
    help="Folder to write to.",
)
def report(
    paths: tuple[str, ...],
    output: Path,
    size: int | None,
    target_failure_rate: float,
    tz: str,
    lang: str,
    timeout: float,
    **asked: Any,
) -> None:
    """Write the tuning report: report.html, report.json, overlay.values.yaml, alerts.rules.yaml, manifest.json, executed.ipynb.

    The last line of stdout is the path of the HTML page.
    """
    from dfly_analysis.notebook import run_notebook
    from dfly_analysis.settings import Settings

    Settings.resolve(
        asked["values"], chart=asked["chart"], client=asked["client"], scheduler=asked["scheduler"]
    )  # refuse a wrong file before a kernel starts
    parameters: dict[str, Any] = {
        "size": f"{size}B" if size else None, "target_failure_rate": target_failure_rate, "tz": tz, "lang": lang,
        **{name: str(value) if value else None for name, value in asked.items()},
    }  # fmt: skip
    if asked["values"]:
        parameters["values"] = str(asked["values"].absolute())
    with _kept_stdin(paths) as listed, Progress() as progress:
        _check_readable(listed, tz)
        parameters["paths"] = listed
        page = run_notebook(
            "tuning_report",
            {name: value for name, value in parameters.items() if value is not None},
            output,
            timeout_s=timeout,
            cell_timeout_s=timeout,
            progress=lambda done, cells, heading: progress(f"{done}/{cells} {heading}"),
        )
    click.echo(str(page))


@contextmanager
def _kept_stdin(paths: Sequence[str]) -> Iterator[list[str]]:
    """Give absolute paths, and a file in place of standard input, which a notebook's kernel does not share."""
    with ExitStack() as stack:
        listed = []
        for path in paths:
            if path == "-":
                folder = stack.enter_context(TemporaryDirectory(prefix="dfly-analysis-"))
                kept = Path(folder, "stdin")
                with kept.open("wb") as file:
                    shutil.copyfileobj(sys.stdin.buffer, file)
                listed.append(str(kept))
            else:
                listed.append(path if "://" in path else str(Path(path).absolute()))
        yield listed


def _check_readable(paths: Sequence[str], tz: str) -> None:
    """Refuse what cannot be read with its own one line and exit code, before a notebook wraps it."""
    from dfly_analysis.loading import check_input

    check_input(paths, tz)


@click.command()
@paths_argument
@settings_options
@tz_option
@click.option(
    "--log-format", "--format", type=LogFormatId(), metavar="ID", help="Read logs in this format, not the one found."
)
@click.option("--prometheus", metavar="URL", help="Ask this server too, for the time the logs cover.")
@click.option("--cluster", metavar="ADDRESS", help="Let the workers of this dask.distributed scheduler read the files.")
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
    """Write the tables as Parquet, and coverage.json, in memory that does not grow with the input.

    DIR/events.parquet is a folder with one part a file; it can be given to the other commands in place of the logs.
    """
    from dfly_analysis.sources.memory import keep_pages

    keep_pages()  # before there are threads: also those that numpy starts
    from dfly_analysis.loading import Prometheus, Reading
    from dfly_analysis.loading.writing import write_tables
    from dfly_analysis.settings import Settings

    settings = Settings.resolve(
        asked["values"], chart=asked["chart"], client=asked["client"], scheduler=asked["scheduler"]
    )
    with telling() as (tell, progress):
        written = write_tables(
            paths, output, Reading(tz, log_format), settings=settings, cluster=cluster,
            prometheus=Prometheus(prometheus) if prometheus else None, rebuild=tables == "all", on_problem=tell, progress=progress,
        )  # fmt: skip
    for name, rows in written.tables.items():
        click.echo(f"{output.rstrip('/')}/{name}\t{rows} rows")
    click.echo(f"{output.rstrip('/')}/{_write_coverage(output, written)}")


def _write_coverage(output: str, written: Written) -> str:
    """Write what became of the input, and return the name of that file."""
    from dfly_analysis.report.json import coverage_of_rows, coverage_rows_json
    from dfly_analysis.sources.store import open_store

    by_file = coverage_rows_json(written.coverage)
    content = enveloped(
        **coverage_of_rows(written.coverage), by_file=by_file, lacks=written.lacks, problems=written.problems
    )
    with TemporaryDirectory(prefix="dfly-analysis-") as folder:
        path = Path(folder, "coverage.json")
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False), "utf-8")
        open_store(output).write(path.name, path)
        return path.name


@click.command()
@paths_argument
@settings_options
@reading_options
@fail_on_option
@format_option
def diagnose(paths: tuple[str, ...], fail_on: str | None, output_format: str, **asked: Any) -> None:
    """Say what failed and why, with evidence, and each cause's share of the failed tasks."""
    from dfly_analysis.diagnosis import diagnose as run
    from dfly_analysis.report.json import diagnose_json

    dataset = load_dataset(paths, **asked)
    findings = run(dataset)
    print_result(diagnose_json(dataset, findings), output_format, diagnosis_tables(dataset, findings))
    _end(findings, fail_on)


def _end(findings: Diagnosis, fail_on: str | None) -> None:
    from dfly_analysis.findings import SEVERITIES

    if fail_on and any(SEVERITIES.index(one.severity) <= SEVERITIES.index(fail_on) for one in findings.present()):
        click.get_current_context().exit(1)


@click.command()
@paths_argument
@settings_options
@reading_options
@format_option
def fit(paths: tuple[str, ...], output_format: str, **asked: Any) -> None:
    """Fit the models the data carry: laws of a piece's time, failure of tasks by size."""
    from dfly_analysis.fits import NotFitted
    from dfly_analysis.models import fit_all
    from dfly_analysis.report.json import fit_json

    fits = fit_all(load_dataset(paths, **asked))
    made = {name: one for name, one in fits.items() if not isinstance(one, NotFitted)}
    if not made:
        first = next(iter(fits.values()))
        raise NotEnoughDataError(
            f"no model can be fitted: {getattr(first, 'reason', '')}",
            where=", ".join(paths),
            hint=getattr(first, "collect", None),
        )
    missing = {name: one for name, one in fits.items() if isinstance(one, NotFitted)}
    text = fits_text(made, missing) if output_format == "table" else None
    print_result(fit_json(fits), output_format, {"Fits": fit_rows(made)}, text)


@click.command()
@paths_argument
@settings_options
@size_option
@target_option
@reading_options
@click.option(
    "--overlay", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write Helm values to this file."
)
@format_option
def recommend(
    paths: tuple[str, ...],
    size: int | None,
    target_failure_rate: float,
    overlay: Path | None,
    output_format: str,
    **asked: Any,
) -> None:
    """Say which settings to change, from what to what, with interval and reason."""
    from dfly_analysis.diagnosis import diagnose as run
    from dfly_analysis.models import fit_all
    from dfly_analysis.overlay import Overlay
    from dfly_analysis.report.json import recommend_json
    from dfly_analysis.rules import recommend as advise

    dataset = load_dataset(paths, **asked)
    advice = advise(dataset, run(dataset), fit_all(dataset), size=size, target_failure_rate=target_failure_rate)
    if overlay:
        Overlay.from_advice(advice).write(overlay)
    text = advice_text(advice, str(overlay) if overlay else None)
    print_result(recommend_json(advice), output_format, {"Advice": advice_rows(advice)}, text)
    for warning in advice.warnings:
        click.echo(f"dfly-analysis: warning: {warning}", err=True)
