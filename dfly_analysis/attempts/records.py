"""The records that attempts are rebuilt from: columns of numbers, in the order they were written, each with its peer."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from dfly_analysis.knowledge.needed import ERROR_LEVELS, EVERYWHERE

NumberArray: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
FlagArray: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
Events: TypeAlias = "pd.DataFrame | pa.Table"
Column: TypeAlias = "pd.Series[Any] | pa.ChunkedArray"

NO_TIME = np.iinfo(np.int64).min  # how numpy stores NaT
NONE = -1
LAST = np.iinfo(np.int64).max
_MOST_PIECES = 1 << 31
_FEW = 6
_ROTATED = re.compile(r"\.(\d{1,3})(?:\.(?:gz|xz|bz2|zst))?$")


@dataclass(frozen=True)
class Words:
    """A column of texts as numbers.

    Attributes
    ----------
    codes : numpy.ndarray of int
        Places in `words`, one a record; -1 where the text is missing.
    words : numpy.ndarray of str
        Each text once.
    """

    codes: NumberArray
    words: np.ndarray[Any, Any]

    @classmethod
    def of(cls, texts: Column) -> Words:
        """Read a column of texts, of categories or dictionaries; what repeats already is not looked at again."""
        if isinstance(texts, pa.ChunkedArray):
            return cls(*_codes_and_words(texts))
        if isinstance(texts.dtype, pd.CategoricalDtype):
            return cls(np.asarray(texts.cat.codes), np.asarray(texts.cat.categories, dtype=object))
        codes, words = pd.factorize(texts)
        return cls(codes, np.asarray(words, dtype=object))

    def among(self, chosen: Collection[str]) -> FlagArray:
        """Return for each record whether its text is one of those."""
        known: FlagArray = np.array([word in chosen for word in self.words] + [False])  # the last is the place of -1
        places = np.flatnonzero(known)
        if len(places) > _FEW:
            return np.asarray(known[self.codes])
        among = np.zeros(len(self.codes), dtype=bool)
        for place in places:  # to compare all with one number takes a tenth of the time of looking all up
            among |= self.codes == place
        return among

    def take(self, rows: NumberArray | FlagArray | slice) -> Words:
        """Return the column of some records."""
        return self.at(self.codes[rows])

    def at(self, codes: NumberArray) -> Words:
        """Return another column of the same words."""
        return Words(codes, self.words)

    def texts(self, rows: NumberArray | FlagArray | slice = slice(None)) -> list[Any]:
        """Return the texts of some records, None where missing."""
        words = np.array([*self.words, None], dtype=object)
        texts: list[Any] = words[self.codes[rows]].tolist()
        return texts

    def text(self, code: int) -> Any:
        """Return the text of a number, None for -1."""
        return None if code == NONE else self.words[code]

    @cached_property
    def place(self) -> dict[Any, int]:
        """The place of each text in `words`."""
        return {word: at for at, word in enumerate(self.words)}

    @cached_property
    def rank(self) -> NumberArray:
        """The place of each text of `words` in the order of texts."""
        rank = np.empty(len(self.words) + 1, dtype=np.int64)
        rank[np.argsort(self.words, kind="stable")] = np.arange(len(self.words))
        rank[-1] = len(self.words)
        return rank


@dataclass(frozen=True)
class Records:
    """Records in the order they were written; all arrays have one element a record.

    Attributes
    ----------
    time : numpy.ndarray of int
        Nanoseconds since 1970; `NO_TIME` where the record has none.
    component, level, role, host, event, task, peer, path, origin, span, parent : Words
    number, line, size_bytes, piece_bytes : numpy.ndarray of int
        -1 where missing.
    row : numpy.ndarray of int
        Place in `events`, for texts that few records need.
    events : pandas.DataFrame or pyarrow.Table
    """

    time: NumberArray
    component: Words
    level: Words
    role: Words
    host: Words
    event: Words
    task: Words
    peer: Words
    path: Words
    origin: Words
    span: Words
    parent: Words
    number: NumberArray
    line: NumberArray
    size_bytes: NumberArray
    piece_bytes: NumberArray
    row: NumberArray
    events: Events

    def __len__(self) -> int:
        return len(self.time)

    @property
    def sort_time(self) -> NumberArray:
        """Times to sort and search by."""
        return missing_last(self.time)

    def column(self, name: str) -> pd.Series[Any]:
        """Return a column of the events, one element a record."""
        # A mask, for to take a few places out of a column in chunks would copy all of it first.
        chosen = np.zeros(len(self.events), dtype=bool)
        chosen[self.row] = True
        picked = _pick(self.events[name], chosen)
        if (np.diff(self.row) > 0).all():
            return picked
        return picked.take((np.cumsum(chosen) - 1)[self.row]).reset_index(drop=True)

    def texts(self, name: str, where: FlagArray | None = None) -> list[str | None]:
        """Return the texts of a column of the events, one a record; None where missing, and where not asked for."""
        if where is None:
            return [text if isinstance(text, str) else None for text in self.column(name).tolist()]
        texts = np.full(len(self), None, dtype=object)
        texts[where] = self.take(where).texts(name)
        listed: list[str | None] = texts.tolist()
        return listed

    def take(self, rows: NumberArray | FlagArray | slice) -> Records:
        """Return some of the records."""
        rows = np.flatnonzero(rows) if isinstance(rows, np.ndarray) and rows.dtype == bool else rows
        made: dict[str, Any] = {
            name: value.take(rows) if isinstance(value, Words) else value[rows]
            for name, value in vars(self).items()
            if name != "events"
        }
        return Records(**made, events=self.events)


def _codes_and_words(texts: pa.ChunkedArray) -> tuple[NumberArray, np.ndarray[Any, Any]]:
    encoded = texts if pa.types.is_dictionary(texts.type) else texts.dictionary_encode()
    chunks = encoded.unify_dictionaries().chunks
    words = chunks[0].dictionary.to_pylist() if chunks else []
    codes = [_filled(chunk.indices) for chunk in chunks]
    return np.concatenate([np.empty(0, np.int32), *codes]), np.array([*words, None], dtype=object)[:-1]


def _filled(numbers: pa.Array) -> NumberArray:
    return np.asarray((numbers.fill_null(NONE) if numbers.null_count else numbers).to_numpy())


def _pick(column: Column, chosen: FlagArray) -> pd.Series[Any]:
    if isinstance(column, pa.ChunkedArray):
        return column.filter(pa.array(chosen)).to_pandas()  # type: ignore[no-any-return]
    return pd.Series(column.array[chosen])


def is_there(column: Column) -> FlagArray:
    """Return which rows of a column have a value."""
    there = column.is_valid() if isinstance(column, pa.ChunkedArray) else column.notna()
    return np.asarray(there.to_numpy(), dtype=bool)


def needed_rows(events: Events) -> FlagArray:
    """Return which events `rebuild` looks at; the others may be left out without any change of its result.

    Needed are records that name an event and either a peer or a task, records of level ERROR or FATAL that name a peer, and
    the events of `EVERYWHERE`.

    Parameters
    ----------
    events : pandas.DataFrame or pyarrow.Table
        Columns ``event_id``, ``level``, ``peer_id`` and ``task_id``.

    Returns
    -------
    numpy.ndarray of bool
    """
    event = Words.of(events["event_id"])
    has_peer, has_task = (is_there(events[name]) for name in ("peer_id", "task_id"))
    named = (event.codes != NONE) & (has_peer | has_task)
    failing = Words.of(events["level"]).among(ERROR_LEVELS)
    needed: FlagArray = named | event.among(EVERYWHERE) | (has_peer & failing)
    return needed


def read_records(events: Events) -> Records:
    """Read the needed events that belong to a peer, in the order they were written.

    Parameters
    ----------
    events : pandas.DataFrame or pyarrow.Table
        Rows of `dfly_analysis.tables.EVENTS` with the columns of `COLUMNS`; texts may be categories, or dictionaries.

    Returns
    -------
    Records
        Within one moment the older of rotated files comes first.
    """
    named = is_there(events["peer_id"]) | is_there(events["task_id"])  # what names neither belongs to nobody
    row = np.flatnonzero(needed_rows(events) & named)
    rows = row if len(row) < len(events) else slice(None)
    columns: dict[str, Any] = {name: Words.of(events[column]).take(rows) for name, column in _WORDS.items()}
    columns |= {name: whole_numbers(events[column])[rows] for name, column in _NUMBERS.items()}
    records = Records(**columns, time=nanoseconds(events["time"])[rows], row=row, events=events)
    number = np.where(records.number < _MOST_PIECES, records.number, NONE)
    order = writing_order(records.sort_time, records.path, records.line)
    filled = _fill_peers(replace(records, number=number).take(order))
    return filled.take(filled.peer.codes != NONE) if (filled.peer.codes == NONE).any() else filled


_WORDS = {
    "component": "component", "level": "level", "role": "role", "host": "host", "event": "event_id", "task": "task_id",
    "peer": "peer_id", "path": "log_path", "origin": "origin", "span": "span", "parent": "parent_id",
}  # fmt: skip
_NUMBERS = {"number": "piece_number", "line": "log_line", "size_bytes": "size_bytes", "piece_bytes": "piece_bytes"}


def nanoseconds(times: Column) -> NumberArray:
    """Return times as nanoseconds since 1970, `NO_TIME` where missing."""
    if isinstance(times, pa.ChunkedArray):
        return np.asarray(times.cast(pa.int64()).fill_null(NO_TIME).to_numpy())
    return np.asarray(times.dt.as_unit("ns").astype("int64")) if len(times) else np.empty(0, dtype=np.int64)


def missing_last(time: NumberArray) -> NumberArray:
    """Return times to sort by, in which a record without a time comes last."""
    return np.where(time == NO_TIME, LAST, time)


def times_of(time: NumberArray) -> list[float]:
    """Return times as Python numbers, ``nan`` where missing: like NaT it is neither before nor after anything."""
    listed: list[float] = time.tolist()
    return [math.nan if one == NO_TIME else one for one in listed] if (time == NO_TIME).any() else listed


def whole_numbers(numbers: Column) -> NumberArray:
    """Return a column of integers, or of texts that are such, as numbers; -1 where missing."""
    if isinstance(numbers, pa.ChunkedArray):
        return np.asarray(numbers.fill_null(NONE).to_numpy())
    if isinstance(numbers.dtype, pd.CategoricalDtype):
        numbers = numbers.astype(numbers.cat.categories.dtype)
    if pd.api.types.is_integer_dtype(numbers.dtype):
        return numbers.to_numpy(dtype=np.int64, na_value=NONE)
    read = np.full(len(numbers), NONE, dtype=np.int64)
    there = numbers.notna().to_numpy()
    if there.any():
        read[there] = pd.to_numeric(numbers[there]).to_numpy(dtype=np.int64)
    return read


def writing_order(sort_time: NumberArray, path: Words, line: NumberArray) -> NumberArray | slice:
    """Return the places of records in the order they were written; within one moment the older of rotated files is first.

    Parameters
    ----------
    sort_time, line : numpy.ndarray of int
    path : Words
        File of each record.

    Returns
    -------
    numpy.ndarray of int, or slice
        The slice of everything where they are in order already.
    """
    found = [_ROTATED.search(word) for word in path.words]
    age = np.array([float(match[1]) if match else 0.0 for match in found] + [0.0])
    file = np.empty(len(age), dtype=np.int64)
    file[np.lexsort((path.rank, -age))] = np.arange(len(age))
    files = file[path.codes]
    if _is_sorted(line, files, sort_time):
        return slice(None)
    order = np.lexsort((line, files, sort_time))
    turned = _newest_first(order[: np.searchsorted(sort_time[order], LAST)], line, files, sort_time)
    return np.lexsort((np.where(turned[files], -line, line), files, sort_time)) if turned.any() else order


def _newest_first(
    order: NumberArray, line: NumberArray, files: NumberArray, time: NumberArray
) -> npt.NDArray[np.bool_]:
    """Return for each file whether a record of its latest moment stands before one of its earliest, as in an export of a log store."""
    first = np.zeros(int(files.max(initial=0)) + 1, dtype=np.int64)
    last = first.copy()
    first[files[order[::-1]]] = order[::-1]
    last[files[order]] = order
    return (time[first] < time[last]) & (line[first] > line[last])


def _is_sorted(line: NumberArray, file: NumberArray, time: NumberArray) -> bool:
    """Return whether time, file and line never fall, the later deciding only where the earlier are equal."""
    same = np.ones(max(len(time) - 1, 0), dtype=bool)
    for key in (time, file, line):
        before, after = key[:-1], key[1:]
        if (same & (after < before)).any():
            return False
        same &= after == before
    return True


def _fill_peers(records: Records) -> Records:
    """Fill in the peer where a client's record names only its task.

    Clients v1.0.18 to v1.0.28 leave all ids off the lines of pieces. Such a record belongs to the peer of the same host
    and task that started last before it (`formats` knows the versions; no record that names its peer is touched).
    """
    client = records.component.among({"client"})
    tied = client & (records.task.codes != NONE) & (records.host.codes != NONE)
    lacking = np.flatnonzero(tied & (records.peer.codes == NONE))
    if not len(lacking):
        return records
    known = np.flatnonzero(tied & (records.peer.codes != NONE))
    pair = pair_of(records)
    met = pd.Series(pair[known] * (len(records.peer.words) + 1) + records.peer.codes[known])
    firsts = known[~met.duplicated().to_numpy()]  # records are in order, so the first is the earliest
    peer = records.peer.codes.astype(np.int64)
    peer[lacking] = np.append(peer, NONE)[_begun_last(records.sort_time, pair, firsts, lacking)]
    seeds = np.array([str(word).endswith("-seed") for word in records.peer.words] + [False])
    roles = records.role.words if "seedClient" in records.role.place else np.append(records.role.words, "seedClient")
    role = records.role.codes.astype(np.int64)
    role[lacking] = np.where(seeds[peer[lacking]], np.flatnonzero(roles == "seedClient")[0], role[lacking])
    return replace(records, peer=Words(peer, records.peer.words), role=Words(role, roles))


def _begun_last(time: NumberArray, pair: NumberArray, firsts: NumberArray, rows: NumberArray) -> NumberArray:
    """Return for each row the first record of the peer of its pair that began last before it, else that of the earliest.

    -1 where the pair has no peer.
    """
    both = np.concatenate([firsts, rows])
    asks = np.arange(len(both)) >= len(firsts)
    order = np.lexsort((asks, time[both], pair[both]))
    both, asks, place = both[order], asks[order], np.arange(len(both))
    before = np.maximum.accumulate(np.where(asks, NONE, place))
    after = np.minimum.accumulate(np.where(asks, len(both), place)[::-1])[::-1]
    own = np.append(pair[both], NONE - 1)  # the last is no pair's: the place of what there is not
    found = np.where(own[before] == own[:-1], before, np.where(own[after] == own[:-1], after, NONE))
    answer = np.full(len(time), NONE, dtype=np.int64)
    answer[both] = np.append(both, NONE)[found]
    return answer[rows]


def pair_of(records: Records) -> NumberArray:
    """Return a number for each record's host and task together."""
    return records.host.codes.astype(np.int64) * (len(records.task.words) + 1) + records.task.codes
