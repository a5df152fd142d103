"""Puts the records that attempts are rebuilt from aside, sorted into buckets of tasks, while a file is read."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.knowledge.event import load_events
from dfly_analysis.knowledge.needed import COLUMNS, ERROR_LEVELS, EVERYWHERE
from dfly_analysis.logs.arrow import codes_of, flags, is_there, numbers
from dfly_analysis.logs.schema import among, arrow_schema
from dfly_analysis.sources.store import Store

WORDS = "message"
SPILLED = (*COLUMNS, "job_id")
SHARED = frozenset({*EVERYWHERE, "job_received"})
"""Events that all buckets must know."""
BUCKET_BYTES = 192 << 20
"""Bytes of logs that are rebuilt at one time."""
_HELD_ROWS = 200_000
_BATCH = 1 << 17


def buckets_for(size_bytes: int) -> int:
    """Return in how many buckets logs of that size are rebuilt, two of them at a time."""
    if size_bytes <= BUCKET_BYTES // 4:
        return 1
    return 2 * max(1, -(-size_bytes // (2 * BUCKET_BYTES)))


@cache
def spilled_schema() -> pa.Schema:
    """Return the columns that are put aside."""
    return pa.schema([arrow_schema().field(name) for name in SPILLED])


@cache
def _bulk() -> frozenset[str]:
    return frozenset(kind.id for kind in load_events() if kind.bulk)


@dataclass
class Spill:
    """The telling records of one file, in as many buckets as the whole input is rebuilt in.

    Attributes
    ----------
    stem : Path
        Beginning of the names of its files.
    buckets : int
    shared : list of pyarrow.Table
        Records of `SHARED`.
    peers_only : list of pyarrow.Table
        Records that name a peer and no task: their bucket is known when the whole input was read.
    """

    stem: Path
    buckets: int
    shared: list[pa.Table] = field(default_factory=list)
    peers_only: list[pa.Table] = field(default_factory=list)
    _held: dict[int, list[pa.Table]] = field(default_factory=dict)
    _held_rows: int = 0
    _flushes: int = 0

    def write(self, table: pa.Table) -> None:
        """Take the telling records of a table; of kinds that are most of a log only the fields count, not the words."""
        for batch in table.select(list(SPILLED)).to_batches():
            self._take(pa.Table.from_batches([batch]))
        if self._held_rows >= _HELD_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is held; to be called when the file was read."""
        if not self._held_rows:
            return
        for bucket, tables in self._held.items():
            with pa.ipc.new_stream(self._path(bucket, self._flushes), spilled_schema()) as writer:
                for table in tables:
                    writer.write_table(table)
        self._held, self._held_rows = {}, 0
        self._flushes += 1

    def tables(self, bucket: int) -> Iterator[pa.Table]:
        """Yield what was put into a bucket, in the order it was written."""
        for flush in range(self._flushes):
            path = self._path(bucket, flush)
            if path.exists():
                with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as reader:
                    yield reader.read_all()

    def _take(self, table: pa.Table) -> None:
        """Hold the telling records, bucket by bucket: every column is copied once."""
        shared = among(table, "event_id", SHARED)
        if shared.any():
            self.shared.append(_compact(_wordless(table, np.flatnonzero(shared))))
        rows = np.flatnonzero(_needed(table))
        places = np.zeros(len(rows), np.int64)
        if self.buckets > 1:
            places = bucket_of(table.column("task_id"), self.buckets)[rows]
            lacking = ~is_there(table.column("task_id")) & is_there(table.column("peer_id"))
            places[lacking[rows]] = self.buckets
        order = np.argsort(places, kind="stable")
        ordered = _wordless(table, rows[order])
        bounds = np.searchsorted(places[order], np.arange(self.buckets + 2))
        for bucket in range(self.buckets + 1):
            start, end = int(bounds[bucket]), int(bounds[bucket + 1])
            if end > start and bucket == self.buckets:
                self.peers_only.append(_compact(ordered.slice(start, end - start)))
            elif end > start:
                self._held.setdefault(bucket, []).append(ordered.slice(start, end - start))
        self._held_rows += len(rows)

    def _path(self, bucket: int, flush: int) -> Path:
        return self.stem.with_name(f"{self.stem.name}-{bucket:04d}-{flush:05d}")


def spill_part(store: Store, name: str, stem: Path, buckets: int) -> Spill:
    """Return the telling records of a part that somebody else wrote."""
    import pyarrow.parquet as pq

    spill = Spill(stem, buckets)
    with store.open(name) as file:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=_BATCH, columns=list(SPILLED)):
            spill.write(pa.Table.from_batches([batch]))
    spill.flush()
    return spill


def _needed(table: pa.Table) -> npt.NDArray[np.bool_]:
    """Return which records attempts are rebuilt from, see `dfly_analysis.attempts.needed_rows`, and speak of a peer or task."""
    event, task, peer = (is_there(table.column(name)) for name in ("event_id", "task_id", "peer_id"))
    return np.asarray((event & (task | peer)) | (peer & among(table, "level", ERROR_LEVELS)))


def _wordless(table: pa.Table, rows: npt.NDArray[np.int64]) -> pa.Table:
    """Return some records, those of kinds that are most of a log without their words."""
    import pyarrow.compute as pc

    at = table.schema.get_field_index(WORDS)
    bulk = among(table, "event_id", _bulk())[rows]
    message = table.column(at).take(numbers(rows, bulk)) if not bulk.all() else pa.nulls(len(rows), pa.string())
    rest = table.remove_column(at).take(numbers(rows))
    return rest.add_column(at, WORDS, pc.if_else(flags(bulk), "", message))


def without_words(table: pa.Table) -> pa.Table:
    """Return the columns that attempts are rebuilt from; records of kinds that are most of a log come without their words."""
    import pyarrow.compute as pc

    kept = table.select(list(SPILLED))
    at = kept.schema.get_field_index(WORDS)
    bulk = flags(among(table, "event_id", _bulk()))
    return kept.set_column(at, WORDS, pc.if_else(bulk, "", kept.column(at)))


def _compact(table: pa.Table) -> pa.Table:
    """Return the rows with dictionaries of their own texts alone, not of all texts of the block they come from."""
    columns = [
        column.cast(pa.string()).dictionary_encode() if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


def bucket_of(tasks: pa.ChunkedArray, buckets: int) -> npt.NDArray[np.int64]:
    """Return the bucket of each record by its task; 0 for those without."""
    places = [np.zeros(0, np.int64)]
    for chunk in tasks.chunks:
        of_value = np.array([*(place_of(text, buckets) for text in chunk.dictionary.to_pylist()), 0], np.int64)
        places.append(of_value[codes_of(chunk)])
    return np.concatenate(places)


def place_of(task: str, buckets: int) -> int:
    """Return the bucket of a task, the same in every process."""
    return zlib.crc32(task.encode()) % buckets


def place_peers_only(spills: Sequence[Spill], buckets: int) -> list[pa.Table]:
    """Return for each bucket the records that name a peer alone, by the task that peer has anywhere in the input."""
    tables = [table for spill in spills for table in spill.peers_only]
    if not tables:
        return [spilled_schema().empty_table()] * buckets
    joined = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    peers = set(joined.column("peer_id").cast(pa.string()).unique().to_pylist())
    task_of = {
        peer: task
        for spill in spills
        for bucket in range(buckets)
        for table in spill.tables(bucket)
        for peer, task in _pairs(table, peers)
    }
    by_peer = [
        place_of(task_of.get(peer, peer), buckets) for peer in joined.column("peer_id").cast(pa.string()).to_pylist()
    ]
    places = np.array(by_peer, np.int64)
    return [joined.filter(flags(places == bucket)) for bucket in range(buckets)]


def _pairs(table: pa.Table, peers: set[str]) -> Iterator[tuple[str, str]]:
    chosen = table.filter(flags(among(table, "peer_id", peers))).group_by(["peer_id", "task_id"]).aggregate([])
    for peer, task in zip(
        *(chosen.column(name).cast(pa.string()).to_pylist() for name in ("peer_id", "task_id")), strict=True
    ):
        if task is not None:
            yield peer, task
