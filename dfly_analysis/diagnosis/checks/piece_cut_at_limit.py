"""Failed pieces pile up at a configured limit: that proves a timeout, whatever their words."""

from __future__ import annotations

import pandas as pd

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, hosts_in_words, plural
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


def check(dataset: Dataset) -> Finding:
    """Compare how long failed pieces had run with the limit in force for them."""
    pieces = dataset.pieces
    failed = pieces[
        ~pieces["outcome"].isin(["ok", "cancelled"]) & pieces["ended"].notna() & (pieces["origin"] != "local")
    ]
    if failed.empty:
        if (pieces["outcome"] == "ok").any() or (pieces.empty and len(dataset.tasks)):
            return ABOUT.absent("no failed piece is seen")
        return ABOUT.unknown("no piece is seen" if pieces.empty else "no piece's end is seen")
    cut = failed[failed["outcome"] == "timeout"]
    if cut.empty:
        ran = "the failed piece had not" if len(failed) == 1 else f"none of {len(failed)} failed pieces had"
        return ABOUT.absent(f"{ran} run as long as its limit")
    tasks = int(dataset.failed_tasks["peer_id"].isin(cut["peer_id"]).sum())
    reason = f"{_cut_in_words(cut, len(failed))}; {tasks} of {plural(len(dataset.failed_tasks), 'failed task')}."
    return ABOUT.present("high", reason, count=len(cut), tasks=tasks, times=cut["ended"], evidence=evidence_of(_lines(dataset, cut)))  # fmt: skip


def _cut_in_words(cut: pd.DataFrame, failed: int) -> str:
    limits = sorted(cut["timeout_s"].dropna().unique())
    shown = ", ".join(format_duration(limit) for limit in limits) or "a limit that is not known"
    timed = cut["duration_s"].dropna()
    were = "was" if len(cut) == 1 else "were"
    ran = f" after {format_duration(timed.median())} (median)" if len(timed) else ""
    return f"{len(cut)} of {plural(failed, 'failed piece')} on {hosts_in_words(cut)} {were} cut at the limit of {shown}{ran}"


def _lines(dataset: Dataset, cut: pd.DataFrame) -> pd.DataFrame:
    places = pd.MultiIndex.from_frame(cut[["log_path", "log_line"]])
    events = dataset.events
    return events[pd.MultiIndex.from_frame(events[["log_path", "log_line"]]).isin(places)]
