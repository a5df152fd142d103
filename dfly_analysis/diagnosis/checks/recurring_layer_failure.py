"""The same layer fails again and again while others arrive."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural
from dfly_analysis.diagnosis.preheat_jobs import BLOB
from dfly_analysis.diagnosis.proportion_tests import Proportion, stands_out
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_size

ABOUT = Check(
    "layer_recurs",
    "The same layer fails again and again",
    method="How often each blob's tasks fail, against those of all other blobs together.",
    remedy="Look at that blob: whether the registry holds it whole, how large it is, and whether its size is what the timeouts are too short for.",
    collect="logs of all attempts at the preheat",
)
MIN_COUNT = 3


def check(dataset: Dataset) -> Finding:
    """Compare the failed share of each blob's tasks with that of the others."""
    rows = dataset.rows(f"""
        SELECT {BLOB} AS blob, count(*) FILTER (outcome <> 'ok') AS bad, count(*),
            max(size_bytes) FILTER (outcome <> 'ok'), min(nanoseconds(ended)) FILTER (outcome <> 'ok'),
            max(nanoseconds(ended)) FILTER (outcome <> 'ok')
        FROM tasks WHERE outcome IN ('ok', 'failed', 'died') AND url IS NOT NULL GROUP BY blob ORDER BY bad DESC, blob
    """)
    if not rows:
        return ABOUT.unknown("no task with a blob and an end is seen")
    whole = Proportion(sum(row[1] for row in rows), sum(row[2] for row in rows))
    worst = [
        row
        for row in rows
        if row[1] >= MIN_COUNT and stands_out(Proportion(*row[1:3]), whole.without(Proportion(*row[1:3])))
    ]
    if not worst:
        return ABOUT.absent(
            f"no layer fails clearly more often than the others; {plural(rows[0][1], 'failed task')} of one at most"
        )
    failed, n = sum(row[1] for row in worst), sum(row[2] for row in worst)
    size_bytes = max((row[3] for row in worst if row[3] is not None), default=None)
    large = f" ({format_size(float(size_bytes))})" if size_bytes is not None else ""
    reason = f"{plural(len(worst), 'layer')}, the first {str(worst[0][0])[-72:]}{large}: {failed} of {plural(n, 'task')} failed; all others: {whole.bad - failed} of {whole.n - n}."
    lines = f"event_id = 'task_failed' AND peer_id IN (SELECT peer_id FROM tasks WHERE outcome IN ('failed', 'died') AND list_contains(?, {BLOB}))"
    evidence = evidence_of(dataset, lines, ([row[0] for row in worst],))
    times = [time for row in worst for time in row[4:]]
    return ABOUT.present("medium", reason, count=failed, tasks=failed, times=times, evidence=evidence)
