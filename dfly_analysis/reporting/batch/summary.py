"""What a batch says as a whole: one table, and a page that leads to each report."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from dfly_analysis.reporting.batch.runner import Outcome
from dfly_analysis.reporting.components import View
from dfly_analysis.reporting.labels import CAUSES, figure, range_text
from dfly_analysis.reporting.notebook_renderer import output_of
from dfly_analysis.reporting.page import render_page
from dfly_analysis.reporting.writer import write_whole

Row = dict[str, Any]


@dataclass(frozen=True)
class BatchIndex(View):
    """A table of reports with links; rows as `summary_rows` gives them."""

    template: ClassVar[str] = "batch.html.j2"
    rows: tuple[Row, ...]
    words: ClassVar[dict[str, str]] = CAUSES


def summary_rows(outcomes: Sequence[Outcome], output_dir: Path) -> list[Row]:
    """Return one row a report: state, counts, primary cause, proposed settings and the failure rates with intervals."""
    return [_row(outcome, output_dir / outcome.name) for outcome in outcomes]


def _row(outcome: Outcome, folder: Path) -> Row:
    row: Row = {"report": outcome.name, "state": outcome.state}
    verdict: Any = {}
    predicted: Any = {}
    if outcome.state != "failed":
        verdict, predicted = _part(folder / "manifest.json", "verdict"), _part(folder / "report.json", "prediction")
    settings = verdict.get("settings") or {}
    return row | {
        "tasks": verdict.get("tasks"),
        "failed": verdict.get("failed"),
        "primary_cause": verdict.get("primary_cause"),
        "settings": ", ".join(f"{name} {value}" for name, value in settings.items()),
        "rate_now": _rate(predicted.get("now")),
        "rate_then": _rate(predicted.get("then")),
        "seconds": round(outcome.seconds, 1),
        "error": outcome.error,
    }


def _part(path: Path, name: str) -> Any:
    try:
        return json.loads(path.read_text("utf-8")).get(name) or {}
    except (OSError, ValueError):
        return {}


def _rate(interval: Any) -> str:
    if not interval:
        return ""
    low, high = interval["low"], interval["high"]
    text = f"{figure(interval['value'], 'share')} ({range_text(low, high, 'share')})"
    return text.replace("\N{NO-BREAK SPACE}", " ")


def write_index(rows: Sequence[Row], output_dir: Path, lang: str = "en") -> Path:
    """Write ``index.html`` and ``summary.csv``, and return the path of the page."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    with (output_dir / "summary.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["report"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    failed = sum(row["state"] == "failed" for row in rows)
    table = new_code_cell(outputs=[output_of(BatchIndex(tuple(rows), lang=lang))])
    summary = new_markdown_cell(f"{len(rows):,} reports, {failed:,} of them could not be made.")
    notebook = new_notebook(cells=[new_markdown_cell("# Reports of one batch"), summary, table])
    page = output_dir / "index.html"
    write_whole(page, render_page(notebook, lang=lang))
    return page
