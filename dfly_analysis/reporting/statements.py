"""What a report states, one statement at a time: its figure, its text, and what it rests on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED, FALSE_SUCCESS, MIN_LAYER_BYTES
from dfly_analysis.estimates import Interval, wilson
from dfly_analysis.findings import Diagnosis
from dfly_analysis.quantities import figure, interval_text

Kind = Literal["observed", "inferred", "predicted", "proposed", "assumed", "not known"]
_QUANTILES = (0.5, 0.99, 0.999)


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
        return replace(
            self, kind="not known", value=None, low=None if self.unit == "share" else self.low, high=None, text=text
        )


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
    for share in findings.causes:
        shown = [one for one in findings.present() if one.cause == share.cause]
        support = tuple(Support("finding", one.id, one.count, _lines(one)) for one in shown)
        interval = Interval(share.share, share.low, share.high)
        yield _figure(
            f"cause.{share.cause}", "inferred", f"failed tasks by {share.cause}", interval, "share", *support, tasks
        )
        yield _count(f"cause.{share.cause}.tasks", f"failed tasks by {share.cause}", share.tasks, *support, tasks)
    if findings.primary_cause is not None:
        support = tuple(Support("finding", one.id, one.count, _lines(one)) for one in findings.present() if one.cause == findings.primary_cause)  # fmt: skip
        text = f"primary cause, {findings.strength}: {findings.primary_cause}"
        yield Statement("primary_cause", "observed" if findings.strength == "seen" else "inferred", text, findings.primary_cause, None, None, "text", support or (tasks,))  # fmt: skip
    read = Support("table", "coverage", int(dataset.coverage["lines"].fillna(0).sum()))
    for one in findings:
        kind: Kind = "not known" if one.verdict == "unknown" else "observed"
        support = (Support("finding", one.id, one.count, _lines(one)),) if one.verdict == "present" else (read,)
        yield Statement(f"finding.{one.id}", kind, one.reason or one.title, one.verdict, None, None, "text", support)
        if one.verdict == "present":
            yield _count(f"finding.{one.id}.count", one.title, one.count, *support)
            yield _count(f"finding.{one.id}.tasks", f"failed tasks: {one.title}", one.tasks, *support)


def statements_of_settings(dataset: Dataset) -> Iterator[Statement]:
    """Yield the effective settings and releases."""
    table: Any = dataset.settings.table()
    for row in table.itertuples():
        if row.host or row.value is None:
            continue
        yield Statement(f"setting.{row.role}.{row.key}", "observed", f"{row.key} of {row.role} is {row.value}", str(row.value), None, None, "text", (Support("setting", str(row.source)),))  # fmt: skip
    for role, version in dataset.settings.versions.items():
        if version:
            yield Statement(f"version.{role}", "observed", f"{role} is {version}", version, None, None, "text", (Support("setting", "versions"),))  # fmt: skip


def statements_of_fits(fits: Mapping[str, Any]) -> Iterator[Statement]:
    """Yield quantiles of pieces of the commonest size."""
    for name, fit in fits.items():
        if not fit or not hasattr(fit, "quantiles") or not hasattr(fit, "seen_s"):
            continue
        size = float(fit.attempts.common_sizes(1)[0])
        for p, found in zip(_QUANTILES, fit.quantiles([size] * len(_QUANTILES), _QUANTILES), strict=True):
            what = f"time within which {figure(p, 'share')} finish, {figure(size, 'bytes')} ({name})"
            yield _figure(f"quantile.{name}.{p:g}", "predicted", what, found.up_to(fit.seen_s(size)), "s", Support("fit", name, fit.n))  # fmt: skip


def statements_of_prediction(found: Any, n: int) -> Iterator[Statement]:
    """Yield the predicted failure rates, from a fit of `n` attempts, or why there are none."""
    support = Support("fit", getattr(found, "fit", "piece_from_source"), n)
    if not found or found.withheld:
        yield Statement(
            "prediction", "not known", found.withheld if found else found.reason, None, None, None, "share", (support,)
        )
    if not found:
        return
    for name, seconds in (("now", found.timeout_now_s), ("then", found.timeout_then_s)):
        rate, pieces = getattr(found, name), getattr(found, f"pieces_{name}")
        if rate is not None:
            yield _figure(f"prediction.{name}", "predicted", f"failure rate of a layer at {figure(seconds, 's')}", rate, "share", support)  # fmt: skip
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
        yield Statement(
            f"no_proposal.{none.role}.{none.topic}", "not known", none.reason, None, None, None, "text", support
        )
    for one in advice.estimates:
        source: Any = {"measured": "table", "computed": "setting", "documented": "documented", "article": "documented"}.get(one.basis, "assumed")  # fmt: skip
        kind: Kind = "observed" if one.basis == "measured" else "assumed" if source == "assumed" else "inferred"
        yield _figure(
            f"estimate.{one.role}.{one.topic}.{one.what}",
            kind,
            one.what,
            one.interval,
            one.unit,
            Support(source, one.because),
        )


def statements_of_plan(plan: Any) -> Iterator[Statement]:
    """Yield times and failure rates of a preheat and of pulls."""
    if isinstance(plan, str):
        return
    support = (
        Support("table", "tasks", len(plan.manifest.layers)),
        *(Support("assumed", one) for one in plan.assumptions),
    )
    for stage in plan.stages:
        for name, unit in (("time", "s"), ("failure", "share")):
            if (interval := getattr(stage, name)) is not None:
                yield _figure(
                    f"plan.{stage.name}.{name}",
                    "predicted",
                    f"preheat of {stage.name}: {name}",
                    interval,
                    unit,
                    *support,
                )
    for pull in plan.pulls:
        for name, unit in (("pull", "s"), ("failure", "share")):
            if (interval := getattr(pull, name)) is not None:
                yield _figure(
                    f"pull.{pull.case}.{name}", "predicted", f"pull with {pull.case}: {name}", interval, unit, *support
                )


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


def _lines(finding: Any) -> tuple[str, ...]:
    return tuple(f"{one.path}:{one.line}" for one in finding.evidence)
