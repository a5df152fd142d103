"""Finds logs that tell of the same events twice: a console copy beside the file, a rotated file copied while it grew."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

SKETCH = 2048
"""Hashes kept of a log: enough to find the copy of a part as small as a two-hundredth."""
_FEWEST = 8
_FEWEST_ABROAD = 32
"""Records two logs must share to be one where they name different hosts: fewer may fall into one moment by chance."""
SHARED = 0.5
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
        self.kept = np.unique(np.concatenate([self.kept, hashes]))[:SKETCH]

    def smallest(self) -> list[int]:
        """Return the hashes, ascending."""
        return [int(one) for one in self.kept]


def _hashes(table: pa.Table) -> npt.NDArray[np.uint64]:
    """Hash each record that has a time."""
    time = table.column("time")
    timed = table.filter(pc.is_valid(time)) if time.null_count else table
    moments = timed.column("time").cast(pa.int64()).to_numpy().astype(np.uint64)
    lengths = pc.fill_null(pc.binary_length(timed.column("message")), 0).to_numpy().astype(np.uint64)
    mixed = (moments ^ (lengths << np.uint64(40)) ^ _hosts(timed)) * _MIX[0]
    mixed = (mixed ^ (mixed >> np.uint64(31))) * _MIX[1]
    return np.asarray(mixed ^ (mixed >> np.uint64(29)), np.uint64)


def _hosts(table: pa.Table) -> npt.NDArray[np.uint64]:
    """Return a number for the host that each record names itself, 0 where it names none; each name is looked at once."""
    parts = [np.zeros(0, np.uint64)]
    for chunk in table.column("host_id").chunks:
        numbers = [*(zlib.crc32(name.encode()) for name in chunk.dictionary.to_pylist()), 0]
        parts.append(np.array(numbers, np.uint64)[chunk.indices.fill_null(-1).to_numpy()])
    return np.concatenate(parts)


def find_copies(coverage: Sequence[Mapping[str, Any]], sketches: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """Find files whose records another file holds as well.

    Parameters
    ----------
    coverage : sequence of dict
        Rows of `dfly_analysis.tables.COVERAGE`.
    sketches : mapping of str to sequence of int
        By address.

    Returns
    -------
    dict of str to str
        Address of the copy, and of the file it repeats: the one with more records, of equals the first. Files of the
        same bytes are copies whatever they hold.
    """
    logs = [row for row in coverage if row["path"] in sketches]
    ordered = sorted(logs, key=lambda row: -int(row["parsed"]))
    copies: dict[str, str] = {}
    by_hash: dict[int, list[Mapping[str, Any]]] = {}
    by_bytes: dict[str, str] = {}
    for row in ordered:
        address = str(row["path"])
        original = by_bytes.setdefault(str(row["sha256"]), address)
        if original != address:
            copies[address] = original
            continue
        near = {id(other): other for one in sketches[address][:16] for other in by_hash.get(one, ())}
        for other in near.values():
            if _is_copy(row, other, sketches):
                copies[address] = str(other["path"])
                break
        for one in sketches[address]:
            by_hash.setdefault(one, []).append(row)
    return copies


def _is_copy(row: Mapping[str, Any], other: Mapping[str, Any], sketches: Mapping[str, Sequence[int]]) -> bool:
    small, large = sketches[str(row["path"])], sketches[str(other["path"])]
    if other["component"] != row["component"] or share(small, large) < SHARED:
        return False
    return row["host"] == other["host"] or len(set(small).intersection(large)) >= _FEWEST_ABROAD


def share(small: Sequence[int], large: Sequence[int]) -> float:
    """Return the share of one log's records that another holds, estimated where both sketches reach."""
    if not small or not large:
        return 0.0
    seen = small if len(large) < SKETCH else [one for one in small if one <= large[-1]]
    if len(seen) < min(_FEWEST, len(small)):
        return 0.0
    return len(set(large).intersection(seen)) / len(seen)


def repeated_rows(copy: pd.DataFrame, original: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows of a copy tell of a record that the original holds as well; of several alike as many as it holds.

    Parameters
    ----------
    copy, original : pandas.DataFrame
        With ``time``, ``message`` and ``host_id``.
    """
    names = ["time", "message", "host_id"]
    left = copy[names].assign(_turn=copy.groupby(names, dropna=False).cumcount())
    right = original[names].assign(_turn=original.groupby(names, dropna=False).cumcount())
    keys = pd.MultiIndex.from_frame(left)
    return pd.Series(keys.isin(pd.MultiIndex.from_frame(right)), index=copy.index)
