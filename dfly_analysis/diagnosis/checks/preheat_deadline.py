"""Layers were still on their way when the preheat job's own deadline came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.catalog.error_signatures import cause_of
from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural, time_range
from dfly_analysis.diagnosis.preheat_jobs import has_preheats, preheats_of
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_duration

if TYPE_CHECKING:
    import pandas as pd

ABOUT = Check(
    "preheat_deadline",
    "The deadline of a preheat job came before its layers were done",
    method="Failures of preheats that say DeadlineExceeded, and what the deadline of that release covers.",
    remedy="Give args.timeout (nanoseconds) enough for what it covers, or preheat fewer layers in one job; finished pieces stay on the seed client, so a second job goes on where the first one ended.",
    collect="the scheduler's core.log and job.log",
    knob="POST /oapi/v1/jobs args.timeout",
)
_WHOLE_IMAGE, _BY_REQUEST = parse_version("v2.3.1"), parse_version("v2.1.57")
_EVENTS = ("preheat_failed", "preheat_stream_failed", "job_failed")


def check(dataset: Dataset) -> Finding:
    """Count the layers that a preheat's deadline ended."""
    preheat_events = f"event_id IN {_EVENTS}"
    messages = [text for (text,) in dataset.rows(f"SELECT DISTINCT message FROM events WHERE {preheat_events}")]
    jobs = preheats_of(dataset) if has_preheats(dataset) else None
    if not messages and jobs is None and not dataset.rows("SELECT 1 FROM events WHERE component = 'scheduler' LIMIT 1"):
        return ABOUT.unknown("the input holds no scheduler log and no preheat job")
    late = [text for text in messages if _is_deadline(text)]
    late_jobs = 0 if jobs is None else int(jobs["error"].map(_is_deadline).sum())
    if not late and not late_jobs:
        return ABOUT.absent("no preheat says that its deadline came")
    where, parameters = f"{preheat_events} AND list_contains(?, message)", (late,)
    rows = dataset.rows(
        f"SELECT DISTINCT coalesce(url, task_id), count(*) FROM events WHERE {where} GROUP BY ALL", parameters
    )
    named = [name for name, _ in rows if name is not None]
    count = len(named) or late_jobs or sum(n for _, n in rows)
    query = "SELECT count(*) FROM tasks WHERE outcome IN ('failed', 'died') AND (list_contains(?, url) OR list_contains(?, task_id))"
    ((tasks,),) = dataset.rows(query, (named, named))
    reason = f"{plural(count, 'layer')} had not arrived when the deadline came; {_scope(dataset)}{_configured(jobs)}."
    times, evidence = time_range(dataset, where, parameters), evidence_of(dataset, where, parameters)
    return ABOUT.present("high", reason, count=count, tasks=tasks or late_jobs, times=times, evidence=evidence)


def _is_deadline(text: object) -> bool:
    known = cause_of(text) if isinstance(text, str) else None
    return known is not None and known.id == "job_deadline"


def _scope(dataset: Dataset) -> str:
    release = dataset.settings.versions.get("scheduler") or dataset.settings.versions.get("manager")
    if release is None:
        return "it covers one layer up to scheduler v2.3.0, the whole image from v2.3.1 on"
    version = parse_version(str(release))
    if version >= _WHOLE_IMAGE:
        return f"with scheduler {release} it covers the whole image, 60 min by default"
    if version >= _BY_REQUEST:
        return f"with scheduler {release} it covers each layer by itself, 30 min by default"
    return f"with scheduler {release} it is 20 min for each layer and cannot be set"


def _configured(jobs: pd.DataFrame | None) -> str:
    if jobs is None or "timeout_ns" not in jobs or (known := jobs["timeout_ns"].dropna()).empty:
        return ""
    limits = ", ".join(format_duration(float(value) / 1e9) for value in sorted(known.unique()))
    return f"; the jobs here ask for {limits}"
