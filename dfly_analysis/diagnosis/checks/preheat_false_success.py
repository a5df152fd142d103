"""The manager reports SUCCESS while blobs are missing."""

from typing import Any

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import job_evidence
from dfly_analysis.diagnosis.preheat_jobs import NO_JOB, missing_blobs, read_preheats, succeeded_urls
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message

ABOUT = load_check("preheat_false_success")
_COUNTS = ("job_id", "succeeded", "layers")


def check(dataset: Dataset) -> Finding:
    preheats = read_preheats(dataset)
    if preheats is None:
        return ABOUT.unknown(NO_JOB)
    claims = preheats[preheats["state"] == "SUCCESS"]
    if claims.empty:
        return ABOUT.absent("no preheat job reports SUCCESS")
    false = claims[claims["false_success"].astype(bool)]
    if len(false):
        missing = sum(len(urls) for urls in false["missing_urls"])
        facts = [
            message("{claims:,} of {n:,} preheat jobs report SUCCESS", claims=len(claims), n=len(preheats)),
            message("requested blobs missing in {n:,} of them: {missing:,}", n=len(false), missing=missing),
        ]
        return ABOUT.present("high", *facts, count=len(false), tasks=missing, **_proof(false))
    unchecked = claims[~claims["checked"].astype(bool)]
    if unchecked.empty:
        return ABOUT.absent("jobs that report SUCCESS: {n:,}; every requested blob arrived", n=len(claims))
    lost = len(_lost_blobs(dataset, preheats))
    missing = lost - sum(missing_blobs(preheats[preheats["state"] != "SUCCESS"]))
    if missing <= 0:
        return ABOUT.unknown("what the jobs requested is unknown")
    facts = [
        message("blobs that seed clients failed to download and no job reports: {n:,}", n=lost),
        message("jobs that report SUCCESS: {n:,}", n=len(unchecked)),
    ]
    return ABOUT.present("high", *facts, count=len(unchecked), tasks=missing, **_proof(unchecked))


def _lost_blobs(dataset: Dataset, preheats: Any) -> set[str]:
    """Return the blobs that no seed client has in the end and no job reports as succeeded."""
    query = f"SELECT DISTINCT url FROM tasks WHERE role = 'seedClient' AND {FAILED} AND url IS NOT NULL"
    lost = {url for (url,) in dataset.rows(query)} - succeeded_urls(dataset)
    return lost - {url for urls in preheats.get("urls_succeeded", ()) for url in urls}


def _proof(jobs: Any) -> dict[str, Any]:
    texts = [
        message("job {job}: state SUCCESS, {n} of {requested} blobs arrived", job=job, n=n, requested=requested)
        if known
        else message("job {job}: state SUCCESS, {n} blobs arrived", job=job, n=n)
        for job, n, requested, known in zip(*(jobs[name] for name in _COUNTS), jobs["layers"].notna(), strict=True)
    ]
    return job_evidence(jobs, texts)
