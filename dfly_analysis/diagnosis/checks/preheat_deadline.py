"""A preheat job's deadline expired before its layers were done."""

from dfly_analysis.catalog.error_signatures import cause_of
from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import failed_tasks, times_and_evidence
from dfly_analysis.diagnosis.preheat_jobs import read_preheats
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, format_list, message
from dfly_analysis.units import format_duration

ABOUT = load_check("preheat_deadline")
_WHOLE_IMAGE, _BY_REQUEST = parse_version("v2.3.1"), parse_version("v2.1.57")


def check(dataset: Dataset) -> Finding:
    preheat_events = "event_id IN ('preheat_failed', 'preheat_stream_failed', 'job_failed')"
    messages = [text for (text,) in dataset.rows(f"SELECT DISTINCT message FROM events WHERE {preheat_events}")]
    jobs, of_scheduler = read_preheats(dataset), "SELECT 1 FROM events WHERE component = 'scheduler' LIMIT 1"
    if not messages and jobs is None and not dataset.rows(of_scheduler):
        return ABOUT.unknown("the input contains no scheduler log and no preheat job")
    expired = [text for text in messages if _is_deadline(text)]
    expired_jobs = 0 if jobs is None else int(jobs["error"].map(_is_deadline).sum())
    if not expired and not expired_jobs:
        return ABOUT.absent("no preheat reports an expired deadline")
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
    return ABOUT.present("high", *facts, count=count, tasks=tasks or expired_jobs, **proof)


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
