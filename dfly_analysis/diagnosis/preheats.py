"""What several checks ask of preheat jobs: which there are, and which of their blobs really are there."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dfly_analysis.catalog.error_signatures import cause_of
from dfly_analysis.dataset import Dataset
from dfly_analysis.tables import TASKS

RUNNING = ("PENDING", "RECEIVED", "STARTED", "RETRY")
_DIGEST = r"(sha256:[0-9a-f]{64})"
_POLLING = r"polling group"


def preheats_of(dataset: Dataset) -> pd.DataFrame:
    """Return the preheat jobs."""
    return dataset.jobs[dataset.jobs["type"] == "preheat"]


def seed_tasks(dataset: Dataset) -> pd.DataFrame:
    """Return the tasks of seed clients."""
    return dataset.tasks[dataset.tasks["role"] == "seedClient"]


def urls_there(dataset: Dataset) -> set[str]:
    """Return the blobs whose last task on a seed client went well."""
    seeds = seed_tasks(dataset)
    known = seeds[seeds["outcome"].isin(["ok", "failed", "died"]) & seeds["url"].notna()]
    last = known.sort_values("ended", na_position="first").drop_duplicates("url", keep="last")
    return set(last.loc[last["outcome"] == "ok", "url"])


def blob_of(urls: pd.Series[Any]) -> pd.Series[Any]:
    """Return what a URL names, whichever mirror it goes through: the digest, else the URL."""
    return urls.str.extract(_DIGEST, expand=False).fillna(urls)


def false_failures(dataset: Dataset) -> pd.DataFrame:
    """Return the jobs that the manager calls failed while every blob they asked for is there.

    Returns
    -------
    pandas.DataFrame
        Rows of jobs whose blobs asked for are known.
    """
    failed = preheats_of(dataset)
    failed = failed[(failed["state"] == "FAILURE") & failed["checked"].astype(bool)]
    if failed.empty:
        return failed
    there = urls_there(dataset)
    return failed[[bool(missing) and set(missing) <= there for missing in failed["missing_urls"]]]


def given_up(jobs: pd.DataFrame) -> pd.DataFrame:
    """Return failed jobs that give no reason but the end of the manager's patience: nobody knows whether they failed."""
    silent = jobs["error"].isna() | jobs["error"].str.contains(_POLLING, na=False)
    return jobs[(jobs["state"] == "FAILURE") & silent]


def failures_of(dataset: Dataset) -> pd.DataFrame:
    """Return failed tasks; where no log shows a task, a row for each blob that a failed job admits to have lost.

    Returns
    -------
    pandas.DataFrame
        With ``cause``. A job that the manager stopped asking about admits nothing.
    """
    if len(dataset.tasks):
        return dataset.failed_tasks
    preheats = preheats_of(dataset)
    failed = preheats[preheats["state"] == "FAILURE"]
    failed = failed.drop(index=given_up(failed).index)
    lost = failed["failed"].fillna(1).clip(lower=1).astype(int)
    known = [cause_of(text) if isinstance(text, str) else None for text in failed["error"]]
    causes = pd.Series([one.cause if one is not None else "unknown" for one in known], index=failed.index, dtype="str")
    return (
        TASKS.frame({"cause": causes.repeat(lost.tolist()).reset_index(drop=True)})
        if len(causes)
        else dataset.failed_tasks
    )
