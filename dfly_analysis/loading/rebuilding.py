"""Rebuilds pieces and tasks from parts in a store: all at once while they are few, else in buckets of tasks."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dfly_analysis.attempts import Limits
from dfly_analysis.attempts.background import Background, read_background
from dfly_analysis.attempts.observed import observe_limits
from dfly_analysis.attempts.rebuild import observe_part, rebuild_part
from dfly_analysis.attempts.records import COLUMNS, EVERYWHERE
from dfly_analysis.knowledge.event import load_events
from dfly_analysis.loading.joining import is_telling
from dfly_analysis.logs.schema import arrow_schema, to_frame
from dfly_analysis.sources.store import Store

MOST_AT_ONCE = 400_000
"""Records that are rebuilt at one time; a bucket holds about as many."""
_BATCH = 1 << 17
_COLUMNS = (*COLUMNS, "job_id")
_SHARED = sorted({*EVERYWHERE, "job_received"})


class Rebuilding:
    """The records that attempts are rebuilt from, taken out of the parts once.

    Attributes
    ----------
    events_of_jobs : pandas.DataFrame
        Records of preheat jobs.
    background : Background
        What all buckets must know.
    """

    def __init__(self, store: Store, counts: Mapping[str, int], folder: Path) -> None:
        self._store = store
        self._names = [name for name, count in sorted(counts.items()) if count]
        total = sum(counts.values())
        self._paths = [folder / f"bucket-{place:04d}" for place in range(max(1, -(-total // MOST_AT_ONCE)))]
        shared = self._sort()
        self.events_of_jobs = shared[shared["event_id"] == "job_received"]
        self.background: Background = read_background(shared)

    def tables(self, limits: Limits, owner: Mapping[str, str]) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        """Yield pieces and tasks bucket by bucket.

        Parameters
        ----------
        limits : Limits
            Settings believed to be in force.
        owner : mapping of str to str
            Preheat job of each URL.
        """
        seen = [observe_part(_bucket(path), limits, self.background) for path in self._paths]
        corrected = observe_limits(seen, limits)
        for path in self._paths:
            pieces, tasks = rebuild_part(_bucket(path), corrected, self.background)
            tasks["job_id"] = tasks["url"].map(owner).where(tasks["role"] == "seedClient").astype("str")
            yield pieces, tasks

    def _sort(self) -> pd.DataFrame:
        """Put each record into the bucket of its task; return those that all buckets must know."""
        task_of = self._tasks_of_peers() if len(self._paths) > 1 else {}
        shared = []
        with ExitStack() as stack:
            schema = pa.schema([arrow_schema().field(name) for name in _COLUMNS])
            writers = [stack.enter_context(pa.ipc.new_stream(path, schema)) for path in self._paths]
            for table in self._records(_COLUMNS):
                telling = _without_bulk(is_telling(table))
                shared.append(telling.filter(pc.is_in(_plain(telling, "event_id"), pa.array(_SHARED))))
                places = _places(telling, task_of, len(writers)) if len(writers) > 1 else None
                for place, writer in enumerate(writers):
                    own = telling if places is None else telling.filter(pa.array(places == place))
                    if len(own):
                        writer.write_table(own.cast(schema))
        return to_frame(pa.concat_tables(shared) if shared else schema.empty_table())

    def _records(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        for name in self._names:
            with self._store.open(name) as file:
                for batch in pq.ParquetFile(file).iter_batches(batch_size=_BATCH, columns=list(columns)):
                    yield pa.Table.from_batches([batch]).select(list(columns))

    def _tasks_of_peers(self) -> dict[str, str]:
        """Return the task of each peer: a record may name its peer alone."""
        task_of: dict[str, str] = {}
        for table in self._records(("peer_id", "task_id")):
            both = table.filter(pc.and_(pc.is_valid(table.column("peer_id")), pc.is_valid(table.column("task_id"))))
            pairs = both.group_by(["peer_id", "task_id"]).aggregate([])
            for peer, task in zip(
                _plain(pairs, "peer_id").to_pylist(), _plain(pairs, "task_id").to_pylist(), strict=True
            ):
                task_of.setdefault(peer, task)
        return task_of


def _bucket(path: Path) -> pd.DataFrame:
    with pa.ipc.open_stream(path) as reader:
        return to_frame(reader.read_all(), categories=True)


def _plain(table: pa.Table, name: str) -> pa.ChunkedArray:
    return table.column(name).cast(pa.string())


def _without_bulk(table: pa.Table) -> pa.Table:
    """Take the words off records of which only the fields count: they are most of a log."""
    bulk = pc.is_in(_plain(table, "event_id"), pa.array([kind.id for kind in load_events() if kind.bulk]))
    message = pc.if_else(bulk, "", table.column("message"))
    return table.set_column(table.schema.get_field_index("message"), "message", message)


def _places(table: pa.Table, task_of: Mapping[str, str], n: int) -> npt.NDArray[np.int64]:
    """Return the bucket of each record, by its task, or its peer's."""
    peers = _plain(table, "peer_id").combine_chunks().dictionary_encode()
    known = pa.array([task_of.get(peer) for peer in peers.dictionary.to_pylist()], pa.string())
    tasks = pc.coalesce(_plain(table, "task_id").combine_chunks(), known.take(peers.indices), "").dictionary_encode()
    buckets = np.array([zlib.crc32(task.encode()) % n for task in tasks.dictionary.to_pylist()], np.int64)
    return np.asarray(buckets[tasks.indices.to_numpy()])
