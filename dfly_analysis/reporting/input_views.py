"""What was read: settings in force, jobs, failed tasks, benchmark figures, and the files themselves."""

from __future__ import annotations

from typing import Any

from dfly_analysis.config import KEYS_THAT_MATTER, ignored_paths
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.reporting.components import DetailsView, Heading, Listing, MultiInputView, TableView
from dfly_analysis.reporting.labels import (
    CAUSES,
    NOTHING,
    ROLES,
    SHORT_LAYERS,
    common_folder,
    counted,
    figure,
    moment,
    remark,
    text_of,
)
from dfly_analysis.reporting.summary import FALSE_SUCCESS

MAX_ROWS = 100
MAX_FILES = 200


def settings_of(dataset: Dataset) -> TableView:
    """Show each setting in force, where it comes from, and what it covers."""
    settings, folder = dataset.settings, common_folder(dataset.coverage["path"])
    rows: list[tuple[str, ...]] = []
    table: Any = settings.table(KEYS_THAT_MATTER)
    for record in table.itertuples():
        if record.value is None:
            continue
        below = settings.chain(record.key, record.role, record.host)[:-1]
        covered = ", ".join(f"{SHORT_LAYERS[layer.layer]} {layer.value}" for layer in reversed(below))
        role = ROLES.get(str(record.role), str(record.role))
        who = f"{role} {record.host}" if record.host else role
        source = record.source.replace(folder, "") if folder else record.source
        rows.append((who, str(record.key), text_of(record.value), SHORT_LAYERS[record.layer], covered, source))
    versions = [f"{ROLES[role]} {text}" for role, text in settings.versions.items() if text]
    notes = (
        f"Versions: {', '.join(versions) or 'none known; name them to see what the binaries default to'}.",
        *([f"Chart {settings.chart}."] if settings.chart else []),
        *(f"Ignored: {path}: {reason}." for path, reason in ignored_paths(settings)),
    )
    headings = Heading.row("Role", "Setting", "In force", "Set by", "Covers", "Source", code=("Setting",))
    return TableView(headings, tuple(rows), notes=notes, empty="Nothing is known of the settings in force.")


def jobs_of(dataset: Dataset) -> TableView:
    """Show what the manager says of its jobs beside what arrived."""
    numbers = ("Layers", "There", "Missing")
    headings = Heading.row("Job", "State", "Scope", *numbers, "Created", "Remark", numbers=numbers, code=("Job",))
    n, n_false = dataset.rows(f"SELECT count(*), count(*) FILTER ({FALSE_SUCCESS}) FROM jobs")[0]
    jobs: Any = dataset.sql(f"SELECT *, {FALSE_SUCCESS} AS contradicted FROM jobs LIMIT {MAX_ROWS}")
    rows = tuple(
        (
            text_of(job.job_id)[:12],
            *map(text_of, (job.state, job.scope, job.layers, job.succeeded, job.failed)),
            moment(job.created),
            "claims success, yet layers are missing" if job.contradicted else remark(job.error),
        )
        for job in jobs.itertuples()
    )
    notes = [f"{counted(n_false, 'job')} of {n:,}: state SUCCESS, yet layers are missing."] if n_false else []
    notes += [f"The first {MAX_ROWS} of {n:,} jobs."] if n > MAX_ROWS else []
    return TableView(headings, rows, notes=tuple(notes), empty="The input holds no jobs of the manager.")


def failed_tasks_of(dataset: Dataset) -> TableView:
    """Show each task that failed: when, where, how large, how long it ran, and the cause it is given."""
    headings = Heading.row(
        "Ended", "Host", "Role", "Size", "Ran", "Outcome", "Cause", "Errors", "Task",
        numbers=("Size", "Ran", "Errors"), code=("Host", "Task"),
    )  # fmt: skip
    n = dataset.rows(f"SELECT count(*) FROM tasks WHERE {FAILED}")[0][0]
    failed: Any = dataset.sql(
        f"SELECT * FROM tasks WHERE {FAILED} ORDER BY ended NULLS LAST, host, task_id LIMIT {MAX_ROWS}"
    )
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
        for task in failed.itertuples()
    )
    notes = (f"The first {MAX_ROWS} of {counted(n, 'failed task')}.",) if n > MAX_ROWS else ()
    return TableView(headings, rows, notes=notes, empty="No task failed.")


def benchmarks_of(dataset: Dataset) -> TableView:
    """Show benchmark figures by size, each with its throughput and how it compares with the first of its size."""
    numbers = ("Size", "Repeats", "Fastest", "Mean", "Slowest", "99 %", "Throughput", "Times the first", "Failures")
    headings = Heading.row("Size", "Tool", "Label", *numbers[1:], numbers=numbers)
    first: dict[int, float] = {}
    rows = []
    runs: Any = dataset.sql(
        "SELECT * FROM runs WHERE kind IN ('aggregate', 'sample') AND mean_s IS NOT NULL "
        f"ORDER BY size_bytes NULLS LAST LIMIT {MAX_ROWS}"
    )
    for run in runs.itertuples():
        size = None if text_of(run.size_bytes) == NOTHING else int(run.size_bytes)
        reference = first.setdefault(size or 0, float(run.mean_s))
        rows.append(
            (
                _figure(size, "bytes"),
                *map(text_of, (run.tool, run.label, run.n)),
                *(_figure(value, "s") for value in (run.min_s, run.mean_s, run.max_s, run.p99_s)),
                figure(size / float(run.mean_s), "B/s") if size and run.mean_s > 0 else NOTHING,
                f"{float(run.mean_s) / reference:.2f}" if reference else NOTHING,
                text_of(run.failures),
            )
        )
    notes = ("Means of a benchmark leave out what failed; a dash under failures says that the tool does not tell.",)
    return TableView(headings, tuple(rows), notes=notes if rows else (), empty="The input holds no benchmark figures.")


def _figure(value: Any, unit: str) -> str:
    return NOTHING if text_of(value) == NOTHING else figure(float(value), unit)


def data_quality_of(dataset: Dataset) -> MultiInputView:
    """Show what was read, how much of it was understood, and what is missing."""
    coverage: Any = dataset.coverage
    folder = common_folder(coverage["path"])
    lines, rejected = int(coverage["lines"].fillna(0).sum()), int(coverage["rejected"].fillna(0).sum())
    share = rejected / lines if lines else 0.0
    notes = (
        f"{counted(len(coverage), 'file')}, {counted(lines, 'line')}; nothing could be made of {rejected:,} ({figure(share, 'share')}).",
        f"Records from {moment(coverage['first'].min())} to {moment(coverage['last'].max())} UTC.",
        *([f"Paths below begin with {folder}"] if folder else []),
    )
    numbers = ("Lines", "Records", "Rejected")
    files = TableView(
        Heading.row("File", "Kind", "Host", *numbers, "Note", numbers=numbers, code=("File",)),
        tuple(_file_row(row, folder) for row in coverage.head(MAX_FILES).itertuples()),
        caption=f"Files{f' (the first {MAX_FILES})' if len(coverage) > MAX_FILES else ''}",
        empty="No file was read.",
    )
    missing = (*dataset.missing_inputs, *dataset.problems)
    lacks = Listing("What is missing, and what that costs", missing, "Nothing is missing.")
    return MultiInputView((Listing("", notes), lacks, DetailsView("Every file", files)))


def _file_row(row: Any, folder: str) -> tuple[str, ...]:
    cells = (row.kind, row.host, row.lines, row.parsed, row.rejected)
    return (text_of(row.path).removeprefix(folder), *map(text_of, cells), remark(row.note))
