"""Failed pieces pile up at a configured limit: that proves a timeout, whatever their words."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, format_hosts, plural
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_duration

ABOUT = Check(
    "piece_cut_at_limit",
    "Pieces were cut at the piece timeout",
    method="How long failed pieces had run, against the limit in force for them.",
    remedy="Raise the limit to what `dfly-analysis recommend` says, or have fewer pieces share the link.",
    collect="logs of the client that fetches from the registry, with its dfdaemon.yaml or the Helm values",
    knob="download.pieceTimeout",
)


_CUT = "outcome = 'timeout' AND ended IS NOT NULL AND origin <> 'local'"


def check(dataset: Dataset) -> Finding:
    """Compare how long failed pieces had run with the timeout in force for them."""
    ((n, finished, failed, cut, first, last, median_s, limits),) = dataset.rows(f"""
        SELECT count(*), count(*) FILTER (outcome = 'ok'),
            count(*) FILTER (outcome NOT IN ('ok', 'cancelled') AND ended IS NOT NULL AND origin <> 'local'),
            count(*) FILTER ({_CUT}), min(nanoseconds(ended)) FILTER ({_CUT}), max(nanoseconds(ended)) FILTER ({_CUT}),
            median(duration_s) FILTER ({_CUT}), list(DISTINCT timeout_s) FILTER ({_CUT}) FROM pieces
    """)
    if not failed:
        if finished or (not n and dataset.rows("SELECT 1 FROM tasks LIMIT 1")):
            return ABOUT.absent("no failed piece is seen")
        return ABOUT.unknown("no piece's end is seen" if n else "no piece is seen")
    if not cut:
        ran = "the failed piece had not" if failed == 1 else f"none of {failed} failed pieces had"
        return ABOUT.absent(f"{ran} run as long as its limit")
    ((failed_tasks, tasks),) = dataset.rows(f"""
        SELECT count(*), count(*) FILTER (peer_id IN (SELECT peer_id FROM pieces WHERE {_CUT}))
        FROM tasks WHERE outcome IN ('failed', 'died')
    """)
    hosts = dataset.rows(f"SELECT host FROM pieces WHERE {_CUT} GROUP BY host ORDER BY count(*) DESC, host")
    shown = (
        ", ".join(format_duration(limit) for limit in sorted(limits or ()) if limit is not None)
        or "a limit that is not known"
    )
    were = "was" if cut == 1 else "were"
    ran = f" after {format_duration(median_s)} (median)" if median_s is not None else ""
    reason = (
        f"{cut} of {plural(failed, 'failed piece')} on {format_hosts([host for (host,) in hosts])} {were} cut at the limit of "
        f"{shown}{ran}; {tasks} of {plural(failed_tasks, 'failed task')}."
    )
    lines = evidence_of(dataset, f"(log_path, log_line) IN (SELECT (log_path, log_line) FROM pieces WHERE {_CUT})")
    return ABOUT.present("high", reason, count=cut, tasks=tasks, times=[first, last], evidence=lines)
