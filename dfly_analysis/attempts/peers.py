"""Ties records to the peer they speak of, and knows when each host's process started."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import pandas as pd

_ROTATED = r"\.(\d{1,3})(?:\.(?:gz|xz|bz2|zst))?$"


def in_order(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events in the order they were written: by time, within one moment the older of rotated files first."""
    number = events["log_path"].str.extract(_ROTATED, expand=False).astype("float64").fillna(0.0)
    ordered = events.assign(age=-number).sort_values(
        ["time", "age", "log_path", "log_line"], kind="stable", ignore_index=True
    )
    return ordered.drop(columns="age")


def fill_peers(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events with the peer filled in where a client's record names only its task.

    Clients v1.0.18 to v1.0.28 leave all ids off the lines of pieces. Such a record belongs to the peer of the same host
    and task that started last before it (`formats` knows the versions; no record that names its peer is touched).

    Parameters
    ----------
    events : pandas.DataFrame
        Rows of `dfly_analysis.tables.EVENTS`.

    Returns
    -------
    pandas.DataFrame
    """
    lacking = (
        events["peer_id"].isna()
        & events["task_id"].notna()
        & events["event_id"].notna()
        & (events["component"] == "client")
    )
    if not lacking.any():
        return events
    known = events.loc[
        events["peer_id"].notna() & (events["component"] == "client"), ["host", "task_id", "peer_id", "time"]
    ]
    first = known.groupby(["host", "task_id", "peer_id"], sort=False)["time"].min().reset_index().sort_values("time")
    starts: dict[tuple[str, str], list[tuple[Any, str]]] = {}
    row: Any
    for row in first.itertuples():
        starts.setdefault((row.host, row.task_id), []).append((row.time, row.peer_id))
    filled = events["peer_id"].copy()
    for row in events.loc[lacking, ["host", "task_id", "time"]].itertuples():
        peers = starts.get((row.host, row.task_id), [])
        if peers:
            at = bisect_right([time for time, _ in peers], row.time) - 1
            filled.loc[row.Index] = peers[max(at, 0)][1]
    role = events["role"].mask(lacking & filled.fillna("").str.endswith("-seed"), "seedClient")
    return events.assign(peer_id=filled, role=role)


def process_starts(events: pd.DataFrame) -> dict[str, list[pd.Timestamp]]:
    """Return when the client process of each host started, in order; the second entry is the first restart."""
    starts = events.loc[events["event_id"] == "process_started", ["host", "time"]].dropna().sort_values("time")
    return {str(host): list(times) for host, times in starts.groupby("host")["time"]}


def count_lives(rows: pd.DataFrame, events: pd.DataFrame) -> list[int]:
    """Return for each row how often the process of its host had started by then, whichever file of the host says so."""
    starts = process_starts(events)
    return [bisect_right(starts.get(host, []), time) for host, time in zip(rows["host"], rows["time"], strict=True)]


def started_anew(starts: dict[str, list[pd.Timestamp]], host: str, after: pd.Timestamp) -> bool:
    """Return whether the host's process started again after that time."""
    times = starts.get(host, [])
    return bisect_right(times, after) < len(times)
