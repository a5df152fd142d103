"""A preheat job is pending in the manager, and no scheduler has received it."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import job_evidence
from dfly_analysis.diagnosis.preheat_jobs import NO_JOB, read_preheats
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.readers.jobs import requested_urls
from dfly_analysis.units import format_duration

ABOUT = load_check("preheat_never_taken")
_RUNNING = ("PENDING", "RECEIVED", "STARTED", "RETRY")
_LONG_S = 300.0


def check(dataset: Dataset) -> Finding:
    preheats = read_preheats(dataset)
    if preheats is None:
        return ABOUT.unknown(NO_JOB)
    import pandas as pd

    seen = "max(nanoseconds(time)), count(*) FILTER (component = 'scheduler')"
    ((latest, schedulers),) = dataset.rows(f"SELECT {seen} FROM events")
    until = pd.to_datetime(latest, utc=True)
    pending_s = (preheats["ended"].fillna(until) - preheats["created"]).dt.total_seconds()
    pending = preheats[preheats["state"].isin(_RUNNING) & (pending_s > _LONG_S)]
    if pending.empty:
        return ABOUT.absent("no preheat job has been pending for long")
    if not schedulers:
        return ABOUT.unknown("preheat jobs still pending: {n:,}; the input contains no scheduler log", n=len(pending))
    taken = "event_id IN ('preheat_started', 'job_received')"
    events = dataset.sql(f"SELECT event_id, message, job_id FROM events WHERE {taken}")
    received = set(requested_urls(events)) | set(events["job_id"].dropna())
    lost = pending[~pending["job_id"].isin(received)]
    if lost.empty:
        return ABOUT.absent("a scheduler received each pending job")
    reason = message(
        "preheat jobs that are in no scheduler's log: {n:,}, pending for up to {duration}",
        n=len(lost), duration=format_duration(float(pending_s[lost.index].max())),
    )  # fmt: skip
    jobs = zip(lost["job_id"], lost["state"], strict=True)
    texts = [message("job {job}: state {state}", job=job, state=state) for job, state in jobs]
    return ABOUT.present("high", reason, count=len(lost), tasks=0, **job_evidence(lost, texts, ["created"]))
