"""The records that attempts are rebuilt from: columns of numbers, in the order they were written, each with its peer."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dfly_analysis.attempts.telling import Telling
from dfly_analysis.attempts.words import LAST, NO_TIME, NONE, Column, FlagArray, NumberArray, Words, picked
from dfly_analysis.catalog.required_columns import ERROR_LEVELS, EVERYWHERE

if TYPE_CHECKING:
    import pandas as pd

Events: TypeAlias = "pd.DataFrame | Telling"

_MAX_PIECES = 1 << 31
_ROTATED = re.compile(r"\.(\d{1,3})(?:\.(?:gz|xz|bz2|zst))?$")


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
    events : pandas.DataFrame or Telling
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

    def said(self, name: str) -> tuple[NumberArray, Words]:
        """Return which records have a text in a column of the events, in order, and these texts."""
        if isinstance(self.events, Telling):
            rows, words = self.events.few[name]
            at = np.full(len(self.events), NONE, dtype=np.int64)
            at[self.row] = np.arange(len(self))
            places, codes = at[rows], words.codes
            order = np.argsort(places, kind="stable")[np.count_nonzero(places == NONE) :]
            return places[order], words.at(codes[order])
        words = Words.of(self.column(name))
        places = np.flatnonzero(words.codes != NONE)
        return places, words.take(places)

    def column(self, name: str) -> pd.Series[Any]:
        """Return a column of the events that are a frame, one element a record."""
        import pandas as pd

        # A mask, for to take a few places out of a column in chunks would copy all of it first.
        chosen = np.zeros(len(self.events), dtype=bool)
        chosen[self.row] = True
        picked = pd.Series(self.events[name].array[chosen])  # type: ignore[index]
        if (np.diff(self.row) > 0).all():
            return picked
        return picked.take((np.cumsum(chosen) - 1)[self.row]).reset_index(drop=True)

    def texts(self, name: str, where: FlagArray | None = None) -> list[str | None]:
        """Return the texts of a column of the events, one a record; None where missing, and where not asked for."""
        if isinstance(self.events, Telling):
            return self._few(self.events, name, slice(None) if where is None else np.flatnonzero(where))
        if where is None:
            return [text if isinstance(text, str) else None for text in self.column(name).tolist()]
        texts = np.full(len(self), None, dtype=object)
        texts[where] = self.take(where).texts(name)
        listed: list[str | None] = texts.tolist()
        return listed

    def _few(self, events: Telling, name: str, requested: NumberArray | slice) -> list[str | None]:
        rows, words = events.few[name]
        texts = np.full(len(self), None, dtype=object)
        if len(rows):
            at = np.minimum(np.searchsorted(rows, self.row[requested]), len(rows) - 1)
            codes = np.where(rows[at] == self.row[requested], words.codes[at], NONE)
            texts[requested] = words.at(codes).texts()
        listed: list[str | None] = texts.tolist()
        return listed

    def take(self, rows: NumberArray | FlagArray | slice) -> Records:
        """Return some of the records."""
        rows = np.flatnonzero(rows) if isinstance(rows, np.ndarray) and rows.dtype == bool else rows
        result: dict[str, Any] = {
            name: value.take(rows) if isinstance(value, Words) else picked(value, rows)
            for name, value in vars(self).items()
            if name != "events"
        }
        return Records(**result, events=self.events)


def is_there(column: Column) -> FlagArray:
    """Return which rows of a column have a value."""
    return np.asarray(column.notna().to_numpy(), dtype=bool)


def needed_rows(events: pd.DataFrame) -> FlagArray:
    """Return which events `rebuild` looks at; the others may be left out without any change of its result.

    Needed are records that name an event and either a peer or a task, records of level ERROR or FATAL that name a peer, and
    the events of `EVERYWHERE`.

    Parameters
    ----------
    events : pandas.DataFrame
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
    events : pandas.DataFrame or Telling
        Rows of `dfly_analysis.schema.EVENTS` with the columns of `COLUMNS`, where texts may be categories; or what a reader
        put aside of them.

    Returns
    -------
    Records
        Within one moment the older of rotated files comes first.
    """
    records = _put_aside(events) if isinstance(events, Telling) else _of_frame(events)
    order = writing_order(records.sort_time, records.path, records.line)
    filled = _fill_peers(records if isinstance(order, slice) else records.take(order))
    return filled.take(filled.peer.codes != NONE) if (filled.peer.codes == NONE).any() else filled


def _of_frame(events: pd.DataFrame) -> Records:
    named = is_there(events["peer_id"]) | is_there(events["task_id"])  # what names neither belongs to nobody
    row = np.flatnonzero(needed_rows(events) & named)
    rows = row if len(row) < len(events) else slice(None)
    columns: dict[str, Any] = {name: Words.of(events[column]).take(rows) for name, column in _WORDS.items()}
    columns |= {name: whole_numbers(events[column])[rows] for name, column in _NUMBERS.items()}
    columns["number"] = _pieces(columns["number"])
    return Records(**columns, time=nanoseconds(events["time"])[rows], row=row, events=events)


def _put_aside(told: Telling) -> Records:
    columns: dict[str, Any] = {name: told.words[column] for name, column in _WORDS.items()}
    columns |= {name: told.numbers[column] for name, column in _NUMBERS.items() if column in told.numbers}
    columns["number"] = _pieces(columns["number"])
    rows, lengths = told.few["piece_bytes"]
    piece_bytes = np.full(len(told), NONE, dtype=np.int64)
    piece_bytes[rows] = lengths.texts()
    return Records(**columns, time=told.numbers["time"], piece_bytes=piece_bytes, row=np.arange(len(told)), events=told)


def _pieces(numbers: NumberArray) -> NumberArray:
    return np.where(numbers < _MAX_PIECES, numbers, NONE) if numbers.max(initial=NONE) >= _MAX_PIECES else numbers


_WORDS = {
    "component": "component", "level": "level", "role": "role", "host": "host", "event": "event_id", "task": "task_id",
    "peer": "peer_id", "path": "log_path", "origin": "origin", "span": "span", "parent": "parent_id",
}  # fmt: skip
_NUMBERS = {"number": "piece_number", "line": "log_line", "size_bytes": "size_bytes", "piece_bytes": "piece_bytes"}


def nanoseconds(times: Column) -> NumberArray:
    """Return times as nanoseconds since 1970, `NO_TIME` where missing."""
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
    import pandas as pd

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
    files = file.take(path.codes)
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
    missing = np.flatnonzero(tied & (records.peer.codes == NONE))
    if not len(missing):
        return records
    known = np.flatnonzero(tied & (records.peer.codes != NONE))
    pair = pair_of(records)
    firsts = known[first_places(pair.take(known), records.peer.codes.take(known), len(records.peer.words))]
    peer = records.peer.codes.astype(np.int64)
    peer[missing] = np.append(peer, NONE)[_begun_last(records.sort_time, pair, firsts, missing)]
    seeds = np.array([str(word).endswith("-seed") for word in records.peer.words] + [False])
    roles = records.role.words if "seedClient" in records.role.place else np.append(records.role.words, "seedClient")
    role = records.role.codes.astype(np.int64)
    role[missing] = np.where(seeds[peer[missing]], np.flatnonzero(roles == "seedClient")[0], role[missing])
    return replace(records, peer=Words(peer, records.peer.words), role=Words(role, roles))


def first_places(pair: NumberArray, peer: NumberArray, n_peers: int) -> NumberArray:
    """Return the places at which a pair is seen together with a peer for the first time, in order."""
    first = np.full(n_peers, NONE, dtype=np.int64)
    first[peer[::-1].astype(np.int64)] = np.arange(len(peer))[::-1]  # what is written last stays
    if (pair == pair.take(first.take(peer))).all():  # as ever: a peer is of one host and task
        return np.sort(first[first != NONE])
    return np.sort(np.unique(pair * (n_peers + 1) + peer, return_index=True)[1])


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
    """Return a number for each record's host and task together, from 0 to below `n_pairs`."""
    return (records.host.codes.astype(np.int64) + 1) * (len(records.task.words) + 1) + records.task.codes + 1


def n_pairs(records: Records) -> int:
    """Return how many pairs of host and task there can be."""
    return (len(records.host.words) + 1) * (len(records.task.words) + 1)
