"""A task made no progress for longer than the client's patience, and nobody called it an error."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import be, evidence_of, hosts_in_words, plural
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_duration

ABOUT = Check(
    "silent_gap",
    "A task made no progress for longer than a configured patience, without an error",
    method="The longest time between two pieces of each task, against the patience for a piece on that host (download.pieceTimeout, download.collectedPieceTimeout); tasks with errors are left to the checks that explain them.",
    remedy="Look at what the task waited for: a parent that itself waits for a slow source, a rate limit, the scheduler. A shorter download.collectedPieceTimeout ends the wait for a parent sooner.",
    collect="the scheduler's core.log, which reports each piece, or client logs at debug level",
    knob="download.collectedPieceTimeout",
)
LEAST_S = 30.0
_UNITS = ("download.pieceTimeout", "download.collectedPieceTimeout")
_SURELY = 0.5


def check(dataset: Dataset) -> Finding:
    """Look for the longest wait of each task whose pieces are seen."""
    waits = _waits(dataset)
    if waits.empty:
        return ABOUT.unknown("no task is seen with its pieces")
    long = waits[waits["wait_s"] > waits["patience_s"]]
    if long.empty:
        known = waits["patience_s"].notna()
        if not known.any():
            return ABOUT.unknown("no patience is known for these hosts")
        return ABOUT.absent(f"no task without errors waited longer than its patience; {format_duration(float(waits['wait_s'].max()))} at most")  # fmt: skip
    worst = long.sort_values("wait_s", ascending=False).iloc[0]
    reason = (
        f"{plural(len(long), 'task')} on {hosts_in_words(long)} made no progress for up to {format_duration(worst['wait_s'])} "
        f"without an error; the patience for a piece there {be(1)} {format_duration(worst['patience_s'])}."
    )
    failed = int(long["outcome"].isin(["failed", "died"]).sum())
    lines = dataset.events[
        dataset.events["peer_id"].isin(long["peer_id"]) & (dataset.events["event_id"] == "task_started")
    ]
    return ABOUT.present(
        "medium", reason, count=len(long), tasks=failed, times=long["begin"], evidence=evidence_of(lines)
    )


def _waits(dataset: Dataset) -> pd.DataFrame:
    """Return for each task without errors, most of whose pieces are seen, its longest time without an end of a piece."""
    tasks = dataset.tasks
    tasks = tasks[
        (tasks["outcome"] != "died")
        & (tasks["n_errors"].fillna(0) == 0)
        & tasks["first_error"].isna()
        & tasks["started"].notna()
        & tasks["peer_id"].notna()
    ]
    pieces = dataset.pieces[["peer_id", "ended"]]
    pieces = pieces[pieces["ended"].notna() & pieces["peer_id"].isin(tasks["peer_id"])]
    seen = pieces["peer_id"].value_counts().to_dict()
    share = tasks["peer_id"].map(lambda peer: seen.get(peer, 0)).astype("float64") / tasks["n_pieces"].astype("float64")
    tasks = tasks[share >= _SURELY]
    if tasks.empty:
        return tasks.assign(wait_s=0.0, patience_s=0.0, begin=tasks["started"])
    until = dataset.events.groupby("host")["time"].max()
    last = tasks["ended"].fillna(tasks["host"].map(until))
    marks = pd.concat(
        [
            pd.DataFrame({"peer_id": tasks["peer_id"], "time": tasks["started"]}),
            pd.DataFrame({"peer_id": tasks["peer_id"], "time": last}),
            pieces.loc[pieces["peer_id"].isin(tasks["peer_id"]), ["peer_id", "ended"]].rename(
                columns={"ended": "time"}
            ),
        ]
    ).sort_values(["peer_id", "time"])
    gaps = marks.groupby("peer_id")["time"].diff().dt.total_seconds()
    widest = marks.assign(gap=gaps, begin=marks.groupby("peer_id")["time"].shift()).dropna(subset=["gap"])
    widest = widest.sort_values("gap").drop_duplicates("peer_id", keep="last").set_index("peer_id")
    patience = {pair: _patience_s(dataset, *pair) for pair in zip(tasks["role"], tasks["host"], strict=True)}
    limits = [patience[pair] for pair in zip(tasks["role"], tasks["host"], strict=True)]
    waits = tasks["peer_id"].map(widest["gap"])
    return tasks.assign(wait_s=waits, patience_s=limits, begin=tasks["peer_id"].map(widest["begin"])).dropna(
        subset=["wait_s"]
    )


def _patience_s(dataset: Dataset, role: Any, host: Any) -> float:
    if role not in ("client", "seedClient"):
        return float("nan")
    known = [
        limit
        for key in _UNITS
        if (limit := dataset.settings.get(key, role, host if isinstance(host, str) else None).seconds)
    ]
    return max(LEAST_S, min(known)) if known else float("nan")
