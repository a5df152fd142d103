"""Layers were still on their way when the preheat job's own deadline came."""

from __future__ import annotations

import pandas as pd

from dfly_analysis.catalog.error_signatures import cause_of
from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural
from dfly_analysis.diagnosis.preheats import preheats_of
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_duration

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
    events = dataset.events
    told = events[events["event_id"].isin(_EVENTS)]
    jobs = preheats_of(dataset)
    if told.empty and jobs.empty and not (events["component"] == "scheduler").any():
        return ABOUT.unknown("the input holds no scheduler log and no preheat job")
    late = told[told["message"].map(_is_deadline)]
    late_jobs = jobs[jobs["error"].map(_is_deadline)]
    if late.empty and late_jobs.empty:
        return ABOUT.absent("no preheat says that its deadline came")
    named = late["url"].fillna(late["task_id"]).dropna()
    count = int(named.nunique()) or len(late_jobs) or len(late)
    failed = dataset.failed_tasks
    tasks = int((failed["url"].isin(named) | failed["task_id"].isin(named)).sum())
    reason = f"{plural(count, 'layer')} had not arrived when the deadline came; {_scope(dataset)}{_given(jobs)}."
    return ABOUT.present("high", reason, count=count, tasks=tasks or len(late_jobs), times=late["time"], evidence=evidence_of(late))  # fmt: skip


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


def _given(jobs: pd.DataFrame) -> str:
    known = jobs["timeout_ns"].dropna() if "timeout_ns" in jobs else pd.Series(dtype=float)
    if known.empty:
        return ""
    limits = ", ".join(format_duration(float(value) / 1e9) for value in sorted(known.unique()))
    return f"; the jobs here ask for {limits}"
