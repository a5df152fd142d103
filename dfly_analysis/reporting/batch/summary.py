"""Summary of a batch: one table, and a page with links to the reports."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from dfly_analysis.estimates import Interval
from dfly_analysis.messages import message, plural, translate
from dfly_analysis.quantities import interval_text
from dfly_analysis.reporting.batch.runner import Outcome
from dfly_analysis.reporting.components import View
from dfly_analysis.reporting.csv_text import csv_text
from dfly_analysis.reporting.notebook_renderer import output_of
from dfly_analysis.reporting.page import render_page
from dfly_analysis.reporting.provenance import write_whole

Row = dict[str, Any]
BATCH = message("Batch of reports")


@dataclass(frozen=True)
class BatchIndex(View):
    """A table of reports with links; rows as `summary_rows` gives them."""

    template: ClassVar[str] = "batch.html.j2"
    rows: tuple[Row, ...]


def summary_rows(outcomes: Sequence[Outcome], output_dir: Path) -> list[Row]:
    """Return one row a report: state, counts, primary cause, proposed settings and the failure rates with intervals."""
    return [_row(outcome, output_dir / outcome.name) for outcome in outcomes]


def _row(outcome: Outcome, folder: Path) -> Row:
    done = outcome.state != "failed"
    verdict: Any = _part(folder / "manifest.json", "verdict") if done else {}
    predicted: Any = _part(folder / "report.json", "prediction") if done else {}
    return {
        "report": outcome.name, "state": outcome.state,
        **{name: verdict.get(name) for name in ("tasks", "failed", "primary_cause")},
        "settings": ", ".join(f"{name} {value}" for name, value in (verdict.get("settings") or {}).items()),
        "rate_now": _rate(predicted.get("now")), "rate_then": _rate(predicted.get("then")),
        "seconds": round(outcome.seconds, 1), "error": outcome.error,
    }  # fmt: skip


def _part(path: Path, name: str) -> Any:
    try:
        return json.loads(path.read_text("utf-8")).get(name) or {}
    except (OSError, ValueError):
        return {}


def _rate(interval: Any) -> str:
    return interval_text(Interval(**interval), "share") if interval else ""


def write_index(rows: Sequence[Row], output_dir: Path, lang: str = "en") -> Path:
    """Write ``index.html`` and ``summary.csv``, and return the path of the page."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    write_whole(output_dir / "summary.csv", csv_text(rows) or "report\n")
    table = new_code_cell(outputs=[output_of(BatchIndex(tuple(rows), lang=lang))])
    n, failed = len(rows), sum(row["state"] == "failed" for row in rows)
    summary = message("{reports}, {failed:,} failed.", reports=plural("{n} report", "{n} reports", n), failed=failed)
    cells = [new_markdown_cell(f"# {translate(BATCH, lang)}"), new_markdown_cell(translate(summary, lang)), table]
    notebook = new_notebook(cells=cells)
    page = output_dir / "index.html"
    write_whole(page, render_page(notebook, lang=lang))
    return page
