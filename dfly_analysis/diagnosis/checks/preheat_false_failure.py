"""The manager reports FAILURE although every blob arrived: it stopped polling before the job was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import job_evidence
from dfly_analysis.diagnosis.preheat_jobs import NO_JOB, abandoned, false_failures, read_preheats
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, message
from dfly_analysis.units import format_duration

if TYPE_CHECKING:
    import pandas as pd

ABOUT = load_check("preheat_false_failure")


def check(dataset: Dataset) -> Finding:
    preheats = read_preheats(dataset)
    if preheats is None:
        return ABOUT.unknown(NO_JOB)
    failed = preheats[preheats["state"] == "FAILURE"]
    if failed.empty:
        return ABOUT.absent(message("no preheat job reports FAILURE"))
    false = false_failures(dataset, failed)
    if len(false):
        texts = [
            message("job {job}: state FAILURE, but all {layers} blobs arrived", job=job, layers=layers)
            for job, layers in zip(false["job_id"], false["layers"], strict=True)
        ]
        facts, proof = _facts(false, len(preheats)), job_evidence(false, texts)
        return ABOUT.present("medium", *facts, count=len(false), tasks=0, **proof)
    if n_abandoned := len(abandoned(failed)):
        return ABOUT.unknown(
            message(
                "failed jobs without a reason of their own, as when the manager stops polling: {n:,}; whether their blobs arrived is not logged",
                n=n_abandoned,
            )
        )
    return ABOUT.absent(message("each failed job misses blobs or gives a reason"))


def _facts(false: pd.DataFrame, total: int) -> list[Message]:
    waited = (false["ended"] - false["created"]).dt.total_seconds().dropna()
    facts = [
        message(
            "{n:,} of {total:,} preheat jobs report FAILURE although every requested blob arrived",
            n=len(false),
            total=total,
        ),
        message("the manager stopped polling before the seed clients were done"),
    ]
    if len(waited):
        facts.append(message("median duration of the jobs: {median}", median=format_duration(float(waited.median()))))
    return facts
