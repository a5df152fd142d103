"""Commands that read input and say what it means: report, diagnose, fit, recommend."""

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
    Progress,
    cluster_option,
    end_where_grave,
    fail_on_option,
    folder_option,
    format_option,
    lang_option,
    load_dataset,
    paths_argument,
    reading_options,
    resolved,
    settings_options,
    size_option,
    target_option,
    timeout_option,
)
from dfly_analysis.cli.printing import print_result
from dfly_analysis.cli.rows import advice_rows, advice_text, diagnosis_tables, fit_rows, fits_text
from dfly_analysis.errors import NotEnoughDataError
from dfly_analysis.units import format_size, parse_size

if TYPE_CHECKING:
    from dfly_analysis.settings import Settings

TABLES = "tables"
"""Folder inside a report's, for what a cluster has read."""
EVENTS = "events.parquet"


@click.command()
@paths_argument
@settings_options
@size_option
@target_option
@reading_options
@cluster_option
@lang_option
@timeout_option
@folder_option("reports/run")
def report(
    paths: tuple[str, ...],
    output: Path,
    size: int | None,
    lang: str,
    timeout: float,
    *,
    cluster: str | None,
    no_cache: bool,
    **asked: Any,
) -> None:
    """Write the tuning report: a page, its numbers, Helm values.

    They are report.html, report.json, overlay.values.yaml, alerts.rules.yaml, manifest.json and executed.ipynb.

    The last line of stdout is the path of the HTML page. With --cluster, the tables that its workers write are kept in
    DIR/tables, which has to mean the same to them as here.
    """
    from dfly_analysis.dataset import check_input
    from dfly_analysis.notebook import run_notebook

    settings = resolved(asked)  # refuse a wrong file before a kernel starts
    _refuse_secret(asked["prometheus"])
    parameters: dict[str, Any] = {
        **asked, "size": _size_text(size) if size else None, "lang": lang, "cache": not no_cache,
        "values": str(asked["values"].absolute()) if asked["values"] else None,
    }  # fmt: skip
    with _kept_stdin(paths) as listed, Progress() as progress:
        # refuse it in one line, before a notebook wraps it
        check = partial(check_input, listed, asked["tz"], asked["log_format"])
        if cluster:
            check()
        parameters["paths"] = [_read_by(cluster, listed, output / TABLES, settings, asked)] if cluster else listed
        page = run_notebook(
            "tuning_report",
            {name: value for name, value in parameters.items() if value is not None},
            output,
            timeout_s=timeout,
            cell_timeout_s=timeout,
            progress=lambda done, cells, heading: progress(f"{done}/{cells} {heading}"),
            before=None if cluster else check,
        )
    _tell_problems(page.with_name("report.json"))
    click.echo(str(page))


def _tell_problems(written: Path) -> None:
    """Say what could not be read, a line each: the notebook shows it on the page alone."""
    for problem in json.loads(written.read_text("utf-8"))["data_quality"]["problems"]:
        click.echo(f"dfly-analysis: {problem}", err=True)


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


def _size_text(size_bytes: int) -> str:
    """Write a size as people do, where that says all of it."""
    text = "".join(format_size(size_bytes).split())
    return text if parse_size(text) == size_bytes else f"{size_bytes}B"


def _refuse_secret(prometheus: str | None) -> None:
    """Refuse an address with a password: a report keeps its parameters in clear."""
    from dfly_analysis.metrics.api import TOKEN
    from dfly_analysis.redaction import redact

    if prometheus and redact(prometheus) != prometheus:
        way = f"put the password into ~/.netrc, or a token into the variable {TOKEN}"
        raise click.UsageError(f"--prometheus holds a password, which the report would keep: {way}")


def _read_by(
    cluster: str, paths: Sequence[str], folder: Path, settings: Settings | None, asked: Mapping[str, Any]
) -> str:
    """Let a cluster read the files into a folder of tables, and return what stands for the files from then on."""
    from dfly_analysis.dataset import ReadOptions
    from dfly_analysis.dataset.export import write_tables

    reading = ReadOptions(asked["tz"], asked["log_format"])
    with Progress() as progress:  # what cannot be read is kept in the tables, and told by who reads them
        write_tables(
            paths, folder.absolute(), reading, settings=settings, cluster=cluster, rebuild=False, progress=progress
        )
    return str(folder.absolute() / EVENTS)


@click.command()
@paths_argument
@settings_options
@reading_options
@fail_on_option
@format_option
def diagnose(paths: tuple[str, ...], fail_on: str | None, output_format: str, **asked: Any) -> None:
    """Say what failed and why, by findings and shares of causes."""
    from dfly_analysis.diagnosis import diagnose as run
    from dfly_analysis.report.json import diagnose_json

    dataset = load_dataset(paths, **asked)
    findings = run(dataset)
    print_result(diagnose_json(dataset, findings), output_format, diagnosis_tables(dataset, findings))
    end_where_grave(findings.present(), fail_on)


@click.command()
@paths_argument
@settings_options
@reading_options
@format_option
def fit(paths: tuple[str, ...], output_format: str, **asked: Any) -> None:
    """Fit laws of piece times, and failure of tasks by size."""
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
@click.option(
    "--compression-ratio",
    type=click.FloatRange(1.0, min_open=True),
    metavar="R",
    help="Bytes of files in a compressed byte of a layer, e.g. 2.5; what is usual where not given.",
)
@format_option
def recommend(
    paths: tuple[str, ...],
    size: int | None,
    target_failure_rate: float,
    overlay: Path | None,
    compression_ratio: float | None,
    output_format: str,
    **asked: Any,
) -> None:
    """Say which settings to change, to what, and why."""
    from dfly_analysis.diagnosis import diagnose as run
    from dfly_analysis.models import fit_all
    from dfly_analysis.overlay import Overlay
    from dfly_analysis.report.json import recommend_json
    from dfly_analysis.rules import recommend as advise

    dataset = load_dataset(paths, **asked)
    advice = advise(
        dataset, run(dataset), fit_all(dataset), size=size, target_failure_rate=target_failure_rate,
        compression_ratio=compression_ratio,
    )  # fmt: skip
    if overlay:
        Overlay.from_advice(advice).write(overlay)
    text = advice_text(advice, str(overlay) if overlay else None)
    print_result(recommend_json(advice), output_format, {"Advice": advice_rows(advice)}, text)
    for warning in advice.warnings:
        click.echo(f"dfly-analysis: warning: {warning}", err=True)
