"""What several checks ask of preheat jobs: which there are, and which of their blobs really are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.catalog.error_signatures import cause_of
from dfly_analysis.dataset import Dataset

if TYPE_CHECKING:
    import pandas as pd

RUNNING = ("PENDING", "RECEIVED", "STARTED", "RETRY")
BLOB = "coalesce(nullif(regexp_extract(url, 'sha256:[0-9a-f]{64}'), ''), url)"
"""What a URL names, whichever mirror it goes through: the digest, else the URL."""
_POLLING = r"polling group"


def preheats_of(dataset: Dataset) -> pd.DataFrame:
    """Return the preheat jobs."""
    return dataset.select("jobs", "type = 'preheat'")


def has_preheats(dataset: Dataset) -> bool:
    """Return whether there is a preheat job."""
    return bool(dataset.rows("SELECT 1 FROM jobs WHERE type = 'preheat' LIMIT 1"))


def succeeded_urls(dataset: Dataset) -> set[str]:
    """Return the blobs whose last task on a seed client succeeded."""
    rows = dataset.rows("""
        SELECT url FROM tasks WHERE role = 'seedClient' AND outcome IN ('ok', 'failed', 'died') AND url IS NOT NULL
        GROUP BY url HAVING arg_max(outcome, coalesce(nanoseconds(ended), -1)) = 'ok'
    """)
    return {url for (url,) in rows}


def false_failures(dataset: Dataset) -> pd.DataFrame:
    """Return the jobs that the manager calls failed while every blob they asked for is there.

    Returns
    -------
    pandas.DataFrame
        Rows of jobs whose requested blobs are known.
    """
    failed = preheats_of(dataset)
    failed = failed[(failed["state"] == "FAILURE") & failed["checked"].astype(bool)]
    if failed.empty:
        return failed
    succeeded = succeeded_urls(dataset)
    return failed[[bool(missing) and set(missing) <= succeeded for missing in failed["missing_urls"]]]


def given_up(jobs: pd.DataFrame) -> pd.DataFrame:
    """Return failed jobs whose only reason is that the manager stopped polling: nobody knows whether they failed."""
    silent = jobs["error"].isna() | jobs["error"].str.contains(_POLLING, na=False)
    return jobs[(jobs["state"] == "FAILURE") & silent]


def failures_of(dataset: Dataset) -> list[tuple[str | None, str | None, int]]:
    """Return cause, confidence and number of failed tasks; where no log shows a task, of the blobs that failed jobs lack.

    A job that the manager stopped polling stands for none.
    """
    rows = dataset.rows("""
        SELECT cause, confidence, count(*) FROM tasks WHERE outcome IN ('failed', 'died') GROUP BY ALL ORDER BY ALL
    """)
    if rows or dataset.rows("SELECT 1 FROM tasks LIMIT 1") or not has_preheats(dataset):
        return [(cause, confidence, count) for cause, confidence, count in rows]
    preheats = preheats_of(dataset)
    failed = preheats[preheats["state"] == "FAILURE"]
    failed = failed.drop(index=given_up(failed).index)
    lost = failed["failed"].fillna(1).clip(lower=1).astype(int)
    known = [cause_of(text) if isinstance(text, str) else None for text in failed["error"]]
    causes = [one.cause if one is not None else "unknown" for one in known]
    return [(cause, None, int(count)) for cause, count in zip(causes, lost, strict=True)]
