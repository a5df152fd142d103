"""Compares what a job says with what the scheduler was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dfly_analysis.readers.jobs.reader import bare_url
from dfly_analysis.schema import JOBS

if TYPE_CHECKING:
    import pandas as pd


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
    for number, row in enumerate(rows):
        key = row["job_id"] or number
        if key not in kept or _written(row) >= _written(kept[key]):
            kept[key] = row
    return list(kept.values())


def _written(row: Mapping[str, Any]) -> datetime:
    return row["ended"] or datetime.min.replace(tzinfo=UTC)


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
    owner = {url: group for group, urls in requested_urls(events).items() for url in urls}
    known = set(jobs["job_id"].dropna())
    owner.update({url: group for group, urls in requested_urls(events).items() for url in urls if group in known})
    row: Any
    for row in jobs.itertuples(index=False):
        for url in (*getattr(row, "urls_asked", ()), *getattr(row, "urls_succeeded", ())):
            owner.setdefault(url, row.job_id)
    return owner
