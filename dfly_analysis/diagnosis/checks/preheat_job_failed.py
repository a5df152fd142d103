"""The manager reports that a preheat failed."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import job_evidence
from dfly_analysis.diagnosis.preheat_jobs import NO_JOB, false_failures, missing_blobs, read_preheats
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message

ABOUT = load_check("preheat_job_failed")
_LONGEST_ERROR = 160


def check(dataset: Dataset) -> Finding:
    preheats = read_preheats(dataset)
    if preheats is None:
        return ABOUT.unknown(NO_JOB)
    failed = preheats[preheats["state"] == "FAILURE"]
    if failed.empty:
        return ABOUT.absent("no preheat job reports FAILURE")
    failed = failed.drop(index=false_failures(dataset, failed).index)
    if failed.empty:
        return ABOUT.absent("the jobs that report FAILURE miss no blob")
    missing = missing_blobs(failed)
    reason = message(
        "{failed:,} of {n:,} preheat jobs report FAILURE; missing blobs: {missing:,}",
        failed=len(failed), n=len(preheats), missing=sum(missing),
    )  # fmt: skip
    jobs = zip(failed["job_id"], failed["error"].astype(str).str[:_LONGEST_ERROR], strict=True)
    texts = [f"job {job}: {error}" for job, error in jobs]
    return ABOUT.present("high", reason, count=len(failed), tasks=sum(missing), **job_evidence(failed, texts))
