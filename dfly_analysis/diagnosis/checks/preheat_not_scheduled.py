"""A preheat job waits in the manager, and no scheduler ever took it."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import be, job_evidence, plural
from dfly_analysis.diagnosis.preheat_jobs import RUNNING, has_preheats, preheats_of
from dfly_analysis.findings import Finding
from dfly_analysis.readers.jobs import requested_urls
from dfly_analysis.units import format_duration

ABOUT = Check(
    "preheat_never_taken",
    "A preheat job waits and no scheduler has taken it",
    method="Jobs that the manager calls pending for minutes, against what the scheduler's log says it was handed.",
    remedy="See that manager and scheduler use the same Redis: address, password, brokerDB and backendDB; and that the scheduler has the preheat feature and is active.",
    collect="the scheduler's job.log and core.log for the time of the job",
    knob="database.redis",
)
_LONG_S = 300.0


def check(dataset: Dataset) -> Finding:
    """Look for jobs that waited long and that the scheduler's log does not know."""
    if not has_preheats(dataset):
        return ABOUT.unknown("the input holds no preheat job")
    preheats = preheats_of(dataset)
    ((latest, schedulers),) = dataset.rows(
        "SELECT max(nanoseconds(time)), count(*) FILTER (component = 'scheduler') FROM events"
    )
    import pandas as pd

    until = pd.to_datetime(latest, utc=True)
    observed = (preheats["ended"].fillna(until) - preheats["created"]).dt.total_seconds()
    waiting = preheats[preheats["state"].isin(RUNNING) & (observed > _LONG_S)]
    if waiting.empty:
        return ABOUT.absent("no preheat job has waited for long")
    if not schedulers:
        return ABOUT.unknown(
            f"{plural(len(waiting), 'preheat job')} {be(len(waiting))} still waiting, and the input holds no scheduler log"
        )
    events = dataset.sql(
        "SELECT event_id, message, job_id FROM events WHERE event_id IN ('preheat_started', 'job_received')"
    )
    taken = set(requested_urls(events)) | set(events["job_id"].dropna())
    lost = waiting[~waiting["job_id"].isin(taken)]
    if lost.empty:
        return ABOUT.absent("each waiting job was handed to a scheduler")
    waited = format_duration(float(observed[lost.index].max()))
    reason = f"{plural(len(lost), 'preheat job')} {be(len(lost), 'has', 'have')} waited for up to {waited} and no scheduler's log knows of {be(len(lost), 'it', 'them')}."
    texts = [f"job {job}: state {state}" for job, state in zip(lost["job_id"], lost["state"], strict=True)]
    return ABOUT.present(
        "high", reason, count=len(lost), tasks=0, times=lost["created"], evidence=job_evidence(lost, texts)
    )
