"""Layers were preheated and then pulled under another task id, so that nobody used what the seeds held."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural
from dfly_analysis.diagnosis.preheat_jobs import BLOB
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_size

ABOUT = Check(
    "preheat_not_used",
    "Preheated layers were pulled under another task id and fetched from the registry anew",
    method="The task ids of preheated blobs against those under which clients pulled the same blobs later.",
    remedy="Let preheat and pull compute the same id: set proxy.registryMirror.enableTaskIDBasedBlobDigest to false on clients and seed clients (the chart has set it since 1.5.10), and use the same tag, application, filteredQueryParams and piece length for both.",
    collect="logs of clients that pulled what had been preheated",
    knob="proxy.registryMirror.enableTaskIDBasedBlobDigest",
)


_PULLED = f"""
    WITH ready AS (
        SELECT {BLOB} AS blob, min(ended) AS since, list(DISTINCT task_id) AS ids FROM tasks
        WHERE role = 'seedClient' AND outcome = 'ok' AND url IS NOT NULL GROUP BY blob
    ), pulls AS (SELECT *, {BLOB} AS blob FROM tasks WHERE role = 'client' AND url IS NOT NULL)
    SELECT pulls.*, NOT list_contains(ids, task_id) AS is_other FROM pulls JOIN ready USING (blob)
    WHERE (started < since) IS NOT TRUE
"""
"""Pulls of blobs that had been preheated before, and whether they used another task id."""


def check(dataset: Dataset) -> Finding:
    """Compare ids of preheated and pulled blobs."""
    ((held, pulls),) = dataset.rows("""
        SELECT count(*) FILTER (role = 'seedClient' AND outcome = 'ok'), count(*) FILTER (role = 'client') FROM tasks
        WHERE url IS NOT NULL
    """)
    if not held or not pulls:
        return ABOUT.unknown("no blob is seen both preheated and pulled")
    ((n, other, failed, size_bytes, first, last),) = dataset.rows(f"""
        SELECT count(*), count(*) FILTER (is_other), count(*) FILTER (is_other AND outcome IN ('failed', 'died')),
            coalesce(sum(bytes_from_source) FILTER (is_other), 0)::BIGINT,
            min(nanoseconds(started)) FILTER (is_other), max(nanoseconds(started)) FILTER (is_other) FROM ({_PULLED})
    """)
    if not n:
        return ABOUT.unknown("no blob is pulled that had been preheated before")
    if not other:
        return ABOUT.absent(f"{plural(n, 'pull')} of preheated blobs went by the preheat's own task id")
    fetched = f"; {format_size(size_bytes)} came from the registry once more" if size_bytes else ""
    reason = f"{other} of {plural(n, 'pull')} of preheated blobs went by another task id than the preheat{fetched}."
    lines = f"event_id = 'task_started' AND peer_id IN (SELECT peer_id FROM ({_PULLED}) WHERE is_other)"
    return ABOUT.present(
        "medium", reason, count=other, tasks=failed, times=[first, last], evidence=evidence_of(dataset, lines)
    )
