"""Reads the manager's job JSON, and compares what a job says with what was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from dfly_analysis.redaction import redact
from dfly_analysis.tables import JOBS


def recognises(head: str) -> bool:
    """Return whether a text begins like job JSON of the manager's API."""
    stripped = head.lstrip()
    return (
        stripped[:1] in ("[", "{")
        and not stripped.startswith('{"level"')  # a service's log that speaks of jobs
        and '"state"' in head
        and ('"job_states"' in head or '"JobStates"' in head or ('"type"' in head and '"args"' in head))
    )


def read_jobs(text: str, path: str) -> list[dict[str, Any]]:
    """Read job JSON: one job, a list of jobs, or several objects one after another.

    Parameters
    ----------
    text : str
        The file.
    path : str
        Its address.

    Returns
    -------
    list of dict
        A row of `dfly_analysis.tables.JOBS` each, with ``urls_succeeded`` and ``urls_failed``; empty where the JSON
        holds no job.

    Raises
    ------
    ValueError
        Where the text is not JSON.
    """
    decoder, at, rows = json.JSONDecoder(), 0, []
    while at < len(text):
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        if at >= len(text):
            break
        content, end = decoder.raw_decode(text, at)
        listed = (
            content
            if isinstance(content, list)
            else content.get("items", [content])
            if isinstance(content, dict)
            else []
        )
        line = text.count("\n", 0, at) + 1
        rows += [
            _row(job, path, _line_of(text, job, at, line)) for job in listed if isinstance(job, dict) and "state" in job
        ]
        at = end
    return rows


def _line_of(text: str, job: Mapping[str, Any], at: int, line: int) -> int:
    found = text.find(f'"{job.get("task_id")}"', at) if job.get("task_id") else -1
    return text.count("\n", 0, found) + 1 if found >= 0 else line


def _row(job: Mapping[str, Any], path: str, line: int) -> dict[str, Any]:
    result = job.get("result") or {}
    arguments = job.get("args") or {}
    states = result.get("job_states") or result.get("JobStates") or []
    results = [
        entry
        for state in states
        for entry in (state.get("results") or state.get("Results") or [])
        if isinstance(entry, dict)
    ]
    succeeded = sorted({_bare(task.get("url")) for entry in results for task in entry.get("success_tasks") or []})
    failed = {_bare(task.get("url")) for entry in results for task in entry.get("failure_tasks") or []}
    errors = [str(state.get("error") or state.get("Error") or "") for state in states]
    errors += [str(task.get("description") or "") for entry in results for task in entry.get("failure_tasks") or []]
    ungranted = sum((state.get("state") or state.get("State")) == "FAILURE" for state in states)
    asked = [_bare(url) for url in arguments.get("urls") or []]
    return {
        "job_id": job.get("task_id") or result.get("group_uuid") or result.get("GroupUUID"), "type": job.get("type"), "scope": arguments.get("scope"),
        "state": job.get("state"), "created": job.get("created_at"), "ended": job.get("updated_at"), "image": _bare(arguments.get("url")) or None,
        "layers": len(asked) or (len(states) if len(states) > 1 else None), "succeeded": len(succeeded),
        "failed": max(len(failed), ungranted if len(states) > 1 else 0) or None, "error": redact(next((text for text in errors if text), "")) or None,
        "log_path": path, "log_line": line, "urls_succeeded": tuple(succeeded), "urls_failed": tuple(sorted(failed)), "urls_asked": tuple(asked),
        "timeout_ns": arguments.get("timeout"),
    }  # fmt: skip


def _bare(url: Any) -> str:
    return redact(str(url)).split("?", 1)[0] if url else ""


def build_jobs(rows: Iterable[Mapping[str, Any]], events: pd.DataFrame) -> pd.DataFrame:
    """Complete the jobs by what the scheduler was asked for: blobs asked, there, and missing.

    Parameters
    ----------
    rows : iterable of mappings
        From `read_jobs`.
    events : pandas.DataFrame
        The scheduler's job log names every blob of a job when it is handed over.

    Returns
    -------
    pandas.DataFrame
        `dfly_analysis.tables.JOBS` with ``missing_urls``, ``false_success`` (the manager says SUCCESS, blobs are
        missing) and ``checked`` (whether the blobs asked for are known).
    """
    asked = asked_urls(events)
    made = []
    for row in rows:
        urls = set(row["urls_asked"]) | asked.get(str(row["job_id"]), set())
        missing = sorted(urls - set(row["urls_succeeded"]))
        claims = row["state"] == "SUCCESS" and row["type"] == "preheat"
        made.append({
            **row, "layers": len(urls) or row["layers"], "failed": len(missing) if urls else row["failed"],
            "missing_urls": tuple(missing) if urls else row["urls_failed"], "checked": bool(urls), "false_success": bool(claims and urls and missing),
        })  # fmt: skip
    for row in made:  # a date that is none is missing, as any other field of such a job would be
        row |= {name: pd.to_datetime(str(row[name]), utc=True, errors="coerce") for name in ("created", "ended")}
    frame = JOBS.frame(made)
    for name, empty in (("missing_urls", ()), ("checked", False), ("false_success", False)):
        if name not in frame.columns:
            frame[name] = pd.Series([empty] * len(frame), index=frame.index, dtype=object if empty == () else bool)
    return frame


def asked_urls(events: pd.DataFrame) -> dict[str, set[str]]:
    """Return the blobs each job asked for, by group id, from the scheduler's job log."""
    asked: dict[str, set[str]] = {}
    received = events[events["event_id"] == "job_received"]
    for message in received["message"]:
        try:
            envelope = json.loads(message.removeprefix("Received new message: "))
            value = json.loads(envelope["Args"][0]["Value"])
        except (ValueError, KeyError, IndexError, TypeError):
            continue
        if envelope.get("Name") == "preheat" and isinstance(value, dict):
            urls = {_bare(url) for url in [value.get("url"), *(value.get("urls") or [])] if url}
            for group in {value.get("group_uuid"), envelope.get("GroupUUID")} - {None, ""}:
                asked.setdefault(str(group), set()).update(urls)
    return asked


def job_of_url(jobs: pd.DataFrame, events: pd.DataFrame) -> dict[str, str]:
    """Return which job asked for a blob, by the blob's URL; the last one where several did."""
    owner = {url: group for group, urls in asked_urls(events).items() for url in urls}
    known = set(jobs["job_id"].dropna())
    owner.update({url: group for group, urls in asked_urls(events).items() for url in urls if group in known})
    row: Any
    for row in jobs.itertuples(index=False):
        for url in (*getattr(row, "urls_asked", ()), *getattr(row, "urls_succeeded", ())):
            owner.setdefault(url, row.job_id)
    return owner
