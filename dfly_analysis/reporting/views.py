"""What was read, found and fitted: causes, evidence, fits, effective settings, jobs, failed tasks, benchmark results and files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dfly_analysis.config.ignored_keys import ignored_paths
from dfly_analysis.config.resolve import as_known
from dfly_analysis.config.setting import KEYS_THAT_MATTER
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED, FALSE_SUCCESS
from dfly_analysis.estimates import NotFitted
from dfly_analysis.findings import CauseProportion, Diagnosis, Finding
from dfly_analysis.messages import join, message, plural, replace_in
from dfly_analysis.quantities import NOTHING, figure, range_text
from dfly_analysis.reporting import labels
from dfly_analysis.reporting.components import DetailsView, Heading, Listing, MultiInputView, TableView, View
from dfly_analysis.reporting.labels import common_folder, moment, parameter_text, remark, text_of

MAX_ROWS = 100
MAX_FAILED = 50
MAX_FALSE = 5
MAX_FILES = 100
MAX_EVIDENCE = 8
_UNIT_SCALES = frozenset({"B/s", "bytes"})
"""Units that follow the number and scale with it, as megabytes do."""


@dataclass(frozen=True)
class Causes(View):
    """The proportions of the causes."""

    template: ClassVar[str] = "causes.html.j2"
    shares: tuple[CauseProportion, ...]
    n_failed: int


def causes_of(findings: Diagnosis) -> Causes:
    """Show the proportions of the causes."""
    shares = tuple(share for share in findings.causes if share.tasks)
    return Causes(shares, sum(share.tasks for share in shares))


@dataclass(frozen=True)
class EvidenceView(View):
    """Findings that are present (most severe first, duplicates last), unknown and absent, with at most `most` lines each; the first `shown` are not folded. `hosts` are those of files."""

    template: ClassVar[str] = "evidence.html.j2"
    present: tuple[Finding, ...]
    unknown: tuple[Finding, ...]
    absent: tuple[Finding, ...]
    hosts: Mapping[str, str]
    most: int = MAX_EVIDENCE
    shown: ClassVar[int] = 2


def evidence_of(dataset: Dataset, findings: Diagnosis) -> EvidenceView:
    """Show which findings are present, absent and unknown."""
    unknown, absent = (tuple(one for one in findings if one.verdict == name) for name in ("unknown", "absent"))
    hosts = dict(dataset.rows("SELECT path, host FROM coverage WHERE host IS NOT NULL"))
    return EvidenceView(
        tuple(sorted(findings.present(), key=lambda one: one.echo_of is not None)), unknown, absent, hosts
    )


def fits_of(fits: Mapping[str, Any]) -> MultiInputView:
    """Show every fit with its distribution, parameters and goodness of fit, and what could not be fitted."""
    tables = [_fit_table(name, fit) for name, fit in fits.items() if fit]
    missing = tuple(
        message("{name}: {reason}. To get this fit, collect {collect}.", name=labels.FITS.get(name, name), reason=fit.reason, collect=fit.collect)
        for name, fit in fits.items()
        if isinstance(fit, NotFitted)
    )  # fmt: skip
    return MultiInputView((*tables, *([Listing(message("Not fitted"), missing)] if missing else [])))


def _fit_table(name: str, fit: Any) -> TableView:
    rows = []
    for param in fit.params:
        unit = param.unit if param.unit in _UNIT_SCALES else ""
        interval = range_text(param.low, param.high, unit)
        rows.append((param.name, figure(param.value, unit), interval, "" if unit else param.unit))
    distance, expected = fit.goodness.get("km_distance"), fit.goodness.get("km_distance_expected")
    notes = [message("Distribution: {distribution}. {n:,} observations, {n_censored:,} of them right-censored.", distribution=fit.model, n=fit.n, n_censored=fit.n_censored)]  # fmt: skip
    if distance is not None and expected is not None:
        notes.append(message("Largest distance to the Kaplan-Meier curve: {distance}; up to {expected} is expected by chance.", distance=figure(distance, "share"), expected=figure(expected, "share")))  # fmt: skip
    if name.startswith("piece_from_"):
        notes.append(message("These are the clients' times. They include reading and writing on the host, which the timeout also covers."))  # fmt: skip
    notes += getattr(fit, "notes", ())
    headings = Heading.row("Parameter", "Estimate", "95 % interval", "Unit", numbers=(1, 2))
    caption = message("{title} ({name})", title=labels.FITS[name], name=name) if name in labels.FITS else name
    empty = message("This fit has no parameters, only counts.")
    return TableView(headings, tuple(rows), caption=caption, notes=tuple(notes), empty=empty)


def settings_of(dataset: Dataset) -> TableView:
    """Show each effective setting, where it comes from, and what it overrides."""
    settings, folder = dataset.settings, common_folder(dataset.coverage["path"])
    rows: list[tuple[str, ...]] = []
    table: Any = settings.table(KEYS_THAT_MATTER)
    for record in table.itertuples():
        if record.value is None:
            continue
        below = reversed(settings.chain(record.key, record.role, record.host)[:-1])
        overridden = [message("{layer}: {value}", layer=labels.LAYERS[layer.layer], value=text_of(layer.value)) for layer in below]  # fmt: skip
        role = labels.ROLES.get(str(record.role), str(record.role))
        who = message("{role} {host}", role=role, host=record.host) if record.host else role
        source = replace_in(record.source, folder, "") if folder and folder in record.source else record.source
        rows.append(
            (who, str(record.key), text_of(record.value), labels.LAYERS[record.layer], join(overridden, ", "), source)
        )
    versions = join([message("{role} {version}", role=labels.ROLES[role], version=text) for role in settings.versions if (text := settings.release_text(role))], ", ")  # fmt: skip
    unknown = message("No version is known. Name the versions to see the defaults of the binaries.")
    notes = [message("Versions: {versions}.", versions=versions) if versions else unknown]
    notes += [message("Helm chart {version}.", version=as_known("chart", settings.chart))] if settings.chart else []
    notes += [message("Ignored: {path}: {reason}.", path=path, reason=reason) for path, reason in ignored_paths(settings)]  # fmt: skip
    headings = Heading.row("Component", "Setting", "Effective value", "Set by", "Overrides", "Source", code=(1,))
    return TableView(headings, tuple(rows), notes=tuple(notes), empty=message("No effective setting is known."))


def parameters_of(parameters: Mapping[str, Any]) -> TableView:
    """Show the parameters of an analysis."""
    rows = tuple((name, parameter_text(value)) for name, value in parameters.items())
    return TableView(Heading.row("Parameter", "Value", code=(0, 1)), rows, empty=message("No parameter was given."))


def jobs_of(dataset: Dataset) -> MultiInputView | TableView:
    """Show the state of preheat jobs against the layers that arrived: jobs that claim too much first, all of them folded."""
    headings = Heading.row("Job", "State", "Scope", "Blobs", "Succeeded", "Failed", "Created", "Remark", numbers=(3, 4, 5), code=(0,))  # fmt: skip
    counts = f"count(*), count(*) FILTER (state = 'SUCCESS'), count(*) FILTER ({FALSE_SUCCESS})"
    ((n, n_success, n_false),) = dataset.rows(f"SELECT {counts} FROM jobs")
    if not n:
        return TableView(headings, (), empty=message("The input holds no preheat jobs of the Manager."))
    jobs: Any = dataset.sql(f"SELECT *, {FALSE_SUCCESS} AS contradicted FROM jobs LIMIT {MAX_ROWS}")
    rows = [
        (
            text_of(job.job_id)[:12],
            *map(text_of, (job.state, job.scope, job.layers, job.succeeded, job.failed)),
            moment(job.created),
            message("reports success, but blobs are missing") if job.contradicted else remark(job.error),
        )
        for job in jobs.itertuples()
    ]
    notes = [message("Only the first {shown} of {n:,} jobs are listed.", shown=MAX_ROWS, n=n)] if n > MAX_ROWS else []
    listed = DetailsView(plural("{n} job", "{n} jobs", n), TableView(headings, tuple(rows), notes=tuple(notes)))
    if not n_false:
        text = plural("{n} of {total:,} jobs reports SUCCESS, and no blob of it is missing.", "{n} of {total:,} jobs report SUCCESS, and no blob of them is missing.", n_success, total=n)  # fmt: skip
        return MultiInputView((Listing("", (text if n_success else message("No job reports SUCCESS."),)), listed))
    note = plural("{n} of {total:,} jobs has state SUCCESS although blobs are missing.", "{n} of {total:,} jobs have state SUCCESS although blobs are missing.", n_false, total=n)  # fmt: skip
    false = [row for row, job in zip(rows, jobs.itertuples(), strict=True) if job.contradicted][:MAX_FALSE]
    return MultiInputView((TableView(headings, tuple(false), notes=(note,)), listed))


def failed_tasks_of(dataset: Dataset) -> TableView:
    """Show each failed task: when, where, how large, its duration, and its cause."""
    headings = Heading.row("End", "Host", "Component", "Size", "Duration", "Outcome", "Cause", "Errors", "Task", numbers=(3, 4, 7), code=(1, 8))  # fmt: skip
    n = dataset.rows(f"SELECT count(*) FROM tasks WHERE {FAILED}")[0][0]
    failed = dataset.rows(
        "SELECT ended, host, role, size_bytes, duration_s, outcome, cause, n_errors, task_id "
        f"FROM tasks WHERE {FAILED} ORDER BY ended NULLS LAST, host, task_id LIMIT {MAX_FAILED}"
    )
    rows = tuple(
        (
            moment(ended), text_of(host), labels.ROLES.get(str(role), text_of(role)), figure(size, "bytes"), figure(duration_s, "s"),
            labels.TASK_OUTCOMES.get(str(outcome), str(outcome)), labels.CAUSES.get(str(cause), NOTHING), text_of(errors), text_of(task_id)[:12],
        )
        for ended, host, role, size, duration_s, outcome, cause, errors, task_id in failed
    )  # fmt: skip
    notes = (message("Only the first {shown} of {n:,} failed tasks are listed.", shown=MAX_FAILED, n=n),)
    return TableView(headings, rows, notes=notes if n > MAX_FAILED else (), empty=message("No task failed."))


def benchmarks_of(dataset: Dataset) -> TableView:
    """Show benchmark results by size, each with its throughput and its ratio to the first of its size."""
    headings = Heading.row("Size", "Tool", "Label", "Repeats", "Minimum", "Mean", "Maximum", "99th percentile", "Throughput", "Ratio to the first mean", "Failures", numbers=(0, *range(3, 11)))  # fmt: skip
    first: dict[int, float] = {}
    rows = []
    timed = "kind IN ('aggregate', 'sample') AND mean_s IS NOT NULL"
    runs: Any = dataset.sql(f"SELECT * FROM runs WHERE {timed} ORDER BY size_bytes NULLS LAST LIMIT {MAX_ROWS}")
    for run in runs.itertuples():
        size = None if text_of(run.size_bytes) == NOTHING else int(run.size_bytes)
        reference = first.setdefault(size or 0, float(run.mean_s))
        rows.append(
            (
                figure(size, "bytes"),
                *map(text_of, (run.tool, run.label, run.n)),
                *(figure(value, "s") for value in (run.min_s, run.mean_s, run.max_s, run.p99_s)),
                figure(size / float(run.mean_s), "B/s") if size and run.mean_s > 0 else NOTHING,
                f"{float(run.mean_s) / reference:.2f}" if reference else NOTHING,
                text_of(run.failures),
            )
        )
    notes = (message("Benchmark means exclude failed requests. A dash under Failures means that the tool does not report them."),)  # fmt: skip
    empty = message("The input holds no benchmark results.")
    return TableView(headings, tuple(rows), notes=notes if rows else (), empty=empty)


def data_quality_of(dataset: Dataset) -> MultiInputView:
    """Show what was read, how much of it was understood, and what is missing."""
    coverage: Any = dataset.coverage
    folder = common_folder(coverage["path"])
    lines, rejected = int(coverage["lines"].fillna(0).sum()), int(coverage["rejected"].fillna(0).sum())
    share = figure(rejected / lines if lines else 0.0, "share")
    files_read = plural("{n} file", "{n} files", len(coverage))
    notes = [
        message("{files}, {lines}; {rejected:,} could not be parsed ({share}).", files=files_read, lines=plural("{n} line", "{n} lines", lines), rejected=rejected, share=share),
        message("Records from {first} to {last} UTC.", first=moment(coverage["first"].min()), last=moment(coverage["last"].max())),
    ]  # fmt: skip
    files = TableView(
        Heading.row("File", "Kind", "Host", "Lines", "Records", "Rejected", "Note", numbers=(3, 4, 5), code=(0,)),
        tuple(_file_row(row, folder) for row in coverage.head(MAX_FILES).itertuples()),
        caption=message("The first {n} files", n=MAX_FILES) if len(coverage) > MAX_FILES else message("Files"),
        notes=(message("Paths are relative to {folder}", folder=folder),) if folder else (),
        empty=message("No file was read."),
    )
    missing = (*dataset.notices, *dataset.missing_inputs, *dataset.problems)
    gaps = Listing(message("What is missing, and the consequence"), missing, message("Nothing is missing."))
    return MultiInputView((Listing("", tuple(notes)), gaps, DetailsView(message("All files"), files)))


def _file_row(row: Any, folder: str) -> tuple[str, ...]:
    cells = (row.kind, row.host, row.lines, row.parsed, row.rejected)
    return (text_of(row.path).removeprefix(folder), *map(text_of, cells), remark(row.note))
