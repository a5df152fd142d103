"""The manager says SUCCESS while blobs are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import be, job_evidence, plural
from dfly_analysis.diagnosis.preheat_jobs import has_preheats, preheats_of, succeeded_urls
from dfly_analysis.findings import Finding

if TYPE_CHECKING:
    import pandas as pd

ABOUT = Check(
    "preheat_false_success",
    "A preheat job claims SUCCESS while layers are missing",
    method="What each job was asked for, and what its seed clients lost, against the list of what it reports as there.",
    remedy="Do not trust the state of a job whose image is one task: compare success_tasks with the layers of the image, and preheat the missing ones anew.",
    collect="GET /oapi/v1/jobs?type=preheat and the scheduler's job.log beside the logs",
    knob="POST /oapi/v1/jobs args.scope",
)


def check(dataset: Dataset) -> Finding:
    """Compare what each job reports as there with what it was asked for, or with what its seeds lost."""
    if not has_preheats(dataset):
        return ABOUT.unknown("the input holds no preheat job")
    preheats = preheats_of(dataset)
    claims = preheats[preheats["state"] == "SUCCESS"]
    if claims.empty:
        return ABOUT.absent("no preheat job claims SUCCESS")
    false = claims[claims["false_success"].astype(bool)]
    if len(false):
        missing = sum(len(urls) for urls in false["missing_urls"])
        reason = (
            f"{len(claims)} of {plural(len(preheats), 'preheat job')} {be(len(claims), 'claims', 'claim')} SUCCESS; "
            f"in {len(false)} of them {plural(missing, 'layer')} of those asked for {be(missing)} missing."
        )
        return _present(false, reason, missing)
    unchecked = claims[~claims["checked"].astype(bool)]
    lost = len(_lost(dataset, preheats))
    explained = _failures_admitted(preheats)
    if len(unchecked) and lost > explained:
        reason = (
            f"{plural(lost, 'blob')} that seed clients lost {be(lost, 'appears', 'appear')} in no job's list of success, "
            f"while {plural(len(unchecked), 'job')} {be(len(unchecked), 'claims', 'claim')} SUCCESS."
        )
        return _present(unchecked, reason, lost - explained)
    if len(unchecked):
        return ABOUT.unknown("what the jobs were asked for is not known")
    return ABOUT.absent(f"{plural(len(claims), 'job')} {be(len(claims), 'claims', 'claim')} SUCCESS and every blob asked for is there")  # fmt: skip


def _lost(dataset: Dataset, preheats: pd.DataFrame) -> set[str]:
    """Return the blobs that a seed client failed to fetch for good and no job says are there."""
    rows = dataset.rows("""
        SELECT DISTINCT url FROM tasks WHERE role = 'seedClient' AND outcome IN ('failed', 'died') AND url IS NOT NULL
    """)
    lost = {url for (url,) in rows} - succeeded_urls(dataset)
    return lost - {url for urls in preheats.get("urls_succeeded", ()) for url in urls}


def _failures_admitted(preheats: pd.DataFrame) -> int:
    """Return how many lost blobs the jobs that say FAILURE may stand for."""
    admitted = preheats[preheats["state"] != "SUCCESS"]
    return int(admitted["failed"].fillna(1).clip(lower=1).sum())


def _present(jobs: pd.DataFrame, reason: str, missing: int) -> Finding:
    import pandas as pd

    texts = [
        f"job {job}: state SUCCESS, {there}{'' if pd.isna(requested) else f' of {requested}'} blobs are there"
        for job, there, requested in zip(jobs["job_id"], jobs["succeeded"], jobs["layers"], strict=True)
    ]
    times = [*jobs["created"].dropna(), *jobs["ended"].dropna()]
    return ABOUT.present(
        "high", reason, count=len(jobs), tasks=missing, times=times, evidence=job_evidence(jobs, texts)
    )
