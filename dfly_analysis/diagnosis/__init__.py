"""From frames to findings with evidence, and to cause shares that add up to one."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.causes import cause_shares, primary_cause
from dfly_analysis.diagnosis.checks import run_checks
from dfly_analysis.diagnosis.preheat_jobs import failures_of
from dfly_analysis.diagnosis.signature_checks import check_signatures
from dfly_analysis.findings import Diagnosis

__all__ = ["diagnose"]


def diagnose(dataset: Dataset) -> Diagnosis:
    """Say what happened, with proof.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    Diagnosis
        One finding for each signature and check, present, absent or unknown; the causes of failed tasks with their
        shares; the primary cause, None where no task failed. Where no log shows any task, the blobs that jobs admit to have
        lost stand for them.
    """
    with dataset.engine.lock:  # the checks share temporary tables
        findings = [*check_signatures(dataset), *run_checks(dataset)]
        causes = cause_shares(failures_of(dataset))
    return Diagnosis(findings, causes, primary_cause(causes))
