"""Tasks of which no log shows the peer: all that is known of them is that the scheduler calls their preheat failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.reconstruction.cause_attribution import classify_texts

if TYPE_CHECKING:
    import duckdb

_LOSSES = """
CREATE OR REPLACE TEMP TABLE _losses AS
WITH keyed AS (SELECT coalesce(url, task_id) AS key, * FROM _verdict_records WHERE coalesce(url, task_id) IS NOT NULL),
    last AS (SELECT key, max(seq) AS seq, min(seq) AS first_seq FROM keyed GROUP BY key),
    seeds AS (SELECT task_id, url FROM _tasks WHERE role = 'seedClient' AND task_id IS NOT NULL AND (start_seq IS NOT NULL OR outcome <> 'unknown'))
SELECT first_seq, record.task_id, record.url, record.time, record.text, record.log_path, record.line
FROM last JOIN _verdict_records AS record USING (seq) JOIN _verdicts AS verdict USING (key)
WHERE verdict.failed AND NOT coalesce(record.task_id IN (SELECT task_id FROM seeds), false)
    AND NOT coalesce(record.url IN (SELECT url FROM seeds WHERE url IS NOT NULL), false)
"""
_IMPLIED = """
CREATE OR REPLACE TEMP TABLE _implied_tasks AS
SELECT first_seq, task_id, url, 'seedClient' AS role, time AS ended, 'failed' AS outcome, coalesce(cause, 'unknown') AS cause,
    CASE WHEN coalesce(cause, 'unknown') = 'unknown' THEN 'low' ELSE 'medium' END AS confidence, text AS first_error, text AS last_error,
    1 AS n_errors, log_path, line AS log_line
FROM _losses LEFT JOIN _text_classes USING (text)
"""


def create_implied_tasks(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `_implied_tasks`, a row for each lost blob that no task stands for.

    A task that ends at its first request never reaches the scheduler as a peer; where its seed client's log is not at hand
    either, only the preheat's own record tells of it.
    """
    connection.execute(_LOSSES)
    classify_texts(connection, "SELECT DISTINCT text FROM _losses")
    connection.execute(_IMPLIED)
