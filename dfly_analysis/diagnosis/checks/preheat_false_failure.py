"""The manager reports FAILURE although every blob arrived: it stopped polling before the job was done."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import job_evidence
from dfly_analysis.diagnosis.preheat_jobs import NO_JOB, abandoned, false_failures, read_preheats
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.units import format_duration

ABOUT = load_check("preheat_false_failure")


def check(dataset: Dataset) -> Finding:
    preheats = read_preheats(dataset)
    if preheats is None:
        return ABOUT.unknown(NO_JOB)
    failed = preheats[preheats["state"] == "FAILURE"]
    if failed.empty:
        return ABOUT.absent("no preheat job reports FAILURE")
    false = false_failures(dataset, failed)
    if false.empty and (n := len(abandoned(failed))):
        return ABOUT.unknown(
            "failed jobs without a reason of their own, as when the manager stops polling: {n:,}; whether their blobs arrived is not logged",
            n=n,
        )
    if false.empty:
        return ABOUT.absent("each failed job misses blobs or gives a reason")
    counts = {"n": len(false), "total": len(preheats)}
    facts = [
        message("{n:,} of {total:,} preheat jobs report FAILURE although every requested blob arrived", **counts),
        message("the manager stopped polling before the seed clients were done"),
    ]
    waited = (false["ended"] - false["created"]).dt.total_seconds().dropna()
    if len(waited):
        facts.append(message("median duration of the jobs: {median}", median=format_duration(float(waited.median()))))
    jobs = zip(false["job_id"], false["layers"], strict=True)
    texts = [message("job {job}: state FAILURE, but all {layers} blobs arrived", job=job, layers=n) for job, n in jobs]
    return ABOUT.present("medium", *facts, count=len(false), tasks=0, **job_evidence(false, texts))
