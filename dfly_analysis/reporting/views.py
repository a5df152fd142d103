"""The sections below the verdict, each from the frozen values it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dfly_analysis.config import KEYS_THAT_MATTER, ignored_paths
from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import NotFitted
from dfly_analysis.findings import CauseProportion, Diagnosis, Finding
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.reporting.components import Heading, MultiInputView, TableView, View
from dfly_analysis.reporting.labels import (
    CAUSES,
    FITS,
    LAYERS,
    REMEDIES,
    ROLES,
    SHORT_LAYERS,
    common_folder,
    counted,
    figure,
    moment,
    range_text,
    remark,
    text_of,
)
from dfly_analysis.reporting.summary import false_successes

MAX_EVIDENCE = 8
MAX_FILES = 200
MAX_JOBS = 100


@dataclass(frozen=True)
class Causes(View):
    """The shares of the causes.

    Attributes
    ----------
    shares : tuple of CauseProportion
    n_failed : int
    """

    template: ClassVar[str] = "causes.html.j2"
    shares: tuple[CauseProportion, ...]
    n_failed: int

    @property
    def words(self) -> dict[str, dict[str, str]]:
        """Words for causes and remedies."""
        return {"causes": CAUSES, "remedies": REMEDIES}


@dataclass(frozen=True)
class EvidenceView(View):
    """What was seen, with lines that show it, and what was not.

    Attributes
    ----------
    present : tuple of Finding
        Gravest first.
    unknown, absent : tuple of Finding
    most : int
        Lines shown of each.
    """

    template: ClassVar[str] = "evidence.html.j2"
    present: tuple[Finding, ...]
    unknown: tuple[Finding, ...]
    absent: tuple[Finding, ...]
    most: int = MAX_EVIDENCE

    @staticmethod
    def extent(finding: Finding) -> str:
        """Say how often something was seen, in how many tasks, and from when to when."""
        text = f"{counted(finding.count, 'failure')} in {counted(finding.tasks, 'task')}"
        return f"{text}, {moment(finding.first)} to {moment(finding.last)}" if finding.first else text


@dataclass(frozen=True)
class AdviceView(View):
    """All proposals, with reasons and checks, and the topics without one.

    Attributes
    ----------
    advice : Advice
    overlay : str or None
        Helm values that set them, as YAML.
    """

    template: ClassVar[str] = "advice.html.j2"
    advice: Advice
    overlay: str | None

    @property
    def words(self) -> dict[str, dict[str, str]]:
        """Words for layers and roles."""
        return {"layers": LAYERS, "roles": ROLES}


def causes_of(findings: Diagnosis) -> Causes:
    """Show the shares of the causes."""
    shares = tuple(share for share in findings.causes if share.tasks)
    return Causes(shares, sum(share.tasks for share in shares))


def evidence_of(findings: Diagnosis) -> EvidenceView:
    """Show what was seen, what was not, and what cannot be told."""
    grouped = {name: tuple(one for one in findings if one.verdict == name) for name in ("unknown", "absent")}
    present = sorted(findings.present(), key=lambda one: one.echo_of is not None)
    return EvidenceView(tuple(present), grouped["unknown"], grouped["absent"])


def jobs_of(dataset: Dataset) -> TableView:
    """Show what the manager says of its jobs beside what arrived."""
    jobs: Any = dataset.jobs
    false = set(false_successes(dataset.jobs).index)
    columns = (
        Heading("Job", "code"),
        Heading("State"),
        Heading("Scope"),
        Heading("Layers", "number"),
        Heading("There", "number"),
        Heading("Missing", "number"),
        Heading("Created"),
        Heading("Remark"),
    )
    rows = tuple(
        (
            text_of(job.job_id)[:12],
            text_of(job.state),
            text_of(job.scope),
            text_of(job.layers),
            text_of(job.succeeded),
            text_of(job.failed),
            moment(job.created),
            "claims success, yet layers are missing" if job.Index in false else remark(job.error),
        )
        for job in jobs.head(MAX_JOBS).itertuples()
    )
    notes = []
    if false:
        notes.append(f"{counted(len(false), 'job')} of {len(jobs):,}: state SUCCESS, yet layers are missing.")
    if len(jobs) > MAX_JOBS:
        notes.append(f"The first {MAX_JOBS} of {len(jobs):,} jobs.")
    return TableView(columns, rows, notes=tuple(notes), empty="The input holds no jobs of the manager.")


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
        rows.append(
            (
                who,
                str(record.key),
                text_of(record.value),
                SHORT_LAYERS[record.layer],
                covered,
                record.source.replace(folder, "") if folder else record.source,
            )
        )
    versions = [f"{ROLES[role]} {text}" for role, text in settings.versions.items() if text]
    notes = [
        f"Versions: {', '.join(versions) or 'none known; name them to see what the binaries default to'}.",
        *([f"Chart {settings.chart}."] if settings.chart else []),
        *(f"Ignored: {path}: {reason}." for path, reason in ignored_paths(settings)),
    ]
    headings = tuple(Heading(text) for text in ("Role", "Setting", "In force", "Set by", "Covers", "Source"))
    kinds = (headings[0], Heading("Setting", "code"), *headings[2:])
    return TableView(kinds, tuple(rows), notes=tuple(notes), empty="Nothing is known of the settings in force.")


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
    files = TableView(
        (
            Heading("File", "code"),
            Heading("Kind"),
            Heading("Host"),
            Heading("Lines", "number"),
            Heading("Records", "number"),
            Heading("Rejected", "number"),
            Heading("Note"),
        ),
        tuple(
            (
                text_of(row.path).removeprefix(folder),
                text_of(row.kind),
                text_of(row.host),
                text_of(row.lines),
                text_of(row.parsed),
                text_of(row.rejected),
                remark(row.note),
            )
            for row in coverage.head(MAX_FILES).itertuples()
        ),
        caption=f"Files{f' (the first {MAX_FILES})' if len(coverage) > MAX_FILES else ''}",
        empty="No file was read.",
    )
    lacks = Listing(
        "What is missing, and what that costs", (*dataset.missing_inputs, *dataset.problems), "Nothing is missing."
    )
    return MultiInputView((Listing("", notes), lacks, DetailsView("Every file", files)))


@dataclass(frozen=True)
class Listing(View):
    """Sentences as a list.

    Attributes
    ----------
    title : str
    items : tuple of str
    empty : str
    """

    template: ClassVar[str] = "listing.html.j2"
    title: str
    items: tuple[str, ...]
    empty: str = ""


@dataclass(frozen=True)
class DetailsView(View):
    """A view behind a line that opens it.

    Attributes
    ----------
    title : str
    view : View
    """

    template: ClassVar[str] = "details.html.j2"
    title: str
    view: View


_CLIENTS_TIME = "These are the times of the clients: what their hosts add in reading and writing is in them, and the limit counts it too."


def fits_of(fits: Mapping[str, Any]) -> MultiInputView:
    """Show every fit: law, parameters with intervals, how well it follows the data, and what could not be fitted."""
    result = [_fit_table(name, fit) for name, fit in fits.items() if not isinstance(fit, NotFitted)]
    missing = tuple(
        f"{name}: {fit.reason}. To have it, collect {fit.collect}."
        for name, fit in fits.items()
        if isinstance(fit, NotFitted)
    )
    return MultiInputView((*result, *([Listing("Not fitted", missing)] if missing else [])))


_WITH_VALUE = frozenset({"B/s", "bytes"})
"""Units that go with the number and scale with it, as megabytes do."""


def _fit_table(name: str, fit: Any) -> TableView:
    rows = tuple(
        (
            param.name,
            figure(param.value, unit := param.unit if param.unit in _WITH_VALUE else ""),
            range_text(param.low, param.high, unit),
            "" if unit else param.unit,
        )
        for param in fit.params
    )
    distance, expected = fit.goodness.get("km_distance"), fit.goodness.get("km_distance_expected")
    notes = [f"Law: {fit.law}. {fit.n:,} observations, {fit.n_censored:,} of them without a known end."]
    if distance is not None and expected is not None:
        notes.append(
            f"Largest distance to the curve without a law: {figure(distance, 'share')}; chance alone reaches {figure(expected, 'share')}."
        )
    notes += [_CLIENTS_TIME] if name.startswith("piece_from_") else []
    notes += [f"{note[0].upper()}{note[1:]}." for note in getattr(fit, "notes", ())]
    headings = (
        Heading("Parameter"),
        Heading("Estimate", "number"),
        Heading("95 % interval", "number"),
        Heading("Unit"),
    )
    return TableView(
        headings,
        rows,
        caption=f"{FITS[name]} ({name})" if name in FITS else name,
        notes=tuple(notes),
        empty="No parameters: counts only.",
    )
