"""A preheat job's timeout is given in seconds where the manager reads nanoseconds."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import be, job_evidence, plural
from dfly_analysis.diagnosis.preheat_jobs import has_preheats, preheats_of
from dfly_analysis.findings import Finding
from dfly_analysis.readers.jobs import requested_timeouts

ABOUT = Check(
    "job_timeout_unit",
    "A preheat job's timeout is less than a second",
    method="args.timeout of each preheat job, which is a whole number of nanoseconds.",
    remedy="Write the timeout in nanoseconds: one hour is 3600000000000. A bare 3600 ends the job after 3.6 µs.",
    collect="GET /oapi/v1/jobs?type=preheat, or the scheduler's job.log",
    knob="POST /oapi/v1/jobs args.timeout",
)
_SECOND_NS = 1_000_000_000


def check(dataset: Dataset) -> Finding:
    """Look for timeouts of less than a second."""
    if not has_preheats(dataset) and not dataset.rows("SELECT 1 FROM events WHERE event_id = 'job_received' LIMIT 1"):
        return ABOUT.unknown("no preheat job's timeout is seen")
    preheats = preheats_of(dataset)
    by_log = requested_timeouts(dataset.sql("SELECT event_id, message FROM events WHERE event_id = 'job_received'"))
    given = {**by_log, **dict(zip(preheats["job_id"], preheats.get("timeout_ns", ()), strict=False))}
    import pandas as pd

    known = {job: int(value) for job, value in given.items() if not pd.isna(value) and value > 0}
    if not known:
        return ABOUT.unknown("no preheat job's timeout is seen")
    short = {job: value for job, value in known.items() if value < _SECOND_NS}
    if not short:
        return ABOUT.absent(f"{plural(len(known), 'preheat job')} {be(len(known), 'has', 'have')} a timeout of a second or more")  # fmt: skip
    rows = preheats[preheats["job_id"].isin(short)]
    texts = [f"job {job}: args.timeout {short[job]} ns" for job in rows["job_id"]]
    query = "SELECT count(*) FROM tasks WHERE outcome IN ('failed', 'died') AND list_contains(?, job_id)"
    tasks = dataset.rows(query, ([*short],))[0][0] or int(rows["failed"].fillna(0).sum())
    first = next(iter(short.values()))
    reason = (
        f"{plural(len(short), 'preheat job')} {be(len(short), 'gives', 'give')} a timeout of {first}, which is {first} ns; "
        f"as seconds it was probably meant to be {first} s, written {first * _SECOND_NS}."
    )
    return ABOUT.present("high", reason, count=len(short), tasks=tasks, times=rows["created"], evidence=job_evidence(rows, texts))  # fmt: skip
