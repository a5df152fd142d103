"""The command diagnose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import (
    exit_on_severity,
    fail_on_option,
    format_option,
    load_dataset,
    paths_argument,
    reading_options,
    settings_options,
)
from dfly_analysis.cli.output import Row, bullets, print_result, table, together
from dfly_analysis.units import format_share

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dfly_analysis.dataset import Dataset
    from dfly_analysis.findings import Diagnosis


@click.command()
@paths_argument
@settings_options
@reading_options
@fail_on_option
@format_option
def diagnose(paths: tuple[str, ...], fail_on: str | None, output_format: str, **given: Any) -> None:
    """Show what failed and why: findings, evidence and root causes."""
    from dfly_analysis.diagnosis import diagnose as find
    from dfly_analysis.reporting.json import diagnose_json

    dataset = load_dataset(paths, **given)
    found = find(dataset)
    rows = _rows(dataset, found)
    print_result(diagnose_json(dataset, found), output_format, rows, lambda: _view(dataset, found, rows))
    exit_on_severity(found.present(), fail_on)


def _rows(dataset: Dataset, found: Diagnosis) -> list[Row]:
    """Return one row for each finding that is present."""
    nothing = "no problem found" if _count(dataset) else "no finding, but the input contains no task"
    rows: list[Row] = [
        {"severity": one.severity, "finding": one.id, "count": one.count, "tasks": one.tasks, "what": one.reason}
        for one in found.present()
    ]
    return rows or [{"severity": "-", "finding": "none", "what": nothing}]


def _count(dataset: Dataset, condition: str = "true") -> int:
    """Count tasks in SQL: their table can be large, and a frame of it would load pandas."""
    return int(dataset.rows(f"SELECT count(*) FROM tasks WHERE {condition}")[0][0])  # noqa: S608 - conditions of the package


def _view(dataset: Dataset, found: Diagnosis, rows: list[Row]) -> Iterator[RenderableType]:
    from dfly_analysis.dataset.dataset import FAILED

    failed, total = _count(dataset, FAILED), _count(dataset)
    tasks = f"{failed} of {total} tasks failed" if total else "the input contains no task"
    yield f"{tasks}; primary cause: {found.primary_cause or 'none'}"
    yield table("Findings", rows)
    causes = [
        {"cause": one.cause, "tasks": one.tasks, "share": format_share(one.share), "95 % interval": f"{format_share(one.low)} to {format_share(one.high)}", "confidence": one.confidence}
        for one in found.causes
    ]  # fmt: skip
    if causes:
        yield table("Root causes of failed tasks", causes)
    evidence = [
        {"finding": one.id, "line": f"{line.path}:{line.line}"} for one in found.present() for line in one.evidence[:2]
    ]
    if evidence:
        yield table("Evidence", evidence)
    if dataset.missing_inputs:
        yield together("Missing from the input", bullets(dataset.missing_inputs))
