"""The first screen: what happened, what to set, the expected effect, and warnings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dfly_analysis.catalog.checks import load_checks
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED, FALSE_SUCCESS, PIECE_CAUSES
from dfly_analysis.diagnosis.evidence import message_of
from dfly_analysis.findings import CauseProportion, Diagnosis, Finding
from dfly_analysis.messages import Message, message, plural
from dfly_analysis.quantities import figure
from dfly_analysis.recommendation.prediction import NoPrediction, Prediction
from dfly_analysis.recommendation.recommendations import Advice, Recommendation
from dfly_analysis.reporting.components import View
from dfly_analysis.reporting.json import coverage_json
from dfly_analysis.reporting.labels import CAUSES, common_folder
from dfly_analysis.units import format_duration, format_size

MAX_PROBLEMS, MAX_HOSTS = 3, 3
_LINE_CHARS = 200
_WIDE_FACTOR = 1.5


@dataclass(frozen=True)
class Verdict(View):
    """What a reader must know, on one screen.

    `n_tasks` have a known end, `n_failed` of them failed or their process died; `proof` is the most severe finding that shows a
    failure and is no duplicate; all paths begin with `folder`. Shown are at most `most` settings; the fitted distribution of a
    piece's endings covers `modelled_causes`.
    """

    template: ClassVar[str] = "verdict.html.j2"
    n_tasks: int
    n_failed: int
    primary: CauseProportion | None
    proof: Finding | None
    others: tuple[CauseProportion, ...]
    confidence: str | None
    advice: Advice
    prediction: Prediction | NoPrediction
    warnings: tuple[str, ...]
    coverage: Mapping[str, Any]
    folder: str
    diagnosis: Diagnosis
    overlay: str | None = None
    hosts: tuple[Message, ...] = ()
    """How many tasks failed on the hosts with most failures, those first."""
    most: ClassVar[int] = 3
    modelled_causes: ClassVar[tuple[str, ...]] = PIECE_CAUSES

    @property
    def main_settings(self) -> list[Recommendation]:
        """The settings to show: those that act on the main cause, where any does."""
        cause = self.primary.cause if self.primary else ""
        acting = [one for one in self.advice.recommendations if one.acts_on(cause)]
        return (acting or [*self.advice.recommendations])[: self.most]

    @property
    def tone(self) -> str:
        """How it went, for the colour: ``bad``, ``good`` or ``unknown``."""
        if self.n_tasks == 0:
            return "bad" if self.is_fragment else "unknown"
        return "bad" if self.n_failed else "good"

    @property
    def headline(self) -> str:
        """What happened, in one line."""
        if self.n_failed:
            return self._headline_of_failures
        if self.n_tasks:
            return plural("No failures: the one task succeeded", "No failures: all {n} tasks succeeded", self.n_tasks)
        return self._headline_of_fragment if self.is_fragment else message("The input shows no task from start to end")

    @property
    def _headline_of_fragment(self) -> str:
        if likely := self.diagnosis.primary_cause:
            if self.diagnosis.strength == "seen":
                return message("Seen: {cause}", cause=CAUSES[likely])
            return message("Likely cause: {cause}", cause=CAUSES[likely])
        title = self.proof.title if self.proof else ""
        return message("A failure whose cause the text alone does not tell: {title}", title=title)

    @property
    def values(self) -> str:
        """The Helm values to apply, without their comments."""
        lines = (self.overlay or "").splitlines()
        return "\n".join(line for line in lines if not line.lstrip().startswith("#"))

    def metadata(self) -> dict[str, str]:
        """Return what a page takes from the verdict: its title, and whether to fold what follows."""
        return super().metadata() | {"headline": self.headline, "tone": self.tone}

    @property
    def is_fragment(self) -> bool:
        """Whether the cause comes from a fragment of a log, where no task is seen as a whole."""
        return bool(self.diagnosis.alternatives) and (not self.n_tasks or self.primary is None)

    @property
    def _headline_of_failures(self) -> Message:
        """How many tasks failed, and of what: a verb as strong as the evidence."""
        values: dict[str, Any] = {"n": self.n_failed, "total": plural("{n} task", "{n} tasks", self.n_tasks)}
        if self.primary is None or self.primary.cause == "unknown":
            failed = message("{n:,} of {total} failed", **values)
            return message("{n:,} of {total} failed: unknown cause", **values) if self.primary else failed
        values |= {"cause": CAUSES[self.primary.cause], "k": self.primary.tasks}
        is_all = self.primary.tasks >= self.n_failed
        match self.diagnosis.strength:
            case "likely" if is_all:
                return message("{n:,} of {total} failed, likely cause: {cause}", **values)
            case "likely":
                return message("{n:,} of {total} failed, likely cause of {k:,} of them: {cause}", **values)
            case "possible":
                return message("{n:,} of {total} failed, possible cause of {k:,} of them: {cause}", **values)
            case _ if is_all:
                return message("{n:,} of {total} failed: {cause}", **values)
        return message("{n:,} of {total} failed: {cause} ({k:,} of {n:,})", **values)

    @property
    def line(self) -> str:
        """The decisive line, without spans and ids."""
        return (
            message_of(self.proof.evidence[0].text, self.proof.id)[:_LINE_CHARS]
            if self.proof and self.proof.evidence
            else ""
        )

    @property
    def beyond_timeouts(self) -> bool:
        """Whether much of the predicted failure rate is not due to timeouts."""
        predicted = self.prediction
        if not isinstance(predicted, Prediction) or predicted.then is None or predicted.then_timeouts is None:
            return False
        return predicted.then.value > max(2 * predicted.then_timeouts.value, self.advice.target_failure_rate)


def give_verdict(
    dataset: Dataset, findings: Diagnosis, advice: Advice, prediction: Prediction | NoPrediction, overlay: str | None = None
) -> Verdict:  # fmt: skip
    """Draw up the first screen from what was found."""
    counts = f"count(*) FILTER (outcome = 'ok' OR {FAILED}), count(*) FILTER ({FAILED})"
    ((n_tasks, n_failed),) = dataset.rows(f"SELECT {counts} FROM tasks")
    primary = next((share for share in findings.causes if share.cause == findings.primary_cause), None)
    return Verdict(
        n_tasks=n_tasks,
        n_failed=n_failed,
        primary=primary if n_failed else None,
        proof=proof_of(findings),
        others=tuple(share for share in findings.causes if share is not primary and share.tasks),
        confidence=_confidence(dataset, primary),
        advice=advice,
        prediction=prediction,
        warnings=tuple(_warnings(dataset, advice, prediction)),
        coverage=coverage_json(dataset.coverage),
        folder=common_folder(dataset.coverage["path"]),
        diagnosis=findings,
        overlay=overlay,
        hosts=_hosts(dataset),
    )


def _hosts(dataset: Dataset) -> tuple[Message, ...]:
    """Return the hosts with most failed tasks, of as many with most failed pieces, each with its counts."""
    counted = dataset.rows(
        f"""
        WITH failed_pieces AS (SELECT host, count(*) AS n FROM pieces WHERE outcome <> 'ok' GROUP BY host)
        SELECT host, count(*) FILTER (outcome = 'ok' OR {FAILED}), count(*) FILTER ({FAILED}) AS failed
        FROM tasks LEFT JOIN failed_pieces USING (host) WHERE host IS NOT NULL
        GROUP BY host HAVING failed > 0 ORDER BY failed DESC, any_value(n) DESC NULLS LAST, host LIMIT {MAX_HOSTS}
        """
    )
    return tuple(
        message(
            "{host}: {failed:,} of {tasks} failed", host=host, failed=failed, tasks=plural("{n} task", "{n} tasks", n)
        )
        for host, n, failed in counted
    )


def _warnings(dataset: Dataset, advice: Advice, prediction: Prediction | NoPrediction) -> Iterator[str]:
    """Yield what is wrong with the state of jobs, what is extrapolated, what advice warns of, and which files could not be read."""
    yield from _of_jobs(dataset)
    if isinstance(prediction, Prediction):
        yield from _of_extrapolation(prediction, advice.target_failure_rate)
    yield from advice.warnings
    yield from dataset.problems[:MAX_PROBLEMS]
    if (more := len(dataset.problems) - MAX_PROBLEMS) > 0:
        yield plural("{n} more file could not be read completely; the section on data quality lists it.", "{n} more files could not be read completely; the section on data quality lists them.", more)  # fmt: skip


def proof_of(findings: Diagnosis) -> Finding | None:
    """Return the finding that shows the primary cause in most tasks, a check before a text; where none does, the one with most tasks."""
    shown = [one for one in findings.present() if one.evidence and not one.echo_of and one.severity != "info"]
    own = [one for one in shown if one.cause == findings.primary_cause]
    return max(own or shown, key=lambda one: (one.tasks, one.id in load_checks()), default=None)


def _confidence(dataset: Dataset, primary: CauseProportion | None) -> str | None:
    query = f"SELECT confidence FROM tasks WHERE {FAILED} AND cause = ? AND confidence IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    found = dataset.rows(query, [primary.cause]) if primary else []
    return str(found[0][0]) if found else None


def _of_jobs(dataset: Dataset) -> Iterator[Message]:
    counts = f"count(*), count(*) FILTER (state = 'SUCCESS'), count(*) FILTER ({FALSE_SUCCESS})"
    lost = f"sum(coalesce(failed, layers - succeeded)) FILTER ({FALSE_SUCCESS})"
    ((n, claims, n_false, missing),) = dataset.rows(f"SELECT {counts}, {lost} FROM jobs")
    if not n_false:
        return
    who = message("All {n:,} jobs report SUCCESS", n=n)
    if not claims == n > 1:
        who = plural("{n} of {total:,} jobs reports SUCCESS", "{n} of {total:,} jobs report SUCCESS", claims, total=n)
    blobs, jobs = plural("{n} blob", "{n} blobs", int(missing or 0)), plural("{n} job", "{n} jobs", n_false)
    yield message("{who}, but {blobs} (layers and image configurations) of {jobs} are missing. Count the blobs; do not rely on the state of the job.", who=who, blobs=blobs, jobs=jobs)  # fmt: skip


def _of_extrapolation(prediction: Prediction, target: float) -> Iterator[Message]:
    largest = prediction.largest_observed_bytes
    if prediction.piece_bytes > _WIDE_FACTOR * largest:
        layer, piece = format_size(prediction.size_bytes), format_size(prediction.piece_bytes)
        yield message("A {layer} layer has pieces of {piece}; the largest piece in the data has {largest}. Durations of larger pieces are based on the fitted model only.", layer=layer, piece=piece, largest=format_size(largest))  # fmt: skip
    timeout, rate = prediction.timeout_then_s or prediction.timeout_now_s, prediction.then or prediction.now
    longest, doubtful = prediction.longest_observed_s, rate is not None and rate.high > target
    if doubtful and timeout and longest and timeout > _WIDE_FACTOR * longest:
        yield message("The failure rate at {timeout} is extrapolated beyond the longest observed duration, {longest}: use the range.", timeout=format_duration(timeout), longest=format_duration(longest))  # fmt: skip
    if prediction.then and prediction.then.high > 0.5 > prediction.then.low:
        yield message("The interval after the change is wide, up to {share}. Measure again with the new setting.", share=figure(prediction.then.high, "share"))  # fmt: skip
