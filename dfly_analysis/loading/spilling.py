"""Puts the records that attempts are rebuilt from aside, sorted into buckets of tasks, while a file is read."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.knowledge.event import bulk_events
from dfly_analysis.knowledge.needed import COLUMNS, COLUMNS_EVERYWHERE, ERROR_LEVELS, EVERYWHERE
from dfly_analysis.logs.arrow import coded, codes_of, flags, is_there, numbers, strings, values_of
from dfly_analysis.logs.schema import among, arrow_schema
from dfly_analysis.sources.store import Store
from dfly_analysis.units import seconds_of

WORDS = "message"
SPILLED = (*COLUMNS, "job_id")
SHARED = frozenset({*EVERYWHERE, "job_received"})
"""Events that all buckets must know."""
BUCKET_BYTES = 192 << 20
"""Bytes of logs that are rebuilt at one time."""
ALIKE = ("level", "component", "role", "host", "span", "event_id", "log_path", "origin")
"""Texts that go together in few ways: a record has the number of its way, called its kind."""
KIND = "kind"
CODED = ("task_id", "peer_id", "parent_id")
"""Other texts that most telling records have, and that repeat."""
COUNTED = ("time", "piece_number", "log_line", "size_bytes")
"""Numbers that most of them have."""
COST = "cost"
"""What a piece cost, a text in logs and seconds here; left out where no record has it."""
FEW = ["message", "signature", "url", "piece_bytes", "pieces", "stage", "error"]
"""What few of them have."""
ROW = "row"
"""The column that says which record one of the few is."""
NONE = -1
NO_TIME = np.iinfo(np.int64).min
_HELD_ROWS = 200_000
_FEW_KINDS, _MOST_KINDS = 1 << 14, 1 << 20
_BATCH = 1 << 17


def buckets_for(size_bytes: int) -> int:
    """Return in how many buckets logs of that size are rebuilt, two of them at a time."""
    if size_bytes <= BUCKET_BYTES // 4:
        return 1
    return 2 * max(1, -(-size_bytes // (2 * BUCKET_BYTES)))


@cache
def shared_schema() -> pa.Schema:
    """Return the columns of records that all buckets must know."""
    return pa.schema([arrow_schema().field(name) for name in COLUMNS_EVERYWHERE])


class Part(NamedTuple):
    """Records that were put aside together: what all have, their kinds, and what few have, with the place of each among all."""

    all: pa.Table
    kinds: pa.Table
    few: pa.Table


@dataclass
class Spill:
    """The telling records of one file, in as many buckets as the whole input is rebuilt in.

    Attributes
    ----------
    stem : Path
        Beginning of the names of its files: for every flush one with what all records have, one with their kinds and one
        with what few have.
    buckets : int
    shared : list of pyarrow.Table
        Records of `SHARED`.
    """

    stem: Path
    buckets: int
    shared: list[pa.Table] = field(default_factory=list)
    _held: list[dict[str, npt.NDArray[Any]]] = field(default_factory=list)
    _few: list[pa.Table] = field(default_factory=list)
    _places: dict[str, dict[str, int]] = field(default_factory=dict)
    _kinds: dict[tuple[str | None, ...], int] = field(default_factory=dict)
    _held_rows: int = 0
    _bounds: list[npt.NDArray[np.int64]] = field(default_factory=list)

    def write(self, table: pa.Table) -> None:
        """Take the telling records of a table; of kinds that are most of a log only the fields count, not the words."""
        for batch in table.select(list(SPILLED)).to_batches():
            self._take(pa.Table.from_batches([batch]))
        if self._held_rows >= _HELD_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is held, sorted by bucket; to be called when the file was read."""
        if not self._held_rows:
            return
        columns = {name: np.concatenate([held[name] for held in self._held]) for name in (KIND, *CODED, *COUNTED)}
        columns |= _costs(self._held)
        bucket, few = self._buckets(columns), pa.concat_tables(self._few).unify_dictionaries()
        place = values_of(few.column(ROW))
        if self.buckets > 1:
            order = np.argsort(bucket, kind="stable")
            columns = {name: column[order] for name, column in columns.items()}
            place = invert(order)[place]
            few = few.take(numbers(np.argsort(place, kind="stable")))
        place = np.sort(place)
        bounds = np.cumsum([0, *np.bincount(bucket, minlength=self.buckets + 1)])
        of_few = np.searchsorted(place, bounds)
        place -= np.repeat(bounds[:-1], np.diff(of_few))
        flush = len(self._bounds)
        self._bounds.append(bounds)
        _write(self._path(flush, "all"), pa.table(self._arrays(columns)), bounds)
        kinds = pa.table(dict(zip(ALIKE, map(strings, zip(*self._kinds, strict=True)), strict=True)))
        _write(self._path(flush, "kinds"), kinds, (0, len(kinds)))
        _write(self._path(flush, "few"), few.set_column(0, ROW, numbers(place)), of_few)
        self._held, self._few, self._places, self._kinds, self._held_rows = [], [], {}, {}, 0

    def parts(self, bucket: int) -> Iterator[Part]:
        """Yield what was put into a bucket, in the order it was written; the last bucket is of records that name a peer alone."""
        for flush, bounds in enumerate(self._bounds):
            if bounds[bucket + 1] > bounds[bucket]:
                of_all, kinds, few = (self._path(flush, what) for what in ("all", "kinds", "few"))
                yield Part(_read(of_all, bucket), _read(kinds, 0), _read(few, bucket))

    def pairs(self) -> Iterator[pa.Table]:
        """Yield peer and task of all records, a flush at a time."""
        for flush in range(len(self._bounds)):
            for bucket in range(self.buckets):
                yield _read(self._path(flush, "all"), bucket, ["peer_id", "task_id"])

    def _take(self, table: pa.Table) -> None:
        shared = among(table, "event_id", SHARED)
        if shared.any():
            self.shared.append(_compact(table.select(list(COLUMNS_EVERYWHERE)).filter(flags(shared))))
        rows = np.flatnonzero(_needed(table))
        if not len(rows):
            return
        held: dict[str, npt.NDArray[Any]] = {name: self._codes(name, table.column(name))[rows] for name in CODED}
        held |= {name: _filled(table.column(name), NO_TIME if name == "time" else NONE)[rows] for name in COUNTED}
        if (cost := table.column(COST)).null_count < len(cost):
            held[COST] = seconds_of(cost.take(numbers(rows)))
        held[KIND] = self._kinds_of(table, rows)
        self._few.append(_few_of(table, rows, self._held_rows))
        self._held.append(held)
        self._held_rows += len(rows)

    def _kinds_of(self, table: pa.Table, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Return the kinds of some records."""
        kind, size = np.zeros(len(rows), np.int64), 1
        read: list[tuple[npt.NDArray[np.int32] | None, list[str | None]]] = []
        for name in ALIKE:
            chunk = table.column(name).chunk(0)
            words = [*chunk.dictionary.to_pylist(), None]
            if len(words) == 2 and not chunk.null_count:  # all have the same text
                read.append((None, words))
                continue
            codes = codes_of(chunk)[rows]
            read.append((codes, words))
            if size * len(words) > _FEW_KINDS:
                kind, size = _renumbered(kind, size)
            kind, size = kind * len(words) + codes + 1, size * len(words)
        kind, size = _renumbered(kind, size)
        at = np.empty(size, np.int64)
        at[kind] = np.arange(len(kind))
        texts = [
            [words[0]] * size if codes is None else [words[code] for code in codes[at].tolist()]
            for codes, words in read
        ]
        known = [self._kinds.setdefault(one, len(self._kinds)) for one in zip(*texts, strict=True)]
        return np.array(known, np.int32)[kind]

    def _buckets(self, columns: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.uint16]:
        """Return the bucket of each record by its task; those of a peer alone come into the last, others without into the first."""
        if self.buckets == 1:
            return np.zeros(len(columns[KIND]), np.uint16)
        of_task = np.array([*(place_of(text, self.buckets) for text in self._places["task_id"]), 0], np.uint16)
        bucket: npt.NDArray[np.uint16] = of_task[columns["task_id"]]
        bucket[(columns["task_id"] == NONE) & (columns["peer_id"] != NONE)] = self.buckets
        return bucket

    def _codes(self, name: str, column: pa.ChunkedArray) -> npt.NDArray[np.int32]:
        """Return the texts of a column as places among those of all that is held."""
        places, parts = self._places.setdefault(name, {}), []
        for chunk in column.chunks:
            known = [places.setdefault(text, len(places)) for text in chunk.dictionary.to_pylist()]
            parts.append(np.array([*known, NONE], np.int32)[codes_of(chunk)])
        return np.concatenate(parts)

    def _arrays(self, columns: Mapping[str, npt.NDArray[Any]]) -> dict[str, pa.Array]:
        made = {name: numbers(columns[name]) for name in (KIND, *COUNTED)}
        made |= {name: coded(columns[name], strings([*self._places[name]])) for name in CODED}
        return made | {COST: numbers(columns[COST], kind=pa.float64())} if COST in columns else made

    def _path(self, flush: int, what: str) -> Path:
        return self.stem.with_name(f"{self.stem.name}-{flush:05d}-{what}")


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


def _filled(column: pa.ChunkedArray, missing: int) -> npt.NDArray[np.int64]:
    values = values_of(column)
    return np.where(is_there(column), values, missing) if column.null_count else values


def _costs(held: Sequence[Mapping[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[np.float64]]:
    if not any(COST in one for one in held):
        return {}
    return {COST: np.concatenate([one[COST] if COST in one else np.full(len(one[KIND]), np.nan) for one in held])}


def _renumbered(numbers: npt.NDArray[np.int64], size: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return numbers below a size as places among those that occur, and how many these are."""
    if size > _MOST_KINDS:
        different, at = np.unique(numbers, return_inverse=True)
        return at, len(different)
    there = np.zeros(size, np.int64)
    there[numbers] = 1
    place = np.cumsum(there)
    return place[numbers] - 1, int(place[-1])


def _few_of(table: pa.Table, rows: npt.NDArray[np.int64], before: int) -> pa.Table:
    """Return what few of some records have, and of which record it is; those of kinds that are most of a log come without words."""
    bulk = among(table, "event_id", bulk_events())
    there = np.zeros(len(table), np.bool_)
    for name in FEW:
        column = table.column(name)
        if column.null_count < len(column):
            there |= is_there(column) & ~bulk if name == WORDS else is_there(column)
    chosen = np.flatnonzero(there[rows])
    few = table.select(FEW).take(numbers(rows[chosen]))
    if (wordless := bulk[rows[chosen]]).any():
        words = few.column(WORDS).take(numbers(np.arange(len(few)), wordless))
        few = few.set_column(FEW.index(WORDS), WORDS, words)
    return few.add_column(0, ROW, numbers(chosen + before))


def invert(order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return where each of the things in a new order stands in it."""
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places


def _write(path: Path, table: pa.Table, bounds: Sequence[int] | npt.NDArray[np.int64]) -> None:
    """Write a table in as many batches as there are bounds between."""
    batch = pa.RecordBatch.from_arrays([column.combine_chunks() for column in table.columns], schema=table.schema)
    with pa.ipc.new_file(path, table.schema) as writer:
        for start, end in pairwise(np.asarray(bounds).tolist()):
            writer.write_batch(batch.slice(start, end - start))


def _read(path: Path, batch: int, names: Sequence[str] | None = None) -> pa.Table:
    """Read one of the batches, or some of its columns; not mapped, for what is touched of a map counts, and that is soon all of it."""
    with pa.OSFile(str(path)) as file:
        reader = pa.ipc.open_file(file)
        if names is not None:
            chosen = [reader.schema.get_field_index(name) for name in names]
            reader = pa.ipc.open_file(file, options=pa.ipc.IpcReadOptions(included_fields=chosen))
        return pa.Table.from_batches([reader.get_batch(batch)])


def without_words(table: pa.Table) -> pa.Table:
    """Return the columns that attempts are rebuilt from; records of kinds that are most of a log come without their words."""
    import pyarrow.compute as pc

    kept = table.select(list(SPILLED))
    at = kept.schema.get_field_index(WORDS)
    bulk = flags(among(table, "event_id", bulk_events()))
    return kept.set_column(at, WORDS, pc.if_else(bulk, "", kept.column(at)))


def _compact(table: pa.Table) -> pa.Table:
    """Return the rows with dictionaries of their own texts alone, not of all texts of the block they come from."""
    columns = [
        column.cast(pa.string()).dictionary_encode() if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


def place_of(task: str, buckets: int) -> int:
    """Return the bucket of a task, the same in every process."""
    return zlib.crc32(task.encode()) % buckets
