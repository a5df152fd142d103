"""The first screen: what happened, what to set, what that will do, and what to beware of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.findings import CauseProportion, Diagnosis, Finding
from dfly_analysis.recommendation.recommendations import Advice, Recommendation
from dfly_analysis.reporting.components import View
from dfly_analysis.reporting.labels import CAUSES, LAYERS, REMEDIES, ROLES, common_folder, counted, figure, moment
from dfly_analysis.reporting.prediction import NoPrediction, Prediction
from dfly_analysis.units import format_duration, format_size

MAX_SETTINGS = 3
MODELLED_CAUSES = ("timeout_too_short", "network_instability", "storage_io", "origin_registry")
"""Causes that the fitted distribution of a piece's endings covers."""
FALSE_SUCCESS = "(coalesce(state, '') = 'SUCCESS' AND (coalesce(failed, 0) > 0 OR coalesce(succeeded < layers, false)))"
"""Condition on `jobs`: the job claims success while layers are missing."""
MAX_PROBLEMS = 3
_WIDE_FACTOR = 1.5


@dataclass(frozen=True)
class Verdict(View):
    """What a reader must know, on one screen.

    Attributes
    ----------
    n_tasks, n_failed : int
        Tasks with a known end, and those of them that failed or whose process died.
    primary : CauseProportion or None
        The cause of most failures.
    proof : Finding or None
        The most severe finding that shows a failure and is no duplicate.
    confidence : {"high", "medium", "low"} or None
        Of the primary cause.
    recommendations : tuple of Recommendation
        The first few of `n_recommendations`.
    folder : str
        Beginning that all paths share.
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
    words: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "causes": CAUSES,
        "remedies": REMEDIES,
        "layers": LAYERS,
        "roles": ROLES,
    }

    def short(self, path: str) -> str:
        """Return a path without the beginning that all share."""
        return path.removeprefix(self.folder)

    @property
    def tone(self) -> str:
        """How it went, for the colour: ``bad``, ``good`` or ``unknown``."""
        if self.n_tasks == 0:
            return "unknown"
        return "bad" if self.n_failed else "good"

    @property
    def headline(self) -> str:
        """The verdict in a line."""
        if self.n_tasks == 0:
            return "The input shows no task from start to end"
        if not self.n_failed:
            return f"Nothing failed: {_all(self.n_tasks)} finished"
        cause = f": {CAUSES[self.primary.cause]}" if self.primary else ""
        return f"{self.n_failed:,} of {counted(self.n_tasks, 'task')} failed{cause}"

    @property
    def part(self) -> str:
        """How many of the failures the primary cause holds."""
        assert self.primary is not None
        if self.primary.tasks < self.n_failed:
            return f"{self.primary.tasks} of the {counted(self.n_failed, 'failure')}, {figure(self.primary.share, 'share')}"
        return "The one failure" if self.n_failed == 1 else f"All {self.n_failed} failures"

    @property
    def cut_into(self) -> str:
        """Into how many pieces a layer is cut, how often each is tried, and what was asked for."""
        assert isinstance(self.prediction, Prediction)
        pieces, passes = counted(self.prediction.n_pieces, "piece"), counted(self.prediction.passes, "attempt")
        return (
            f"{pieces} of {figure(self.prediction.piece_bytes, 'bytes')}, {passes} each; "
            f"asked for: at most {figure(self.target_failure_rate, 'share')}"
        )

    @property
    def cut_short(self) -> str:
        """Which pieces have one try less, empty where none."""
        forecast = self.prediction
        if not isinstance(forecast, Prediction) or not forecast.siblings_cancelled or forecast.passes < 2:
            return ""
        return "Pieces in flight beside a failed one have one attempt less."

    @property
    def retry_correlation(self) -> str:
        """How often a failure repeats in the next attempt, and whence that is known; empty where there is no next one."""
        if not isinstance(self.prediction, Prediction) or self.prediction.passes < 2:
            return ""
        retry_correlation = self.prediction.retry_failure_correlation
        if self.prediction.fate_measured:
            low, high = figure(retry_correlation.low, "share"), figure(retry_correlation.high, "share")
            return (
                f"{figure(retry_correlation.value, 'share')} ({low} to {high}) of failures repeat in the next attempt, by how many tasks "
                "failed in this run."
            )
        return (
            f"The upper ends let {figure(retry_correlation.high, 'share')} of failures repeat in the next attempt: a caution, since too "
            "few tasks ended here to measure it."
        )

    @property
    def misses_the_cause(self) -> bool:
        """Whether only timeouts are proposed while something else is the main cause."""
        other = self.primary is not None and self.primary.cause not in ("timeout_too_short", "unknown")
        return other and all(item.key.endswith("Timeout") for item in self.recommendations)

    @property
    def forecast_misses_the_cause(self) -> bool:
        """Whether the forecast, made of how pieces end, leaves the main cause out."""
        return self.primary is not None and self.primary.cause not in MODELLED_CAUSES


def give_verdict(
    dataset: Dataset, findings: Diagnosis, advice: Advice, prediction: Prediction | NoPrediction
) -> Verdict:
    """Draw up the first screen from what was found."""
    n_tasks, n_failed = dataset.rows(
        f"SELECT count(*) FILTER (outcome = 'ok' OR {FAILED}), count(*) FILTER ({FAILED}) FROM tasks"
    )[0]
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
        reason_without_settings=_why_nothing(advice, n_failed),
        warnings=(
            *_job_warnings(dataset),
            *_reach_warnings(prediction, advice.target_failure_rate),
            *advice.warnings,
            *_problems(dataset.problems),
        ),
        read=_read(dataset),
        folder=common_folder(dataset.coverage["path"]),
    )


def _all(n: int) -> str:
    return "the one task" if n == 1 else f"all {n:,} tasks"


def _read(dataset: Dataset) -> str:
    coverage = dataset.coverage
    lines = counted(int(coverage["lines"].fillna(0).sum()), "line")
    text = f"Read: {counted(len(coverage), 'file')}, {lines}"
    if coverage["first"].isna().all():
        return f"{text}."
    return f"{text}, {moment(coverage['first'].min())} to {moment(coverage['last'].max())} UTC."


def _problems(problems: tuple[str, ...]) -> tuple[str, ...]:
    more = len(problems) - MAX_PROBLEMS
    message = f"{counted(more, 'more file')} could not be read, or only in part: see what was read, below."
    return (*problems[:MAX_PROBLEMS], *([message] if more > 0 else []))


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
        return "Nothing has to change."
    return (
        "Nothing: no setting that was examined explains these failures. The section on settings says what was examined."
    )


def _job_warnings(dataset: Dataset) -> list[str]:
    n, claims, n_false, missing = dataset.rows(
        f"SELECT count(*), count(*) FILTER (state = 'SUCCESS'), count(*) FILTER ({FALSE_SUCCESS}), "
        f"sum(coalesce(failed, layers - succeeded)) FILTER ({FALSE_SUCCESS}) FROM jobs"
    )[0]
    if not n_false:
        return []
    missing = int(missing or 0)
    who = (
        f"All {claims} jobs claim"
        if claims == n > 1
        else f"{counted(claims, 'job')} of {n:,} claim{'s' * (claims == 1)}"
    )
    text = (
        f"{who} SUCCESS, yet {counted(missing, 'layer')} of {counted(n_false, 'job')} {'is' if missing == 1 else 'are'} missing: "
        "count the layers, not the job's state."
    )
    return [text]


def _reach_warnings(prediction: Prediction | NoPrediction, target: float) -> list[str]:
    if isinstance(prediction, NoPrediction):
        return []
    result = []
    if prediction.piece_bytes > _WIDE_FACTOR * prediction.largest_seen_bytes:
        result.append(
            f"A layer of {format_size(prediction.size_bytes)} is cut into pieces of {format_size(prediction.piece_bytes)}; "
            f"the largest piece seen here has {format_size(prediction.largest_seen_bytes)}. "
            "Times of larger pieces follow from the law alone."
        )
    timeout, rate = prediction.timeout_then_s or prediction.timeout_now_s, prediction.then or prediction.now
    doubtful = rate is not None and rate.high > target
    if doubtful and timeout and prediction.longest_seen_s and timeout > _WIDE_FACTOR * prediction.longest_seen_s:
        result.append(
            f"The failure rate at {format_duration(timeout)} lies beyond the longest time seen, "
            f"{format_duration(prediction.longest_seen_s)}: trust its interval, not its value."
        )
    if prediction.then and prediction.then.high > 0.5 > prediction.then.low:
        result.append(
            f"The interval after the change is wide, up to {figure(prediction.then.high, 'share')}: measure again with the new setting."
        )
    return result
