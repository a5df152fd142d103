"""Attempts for fits, from the dataset: single rows while they are few, else weighted bins of nearly equal ones.

Beyond `MAX_EXACT_ROWS` DuckDB counts attempts by role, origin, outcome, timeout, size and two thousandths of the log of the duration,
so memory depends on how attempts differ, not on their number. How tasks and hosts differ, which intervals depend on, is kept as their
counts by bin; of more than `_MAX_CLUSTERS` tasks or hosts, as those of a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from dfly_analysis.dataset import Dataset
from dfly_analysis.models.censored_data import PIECE_STEP_BYTES, SHARE_OF_SCATTER, Attempts, Cluster, read_attempts
from dfly_analysis.models.piece_histograms import PIECE_DURATION_METRIC
from dfly_analysis.sql_scripts import sql

MAX_EXACT_ROWS = 200_000
MAX_WINDOW_ROWS = 60_000
_MAX_CLUSTERS = 2_000
# So fine that a fit, which bins again, does not see it.
_BIN_LOG, _SIZE_BIN_LOG = 0.002, 0.01
TASK_DURATION_METRIC = "dragonfly_client_download_task_duration_milliseconds"

# A number takes a tenth of the memory of a task id of 64 digits.
_TASK = "CASE WHEN task_id IS NOT NULL THEN (hash(task_id) >> 1)::BIGINT END AS task_id"
PIECES_SQL = sql("models", "piece_attempts", TASK=_TASK, METRIC=PIECE_DURATION_METRIC)
TASKS_SQL = sql("models", "task_attempts", TASK=_TASK, METRIC=TASK_DURATION_METRIC)


@dataclass(frozen=True)
class WeightedAttempts:
    """Attempts with the columns of `read_attempts` and ``role``, or bins of them with their ``clusters``."""

    frame: pd.DataFrame
    clusters: dict[str, Cluster] | None

    def with_rows(self, rows: pd.DataFrame) -> WeightedAttempts:
        """Return the attempts and further rows; where clusters are counted already, those rows belong to none."""
        if rows.empty:
            return self
        clusters = self.clusters and {name: cluster.padded(len(rows)) for name, cluster in self.clusters.items()}
        return WeightedAttempts(pd.concat([self.frame, rows], ignore_index=True), clusters)

    def select(self, column: str, value: str) -> WeightedAttempts:
        """Return the rows with a value in a column."""
        keep = self.frame[column].eq(value).to_numpy(dtype=bool, na_value=False)
        clusters = self.clusters and {name: cluster.select(keep) for name, cluster in self.clusters.items()}
        return WeightedAttempts(self.frame[keep], clusters)

    def attempts(self, *, of_pieces: bool = True) -> Attempts:
        return read_attempts(self.frame, of_pieces=of_pieces, clusters=self.clusters)


def load_attempts(dataset: Dataset, source: str) -> WeightedAttempts:
    """Return the attempts of `PIECES_SQL` or `TASKS_SQL`: whole tasks in logs, and Prometheus' buckets of hosts without logs."""
    ((count, *n_clusters),) = dataset.rows(
        f"SELECT count(*), {', '.join(f'approx_count_distinct({name})' for name in SHARE_OF_SCATTER)} FROM ({source})"  # noqa: S608
    )
    if count <= MAX_EXACT_ROWS:
        return WeightedAttempts(dataset.sql(source), None)
    widths = {"BIN_LOG": _BIN_LOG, "SIZE_BIN_LOG": _SIZE_BIN_LOG, "PIECE_STEP_BYTES": PIECE_STEP_BYTES}
    keyed = sql("models", "keyed_attempts", SOURCE=source, **widths)
    frame = dataset.sql(sql("models", "binned_attempts", KEYED=keyed))
    bins = frame.pop("bin").to_numpy()
    clusters = {
        name: _clusters(dataset, keyed, name, bins, -(-n // _MAX_CLUSTERS) or 1)
        for name, n in zip(SHARE_OF_SCATTER, n_clusters, strict=True)
    }
    return WeightedAttempts(frame, clusters)


def _clusters(dataset: Dataset, keyed: str, name: str, bins: Any, every: int) -> Cluster:
    """Return how many attempts of each bin belong to every so many-th task or host."""
    sampled = f"{name} IS NOT NULL AND (hash({name}) >> 20) % {every} = 0"
    rows = dataset.sql(f"""
        SELECT hash({name}) AS cluster, bin, sum(weight) AS weight FROM ({keyed})
        WHERE {sampled} GROUP BY ALL ORDER BY ALL""")  # noqa: S608
    codes, found = pd.factorize(rows["cluster"])
    columns = np.searchsorted(bins, rows["bin"].to_numpy())
    counts = sparse.coo_array((rows["weight"].to_numpy(), (codes, columns)), shape=(len(found), len(bins))).tocsr()
    named = dict(dataset.rows(f"SELECT DISTINCT hash({name}), {name} FROM ({keyed}) WHERE {sampled}"))  # noqa: S608
    names = [str(named[code]) for code in found.tolist()]
    return Cluster(counts, tuple(names), SHARE_OF_SCATTER[name], float(every))


def source_attempts(dataset: Dataset) -> pd.DataFrame:
    """Return the attempts at the source as rows of `PIECES`, task ids as numbers; of very many the middle ones in time."""
    where = "origin = 'source'"
    ((count,),) = dataset.rows(f"SELECT count(*) FROM pieces WHERE {where}")  # noqa: S608
    if count > MAX_EXACT_ROWS:
        ((first, last),) = dataset.rows(f"""
            SELECT min(moment), max(moment) FROM (
                SELECT nanoseconds(started) AS moment FROM pieces WHERE {where} AND started IS NOT NULL
                ORDER BY moment LIMIT {MAX_WINDOW_ROWS} OFFSET {(count - MAX_WINDOW_ROWS) // 2})""")  # noqa: S608
        where += f" AND nanoseconds(started) BETWEEN {first} AND {last}"
    return dataset.sql(f"""
        SELECT role, {_TASK}, host, piece_number, origin, size_bytes, started, ended, duration_s, outcome, timeout_s,
            retry_round, successes_not_logged FROM pieces WHERE {where}""")  # noqa: S608


def failing_tasks(dataset: Dataset) -> pd.DataFrame:
    """Return the tasks that lost a piece from the source in their first pass, with ids as those of `source_attempts`."""
    return dataset.sql(f"""
        SELECT {_TASK}, host, ended, outcome, n_pieces FROM tasks WHERE task_id IN (
            SELECT task_id FROM pieces
            WHERE origin = 'source' AND retry_round = 1 AND outcome IN ('timeout', 'reset', 'storage', 'origin'))""")  # noqa: S608
