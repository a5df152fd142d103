"""Layers were preheated and then pulled under another task id, so that nobody used what the seeds held."""

from __future__ import annotations

import pandas as pd

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural
from dfly_analysis.diagnosis.preheats import blob_of, seed_tasks
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


def check(dataset: Dataset) -> Finding:
    """Compare ids of preheated and pulled blobs."""
    seeds = seed_tasks(dataset)
    held = seeds[(seeds["outcome"] == "ok") & seeds["url"].notna()]
    pulls = dataset.tasks[(dataset.tasks["role"] == "client") & dataset.tasks["url"].notna()]
    if held.empty or pulls.empty:
        return ABOUT.unknown("no blob is seen both preheated and pulled")
    ready = held.assign(blob=blob_of(held["url"])).groupby("blob").agg(since=("ended", "min"), ids=("task_id", set))
    pulled = pulls.assign(blob=blob_of(pulls["url"])).join(ready, on="blob", how="inner")
    pulled = pulled[~(pulled["started"] < pulled["since"])]
    if pulled.empty:
        return ABOUT.unknown("no blob is pulled that had been preheated before")
    other = pulled[[task not in ids for task, ids in zip(pulled["task_id"], pulled["ids"], strict=True)]]
    if other.empty:
        return ABOUT.absent(f"{plural(len(pulled), 'pull')} of preheated blobs went by the preheat's own task id")
    reason = f"{len(other)} of {plural(len(pulled), 'pull')} of preheated blobs went by another task id than the preheat{_fetched(other)}."
    lines = dataset.events[
        dataset.events["peer_id"].isin(other["peer_id"]) & (dataset.events["event_id"] == "task_started")
    ]
    return ABOUT.present("medium", reason, count=len(other), tasks=int(other["outcome"].isin(["failed", "died"]).sum()), times=other["started"], evidence=evidence_of(lines))  # fmt: skip


def _fetched(pulls: pd.DataFrame) -> str:
    size_bytes = int(pulls["bytes_from_source"].fillna(0).sum())
    return f"; {format_size(size_bytes)} came from the registry once more" if size_bytes else ""
