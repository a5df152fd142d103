"""Finds logs with the same records: a copy of the console output, a rotated file that was copied while it grew."""

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.arrow_values import is_there
from dfly_analysis.dataset.engine import Engine
from dfly_analysis.readers.logs.event_schema import codes_and_texts, lengths_of, values_of
from dfly_analysis.sql_scripts import sql

Copies = Mapping[str, Sequence[str]]  # address of each copy, and of the logs it repeats
Hashes: TypeAlias = npt.NDArray[np.uint64]
NO_HASHES: Hashes = np.empty(0, np.uint64)
FINGERPRINT_SIZE = 2048  # hashes kept of a log: enough to find the copy of a part as small as a two-hundredth
SHARED = 0.5
_MIN_COUNT = 8
_NOT_BY_CHANCE = 32  # so many common hashes are not those of different records that fell into one moment
_MIN_SHARE = 0.01
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9))


def add_hashes(known: Hashes, more: Hashes) -> Hashes:
    """Return the smallest hashes of a log whose further records have these, ascending (bottom-k sketch): where one log holds the other's records, both share most of theirs."""
    if len(known) == FINGERPRINT_SIZE:
        more = more[more < known[-1]]
    return np.unique(np.concatenate([known, more]))[:FINGERPRINT_SIZE]


def fingerprints_of(table: pa.Table) -> dict[str, Hashes]:
    """Return the fingerprint of each log of a table, by its address."""
    codes, addresses = codes_and_texts(table, "log_path")
    codes, hashes = codes[is_there(table.column("time"))], record_hashes(table)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(addresses) + 1))
    return {
        address: add_hashes(NO_HASHES, hashes[order[bounds[place] : bounds[place + 1]]])
        for place, address in enumerate(addresses)
    }


def record_hashes(table: pa.Table) -> Hashes:
    """Hash each record that has a time, by time, host id and length of the message."""
    time = table.column("time")
    moments = values_of(time).astype(np.uint64)
    lengths = lengths_of(table.column("message")).astype(np.uint64)
    codes, names = codes_and_texts(table, "host_id")
    hosts = np.array([*(zlib.crc32(name.encode()) for name in names), 0], np.uint64)[codes]  # 0 where none is named
    mixed = (moments ^ (lengths << np.uint64(40)) ^ hosts) * _MIX[0]
    mixed = (mixed ^ (mixed >> np.uint64(31))) * _MIX[1]
    mixed = mixed ^ (mixed >> np.uint64(29))
    return np.asarray(mixed[is_there(time)] if time.null_count else mixed, np.uint64)


@dataclass(frozen=True, eq=False)
class _Log:
    path: str
    component: object
    host: object
    hashes: Hashes


def find_duplicates(
    coverage: Sequence[Mapping[str, Any]], fingerprints: Mapping[str, Hashes]
) -> dict[str, tuple[str, ...]]:
    """Find files whose records other files hold as well: the address of each copy, and of the files that it repeats.

    Those have more records, of equals they come first. Logs of one host are copies where they share half of the smaller (all of one
    with a few records), or more records than chance explains; logs that name different hosts, where both is true.
    """
    copies: dict[str, tuple[str, ...]] = {}
    held: dict[int, list[_Log]] = {}
    by_bytes: dict[object, str] = {}
    whole = np.sort(np.concatenate([NO_HASHES, *fingerprints.values()]))
    shared = whole[1:][whole[1:] == whole[:-1]]
    # by the size of the whole file, so that of two files one alone can be the copy
    for row, log in sorted(_logs(coverage, fingerprints), key=lambda unit: -int(unit[0]["parsed"])):
        bytes_of = (row["sha256"], log.host if len(log.hashes) < _MIN_COUNT else None)
        original = by_bytes.setdefault(bytes_of, log.path)
        if original != log.path:
            copies[log.path] = (original,)
            continue
        own = log.hashes[_is_among(log.hashes, shared)].tolist() if len(shared) else []
        originals = [path for path in _originals(log, own, held) if path != log.path] if own else []
        if originals:
            copies[log.path] = tuple(dict.fromkeys([*copies.get(log.path, ()), *originals]))
        for one in own:
            held.setdefault(one, []).append(log)
    return copies


def _is_among(hashes: Hashes, ascending: Hashes) -> npt.NDArray[np.bool_]:
    """Return which of some hashes are among many, which `numpy.isin` would go through for each log."""
    place = np.minimum(np.searchsorted(ascending, hashes), len(ascending) - 1)
    return np.asarray(ascending[place] == hashes, np.bool_)


def log_key(address: str, writer: Any = None) -> str:
    """Return what a fingerprint is kept under: the file's address, with a further writer's component and host behind it."""
    return address if writer is None else f"{address}\n{writer.component}\n{writer.host or ''}"


def _logs(
    coverage: Sequence[Mapping[str, Any]], fingerprints: Mapping[str, Hashes]
) -> Iterator[tuple[Mapping[str, Any], _Log]]:
    """Yield each writer's records in each file."""
    rows = {row["path"]: row for row in coverage}
    for key, hashes in fingerprints.items():
        path, *writer = key.split("\n")
        if (row := rows.get(path)) is not None:
            component, host = writer or (row["component"], row["host"])
            yield row, _Log(path, component, host or None, hashes)


def _originals(log: _Log, own: Sequence[int], held: Mapping[int, Sequence[_Log]]) -> tuple[str, ...]:
    """Return the files whose records a log repeats, of those with more records; `own` are its hashes that others have too."""
    counts = Counter(other for one in own for other in held.get(one, ()) if other.component == log.component)
    near = [other for other, count in counts.items() if count >= _MIN_SHARE * len(log.hashes)]
    of_host = [other for other in near if other.host == log.host]
    repeated, shared = _repeated(log.hashes, [other.hashes for other in of_host])
    # a few records may be like those before a rotation: workers that begin in one moment write the same
    least = SHARED if len(log.hashes) >= _MIN_COUNT else 1.0
    if shared >= _NOT_BY_CHANCE or (shared and repeated >= least):
        return tuple(other.path for other in of_host)
    repeated, shared = _repeated(log.hashes, [other.hashes for other in near])
    return tuple(other.path for other in near) if shared >= _NOT_BY_CHANCE and repeated >= SHARED else ()


def _repeated(own: Hashes, others: Sequence[Hashes]) -> tuple[float, int]:
    """Return the share of a log's records that others together hold, and how many of its hashes show it."""
    reach = min((hashes[-1] for hashes in others if len(hashes) == FINGERPRINT_SIZE), default=None)
    observed = own if reach is None else own[own <= reach]
    if len(observed) < max(1, min(_MIN_COUNT, len(own))):
        return 0.0, 0
    shared = int(np.isin(observed, np.concatenate([NO_HASHES, *others])).sum())
    return shared / len(observed), shared


def remove_copies(engine: Engine, copies: Copies) -> None:
    """Redefine `events` without the records that a copy repeats (same time, host id, and message or piece), as many as the originals hold; what only the copy holds stays."""
    pairs = [(copy, original) for copy, originals in copies.items() for original in originals]
    engine.add_rows("copies", pairs, pa.schema([("copy", pa.string()), ("original", pa.string())]))
    engine.execute(sql("dataset", "repeated_records"))


def with_notes(coverage: Iterable[Mapping[str, Any]], copies: Copies) -> list[dict[str, Any]]:
    """Return the rows of coverage, with a note for each copy."""
    hashes = {row["path"]: row["sha256"] for row in coverage}
    noted = [dict(row) for row in coverage]
    for row in noted:
        if originals := copies.get(row["path"]):
            same = row["sha256"] == hashes[originals[0]]
            what = "the same bytes as" if same else "holds the same records as"
            note = f"{what} {' and '.join(originals)}; its records count once"
            row["note"] = f"{row['note']}; {note}" if row.get("note") else note
    return noted
