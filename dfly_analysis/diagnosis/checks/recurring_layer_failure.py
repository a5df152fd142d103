"""The same layer fails repeatedly while others arrive."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of
from dfly_analysis.diagnosis.preheat_jobs import BLOB
from dfly_analysis.diagnosis.proportion_tests import Comparison, Proportion
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_size

ABOUT = load_check("layer_recurs")
MIN_COUNT = 3
_BLOB_LENGTH = 72


def check(dataset: Dataset) -> Finding:
    rows = dataset.rows(sql("diagnosis", "failures_by_blob", BLOB=BLOB))
    if not rows:
        return ABOUT.unknown("no task with a blob and an end is logged")
    whole = Proportion(sum(row[1] for row in rows), sum(row[2] for row in rows))
    often = (row for row in rows if row[1] >= MIN_COUNT)
    worst = [row for row in often if Comparison(own := Proportion(*row[1:3]), whole - own).stands_out()]
    if not worst:
        return ABOUT.absent(
            "no layer fails clearly more often than the others; most failed tasks of one layer: {n:,}", n=rows[0][1]
        )
    failed, n = sum(row[1] for row in worst), sum(row[2] for row in worst)
    size_bytes = max((row[3] for row in worst if row[3] is not None), default=None)
    blob = str(worst[0][0])[-_BLOB_LENGTH:]
    if size_bytes is not None:
        blob = message("{blob} ({size})", blob=blob, size=format_size(float(size_bytes)))
    reason = message(
        "layers: {layers:,}, the first {blob}: {failed:,} of {n:,} tasks failed; all others: {bad:,} of {others:,}",
        layers=len(worst), blob=blob, failed=failed, n=n, bad=whole.bad - failed, others=whole.n - n,
    )  # fmt: skip
    lines = f"event_id = 'task_failed' AND peer_id IN (SELECT peer_id FROM tasks WHERE {FAILED} AND list_contains(?, {BLOB}))"
    evidence = evidence_of(dataset, lines, ([row[0] for row in worst],))
    times = [time for row in worst for time in row[4:]]
    return ABOUT.present("medium", reason, count=failed, tasks=failed, times=times, evidence=evidence)
