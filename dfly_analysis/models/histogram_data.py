"""Whole tasks as attempts: rows of logs, and Prometheus' buckets of hosts whose logs are not there."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dfly_analysis.models.input_columns import REQUIRED

METRIC = "dragonfly_client_download_task_duration_milliseconds"
_SEED = "seedClient"
_COLUMNS = (*REQUIRED, "upper_s", "weight", "task_id", "host", "started")


def whole_tasks(tasks: pd.DataFrame, runs: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return how long whole tasks took, for one law of them.

    Parameters
    ----------
    tasks : DataFrame
        Of the table ``tasks``. Those that failed are lower bounds. Where seed clients are among them they alone count:
        what a client fetches from its peers has another law.
    runs : DataFrame, optional
        Of the table ``runs``. The buckets of tasks by level of size count for hosts without a task in ``tasks``, so that
        nothing counts twice. Clients count only tasks that went well there.

    Returns
    -------
    DataFrame
        Columns as `fit_duration` takes them; ``upper_s`` is the upper bound of a bucket, ``weight`` its count. The size
        of a bucket is the geometric middle of its level.
    """
    logged = _logged(tasks)
    counted = _counted(runs, set(logged["host"].dropna())) if runs is not None and len(runs) else None
    frames = [frame for frame in (logged, counted) if frame is not None and len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(_COLUMNS))


def _of_seeds(frame: pd.DataFrame) -> pd.DataFrame:
    if "role" not in frame.columns:
        return frame
    seeds = (frame["role"] == _SEED).fillna(value=False).to_numpy(dtype=bool)
    return frame[seeds] if seeds.any() else frame


def _logged(tasks: pd.DataFrame) -> pd.DataFrame:
    rows = _of_seeds(tasks)
    if "duration_s" not in rows.columns:
        return pd.DataFrame(columns=list(_COLUMNS))
    went_well = (rows["outcome"] == "ok").fillna(value=False).to_numpy(dtype=bool)
    known = rows["outcome"].isin(["ok", "failed", "died"]).to_numpy(dtype=bool)
    result = pd.DataFrame({
        "size_bytes": rows["size_bytes"].to_numpy(dtype="float64", na_value=np.nan),
        "duration_s": rows["duration_s"].to_numpy(dtype="float64", na_value=np.nan),
        "outcome": np.where(went_well, "ok", "unknown"), "timeout_s": np.nan, "upper_s": np.nan, "weight": 1.0,
    })  # fmt: skip
    for name in ("task_id", "host", "started"):
        result[name] = rows[name].to_numpy() if name in rows.columns else None
    return result[known & (result["duration_s"] > 0) & (result["size_bytes"] > 0)]


def _counted(runs: pd.DataFrame, logged_hosts: set[str]) -> pd.DataFrame | None:
    some = (runs["metric"] == METRIC) & (runs["kind"] == "histogram") & runs["size_lower_bytes"].notna()
    rows = runs[some.fillna(value=False).astype(bool)]
    rows = _of_seeds(rows)
    rows = rows[~rows["host"].isin(logged_hosts)]
    if not len(rows):
        return None
    low = np.maximum(rows["size_lower_bytes"].to_numpy(dtype="float64"), 1.0)
    high = rows["size_upper_bytes"].to_numpy(dtype="float64", na_value=np.nan)
    return pd.DataFrame({
        "size_bytes": np.sqrt(low * np.where(np.isfinite(high), high, 2.0 * low)),
        "duration_s": rows["lower_s"].to_numpy(dtype="float64"), "outcome": "ok", "timeout_s": np.nan,
        "upper_s": rows["upper_s"].to_numpy(dtype="float64"), "weight": rows["n"].to_numpy(dtype="float64"),
        "task_id": None, "host": rows["host"].to_numpy(), "started": None,
    })  # fmt: skip
