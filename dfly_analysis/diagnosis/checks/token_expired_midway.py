"""Credentials that were good at first were refused later: a token that does not live as long as the preheat."""

from __future__ import annotations

import pandas as pd

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_duration

ABOUT = Check(
    "token_expired_midway",
    "The registry's token expired while layers were still being fetched",
    method="When the first task was refused with 401 or 403, against tasks that the registry had served before.",
    remedy="Let the registry's token live longer than the longest preheat, or make jobs so small that each is done before it expires: Dragonfly puts one token into all requests of a job and never renews it.",
    collect="logs of the seed clients from the beginning of the job on",
    knob="POST /oapi/v1/jobs args.timeout",
)


def check(dataset: Dataset) -> Finding:
    """Look for layers served before the first refusal."""
    tasks = dataset.tasks
    refused = dataset.failed_tasks[dataset.failed_tasks["cause"] == "auth"]
    if refused.empty:
        return (
            ABOUT.absent("no task was refused for its credentials") if len(tasks) else ABOUT.unknown("no task is seen")
        )
    first = refused["ended"].fillna(refused["started"]).min()
    if pd.isna(first):
        return ABOUT.unknown("the refused tasks have no time")
    served = tasks[(tasks["outcome"] == "ok") & (tasks["ended"] < first) & (tasks["origin"] != "parent")]
    if served.empty:
        return ABOUT.absent("nothing was served before the first refusal: the credentials are missing or wrong, not expired")  # fmt: skip
    began = tasks["started"].min()
    later = tasks[(tasks["outcome"] == "ok") & (tasks["started"] > first) & tasks["bytes_from_source"].fillna(0).gt(0)]
    after = (
        f"; {plural(len(later), 'task')} began and went well after it"
        if len(later)
        else "; none that began later was served"
    )
    reason = (
        f"the first refusal came {format_duration((first - began).total_seconds())} after the first task began, when "
        f"{plural(len(served), 'task')} had gone well; {plural(len(refused), 'task')} {'was' if len(refused) == 1 else 'were'} refused{after}."
    )
    lines = dataset.events[dataset.events["peer_id"].isin(refused["peer_id"].dropna()) & dataset.events["level"].isin(["ERROR", "WARN"])]  # fmt: skip
    return ABOUT.present("high", reason, count=len(refused), tasks=len(refused), times=refused["ended"], evidence=evidence_of(lines))  # fmt: skip
