"""The same layer fails again and again while others arrive."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural
from dfly_analysis.diagnosis.preheats import blob_of
from dfly_analysis.diagnosis.rates import Counted, stands_out
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_size

ABOUT = Check(
    "layer_recurs",
    "The same layer fails again and again",
    method="How often each blob's tasks fail, against those of all other blobs together.",
    remedy="Look at that blob: whether the registry holds it whole, how large it is, and whether its size is what the timeouts are too short for.",
    collect="logs of all attempts at the preheat",
)
FEWEST = 3


def check(dataset: Dataset) -> Finding:
    """Compare the failed share of each blob's tasks with that of the others."""
    tasks = dataset.tasks[dataset.tasks["outcome"].isin(["ok", "failed", "died"]) & dataset.tasks["url"].notna()]
    if tasks.empty:
        return ABOUT.unknown("no task with a blob and an end is seen")
    tasks = tasks.assign(blob=blob_of(tasks["url"]), bad=tasks["outcome"] != "ok")
    counts = tasks.groupby("blob")["bad"].agg(["sum", "size"])
    often = counts[counts["sum"] >= FEWEST].sort_values("sum", ascending=False)
    whole = Counted(int(counts["sum"].sum()), int(counts["size"].sum()))
    worst = [
        blob
        for blob, bad, n in often.itertuples()
        if stands_out(Counted(int(bad), int(n)), whole.without(Counted(int(bad), int(n))))
    ]
    if not worst:
        most = int(counts["sum"].max())
        return ABOUT.absent(
            f"no layer fails clearly more often than the others; {plural(most, 'failed task')} of one at most"
        )
    rows = tasks[tasks["blob"].isin(worst)]
    failed = rows[rows["bad"]]
    sizes = failed["size_bytes"].dropna()
    large = f" ({format_size(float(sizes.max()))})" if len(sizes) else ""
    reason = f"{plural(len(worst), 'layer')}, the first {str(worst[0])[-72:]}{large}: {len(failed)} of {plural(len(rows), 'task')} failed; all others: {whole.bad - len(failed)} of {whole.n - len(rows)}."
    lines = dataset.events[
        dataset.events["peer_id"].isin(failed["peer_id"].dropna()) & (dataset.events["event_id"] == "task_failed")
    ]
    return ABOUT.present("medium", reason, count=len(failed), tasks=len(failed), times=failed["ended"], evidence=evidence_of(lines))  # fmt: skip
