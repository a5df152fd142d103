"""The first screen: what happened, what to set, the expected effect, and warnings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.findings import CauseProportion, Diagnosis, Finding
from dfly_analysis.messages import message, plural
from dfly_analysis.recommendation.prediction import NoPrediction, Prediction
from dfly_analysis.recommendation.recommendations import Advice, Recommendation
from dfly_analysis.reporting.components import View
from dfly_analysis.reporting.labels import CAUSES, common_folder, figure, moment
from dfly_analysis.units import format_duration, format_size

MAX_SETTINGS = 3
MODELLED_CAUSES = ("timeout_too_short", "network_instability", "storage_io", "origin_registry")
"""Causes that the fitted distribution of a piece's endings covers."""
FALSE_SUCCESS = "(coalesce(state, '') = 'SUCCESS' AND (coalesce(failed, 0) > 0 OR coalesce(succeeded < layers, false)))"
"""Condition on `jobs`: the job reports success while layers are missing."""
MAX_PROBLEMS = 3
_WIDE_FACTOR = 1.5


@dataclass(frozen=True)
class Verdict(View):
    """What a reader must know, on one screen.

    `n_tasks` have a known end, `n_failed` of them failed or their process died; `proof` is the most severe finding that shows a
    failure and is no duplicate; `recommendations` are the first few of `n_recommendations`; all paths begin with `folder`.
    """

    template: ClassVar[str] = "verdict.html.j2"
    n_tasks: int
    n_failed: int
    primary: CauseProportion | None
    proof: Finding | None
    others: tuple[CauseProportion, ...]
    confidence: str | None
    recommendations: tuple[Recommendation, ...]
    n_recommendations: int
    prediction: Prediction | NoPrediction
    target_failure_rate: float
    reason_without_settings: str
    warnings: tuple[str, ...]
    read: str
    folder: str
    diagnosis: Diagnosis

    def short(self, path: str) -> str:
        """Return a path without the beginning that all share."""
        return path.removeprefix(self.folder)

    @property
    def tone(self) -> str:
        """How it went, for the colour: ``bad``, ``good`` or ``unknown``."""
        if self.n_tasks == 0:
            return "bad" if self.is_fragment else "unknown"
        return "bad" if self.n_failed else "good"

    @property
    def headline(self) -> str:
        """The verdict in a line."""
        if self.n_tasks == 0 and self.is_fragment:
            cause = self.diagnosis.primary_cause
            if cause is None:
                return message(
                    "A failure whose cause the text alone does not tell: {title}",
                    title=self.proof.title if self.proof else "",
                )
            name = CAUSES[cause]
            return (
                message("Seen: {cause}", cause=name)
                if self.diagnosis.strength == "seen"
                else message("Likely cause: {cause}", cause=name)
            )
        if self.n_tasks == 0:
            return message("The input shows no task from start to end")
        if not self.n_failed:
            return plural("No failures: the one task succeeded", "No failures: all {n} tasks succeeded", self.n_tasks)
        total = self.tasks_text(self.n_tasks)
        if not self.primary:
            return message("{n:,} of {total} failed", n=self.n_failed, total=total)
        return message("{n:,} of {total} failed: {cause}", n=self.n_failed, total=total, cause=CAUSES[self.primary.cause])  # fmt: skip

    @property
    def is_fragment(self) -> bool:
        """Whether the cause comes from a fragment of a log, where no task is seen as a whole."""
        return bool(self.diagnosis.alternatives)

    @staticmethod
    def tasks_text(n: int) -> str:
        """Return a number of tasks."""
        return plural("{n} task", "{n} tasks", n)

    @property
    def beyond_timeouts(self) -> bool:
        """Whether much of the predicted failure rate is not due to timeouts."""
        predicted = self.prediction
        if not isinstance(predicted, Prediction) or predicted.then is None or predicted.then_timeouts is None:
            return False
        return predicted.then.value > max(2 * predicted.then_timeouts.value, self.target_failure_rate)

    @property
    def covered(self) -> bool:
        """Whether the prediction covers the main cause."""
        return self.primary is None or self.primary.cause in MODELLED_CAUSES

    @property
    def misses_the_cause(self) -> bool:
        """Whether only timeouts are proposed while something else is the main cause."""
        other = self.primary is not None and self.primary.cause not in ("timeout_too_short", "unknown")
        return other and all(item.key.endswith("Timeout") for item in self.recommendations)


def give_verdict(
    dataset: Dataset, findings: Diagnosis, advice: Advice, prediction: Prediction | NoPrediction
) -> Verdict:
    """Draw up the first screen from what was found."""
    n_tasks, n_failed = dataset.rows(f"SELECT count(*) FILTER (outcome = 'ok' OR {FAILED}), count(*) FILTER ({FAILED}) FROM tasks")[0]  # fmt: skip
    primary = next((share for share in findings.causes if share.cause == findings.primary_cause), None)
    return Verdict(
        n_tasks=n_tasks,
        n_failed=n_failed,
        primary=primary if n_failed else None,
        proof=_proof(findings),
        others=tuple(share for share in findings.causes if share is not primary and share.tasks),
        confidence=_confidence(dataset, primary),
        recommendations=advice.recommendations[:MAX_SETTINGS],
        n_recommendations=len(advice.recommendations),
        prediction=prediction,
        target_failure_rate=advice.target_failure_rate,
        reason_without_settings=message(
            "No value can be fitted to a fragment of a log. What to do about the cause is under Why."
        )
        if findings.alternatives
        else _why_nothing(advice, n_failed),
        warnings=(
            *_job_warnings(dataset),
            *_extrapolation_warnings(prediction, advice.target_failure_rate),
            *advice.warnings,
            *_problems(dataset.problems),
        ),
        read=_read(dataset),
        folder=common_folder(dataset.coverage["path"]),
        diagnosis=findings,
    )


def _read(dataset: Dataset) -> str:
    coverage = dataset.coverage
    files = plural("{n} file", "{n} files", len(coverage))
    lines = plural("{n} line", "{n} lines", int(coverage["lines"].fillna(0).sum()))
    if coverage["first"].isna().all():
        return message("Input: {files}, {lines}.", files=files, lines=lines)
    first, last = moment(coverage["first"].min()), moment(coverage["last"].max())
    return message("Input: {files}, {lines}, {first} to {last} UTC.", files=files, lines=lines, first=first, last=last)


def _problems(problems: tuple[str, ...]) -> tuple[str, ...]:
    more = len(problems) - MAX_PROBLEMS
    note = plural("{n} more file could not be read completely; the section on data quality lists it.", "{n} more files could not be read completely; the section on data quality lists them.", more)  # fmt: skip
    return (*problems[:MAX_PROBLEMS], *([note] if more > 0 else []))


def _proof(findings: Diagnosis) -> Finding | None:
    shown = [one for one in findings.present() if one.evidence and not one.echo_of and one.severity != "info"]
    return max(shown, key=lambda one: one.tasks, default=None)


def _confidence(dataset: Dataset, primary: CauseProportion | None) -> str | None:
    query = f"SELECT confidence FROM tasks WHERE {FAILED} AND cause = ? AND confidence IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    found = dataset.rows(query, [primary.cause]) if primary else []
    return str(found[0][0]) if found else None


def _why_nothing(advice: Advice, n_failed: int) -> str:
    if advice.recommendations:
        return ""
    if not n_failed:
        return message("No setting needs to change.")
    return message("None of the settings that were checked explains these failures. The section on recommended settings lists them.")  # fmt: skip


def _job_warnings(dataset: Dataset) -> list[str]:
    n, claims, n_false, missing = dataset.rows(
        f"SELECT count(*), count(*) FILTER (state = 'SUCCESS'), count(*) FILTER ({FALSE_SUCCESS}), "
        f"sum(coalesce(failed, layers - succeeded)) FILTER ({FALSE_SUCCESS}) FROM jobs"
    )[0]
    if not n_false:
        return []
    if claims == n > 1:
        who = message("All {n:,} jobs report SUCCESS", n=n)
    else:
        who = plural("{n} of {total:,} jobs reports SUCCESS", "{n} of {total:,} jobs report SUCCESS", claims, total=n)
    return [
        message(
            "{who}, but {layers} of {jobs} are missing. Count the layers; do not rely on the state of the job.",
            who=who,
            layers=plural("{n} layer", "{n} layers", int(missing or 0)),
            jobs=plural("{n} job", "{n} jobs", n_false),
        )
    ]


def _extrapolation_warnings(prediction: Prediction | NoPrediction, target: float) -> list[str]:
    if isinstance(prediction, NoPrediction):
        return []
    result: list[str] = []
    if prediction.piece_bytes > _WIDE_FACTOR * prediction.largest_observed_bytes:
        result.append(
            message(
                "A {layer} layer has pieces of {piece}; the largest piece in the data has {largest}. "
                "Durations of larger pieces are based on the fitted model only.",
                layer=format_size(prediction.size_bytes),
                piece=format_size(prediction.piece_bytes),
                largest=format_size(prediction.largest_observed_bytes),
            )
        )
    timeout, rate = prediction.timeout_then_s or prediction.timeout_now_s, prediction.then or prediction.now
    doubtful = rate is not None and rate.high > target
    if (
        doubtful
        and timeout
        and prediction.longest_observed_s
        and timeout > _WIDE_FACTOR * prediction.longest_observed_s
    ):
        result.append(
            message(
                "The failure rate at {timeout} is extrapolated beyond the longest observed duration, {longest}: use the range.",
                timeout=format_duration(timeout),
                longest=format_duration(prediction.longest_observed_s),
            )
        )
    if prediction.then and prediction.then.high > 0.5 > prediction.then.low:
        result.append(message("The interval after the change is wide, up to {share}. Measure again with the new setting.", share=figure(prediction.then.high, "share")))  # fmt: skip
    return result
