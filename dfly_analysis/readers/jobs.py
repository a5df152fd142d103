"""Reads the manager's job JSON of every version, and compares the state of a job with what it requested.

Shapes by version: ``result`` is PascalCase up to v2.1.56 and snake_case later; ``/api/v1/jobs`` and ``/oapi/v1/jobs``
answer with a list, ``…/jobs/:id`` with one job; a gateway or a script may wrap either. The first releases' ``/preheats``
answered with ``status``, ``startTime`` and ``finishTime``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dfly_analysis.readers.json_values import Lines, OnProblem, encodable, list_of, mapping, mappings, parse_time, scan
from dfly_analysis.redaction import redact
from dfly_analysis.schema import JOBS

if TYPE_CHECKING:
    import pandas as pd

STATES = ("PENDING", "RECEIVED", "STARTED", "RETRY", "SUCCESS", "FAILURE")
LEGACY = {"WAITING": "PENDING", "RUNNING": "STARTED", "SUCCESS": "SUCCESS", "FAIL": "FAILURE", "FAILED": "FAILURE"}
"""States of the first releases."""
_STATE = rf'"(?:state|State)"\s*:\s*"(?:{"|".join(STATES)})"'
_LEGACY_STATE = rf'"status"\s*:\s*"(?:{"|".join(LEGACY)})"'
_LEGACY_TIME = r'"(?:startTime|finishTime)"\s*:'
_PARTS = r'"(?:job_states|JobStates)"\s*:|"args"\s*:\s*\{|"task_id"\s*:\s*"group_'
_FOREIGN = r'"apiVersion"\s*:|"(?:logger|caller|level)"\s*:\s*"'
_DEEPEST_WRAPPING = 4


def recognises(head: str) -> bool:
    """Return whether a text begins like job JSON of the manager's API, bare or wrapped."""
    stripped = head.lstrip()
    if stripped[:1] not in ("[", "{") or re.search(_FOREIGN, stripped.split("\n", 1)[0]) or '"apiVersion"' in head:
        return False
    if re.search(_STATE, head) and re.search(_PARTS, head):
        return True
    return re.search(_LEGACY_STATE, head) is not None and re.search(_LEGACY_TIME, head) is not None


def read_jobs(text: str, address: str, *, on_problem: OnProblem | None = None) -> list[dict[str, Any]]:
    """Return a row of `JOBS`, with URLs and arguments, for each job: alone, in a list, in another object, or several of these."""
    rows, lines = [], Lines(text)
    for start, content in scan(text, lines, address, on_problem):
        at = start
        for job in _jobs_in(content):
            at = lines.find(job.get("task_id"), at)
            rows.append({**_row(job), "log_path": address, "log_line": lines.number(at)})
    return rows


def _jobs_in(content: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    if isinstance(content, dict):
        if _is_job(content):
            yield content
            return
        content = content.values()
    elif not isinstance(content, list):
        return
    if depth < _DEEPEST_WRAPPING:
        for inner in content:
            yield from _jobs_in(inner, depth + 1)


def _is_job(content: Mapping[str, Any]) -> bool:
    if isinstance(content.get("status"), str) and content["status"] in LEGACY:
        return "startTime" in content or "finishTime" in content
    state = content.get("state") or content.get("State")
    if not isinstance(state, str) or state not in STATES:
        return False
    return any(name in content for name in ("args", "result", "type", "job_states", "JobStates"))


def _row(job: Mapping[str, Any]) -> dict[str, Any]:
    arguments = mapping(job.get("args"))
    # What polls a group answers with the result alone.
    result = mapping(job.get("result")) or (job if "job_states" in job or "JobStates" in job else {})
    states = mappings(result.get("job_states") or result.get("JobStates"))
    results = [entry for state in states for entry in mappings(state.get("results") or state.get("Results"))]
    failures = [task for entry in results for task in mappings(entry.get("failure_tasks"))]
    successes = [task for entry in results for task in mappings(entry.get("success_tasks"))]
    succeeded, failed = (tuple(sorted({bare_url(one.get("url")) for one in tasks} - {""})) for tasks in (successes, failures))  # fmt: skip
    errors = [_text(state.get("error") or state.get("Error")) for state in states]
    errors += [_text(task.get("description")) for task in failures] + [_text(job.get("errorMsg"))]
    n_failed = sum((state.get("state") or state.get("State")) == "FAILURE" for state in states)
    requested = tuple(bare_url(url) for url in list_of(arguments.get("urls")) if url)
    legacy = "state" not in job and "State" not in job
    return {
        "job_id": _text(job.get("task_id") or result.get("group_uuid") or result.get("GroupUUID") or (job.get("id") if legacy else None)) or None,
        "type": "preheat" if legacy else _text(job.get("type") or (states[0].get("task_name") or states[0].get("TaskName") if states else "")) or None,
        "scope": _text(arguments.get("scope")) or None,
        "state": LEGACY.get(str(job.get("status"))) if legacy else job.get("state") or job.get("State"),
        "created": parse_time(job.get("created_at") or job.get("CreatedAt") or job.get("startTime")),
        "ended": parse_time(job.get("updated_at") or job.get("UpdatedAt") or job.get("finishTime")),
        "image": bare_url(arguments.get("url") or job.get("url")) or None,
        "layers": len(requested) or (len(states) if len(states) > 1 else None), "succeeded": len(succeeded),
        "failed": max(len(failed), n_failed if len(states) > 1 else 0) or None, "error": redact(next((text for text in errors if text), "")) or None,
        "urls_succeeded": succeeded, "urls_failed": failed, "urls_asked": requested, **_arguments(arguments),
    }  # fmt: skip


def _arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    named = {"platform": "platform", "tag": "tag", "filter": "filtered_query_params" if arguments.get("filtered_query_params") else "filter"}  # fmt: skip
    counted = {name: arguments.get(key) for name, key in (("count", "count"), ("percentage", "percentage"), ("timeout_ns", "timeout"))}  # fmt: skip
    return {
        **{name: _text(arguments.get(key)) or None for name, key in named.items()}, "ips": tuple(_text(ip) for ip in list_of(arguments.get("ips"))),
        **{name: value if type(value) is int and abs(value) < 2**63 else None for name, value in counted.items()},
    }  # fmt: skip


def _text(value: Any) -> str:
    return encodable(redact(str(value))) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def bare_url(url: Any) -> str:
    """Return a URL without its query and without credentials; empty where it is no text."""
    return encodable(redact(url).split("?", 1)[0]) if isinstance(url, str) else ""


def build_jobs(rows: Iterable[Mapping[str, Any]], events: pd.DataFrame) -> pd.DataFrame:
    """Complete the jobs by what the scheduler was asked for: blobs asked, there, and missing."""
    import pandas as pd

    requested = requested_urls(events)
    result = []
    for row in _newest(rows):
        urls = set(row["urls_asked"]) | requested.get(str(row["job_id"]), set())
        missing = sorted(urls - set(row["urls_succeeded"]))
        claims = row["state"] == "SUCCESS" and row["type"] == "preheat"
        result.append({
            **row, "layers": len(urls) or row["layers"], "failed": len(missing) if urls else row["failed"],
            "missing_urls": tuple(missing) if urls else row["urls_failed"], "checked": bool(urls), "false_success": bool(claims and urls and missing),
        })  # fmt: skip
    frame = JOBS.frame(result)
    for name, empty in (("missing_urls", ()), ("checked", False), ("false_success", False)):
        if name not in frame.columns:
            frame[name] = pd.Series([empty] * len(frame), index=frame.index, dtype=object if empty == () else bool)
    return frame


def _newest(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    kept: dict[object, Mapping[str, Any]] = {}
    never = datetime.min.replace(tzinfo=UTC)
    for number, row in enumerate(rows):
        key = row["job_id"] or number
        if key not in kept or (row["ended"] or never) >= (kept[key]["ended"] or never):
            kept[key] = row
    return list(kept.values())


def requested_urls(events: pd.DataFrame) -> dict[str, set[str]]:
    """Return the blobs each job asked for, by group id, from the scheduler's job log."""
    requested: dict[str, set[str]] = {}
    for group, request in _requests(events):
        urls = {bare_url(url) for url in [request.get("url"), *(request.get("urls") or [])] if url}
        requested.setdefault(group, set()).update(urls)
    return requested


def requested_timeouts(events: pd.DataFrame) -> dict[str, int]:
    """Return each job's deadline in nanoseconds, by group id, from the scheduler's job log."""
    return {group: request["timeout"] for group, request in _requests(events) if type(request.get("timeout")) is int}


def _requests(events: pd.DataFrame) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield group id and request of each preheat that the scheduler was handed."""
    received = events[events["event_id"] == "job_received"]
    for message in received["message"]:
        try:
            envelope = json.loads(message.removeprefix("Received new message: "))
            request = json.loads(envelope["Args"][0]["Value"])
            if envelope.get("Name") != "preheat" or not isinstance(request.get("urls") or [], list):
                continue
            groups = {request.get("group_uuid"), envelope.get("GroupUUID")} - {None, ""}
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
            continue
        for group in groups:
            yield str(group), request


def job_of_url(jobs: pd.DataFrame, events: pd.DataFrame) -> dict[str, str]:
    """Return which job asked for a blob, by the blob's URL; the last one where several did."""
    requested, known = requested_urls(events), set(jobs["job_id"].dropna())
    known_last = sorted(requested, key=known.__contains__)
    owner = {url: group for group in known_last for url in requested[group]}
    row: Any
    for row in jobs.itertuples(index=False):
        for url in (*getattr(row, "urls_asked", ()), *getattr(row, "urls_succeeded", ())):
            owner.setdefault(url, row.job_id)
    return owner
