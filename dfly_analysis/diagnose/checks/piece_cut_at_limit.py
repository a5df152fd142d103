"""Failed pieces pile up at a configured limit: that proves a timeout, whatever their words."""

from __future__ import annotations

import pandas as pd

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnose.evidence import evidence_of, hosts_in_words, iso, plural
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_duration

ID, TITLE, KNOB = "piece_cut_at_limit", "Pieces were cut at the piece timeout", "download.pieceTimeout"


def check(dataset: Dataset) -> Finding:
    """Compare how long failed pieces had run with the limit in force for them."""
    pieces = dataset.pieces
    failed = pieces[
        ~pieces["outcome"].isin(["ok", "cancelled"]) & pieces["ended"].notna() & (pieces["origin"] != "local")
    ]
    if failed.empty:
        verdict = "absent" if (pieces["outcome"] == "ok").any() or (pieces.empty and len(dataset.tasks)) else "unknown"
        return Finding(
            ID,
            TITLE,
            verdict,
            "info",
            knob=KNOB,
            reason="no failed piece is seen" if len(pieces) else "no piece is seen",
        )
    cut = failed[failed["outcome"] == "timeout"]
    if cut.empty:
        return Finding(
            ID,
            TITLE,
            "absent",
            "info",
            knob=KNOB,
            reason=f"none of {plural(len(failed), 'failed piece')} had run as long as its limit",
        )
    limits = sorted(cut["timeout_s"].dropna().unique())
    shown = ", ".join(format_duration(limit) for limit in limits) or "a limit that is not known"
    timed = cut["duration_s"].dropna()
    ran = f", they had run {format_duration(timed.median())} in the middle" if len(timed) else ""
    tasks = int(dataset.failed_tasks["peer_id"].isin(cut["peer_id"]).sum())
    reason = f"{len(cut)} of {plural(len(failed), 'failed piece')} on {hosts_in_words(cut)} were cut at {shown}{ran}; {tasks} of {plural(len(dataset.failed_tasks), 'failed task')}."
    return Finding(
        ID, TITLE, "present", "high" if tasks else "low", len(cut), tasks, iso(cut["ended"].min()), iso(cut["ended"].max()), KNOB, reason, None,
        evidence_of(_lines(dataset, cut)),
    )  # fmt: skip


def _lines(dataset: Dataset, cut: pd.DataFrame) -> pd.DataFrame:
    places = pd.MultiIndex.from_frame(cut[["log_path", "log_line"]])
    events = dataset.events
    return events[pd.MultiIndex.from_frame(events[["log_path", "log_line"]]).isin(places)]
