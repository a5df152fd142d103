"""The command diagnose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import (
    command,
    exit_on_severity,
    fail_on_option,
    format_option_of,
    load_dataset,
    options,
    require_task,
)
from dfly_analysis.cli.output import Row, bullets, junit, one_line, print_result, table, wrap
from dfly_analysis.options import ReadingOptions, SettingsOptions
from dfly_analysis.units import format_share

if TYPE_CHECKING:
    from dfly_analysis.dataset import Dataset
    from dfly_analysis.findings import Diagnosis


@command(
    "dfly-analysis diagnose logs/ --values values.yaml --chart 1.7.4",
    "dfly-analysis diagnose run.tar.gz --format json --fail-on high",
    "dfly-analysis diagnose run.tar.gz --format junit > diagnosis.xml",
    "kubectl logs -n dragonfly-system dragonfly-seed-client-0 | dfly-analysis diagnose -",
)
@options(SettingsOptions, ReadingOptions, paths=True)
@fail_on_option
@format_option_of("junit")
def diagnose(paths: tuple[str, ...], fail_on: str | None, output_format: str, **given: Any) -> None:
    """Show what failed and why: findings, evidence and root causes."""
    from dfly_analysis.diagnosis import diagnose as find
    from dfly_analysis.reporting.json import diagnose_json

    dataset = load_dataset(paths, given)
    found = find(dataset)
    rows = _rows(dataset, found)
    if output_format == "junit":
        click.echo(junit("diagnose", found))
    else:
        data = diagnose_json(dataset, found) if output_format in ("json", "yaml") else {}
        print_result(data, output_format, rows, lambda: _view(dataset, found, rows))
    exit_on_severity(found.present(), fail_on)
    if not found.present():
        require_task(dataset, paths)


def _rows(dataset: Dataset, found: Diagnosis) -> list[Row]:
    nothing = "no problem found" if _count(dataset) else "no finding, but the input contains no task"
    rows: list[Row] = [
        {"severity": one.severity, "finding": one.id, "count": one.count, "tasks": one.tasks, "what": one.reason}
        for one in found.present()
    ]
    return rows or [{"severity": "-", "finding": "none", "what": nothing}]


def _count(dataset: Dataset, condition: str = "true") -> int:
    """Count tasks in SQL: their table can be large, and a frame of it would load pandas."""
    return int(dataset.rows(f"SELECT count(*) FROM tasks WHERE {condition}")[0][0])  # noqa: S608 - conditions of the package


def _view(dataset: Dataset, found: Diagnosis, rows: list[Row]) -> Iterator[str]:
    from dfly_analysis.dataset.dataset import FAILED
    from dfly_analysis.diagnosis.evidence import message_of

    total = _count(dataset)
    tasks = f"{_count(dataset, FAILED)} of {total} tasks failed" if total else "the input contains no task"
    cause = found.primary_cause or ("not certain, see below" if found.alternatives else "none")
    cause += f" ({found.strength})" if found.primary_cause and found.strength else ""
    yield wrap(f"{tasks}; primary cause: {cause}")
    yield table("Findings", rows)
    yield table("Root causes of failed tasks", [
        {"cause": one.cause, "tasks": one.tasks, "share": format_share(one.share),
         "95 % interval": f"{format_share(one.low)} to {format_share(one.high)}", "confidence": one.confidence}
        for one in found.causes
    ])  # fmt: skip
    yield table("Possible causes", [{"cause": one.cause, "why": one.why} for one in found.alternatives])
    shown = ((one.id, line) for one in found.present() for line in one.evidence[:2])
    lines = [f"  {name}  {line.path}:{line.line}\n{one_line(message_of(line.text, name))}" for name, line in shown]
    yield "\n".join(["Evidence", *lines]) if lines else ""
    if found.remedy:
        yield wrap(f"What to do: {found.remedy}")
    if found.next_step:
        yield wrap(f"Next step: {found.next_step}")
    else:
        yield bullets(dataset.missing_inputs, "Missing from the input")
