"""Lists of what was seen: the tasks that failed, and benchmark figures side by side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dfly_analysis.reporting.components import Heading, TableView
from dfly_analysis.reporting.labels import CAUSES, NOTHING, ROLES, counted, figure, moment, text_of

if TYPE_CHECKING:
    from dfly_analysis.dataset import Dataset

MAX_ROWS = 100


def failed_tasks_of(dataset: Dataset) -> TableView:
    """Show each task that failed: when, where, how large, how long it ran, and the cause it is given."""
    texts = ("Ended", "Host", "Role", "Size", "Ran", "Outcome", "Cause", "Errors", "Task")
    kinds: dict[str, Any] = {"Size": "number", "Ran": "number", "Errors": "number", "Task": "code", "Host": "code"}
    failed: Any = dataset.failed_tasks.sort_values("ended")
    rows = tuple(
        (
            moment(task.ended),
            text_of(task.host),
            ROLES.get(str(task.role), text_of(task.role)),
            _figure(task.size_bytes, "bytes"),
            _figure(task.duration_s, "s"),
            {"died": "process ended first"}.get(str(task.outcome), str(task.outcome)),
            CAUSES.get(str(task.cause), NOTHING),
            text_of(task.n_errors),
            text_of(task.task_id)[:12],
        )
        for task in failed.head(MAX_ROWS).itertuples()
    )
    notes = (f"The first {MAX_ROWS} of {counted(len(failed), 'failed task')}.",) if len(failed) > MAX_ROWS else ()
    headings = tuple(Heading(text, kinds.get(text, "text")) for text in texts)
    return TableView(headings, rows, notes=notes, empty="No task failed.")


def benchmarks_of(dataset: Dataset) -> TableView:
    """Show benchmark figures by size, each with its throughput and how it compares with the first of its size."""
    texts = (
        "Size",
        "Tool",
        "Label",
        "Repeats",
        "Fastest",
        "Mean",
        "Slowest",
        "99 %",
        "Throughput",
        "Times the first",
        "Failures",
    )
    headings = tuple(Heading(text, "text" if text in ("Tool", "Label") else "number") for text in texts)
    runs = dataset.runs[dataset.runs["kind"].isin(["aggregate", "sample"]) & dataset.runs["mean_s"].notna()]
    first: dict[int, float] = {}
    rows = []
    listed: Any = runs.sort_values("size_bytes", kind="stable").head(MAX_ROWS)
    for run in listed.itertuples():
        size = None if text_of(run.size_bytes) == NOTHING else int(run.size_bytes)
        times = first.setdefault(size or 0, float(run.mean_s))
        rows.append(
            (
                _figure(size, "bytes"),
                text_of(run.tool),
                text_of(run.label),
                text_of(run.n),
                *(_figure(value, "s") for value in (run.min_s, run.mean_s, run.max_s, run.p99_s)),
                figure(size / float(run.mean_s), "B/s") if size and run.mean_s > 0 else NOTHING,
                f"{float(run.mean_s) / times:.2f}" if times else NOTHING,
                text_of(run.failures),
            )
        )
    notes = ("Means of a benchmark leave out what failed; a dash under failures says that the tool does not tell.",)
    return TableView(headings, tuple(rows), notes=notes if rows else (), empty="The input holds no benchmark figures.")


def _figure(value: Any, unit: str) -> str:
    return NOTHING if text_of(value) == NOTHING or math.isnan(float(value)) else figure(float(value), unit)
