"""Checks of what the manager reports of preheat jobs."""

from typing import Any

from dfly_analysis.catalog.error_signatures import cause_of
from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import failed_tasks, job_evidence, times_and_evidence
from dfly_analysis.diagnosis.preheat_jobs import (
    NO_JOB,
    abandoned,
    false_failures,
    missing_blobs,
    read_preheats,
    succeeded_urls,
)
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, format_list, message
from dfly_analysis.readers.jobs import requested_timeouts, requested_urls
from dfly_analysis.units import format_duration

_SECOND_NS = 1_000_000_000


def job_timeout_unit(check: Check, dataset: Dataset) -> Finding:
    """A preheat job's timeout is given in seconds while the manager reads nanoseconds."""
    preheats = read_preheats(dataset)
    received = "event_id = 'job_received'"
    known: dict[str, int] = {}
    if preheats is not None or dataset.rows(f"SELECT 1 FROM events WHERE {received} LIMIT 1"):
        known = requested_timeouts(dataset.sql(f"SELECT event_id, message FROM events WHERE {received}"))
    if preheats is not None and "timeout_ns" in preheats:
        given = preheats.dropna(subset="timeout_ns")
        known |= {job: int(value) for job, value in zip(given["job_id"], given["timeout_ns"], strict=True)}
    known = {job: value for job, value in known.items() if value > 0}
    if not known:
        return check.unknown("no preheat job's timeout is logged")
    short = {job: value for job, value in known.items() if value < _SECOND_NS}
    if not short:
        return check.absent("no preheat job has a timeout of less than a second ({n:,} checked)", n=len(known))
    first = next(iter(short.values()))
    reason = message(
        "preheat jobs with a timeout in the wrong unit: {n:,}; {timeout} is read as {timeout} ns, while {timeout} s is {written}",
        n=len(short), timeout=first, written=first * _SECOND_NS,
    )  # fmt: skip
    tasks = failed_tasks(dataset, "list_contains(?, job_id)", ([*short],))
    if preheats is None:
        return check.present("high", reason, count=len(short), tasks=tasks)
    jobs = preheats[preheats["job_id"].isin(short)]
    texts = [message("job {job}: args.timeout {timeout} ns", job=job, timeout=short[job]) for job in jobs["job_id"]]
    tasks = tasks or int(jobs["failed"].fillna(0).sum())
    return check.present("high", reason, count=len(short), tasks=tasks, **job_evidence(jobs, texts, ["created"]))


_WHOLE_IMAGE, _BY_REQUEST = parse_version("v2.3.1"), parse_version("v2.1.57")


def preheat_deadline(check: Check, dataset: Dataset) -> Finding:
    """A preheat job's deadline expired before its layers were done."""
    preheat_events = "event_id IN ('preheat_failed', 'preheat_stream_failed', 'job_failed')"
    messages = [text for (text,) in dataset.rows(f"SELECT DISTINCT message FROM events WHERE {preheat_events}")]
    jobs, of_scheduler = read_preheats(dataset), "SELECT 1 FROM events WHERE component = 'scheduler' LIMIT 1"
    if not messages and jobs is None and not dataset.rows(of_scheduler):
        return check.unknown("the input contains no scheduler log and no preheat job")
    expired = [text for text in messages if _is_deadline(text)]
    expired_jobs = 0 if jobs is None else int(jobs["error"].map(_is_deadline).sum())
    if not expired and not expired_jobs:
        return check.absent("no preheat reports an expired deadline")
    where, parameters = f"{preheat_events} AND list_contains(?, message)", (expired,)
    blobs = f"SELECT DISTINCT coalesce(url, task_id), count(*) FROM events WHERE {where} GROUP BY ALL"
    rows = dataset.rows(blobs, parameters)
    layers = [layer for layer, _ in rows if layer is not None]
    count = len(layers) or expired_jobs or sum(n for _, n in rows)
    tasks = failed_tasks(dataset, "(list_contains(?, url) OR list_contains(?, task_id))", (layers, layers))
    facts = [message("layers not done when the deadline expired: {n:,}", n=count), _scope(dataset)]
    if jobs is not None and "timeout_ns" in jobs and len(given := jobs["timeout_ns"].dropna()):
        timeouts = [format_duration(float(value) / 1e9) for value in sorted(given.unique())]
        facts.append(message("timeout of the jobs: {timeouts}", timeouts=format_list(timeouts)))
    proof = times_and_evidence(dataset, where, parameters)
    return check.present("high", *facts, count=count, tasks=tasks or expired_jobs, **proof)


def _is_deadline(text: object) -> bool:
    known = cause_of(text) if isinstance(text, str) else None
    return known is not None and known.id == "job_deadline"


def _scope(dataset: Dataset) -> Message:
    release = dataset.settings.versions.get("scheduler") or dataset.settings.versions.get("manager")
    if release is None:
        return message("it covers one layer up to scheduler v2.3.0, the whole image from v2.3.1 on")
    version = parse_version(str(release))
    if version >= _WHOLE_IMAGE:
        return message("with scheduler {release} it covers the whole image, 60 min by default", release=release)
    if version >= _BY_REQUEST:
        return message("with scheduler {release} it covers each layer by itself, 30 min by default", release=release)
    return message("with scheduler {release} it is 20 min for each layer and cannot be set", release=release)


def preheat_false_failure(check: Check, dataset: Dataset) -> Finding:
    """The manager reports FAILURE although every blob arrived: it stopped polling before the job was done."""
    preheats = read_preheats(dataset)
    if preheats is None:
        return check.unknown(NO_JOB)
    failed = preheats[preheats["state"] == "FAILURE"]
    if failed.empty:
        return check.absent("no preheat job reports FAILURE")
    false = false_failures(dataset, failed)
    if false.empty and (n := len(abandoned(failed))):
        return check.unknown(
            "failed jobs without a reason of their own, as when the manager stops polling: {n:,}; whether their blobs arrived is not logged",
            n=n,
        )
    if false.empty:
        return check.absent("each failed job misses blobs or gives a reason")
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
    return check.present("medium", *facts, count=len(false), tasks=0, **job_evidence(false, texts))


_COUNTS_OF_JOB = ("job_id", "succeeded", "layers")


def preheat_false_success(check: Check, dataset: Dataset) -> Finding:
    """The manager reports SUCCESS while blobs are missing."""
    preheats = read_preheats(dataset)
    if preheats is None:
        return check.unknown(NO_JOB)
    claims = preheats[preheats["state"] == "SUCCESS"]
    if claims.empty:
        return check.absent("no preheat job reports SUCCESS")
    false = claims[claims["false_success"].astype(bool)]
    if len(false):
        missing = sum(len(urls) for urls in false["missing_urls"])
        facts = [
            message("{claims:,} of {n:,} preheat jobs report SUCCESS", claims=len(claims), n=len(preheats)),
            message("requested blobs missing in {n:,} of them: {missing:,}", n=len(false), missing=missing),
        ]
        return check.present("high", *facts, count=len(false), tasks=missing, **_claims(false))
    unchecked = claims[~claims["checked"].astype(bool)]
    if unchecked.empty:
        return check.absent("jobs that report SUCCESS: {n:,}; every requested blob arrived", n=len(claims))
    lost = len(_lost_blobs(dataset, preheats))
    missing = lost - sum(missing_blobs(preheats[preheats["state"] != "SUCCESS"]))
    if missing <= 0:
        return check.unknown("what the jobs requested is unknown")
    facts = [
        message("blobs that seed clients failed to download and no job reports: {n:,}", n=lost),
        message("jobs that report SUCCESS: {n:,}", n=len(unchecked)),
    ]
    return check.present("high", *facts, count=len(unchecked), tasks=missing, **_claims(unchecked))


def _lost_blobs(dataset: Dataset, preheats: Any) -> set[str]:
    """Return the blobs that no seed client has in the end and no job reports as succeeded."""
    query = f"SELECT DISTINCT url FROM tasks WHERE role = 'seedClient' AND {FAILED} AND url IS NOT NULL"
    lost = {url for (url,) in dataset.rows(query)} - succeeded_urls(dataset)
    return lost - {url for urls in preheats.get("urls_succeeded", ()) for url in urls}


def _claims(jobs: Any) -> dict[str, Any]:
    texts = [
        message("job {job}: state SUCCESS, {n} of {requested} blobs arrived", job=job, n=n, requested=requested)
        if known
        else message("job {job}: state SUCCESS, {n} blobs arrived", job=job, n=n)
        for job, n, requested, known in zip(
            *(jobs[name] for name in _COUNTS_OF_JOB), jobs["layers"].notna(), strict=True
        )
    ]
    return job_evidence(jobs, texts)


_LONGEST_ERROR = 160


def preheat_job_failed(check: Check, dataset: Dataset) -> Finding:
    """The manager reports that a preheat failed."""
    preheats = read_preheats(dataset)
    if preheats is None:
        return check.unknown(NO_JOB)
    failed = preheats[preheats["state"] == "FAILURE"]
    if failed.empty:
        return check.absent("no preheat job reports FAILURE")
    failed = failed.drop(index=false_failures(dataset, failed).index)
    if failed.empty:
        return check.absent("the jobs that report FAILURE miss no blob")
    missing = missing_blobs(failed)
    reason = message(
        "{failed:,} of {n:,} preheat jobs report FAILURE; missing blobs: {missing:,}",
        failed=len(failed), n=len(preheats), missing=sum(missing),
    )  # fmt: skip
    jobs = zip(failed["job_id"], failed["error"].astype(str).str[:_LONGEST_ERROR], strict=True)
    texts = [f"job {job}: {error}" for job, error in jobs]
    return check.present("high", reason, count=len(failed), tasks=sum(missing), **job_evidence(failed, texts))


_RUNNING = ("PENDING", "RECEIVED", "STARTED", "RETRY")
_LONG_PENDING_S = 300.0


def preheat_not_scheduled(check: Check, dataset: Dataset) -> Finding:
    """A preheat job is pending in the manager, and no scheduler has received it."""
    preheats = read_preheats(dataset)
    if preheats is None:
        return check.unknown(NO_JOB)
    import pandas as pd

    seen = "max(nanoseconds(time)), count(*) FILTER (component = 'scheduler')"
    ((latest, schedulers),) = dataset.rows(f"SELECT {seen} FROM events")
    until = pd.to_datetime(latest, utc=True)
    pending_s = (preheats["ended"].fillna(until) - preheats["created"]).dt.total_seconds()
    pending = preheats[preheats["state"].isin(_RUNNING) & (pending_s > _LONG_PENDING_S)]
    if pending.empty:
        return check.absent("no preheat job has been pending for long")
    if not schedulers:
        return check.unknown("preheat jobs still pending: {n:,}; the input contains no scheduler log", n=len(pending))
    taken = "event_id IN ('preheat_started', 'job_received')"
    events = dataset.sql(f"SELECT event_id, message, job_id FROM events WHERE {taken}")
    received = set(requested_urls(events)) | set(events["job_id"].dropna())
    lost = pending[~pending["job_id"].isin(received)]
    if lost.empty:
        return check.absent("a scheduler received each pending job")
    reason = message(
        "preheat jobs that are in no scheduler's log: {n:,}, pending for up to {duration}",
        n=len(lost), duration=format_duration(float(pending_s[lost.index].max())),
    )  # fmt: skip
    jobs = zip(lost["job_id"], lost["state"], strict=True)
    texts = [message("job {job}: state {state}", job=job, state=state) for job, state in jobs]
    return check.present("high", reason, count=len(lost), tasks=0, **job_evidence(lost, texts, ["created"]))
