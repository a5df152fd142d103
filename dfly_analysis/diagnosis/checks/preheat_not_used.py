"""Layers were preheated and then pulled under another task id, so the preheated content was not used."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of
from dfly_analysis.diagnosis.preheat_jobs import BLOB
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.units import format_size

ABOUT = load_check("preheat_not_used")
_PULLS = f"""
    WITH ready AS (
        SELECT {BLOB} AS blob, min(ended) AS since, list(DISTINCT task_id) AS ids FROM tasks
        WHERE role = 'seedClient' AND outcome = 'ok' AND url IS NOT NULL GROUP BY blob
    ), pulls AS (SELECT *, {BLOB} AS blob FROM tasks WHERE role = 'client' AND url IS NOT NULL)
    SELECT pulls.*, NOT list_contains(ids, task_id) AS is_other FROM pulls JOIN ready USING (blob)
    WHERE (started < since) IS NOT TRUE
"""
"""Pulls of blobs that had been preheated before, and whether they used another task id."""


def check(dataset: Dataset) -> Finding:
    ((preheated, pulls),) = dataset.rows("""
        SELECT count(*) FILTER (role = 'seedClient' AND outcome = 'ok'), count(*) FILTER (role = 'client') FROM tasks
        WHERE url IS NOT NULL
    """)
    if not preheated or not pulls:
        return ABOUT.unknown(message("no blob is logged as both preheated and pulled"))
    ((n, other, failed, size_bytes, first, last),) = dataset.rows(f"""
        SELECT count(*), count(*) FILTER (is_other), count(*) FILTER (is_other AND {FAILED}),
            coalesce(sum(bytes_from_source) FILTER (is_other), 0)::BIGINT,
            min(nanoseconds(started)) FILTER (is_other), max(nanoseconds(started)) FILTER (is_other) FROM ({_PULLS})
    """)
    if not n:
        return ABOUT.unknown(message("no pulled blob had been preheated before"))
    if not other:
        return ABOUT.absent(
            message("every pull of a preheated blob used the task id of the preheat ({n:,} pulls)", n=n)
        )
    facts = [
        message("{other:,} of {n:,} pulls of preheated blobs used another task id than the preheat", other=other, n=n)
    ]
    if size_bytes:
        facts.append(message("{size} came from the registry again", size=format_size(size_bytes)))
    lines = f"event_id = 'task_started' AND peer_id IN (SELECT peer_id FROM ({_PULLS}) WHERE is_other)"
    evidence = evidence_of(dataset, lines)
    return ABOUT.present("medium", *facts, count=other, tasks=failed, times=[first, last], evidence=evidence)
