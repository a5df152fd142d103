"""Tasks of which no log shows the peer: all that is known of them is that the scheduler calls their preheat failed."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from dfly_analysis.attempts.background import Background
from dfly_analysis.attempts.words import LAST
from dfly_analysis.catalog.error_signatures import cause_of
from dfly_analysis.schema import TASKS

if TYPE_CHECKING:
    import pandas as pd


def unseen_tasks(run_context: Background, task_ids: Collection[str], urls: Collection[str]) -> pd.DataFrame:
    """Return the rows of `unseen_rows` as a frame of `dfly_analysis.schema.TASKS`."""
    return TASKS.frame(unseen_rows(run_context, task_ids, urls))


def unseen_rows(run_context: Background, task_ids: Collection[str], urls: Collection[str]) -> list[dict[str, Any]]:
    """Return a row for each lost blob that no task stands for.

    A task that ends at its first request never reaches the scheduler as a peer; where its seed client's log is not at hand
    either, only the preheat's own record tells of it.

    Parameters
    ----------
    run_context : Background
    task_ids, urls : collection of str
        Of the seed clients' tasks that are known.

    Returns
    -------
    list of dict
        Rows of `dfly_analysis.schema.TASKS` without peer and host.
    """
    rows = []
    for loss in run_context.failed_blobs:
        if (loss.task_id and loss.task_id in task_ids) or (loss.url and loss.url in urls):
            continue
        known = cause_of(loss.text)
        ended = None if loss.time == LAST else np.datetime64(loss.time, "ns")
        cause = known.cause if known is not None else "unknown"
        rows.append(
            {
                "task_id": loss.task_id, "url": loss.url, "role": "seedClient", "ended": ended, "outcome": "failed", "cause": cause,
                "confidence": "low" if cause == "unknown" else "medium", "first_error": loss.text, "last_error": loss.text, "n_errors": 1,
                "log_path": loss.log_path, "log_line": loss.log_line,
            }
        )  # fmt: skip
    return rows
