"""Preheat jobs for the checks: which there are, and which of their blobs the seed clients have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.catalog.error_signatures import cause_of
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.messages import message

if TYPE_CHECKING:
    import pandas as pd

NO_JOB = message("the input contains no preheat job")
BLOB = "coalesce(nullif(regexp_extract(url, 'sha256:[0-9a-f]{64}'), ''), url)"
"""The blob of a URL, through whichever mirror: the digest, else the URL."""


def read_preheats(dataset: Dataset) -> pd.DataFrame | None:
    """Return the preheat jobs, None if there are none."""
    found = dataset.rows("SELECT 1 FROM jobs WHERE type = 'preheat' LIMIT 1")
    return dataset.select("jobs", "type = 'preheat'") if found else None


def succeeded_urls(dataset: Dataset) -> set[str]:
    """Return the blobs whose last task on a seed client succeeded."""
    rows = dataset.rows("""
        SELECT url FROM tasks WHERE role = 'seedClient' AND outcome IN ('ok', 'failed', 'died') AND url IS NOT NULL
        GROUP BY url HAVING arg_max(outcome, coalesce(nanoseconds(ended), -1)) = 'ok'
    """)
    return {url for (url,) in rows}


def false_failures(dataset: Dataset, failed: pd.DataFrame) -> pd.DataFrame:
    """Return the failed jobs of which the seed clients have every requested blob."""
    checked = failed[failed["checked"].astype(bool)]
    succeeded = succeeded_urls(dataset) if len(checked) else set()
    return checked.loc[[bool(missing) and set(missing) <= succeeded for missing in checked["missing_urls"]]]


def abandoned(failed: pd.DataFrame) -> pd.DataFrame:
    """Return the failed jobs that name no other reason than that the manager stopped polling: they may have succeeded."""
    return failed[failed["error"].isna() | failed["error"].str.contains("polling group", na=False)]


def count_failures(dataset: Dataset) -> list[tuple[str | None, str | None, int]]:
    """Return cause, confidence and number of failed tasks; if no log shows a task, of the missing blobs of failed jobs."""
    rows = dataset.rows(f"SELECT cause, confidence, count(*) FROM tasks WHERE {FAILED} GROUP BY ALL ORDER BY ALL")
    preheats = None if rows or dataset.rows("SELECT 1 FROM tasks LIMIT 1") else read_preheats(dataset)
    if preheats is None:
        return [(cause, confidence, count) for cause, confidence, count in rows]
    failed = preheats[preheats["state"] == "FAILURE"]
    failed = failed.drop(index=abandoned(failed).index)
    known = [cause_of(text) if isinstance(text, str) else None for text in failed["error"]]
    causes = [signature.cause if signature is not None else "unknown" for signature in known]
    return [(cause, None, count) for cause, count in zip(causes, missing_blobs(failed), strict=True)]


def missing_blobs(jobs: pd.DataFrame) -> list[int]:
    """Return the number of blobs each job failed to fetch, 1 if it does not tell."""
    return jobs["failed"].fillna(1).clip(lower=1).astype(int).tolist()
