"""The manager itself says that a preheat failed."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import be, job_evidence, plural
from dfly_analysis.diagnosis.preheat_jobs import false_failures, has_preheats, preheats_of
from dfly_analysis.findings import Finding

ABOUT = Check(
    "preheat_job_failed",
    "A preheat job failed",
    method="The state that the manager gives each preheat job, but for those of which nothing is missing.",
    remedy="See the causes of the failed tasks; where only the job is at hand, add the logs of the seed clients.",
    collect="GET /oapi/v1/jobs?type=preheat beside the logs",
)
_LONGEST_ERROR = 160


def check(dataset: Dataset) -> Finding:
    """Count the preheat jobs that the manager calls failed."""
    if not has_preheats(dataset):
        return ABOUT.unknown("the input holds no preheat job")
    preheats = preheats_of(dataset)
    failed = preheats[preheats["state"] == "FAILURE"]
    if failed.empty:
        return ABOUT.absent("no preheat job says FAILURE")
    failed = failed.drop(index=false_failures(dataset).index)
    if failed.empty:
        return ABOUT.absent("of the jobs that say FAILURE nothing is missing")
    missing = int(failed["failed"].fillna(1).clip(lower=1).sum())
    reason = (
        f"{len(failed)} of {plural(len(preheats), 'preheat job')} {be(len(failed), 'says', 'say')} FAILURE; "
        f"{plural(missing, 'blob')} {be(missing)} missing."
    )
    texts = [
        f"job {job}: {str(error)[:_LONGEST_ERROR]}"
        for job, error in zip(failed["job_id"], failed["error"], strict=True)
    ]
    times = [*failed["created"].dropna(), *failed["ended"].dropna()]
    return ABOUT.present(
        "high", reason, count=len(failed), tasks=missing, times=times, evidence=job_evidence(failed, texts)
    )
