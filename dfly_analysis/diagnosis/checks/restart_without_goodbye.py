"""A client's process started again though nobody told it to stop."""

from __future__ import annotations

import pandas as pd

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, hosts_in_words, plural
from dfly_analysis.diagnosis.kubernetes import COLLECT, told_of
from dfly_analysis.findings import Finding

ABOUT = Check(
    "restart_without_goodbye",
    "A client's process ended without a word and started again",
    method="A second start of a host's process without a line of shutdown before it.",
    remedy="Find out what ended it: most often memory. Give the pod the memory it needs, or let it fetch less at once.",
    collect=COLLECT,
    knob="resources.limits.memory",
)
CRASH_LOOP_S = 10.0


def check(dataset: Dataset) -> Finding:
    """Look for a second start of a host's process without a shutdown before it."""
    events = dataset.events[dataset.events["component"] == "client"]
    if events.empty:
        return ABOUT.unknown("the input holds no client log")
    restarts = find_restarts(events)
    if restarts.empty:
        return ABOUT.absent("each process started once, or said goodbye before it started anew")
    died = dataset.tasks[dataset.tasks["outcome"] == "died"]
    reason = (
        f"{plural(len(restarts), 'restart')} without a shutdown line on {hosts_in_words(restarts)}; "
        f"{plural(len(died), 'task')} had no end; {_why(dataset, restarts)}."
    )
    evidence = evidence_of(_with_died(restarts, dataset, died))
    return ABOUT.present("critical", reason, count=len(restarts), tasks=len(died), times=restarts["time"], evidence=evidence)  # fmt: skip


def _why(dataset: Dataset, restarts: pd.DataFrame) -> str:
    """Say what Kubernetes knows of it, else what to collect."""
    told = {host: told_of(dataset, host) for host in restarts["host"].dropna().unique()}
    said = [f"{host} {deaths[-1].words}" for host, deaths in told.items() if deaths]
    if not said:
        return ABOUT.collect
    return f"Kubernetes says: {'; '.join(said[:3])}"


def find_restarts(events: pd.DataFrame) -> pd.DataFrame:
    """Return the starts that no shutdown of the same host goes before.

    A start told by two files (the log's own and the container's output) counts once, as do starts of a crash loop.
    """
    marks = events[events["event_id"].isin(["process_started", "process_stopped"])]
    marks = marks.drop_duplicates(["host", "time", "event_id"]).sort_values(["host", "time"])
    started = marks["event_id"] == "process_started"
    again: pd.DataFrame = marks[started & (marks.groupby("host")["event_id"].shift() == "process_started")]
    gaps = again.groupby("host")["time"].diff().dt.total_seconds()
    restarts: pd.DataFrame = again[gaps.isna() | (gaps > CRASH_LOOP_S)]
    return restarts


def _with_died(restarts: pd.DataFrame, dataset: Dataset, died: pd.DataFrame) -> pd.DataFrame:
    """Show the restarts, and the starts of tasks that have no end."""
    begun = dataset.events[
        (dataset.events["event_id"] == "task_started") & dataset.events["peer_id"].isin(died["peer_id"])
    ]
    return pd.concat([restarts, begun.head(2)])
