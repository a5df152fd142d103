"""Rebuilds pieces and tasks from the records of parts: all at once while they are few, else in buckets of tasks."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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
from dfly_analysis.attempts.records import EVERYWHERE
from dfly_analysis.loading.spilling import SPILLED, chosen, read_spill, spilled_schema, telling_records
from dfly_analysis.logs.schema import to_frame
from dfly_analysis.sources.store import Store

MOST_AT_ONCE = 1_000_000
"""Records that are rebuilt at one time; a bucket holds about as many."""
_BATCH = 1 << 17
_SHARED = sorted({*EVERYWHERE, "job_received"})


@dataclass(frozen=True)
class Records:
    """Where the telling records of an input are.

    Attributes
    ----------
    store : Store
    parts : dict of str to Path or None
        Name of each part that has records, in order, and the file its telling records were put aside in, if they were.
    count : int
        Of all records, telling or not.
    """

    store: Store
    parts: Mapping[str, Path | None]
    count: int

    def tables(self) -> Iterator[pa.Table]:
        """Yield them in the columns of `SPILLED`."""
        for name, spill in self.parts.items():
            if spill is not None:
                yield from read_spill(spill)
                continue
            with self.store.open(name) as file:
                for batch in pq.ParquetFile(file).iter_batches(batch_size=_BATCH, columns=list(SPILLED)):
                    yield telling_records(pa.Table.from_batches([batch]))


class Rebuilding:
    """The records of an input sorted into buckets, so that all of one task are in the same.

    Attributes
    ----------
    events_of_jobs : pandas.DataFrame
        Records of preheat jobs.
    background : Background
        What all buckets must know.
    """

    def __init__(self, records: Records, folder: Path) -> None:
        self._records = records
        n = -(-records.count // MOST_AT_ONCE)
        self._paths = [folder / f"bucket-{place:04d}" for place in range(n)] if n > 1 else []
        shared = self._sort() if self._paths else self._shared()
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
        seen = [observe_part(events, limits, self.background) for events in self._buckets()]
        corrected = observe_limits(seen, limits)
        for events in self._buckets():
            pieces, tasks = rebuild_part(events, corrected, self.background)
            tasks["job_id"] = tasks["url"].map(owner).where(tasks["role"] == "seedClient").astype("str")
            yield pieces, tasks

    def _buckets(self) -> Iterator[pd.DataFrame]:
        if not self._paths:
            yield _frame(list(self._records.tables()))
        for path in self._paths:
            yield _frame(list(read_spill(path)))

    def _shared(self) -> pd.DataFrame:
        return _frame([chosen(table, _SHARED) for table in self._records.tables()])

    def _sort(self) -> pd.DataFrame:
        """Put each record into the bucket of its task; return those that all buckets must know."""
        task_of = self._tasks_of_peers()
        shared = []
        with ExitStack() as stack:
            writers = [stack.enter_context(pa.ipc.new_stream(path, spilled_schema())) for path in self._paths]
            for table in self._records.tables():
                shared.append(chosen(table, _SHARED))
                places = _places(table, task_of, len(writers))
                for place, writer in enumerate(writers):
                    own = table.filter(pa.array(places == place))
                    if len(own):
                        writer.write_table(own)
        return _frame(shared)

    def _tasks_of_peers(self) -> dict[str, str]:
        """Return the task of each peer: a record may name its peer alone."""
        task_of: dict[str, str] = {}
        for table in self._records.tables():
            both = table.filter(pc.and_(pc.is_valid(table.column("peer_id")), pc.is_valid(table.column("task_id"))))
            pairs = both.group_by(["peer_id", "task_id"]).aggregate([])
            for peer, task in zip(*(_plain(pairs, name).to_pylist() for name in ("peer_id", "task_id")), strict=True):
                task_of.setdefault(peer, task)
        return task_of


def _frame(tables: Sequence[pa.Table]) -> pd.DataFrame:
    return to_frame(pa.concat_tables(tables) if tables else spilled_schema().empty_table(), categories=True)


def _plain(table: pa.Table, name: str) -> pa.ChunkedArray:
    return table.column(name).cast(pa.string())


def _places(table: pa.Table, task_of: Mapping[str, str], n: int) -> npt.NDArray[np.int64]:
    """Return the bucket of each record, by its task, or its peer's."""
    peers = _plain(table, "peer_id").combine_chunks().dictionary_encode()
    known = pa.array([task_of.get(peer) for peer in peers.dictionary.to_pylist()], pa.string())
    tasks = pc.coalesce(_plain(table, "task_id").combine_chunks(), known.take(peers.indices), "").dictionary_encode()
    buckets = np.array([zlib.crc32(task.encode()) % n for task in tasks.dictionary.to_pylist()], np.int64)
    return np.asarray(buckets[tasks.indices.to_numpy()])
