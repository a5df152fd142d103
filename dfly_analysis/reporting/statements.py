"""What a report states, one statement at a time: its figure, its text, and what it rests on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED, FALSE_SUCCESS, MIN_LAYER_BYTES
from dfly_analysis.estimates import Interval, wilson
from dfly_analysis.findings import Diagnosis, Finding
from dfly_analysis.quantities import figure, interval_text

Kind = Literal["observed", "inferred", "predicted", "proposed", "assumed", "not known"]
_QUANTILES = (0.5, 0.99, 0.999)
_SOURCES = {"measured": "table", "computed": "setting", "documented": "documented", "article": "documented"}


@dataclass(frozen=True)
class Support:
    """What a statement rests on: rows of a table, a finding with its lines, a fit, a setting's source, or what is documented or assumed."""

    source: Literal["table", "finding", "fit", "setting", "documented", "assumed"]
    name: str
    n: int | None = None
    """Rows, occurrences or observations."""
    lines: tuple[str, ...] = ()
    """``path:line`` of evidence."""


@dataclass(frozen=True)
class Statement:
    """One statement; `value`, `low` and `high` are in `unit` (as `quantities.figure` takes it, or ``text``), None where not known."""

    id: str
    kind: Kind
    text: str
    value: float | str | None
    low: float | None
    high: float | None
    unit: str
    support: tuple[Support, ...]

    def withheld(self, text: str) -> Self:
        """Return the statement without its figure: what is known instead, and why the rest is not; a lower bound of a quantity stays."""
        low = None if self.unit == "share" else self.low
        return replace(self, kind="not known", value=None, low=low, high=None, text=text)


def statements_of_diagnosis(dataset: Dataset, findings: Diagnosis) -> Iterator[Statement]:
    """Yield what a diagnosis states."""
    total, failed = dataset.rows(f"SELECT count(*) FILTER (outcome = 'ok' OR {FAILED}), count(*) FILTER ({FAILED}) FROM tasks")[0]  # fmt: skip
    tasks = Support("table", "tasks", total)
    yield _count("tasks.total", "tasks with a known end", total, tasks)
    yield _count("tasks.failed", "failed tasks", failed, tasks)
    layers = f"role = 'seedClient' AND coalesce(size_bytes, {MIN_LAYER_BYTES}) >= {MIN_LAYER_BYTES} AND (outcome = 'ok' OR {FAILED})"
    n, lost = dataset.rows(f"SELECT count(*), count(*) FILTER ({FAILED}) FROM tasks WHERE {layers}")[0]
    if n:
        yield _figure("layers.failure_rate", "observed", "downloads of layers that failed on seed clients", wilson(lost, n), "share", Support("table", "tasks", n))  # fmt: skip
    n, claims, false, missing = dataset.rows(
        f"SELECT count(*), count(*) FILTER (state = 'SUCCESS'), count(*) FILTER ({FALSE_SUCCESS}), "
        f"coalesce(sum(coalesce(failed, layers - succeeded)) FILTER ({FALSE_SUCCESS}), 0) FROM jobs"
    )[0]
    if n:
        jobs = Support("table", "jobs", n)
        yield _count("jobs.success", "preheat jobs that report SUCCESS", claims, jobs)
        yield _count("jobs.false_success", "preheat jobs that report SUCCESS while blobs are missing", false, jobs)
        yield _count("jobs.missing_blobs", "blobs missing in jobs that report SUCCESS", missing, jobs)
    proofs = {
        cause: tuple(_shown(one) for one in findings.present() if one.cause == cause)
        for cause in (*(share.cause for share in findings.causes), findings.primary_cause)
    }
    for share in findings.causes:
        name, what, support = f"cause.{share.cause}", f"failed tasks by {share.cause}", (*proofs[share.cause], tasks)
        yield _figure(name, "inferred", what, Interval(share.share, share.low, share.high), "share", *support)
        yield _count(f"{name}.tasks", what, share.tasks, *support)
    if (cause := findings.primary_cause) is not None:
        kind: Kind = "observed" if findings.strength == "seen" else "inferred"
        text = f"primary cause, {findings.strength}: {cause}"
        yield _text("primary_cause", kind, text, cause, *(proofs[cause] or (tasks,)))
    read = Support("table", "coverage", int(dataset.coverage["lines"].fillna(0).sum()))
    for one in findings:
        kind = "not known" if one.verdict == "unknown" else "observed"
        own = _shown(one) if one.verdict == "present" else read
        yield _text(f"finding.{one.id}", kind, one.reason or one.title, one.verdict, own)
        if one.verdict == "present":
            yield _count(f"finding.{one.id}.count", one.title, one.count, own)
            yield _count(f"finding.{one.id}.tasks", f"failed tasks: {one.title}", one.tasks, own)


def statements_of_settings(dataset: Dataset) -> Iterator[Statement]:
    """Yield the effective settings and releases."""
    table: Any = dataset.settings.table()
    for row in table.itertuples():
        if not row.host and row.value is not None:
            text, support = f"{row.key} of {row.role} is {row.value}", Support("setting", str(row.source))
            yield _text(f"setting.{row.role}.{row.key}", "observed", text, str(row.value), support)
    for role, version in dataset.settings.versions.items():
        if version:
            yield _text(f"version.{role}", "observed", f"{role} is {version}", version, Support("setting", "versions"))


def statements_of_fits(fits: Mapping[str, Any]) -> Iterator[Statement]:
    """Yield quantiles of pieces of the commonest size."""
    for name, fit in fits.items():
        if not fit or not hasattr(fit, "quantiles") or not hasattr(fit, "seen_s"):
            continue
        size = float(fit.attempts.common_sizes(1)[0])
        for p, found in zip(_QUANTILES, fit.quantiles([size] * len(_QUANTILES), _QUANTILES), strict=True):
            what = f"time within which {figure(p, 'share')} finish, {figure(size, 'bytes')} ({name})"
            known, support = found.up_to(fit.seen_s(size)), Support("fit", name, fit.n)
            yield _figure(f"quantile.{name}.{p:g}", "predicted", what, known, "s", support)


def statements_of_prediction(found: Any, n: int) -> Iterator[Statement]:
    """Yield the predicted failure rates, from a fit of `n` attempts, or why there are none."""
    support = Support("fit", getattr(found, "fit", "piece_from_source"), n)
    if why := found.withheld if found else found.reason:
        yield Statement("prediction", "not known", why, None, None, None, "share", (support,))
    if not found:
        return
    for name, seconds in (("now", found.timeout_now_s), ("then", found.timeout_then_s)):
        rate, pieces = getattr(found, name), getattr(found, f"pieces_{name}")
        if rate is not None:
            what = f"failure rate of a layer at {figure(seconds, 's')}"
            yield _figure(f"prediction.{name}", "predicted", what, rate, "share", support)
        elif pieces is not None:
            what = f"failure rate of a layer by timeouts and errors of pieces alone at {figure(seconds, 's')}"
            yield _figure(f"prediction.pieces_{name}", "predicted", what, pieces, "share", support)


def statements_of_advice(advice: Any, *support: Support) -> Iterator[Statement]:
    """Yield what is proposed, estimated, and not proposed."""
    for one in advice:
        own = (*(Support("finding", name) for name in one.findings), Support("setting", one.current.source), *support)
        text = f"set {one.key} of {one.role} to {one.proposed}; {one.need}"
        yield Statement(f"proposal.{one.role}.{one.key}", "proposed", text, one.value, one.low, one.high, one.unit, own)
    for none in advice.no_advice:
        yield _text(f"no_proposal.{none.role}.{none.topic}", "not known", none.reason, None, *support)
    for one in advice.estimates:
        source: Any = _SOURCES.get(one.basis, "assumed")
        kind: Kind = "observed" if one.basis == "measured" else "assumed" if source == "assumed" else "inferred"
        name, support_of_one = f"estimate.{one.role}.{one.topic}.{one.what}", Support(source, one.because)
        yield _figure(name, kind, one.what, one.interval, one.unit, support_of_one)


def statements_of_plan(plan: Any) -> Iterator[Statement]:
    """Yield times and failure rates of a preheat and of pulls."""
    if isinstance(plan, str):
        return
    assumed = (Support("assumed", one) for one in plan.assumptions)
    support = (Support("table", "tasks", len(plan.manifest.layers)), *assumed)
    known = [(f"plan.{one.name}", f"preheat of {one.name}", one, ("time", "failure")) for one in plan.stages]
    known += [(f"pull.{one.case}", f"pull with {one.case}", one, ("pull", "failure")) for one in plan.pulls]
    for name, what, one, fields in known:
        for field in fields:
            unit = "share" if field == "failure" else "s"
            if (interval := getattr(one, field)) is not None:
                yield _figure(f"{name}.{field}", "predicted", f"{what}: {field}", interval, unit, *support)


def statements_of_replay(found: Any) -> Iterator[Statement]:
    """Yield the figures of the run as they are predicted."""
    if not found or found.run_now is None or found.observed is None:
        return
    support = Support("table", "tasks", found.observed.n_layers)
    for one in found.agreement:
        yield _figure(f"replay.{one.figure}", "predicted", f"replayed: {one.figure}", one.predicted, one.unit, support)


def _count(name: str, what: str, n: int, *support: Support) -> Statement:
    return Statement(name, "observed", f"{what}: {n:,}", float(n), float(n), float(n), "1", support)


def _figure(name: str, kind: Kind, what: str, interval: Interval, unit: str, *support: Support) -> Statement:
    text = f"{what}: {interval_text(interval, unit)}"
    return Statement(name, kind, text, float(interval.value), float(interval.low), float(interval.high), unit, support)


def _text(name: str, kind: Kind, text: str, value: str | None, *support: Support) -> Statement:
    return Statement(name, kind, text, value, None, None, "text", support)


def _shown(finding: Finding) -> Support:
    lines = tuple(f"{one.path}:{one.line}" for one in finding.evidence)
    return Support("finding", finding.id, finding.count, lines)
