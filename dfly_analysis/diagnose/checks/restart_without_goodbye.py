"""A client's process started again though nobody told it to stop."""

from __future__ import annotations

import pandas as pd

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnose.evidence import evidence_of, hosts_in_words, iso, plural
from dfly_analysis.findings import Finding

ID, TITLE, KNOB = (
    "restart_without_goodbye",
    "A client's process ended without a word and started again",
    "resources.limits.memory",
)
CRASH_LOOP_S = 10.0
_ADVICE = "add `kubectl get pods -o json` and `kubectl get events -o json`: they say whether memory ran out (OOMKilled, exit code 137)"


def check(dataset: Dataset) -> Finding:
    """Look for a second start of a host's process without a shutdown before it."""
    events = dataset.events[dataset.events["component"] == "client"]
    if events.empty:
        return Finding(ID, TITLE, "unknown", "info", knob=KNOB, reason="the input holds no client log")
    marks = events[events["event_id"].isin(["process_started", "process_stopped"])].sort_values(["host", "time"])
    again = marks[
        (marks["event_id"] == "process_started") & (marks.groupby("host")["event_id"].shift() == "process_started")
    ]
    gaps = again.groupby("host")["time"].diff().dt.total_seconds()
    restarts = again[gaps.isna() | (gaps > CRASH_LOOP_S)]
    died = dataset.tasks[dataset.tasks["outcome"] == "died"]
    if restarts.empty:
        return Finding(
            ID,
            TITLE,
            "absent",
            "info",
            knob=KNOB,
            reason="each process started once, or said goodbye before it started anew",
        )
    reason = f"{plural(len(restarts), 'restart')} without a shutdown line on {hosts_in_words(restarts)}; {plural(len(died), 'task')} had no end; {_ADVICE}."
    severity = "critical" if len(died) else "medium"
    return Finding(
        ID, TITLE, "present", severity, len(restarts), len(died), iso(restarts["time"].min()), iso(restarts["time"].max()), KNOB, reason, None,
        evidence_of(_with_died(restarts, dataset, died)),
    )  # fmt: skip


def _with_died(restarts: pd.DataFrame, dataset: Dataset, died: pd.DataFrame) -> pd.DataFrame:
    """Show the restarts, and the starts of tasks that have no end."""
    begun = dataset.events[
        (dataset.events["event_id"] == "task_started") & dataset.events["peer_id"].isin(died["peer_id"])
    ]
    return pd.concat([restarts, begun.head(2)])
