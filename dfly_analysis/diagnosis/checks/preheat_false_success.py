"""The manager reports SUCCESS while blobs are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import job_evidence
from dfly_analysis.diagnosis.preheat_jobs import NO_JOB, missing_blobs, read_preheats, succeeded_urls
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, message

if TYPE_CHECKING:
    import pandas as pd

ABOUT = load_check("preheat_false_success")


def check(dataset: Dataset) -> Finding:
    preheats = read_preheats(dataset)
    if preheats is None:
        return ABOUT.unknown(NO_JOB)
    claims = preheats[preheats["state"] == "SUCCESS"]
    if claims.empty:
        return ABOUT.absent(message("no preheat job reports SUCCESS"))
    false = claims[claims["false_success"].astype(bool)]
    if len(false):
        missing = sum(len(urls) for urls in false["missing_urls"])
        facts = [
            message("{claims:,} of {n:,} preheat jobs report SUCCESS", claims=len(claims), n=len(preheats)),
            message("requested blobs missing in {n:,} of them: {missing:,}", n=len(false), missing=missing),
        ]
        return _present(false, facts, missing)
    unchecked = claims[~claims["checked"].astype(bool)]
    lost = len(_lost_blobs(dataset, preheats))
    explained = sum(missing_blobs(preheats[preheats["state"] != "SUCCESS"]))
    if len(unchecked) and lost > explained:
        facts = [
            message("blobs that seed clients failed to download and no job reports: {n:,}", n=lost),
            message("jobs that report SUCCESS: {n:,}", n=len(unchecked)),
        ]
        return _present(unchecked, facts, lost - explained)
    if len(unchecked):
        return ABOUT.unknown(message("what the jobs requested is unknown"))
    return ABOUT.absent(message("jobs that report SUCCESS: {n:,}; every requested blob arrived", n=len(claims)))


def _lost_blobs(dataset: Dataset, preheats: pd.DataFrame) -> set[str]:
    """Return the blobs that no seed client has in the end and no job reports as succeeded."""
    query = f"SELECT DISTINCT url FROM tasks WHERE role = 'seedClient' AND {FAILED} AND url IS NOT NULL"
    lost = {url for (url,) in dataset.rows(query)} - succeeded_urls(dataset)
    return lost - {url for urls in preheats.get("urls_succeeded", ()) for url in urls}


def _present(jobs: pd.DataFrame, facts: list[Message], missing: int) -> Finding:
    import pandas as pd

    texts = [
        message("job {job}: state SUCCESS, {n} blobs arrived", job=job, n=n)
        if pd.isna(requested)
        else message("job {job}: state SUCCESS, {n} of {requested} blobs arrived", job=job, n=n, requested=requested)
        for job, n, requested in zip(jobs["job_id"], jobs["succeeded"], jobs["layers"], strict=True)
    ]
    return ABOUT.present("high", *facts, count=len(jobs), tasks=missing, **job_evidence(jobs, texts))
