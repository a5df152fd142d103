"""Findings with evidence, and the proportions of the causes of failed tasks."""

from collections.abc import Iterator
from dataclasses import replace

from dfly_analysis.catalog.checks import load_checks
from dfly_analysis.catalog.error_signatures import possible_causes
from dfly_analysis.dataset import DatasetOrPaths, as_dataset
from dfly_analysis.diagnosis import fragment_causes
from dfly_analysis.diagnosis.causes import STRENGTHS, cause_shares
from dfly_analysis.diagnosis.checks import run_checks
from dfly_analysis.diagnosis.preheat_jobs import count_failures
from dfly_analysis.diagnosis.signature_checks import check_signatures
from dfly_analysis.findings import Alternative, Diagnosis, Finding

__all__ = ["diagnose"]


def diagnose(dataset: DatasetOrPaths) -> Diagnosis:
    """Find out what failed and why.

    Parameters
    ----------
    dataset : Dataset, path or sequence of paths

    Returns
    -------
    Diagnosis
        One finding for each signature and check, present, absent or unknown; the causes of failed tasks with their
        proportions; the primary cause, None if no task failed. If no log shows a task, the blobs that failed jobs report as
        missing are counted instead.
    """
    dataset = as_dataset(dataset)
    with dataset.engine.lock:  # the checks share temporary tables
        is_fragment = fragment_causes.is_fragment(dataset)
        findings = [*check_signatures(dataset, is_fragment=is_fragment), *run_checks(dataset)]
        causes = cause_shares(count_failures(dataset))
        primary = causes[0].cause if causes else None
        if is_fragment and primary in (None, "unknown"):
            return fragment_causes.explain(dataset, findings, causes)
    # A text or an end of a process shows its usual cause only if a failed task is attributed to it.
    attributed = {share.cause for share in causes if share.tasks}
    findings = [one if one.cause in attributed or not one.tasks else replace(one, cause=None) for one in findings]
    strength = STRENGTHS.get(causes[0].confidence, "possible") if causes else None
    return Diagnosis(
        findings, causes, primary, strength=strength, alternatives=_alternatives(findings, primary, strength)
    )


def _alternatives(findings: list[Finding], primary: str | None, strength: str | None) -> Iterator[Alternative]:
    """Yield what may also explain a primary cause that is not seen, and what would show it."""
    if primary is None or strength == "seen":
        return
    shown = [one for one in findings if one.verdict == "present" and one.cause == primary]
    for finding in sorted(shown, key=lambda one: one.id not in load_checks()):
        if finding.id in possible_causes():
            yield from (Alternative(one.cause, one.why) for one in possible_causes()[finding.id])
            return
