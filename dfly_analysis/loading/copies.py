"""Finds logs that tell of the same events twice: a console copy beside the file, a rotated file copied while it grew."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.logs.arrow import codes_of, is_there, lengths_of, values_of

if TYPE_CHECKING:
    import pandas as pd

Copies = Mapping[str, Sequence[str]]
"""Address of each copy, and of the logs it repeats."""
_SAME = ("time", "message", "host_id")
COMPARED = (*_SAME, "log_path")
"""Columns that tell whether two records are one."""
SKETCH = 2048
"""Hashes kept of a log: enough to find the copy of a part as small as a two-hundredth."""
SHARED = 0.5
_FEWEST = 8
_NO_CHANCE = 32
"""So many hashes in common are not those of different records that fell into one moment."""
_LEAST_SHARE = 0.01
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9))


@dataclass
class Sketch:
    """The smallest hashes of a log's records, by time, host id and length of the message (bottom-k sketch).

    Two logs of which one holds what the other holds share most of their smallest hashes below the lesser of their
    largest; records that differ only in the way they are printed have equal hashes.
    """

    kept: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))

    def add(self, table: pa.Table) -> None:
        """Take the records of a table into account."""
        hashes = _hashes(table)
        if len(self.kept) == SKETCH:
            hashes = hashes[hashes < self.kept[-1]]
        sorted_hashes = np.sort(np.concatenate([self.kept, hashes]))
        is_new = np.ones(len(sorted_hashes), np.bool_)
        np.not_equal(sorted_hashes[1:], sorted_hashes[:-1], out=is_new[1:])
        self.kept = sorted_hashes[is_new][:SKETCH]

    def smallest(self) -> list[int]:
        """Return the hashes, ascending."""
        return [int(one) for one in self.kept]


def _hashes(table: pa.Table) -> npt.NDArray[np.uint64]:
    """Hash each record that has a time."""
    time = table.column("time")
    moments = values_of(time).astype(np.uint64)
    lengths = lengths_of(table.column("message")).astype(np.uint64)
    mixed = (moments ^ (lengths << np.uint64(40)) ^ _hosts(table)) * _MIX[0]
    mixed = (mixed ^ (mixed >> np.uint64(31))) * _MIX[1]
    mixed = mixed ^ (mixed >> np.uint64(29))
    return np.asarray(mixed[is_there(time)] if time.null_count else mixed, np.uint64)


def _hosts(table: pa.Table) -> npt.NDArray[np.uint64]:
    """Return a number for the host that each record names itself, 0 where it names none; each name is looked at once."""
    parts = [np.zeros(0, np.uint64)]
    for chunk in table.column("host_id").chunks:
        numbers = [*(zlib.crc32(name.encode()) for name in chunk.dictionary.to_pylist()), 0]
        parts.append(np.array(numbers, np.uint64)[codes_of(chunk)])
    return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class _Log:
    path: str
    component: object
    host: object
    hashes: Sequence[int]


def find_copies(
    coverage: Sequence[Mapping[str, Any]], sketches: Mapping[str, Sequence[int]]
) -> dict[str, tuple[str, ...]]:
    """Find files whose records other files hold as well.

    Parameters
    ----------
    coverage : sequence of dict
        Rows of `dfly_analysis.tables.COVERAGE`.
    sketches : mapping of str to sequence of int
        By `sketch_key`.

    Returns
    -------
    dict of str to tuple of str
        Address of the copy, and of the files it repeats: those with more records, of equals the first; several where
        two sets of files were rotated at different times. Logs of one host are copies where they share half of the
        smaller (all of one with a few records), or more records than chance explains; logs that name different hosts,
        where both is true.
    """
    copies: dict[str, tuple[str, ...]] = {}
    held: dict[int, list[_Log]] = {}
    by_bytes: dict[object, str] = {}
    # by the size of the whole file, so that of two files one alone can be the copy
    for row, log in sorted(_units(coverage, sketches), key=lambda unit: -int(unit[0]["parsed"])):
        bytes_of = (row["sha256"], log.host if len(log.hashes) < _FEWEST else None)
        original = by_bytes.setdefault(bytes_of, log.path)
        if original != log.path:
            copies[log.path] = (original,)
            continue
        originals = [path for path in _originals(log, held) if path != log.path]
        if originals:
            copies[log.path] = tuple(dict.fromkeys([*copies.get(log.path, ()), *originals]))
        for one in log.hashes:
            held.setdefault(one, []).append(log)
    return copies


def sketch_key(address: str, writer: Any = None) -> str:
    """Return what a sketch is kept under: the file's address, with a further writer's component and host behind it."""
    return address if writer is None else f"{address}\n{writer.component}\n{writer.host or ''}"


def _units(
    coverage: Sequence[Mapping[str, Any]], sketches: Mapping[str, Sequence[int]]
) -> Iterator[tuple[Mapping[str, Any], _Log]]:
    """Yield each writer's records in each file."""
    rows = {row["path"]: row for row in coverage}
    for key, hashes in sketches.items():
        path, *writer = key.split("\n")
        if (row := rows.get(path)) is not None:
            component, host = writer or (row["component"], row["host"])
            yield row, _Log(path, component, host or None, hashes)


def _originals(log: _Log, held: Mapping[int, Sequence[_Log]]) -> tuple[str, ...]:
    """Return the files whose records a log repeats, of those with more records."""
    counts = Counter(other for one in log.hashes for other in held.get(one, ()) if other.component == log.component)
    near = [other for other, count in counts.items() if count >= _LEAST_SHARE * len(log.hashes)]
    at_home = [other for other in near if other.host == log.host]
    repeated, shared = _repeated(log.hashes, [other.hashes for other in at_home])
    # a few records may be like those before a rotation: workers that begin in one moment say the same
    least = SHARED if len(log.hashes) >= _FEWEST else 1.0
    if shared >= _NO_CHANCE or (shared and repeated >= least):
        return tuple(other.path for other in at_home)
    repeated, shared = _repeated(log.hashes, [other.hashes for other in near])
    return tuple(other.path for other in near) if shared >= _NO_CHANCE and repeated >= SHARED else ()


def _repeated(own: Sequence[int], others: Sequence[Sequence[int]]) -> tuple[float, int]:
    """Return the share of a log's records that others together hold, and how many of its hashes it was told from."""
    reach = min((hashes[-1] for hashes in others if len(hashes) == SKETCH), default=None)
    seen = own if reach is None else [one for one in own if one <= reach]
    if len(seen) < max(1, min(_FEWEST, len(own))):
        return 0.0, 0
    shared = len(set().union(*others).intersection(seen))
    return shared / len(seen), shared


def share(small: Sequence[int], large: Sequence[int]) -> float:
    """Return the share of one log's records that another holds, estimated where both sketches reach."""
    return _repeated(small, [large])[0]


def repeated_rows(copy: pd.DataFrame, original: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows of a copy tell of a record that the original holds as well; of several alike as many as it holds.

    Parameters
    ----------
    copy, original : pandas.DataFrame
        With the columns of `COMPARED`.
    """
    import pandas as pd

    names = [*_SAME]
    left = copy[names].assign(_turn=copy.groupby(names, dropna=False).cumcount())
    right = original[names].assign(_turn=original.groupby(names, dropna=False).cumcount())
    keys = pd.MultiIndex.from_frame(left)
    return pd.Series(keys.isin(pd.MultiIndex.from_frame(right)), index=copy.index)


def with_notes(coverage: Iterable[Mapping[str, Any]], copies: Copies) -> list[dict[str, Any]]:
    """Return the rows of coverage; that of a copy says what it repeats."""
    sizes = {row["path"]: row["sha256"] for row in coverage}
    noted = []
    for row in coverage:
        originals = copies.get(row["path"])
        if originals:
            same = sizes[row["path"]] == sizes[originals[0]]
            what = "the same bytes as" if same else "tells the same events as"
            note = f"{what} {' and '.join(originals)}; its records count once"
            row = {**row, "note": f"{row['note']}; {note}" if row.get("note") else note}  # noqa: PLW2901
        noted.append(dict(row))
    return noted
