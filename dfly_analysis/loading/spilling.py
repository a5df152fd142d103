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

from dfly_analysis.catalog.log_events import bulk_events
from dfly_analysis.catalog.required_columns import COLUMNS, COLUMNS_EVERYWHERE, ERROR_LEVELS, EVERYWHERE
from dfly_analysis.logs.arrow import coded, codes_of, flags, numbers, strings, values_of
from dfly_analysis.logs.rows import codes_at, numbered_at, numbers_at, rows_of_peers, rows_with_any, seconds_at
from dfly_analysis.logs.schema import among, arrow_schema
from dfly_analysis.sources.store import Store

WORDS = "message"
SPILLED = (*COLUMNS, "job_id")
SHARED = frozenset({*EVERYWHERE, "job_received"})
"""Events that all buckets must know."""
BUCKET_BYTES, ONE_BUCKET_BYTES = 128 << 20, 48 << 20
"""Bytes of logs that are rebuilt at one time, and up to how many all are: a second process would not be done sooner."""
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
PLAN = "pieces"
"""The long one of them, which many records repeat."""
ROW = "row"
"""The column that says which record one of the few is."""
NONE = -1
NO_TIME = np.iinfo(np.int64).min
_HELD_ROWS = 200_000
_BATCH = 1 << 17


def buckets_for(size_bytes: int) -> int:
    """Return in how many buckets logs of that size are rebuilt, two of them at a time."""
    if size_bytes <= min(BUCKET_BYTES, ONE_BUCKET_BYTES):
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
            self._take(batch)
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
            columns = {name: column.take(order) for name, column in columns.items()}
            place = invert(order).take(place)
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

    def _take(self, batch: pa.RecordBatch) -> None:
        event, level = batch.column("event_id"), batch.column("level")
        kinds = event.dictionary.to_pylist()
        if (shared := _are_among(kinds, SHARED)).any():
            self._share(batch, np.append(shared, False)[codes_of(event)])
        failing = _are_among(level.dictionary.to_pylist(), ERROR_LEVELS)
        rows = rows_of_peers(event, batch.column("task_id"), batch.column("peer_id"), level, failing)
        if not len(rows):
            return
        held: dict[str, npt.NDArray[Any]] = {
            name: codes_at(batch.column(name), rows, self._known(name, batch.column(name))) for name in CODED
        }
        held |= {name: numbers_at(batch.column(name), rows, NO_TIME if name == "time" else NONE) for name in COUNTED}
        if (cost := batch.column(COST)).null_count < len(cost):
            held[COST] = seconds_at(cost, rows)
        held[KIND] = self._kinds_of(batch, rows)
        self._few.append(_few_of(batch, _are_among(kinds, bulk_events()), rows, self._held_rows))
        self._held.append(held)
        self._held_rows += len(rows)

    def _share(self, batch: pa.RecordBatch, chosen: npt.NDArray[np.bool_]) -> None:
        if chosen.any():
            table = pa.Table.from_batches([batch]).select(list(COLUMNS_EVERYWHERE))
            self.shared.append(_compact(table.filter(flags(chosen))))

    def _kinds_of(self, batch: pa.RecordBatch, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Return the kinds of some records."""
        columns = [batch.column(name) for name in ALIKE]
        words = [[*column.dictionary.to_pylist(), None] for column in columns]
        differing = [place for place, column in enumerate(columns) if column.null_count or len(words[place]) > 2]
        kind, first = numbered_at([columns[place] for place in differing], rows)
        texts = [[own[0]] * len(first) for own in words]
        for place in differing:
            codes = codes_at(columns[place], rows[first], np.arange(len(words[place]) - 1, dtype=np.int32))
            texts[place] = [words[place][code] for code in codes.tolist()]
        known = [self._kinds.setdefault(one, len(self._kinds)) for one in zip(*texts, strict=True)]
        return np.array(known, np.int32)[kind]

    def _buckets(self, columns: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.uint16]:
        """Return the bucket of each record by its task; those of a peer alone come into the last, others without into the first."""
        if self.buckets == 1:
            return np.zeros(len(columns[KIND]), np.uint16)
        of_task = np.array([*(place_of(text, self.buckets) for text in self._places["task_id"]), 0], np.uint16)
        bucket: npt.NDArray[np.uint16] = of_task.take(columns["task_id"])
        bucket[(columns["task_id"] == NONE) & (columns["peer_id"] != NONE)] = self.buckets
        return bucket

    def _known(self, name: str, column: pa.DictionaryArray) -> npt.NDArray[np.int32]:
        """Return the place of each text of a column among those of all that is held."""
        places = self._places.setdefault(name, {})
        return np.array([places.setdefault(text, len(places)) for text in column.dictionary.to_pylist()], np.int32)

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


def _are_among(texts: Sequence[str], chosen: frozenset[str]) -> npt.NDArray[np.bool_]:
    return np.array([text in chosen for text in texts], np.bool_)


def _costs(held: Sequence[Mapping[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[np.float64]]:
    if not any(COST in one for one in held):
        return {}
    return {COST: np.concatenate([one[COST] if COST in one else np.full(len(one[KIND]), np.nan) for one in held])}


def _few_of(batch: pa.RecordBatch, bulk: npt.NDArray[np.bool_], rows: npt.NDArray[np.int64], before: int) -> pa.Table:
    """Return what few of some records have, and of which record it is; those of kinds that are most of a log come without words."""
    event = batch.column("event_id")
    chosen = rows_with_any([batch.column(name) for name in FEW], event, bulk, rows)
    few = pa.Table.from_batches([batch.select(FEW).take(numbers(rows[chosen]))])
    few = few.set_column(FEW.index(PLAN), PLAN, few.column(PLAN).dictionary_encode())
    if (wordless := codes_at(event, rows[chosen], bulk.astype(np.int32)) > 0).any():
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
    # where there is no row there may be no chunk, and what combines none loads pandas to make an empty one
    columns = [one.combine_chunks() if one.num_chunks else pa.nulls(0, one.type) for one in table.columns]
    batch = pa.RecordBatch.from_arrays(columns, schema=table.schema)
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
