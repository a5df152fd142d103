"""A preheat job's timeout is given in seconds while the manager reads nanoseconds."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import failed_tasks, job_evidence
from dfly_analysis.diagnosis.preheat_jobs import read_preheats
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.readers.jobs import requested_timeouts

ABOUT = load_check("job_timeout_unit")
_SECOND_NS = 1_000_000_000


def check(dataset: Dataset) -> Finding:
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
        return ABOUT.unknown("no preheat job's timeout is logged")
    short = {job: value for job, value in known.items() if value < _SECOND_NS}
    if not short:
        return ABOUT.absent("no preheat job has a timeout of less than a second ({n:,} checked)", n=len(known))
    first = next(iter(short.values()))
    reason = message(
        "preheat jobs with a timeout in the wrong unit: {n:,}; {timeout} is read as {timeout} ns, while {timeout} s is {written}",
        n=len(short), timeout=first, written=first * _SECOND_NS,
    )  # fmt: skip
    tasks = failed_tasks(dataset, "list_contains(?, job_id)", ([*short],))
    if preheats is None:
        return ABOUT.present("high", reason, count=len(short), tasks=tasks)
    jobs = preheats[preheats["job_id"].isin(short)]
    texts = [message("job {job}: args.timeout {timeout} ns", job=job, timeout=short[job]) for job in jobs["job_id"]]
    tasks = tasks or int(jobs["failed"].fillna(0).sum())
    return ABOUT.present("high", reason, count=len(short), tasks=tasks, **job_evidence(jobs, texts, ["created"]))
