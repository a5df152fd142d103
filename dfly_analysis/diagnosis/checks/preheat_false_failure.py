"""The manager says FAILURE though every blob arrived: it stopped asking before the job was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import be, job_evidence, plural
from dfly_analysis.diagnosis.preheat_jobs import false_failures, given_up, has_preheats, preheats_of
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_duration

if TYPE_CHECKING:
    import pandas as pd

ABOUT = Check(
    "preheat_false_failure",
    "A preheat job says FAILURE while all its layers are there",
    method="The blobs each failed job was asked for against the tasks of the seed clients that went well.",
    remedy="Do not repeat the preheat. The manager asks for about 62 min at most from v2.4.0 on, for half an hour on average from v2.1.60 to v2.3.4, and this cannot be set: make jobs smaller, or judge them by the scheduler's log.",
    collect="the scheduler's job.log and the seed clients' logs up to the end of the downloads",
    knob="POST /oapi/v1/jobs args.timeout",
)


def check(dataset: Dataset) -> Finding:
    """Look for failed jobs of which nothing is missing."""
    if not has_preheats(dataset):
        return ABOUT.unknown("the input holds no preheat job")
    preheats = preheats_of(dataset)
    failed = preheats[preheats["state"] == "FAILURE"]
    if failed.empty:
        return ABOUT.absent("no preheat job says FAILURE")
    false = false_failures(dataset)
    if len(false):
        texts = [
            f"job {job}: state FAILURE, yet all {layers} blobs are there"
            for job, layers in zip(false["job_id"], false["layers"], strict=True)
        ]
        times = [*false["created"].dropna(), *false["ended"].dropna()]
        return ABOUT.present("medium", _reason(false, len(preheats)), count=len(false), tasks=0, times=times, evidence=job_evidence(false, texts))  # fmt: skip
    doubtful = given_up(failed)
    if len(doubtful):
        what = f"{plural(len(doubtful), 'failed job')} {be(len(doubtful), 'gives', 'give')} no reason of {be(len(doubtful), 'its', 'their')} own"
        return ABOUT.unknown(f"{what}, as when the manager stops asking; whether the blobs arrived is not seen")
    return ABOUT.absent(f"{plural(len(failed), 'failed job')} {be(len(failed), 'lacks', 'lack')} blobs or {be(len(failed), 'gives', 'give')} a reason")  # fmt: skip


def _reason(false: pd.DataFrame, total: int) -> str:
    waited = (false["ended"] - false["created"]).dt.total_seconds().dropna()
    after = f" after {format_duration(float(waited.median()))} (median)" if len(waited) else ""
    return (
        f"{len(false)} of {plural(total, 'preheat job')} {be(len(false), 'says', 'say')} FAILURE{after}, "
        f"yet every blob asked for is there: the manager stopped asking before the seed clients were done."
    )
