"""Takes back what was put aside: the telling records of one bucket of tasks, as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.attempts import Telling, Words
from dfly_analysis.loading.spilling import ALIKE, CODED, COST, COUNTED, FEW, KIND, NONE, ROW, Part, Spill, place_of
from dfly_analysis.logs.arrow import codes_of, flags, is_there, numbers, values_of
from dfly_analysis.logs.schema import among


def telling_of(parts: Sequence[Part]) -> Telling:
    """Return records that were put aside, one part behind the other."""
    sizes = [len(part.all) for part in parts]
    before = np.cumsum([0, *sizes])[:-1].tolist()
    few = [part.few for part in parts]
    rows = np.concatenate(
        [np.empty(0, np.int64), *(values_of(one.column(ROW)) + start for one, start in zip(few, before, strict=True))]
    )
    return Telling(
        size=sum(sizes),
        words={name: _words([part.all.column(name) for part in parts]) for name in CODED} | _alike(parts),
        numbers={name: values_of(pa.chunked_array([*_chunks(parts, name)], pa.int64())) for name in COUNTED},
        cost_s=np.concatenate([np.empty(0), *(_costs_s(part.all) for part in parts)]),
        few={name: _sparse(rows, [one.column(name) for one in few]) for name in FEW},
    )


def _chunks(parts: Iterable[Part], name: str) -> Iterator[pa.Array]:
    for part in parts:
        yield from part.all.column(name).chunks


def _alike(parts: Iterable[Part]) -> dict[str, Words]:
    """Return the texts that records of a kind share."""
    texts: dict[str, list[str | None]] = {name: [] for name in ALIKE}
    kinds = [np.empty(0, np.int32)]
    for part in parts:
        own = values_of(part.all.column(KIND))
        used = np.zeros(len(part.kinds), np.bool_)
        used[own.astype(np.int64)] = True
        at = np.cumsum(used, dtype=np.int32) + np.int32(len(texts[ALIKE[0]]) - 1)
        chosen = part.kinds.filter(flags(used))
        for name in ALIKE:
            texts[name] += chosen.column(name).to_pylist()
        kinds.append(at.take(own))
    kind = np.concatenate(kinds)
    return {name: Words.read(texts[name]).take(kind) for name in ALIKE}


def _words(columns: Iterable[pa.ChunkedArray]) -> Words:
    """Return texts that repeat, those of all columns numbered together; of a dictionary what is not used is not looked at."""
    places: dict[str, int] = {}
    codes = [np.empty(0, np.int32)]
    for column in columns:
        for chunk in column.chunks:
            own = codes_of(chunk)
            used = np.zeros(len(chunk.dictionary) + 1, np.bool_)  # the last is the place of -1
            used[own.astype(np.int64)] = True
            at = np.full(len(used), NONE, np.int32)
            chosen = np.flatnonzero(used[:-1])
            at[chosen] = [
                places.setdefault(text, len(places)) for text in chunk.dictionary.take(numbers(chosen)).to_pylist()
            ]
            codes.append(at.take(own))
    return Words(np.concatenate(codes), np.array([*places, None], dtype=object)[:-1])


def _costs_s(table: pa.Table) -> npt.NDArray[np.float64]:
    if COST not in table.column_names:
        return np.full(len(table), np.nan)
    return values_of(table.column(COST)).view(np.float64)


def _sparse(rows: npt.NDArray[np.int64], columns: Sequence[pa.ChunkedArray]) -> tuple[npt.NDArray[np.int64], Words]:
    """Return which records have something, and what."""
    chunks = [chunk for column in columns for chunk in column.chunks]
    there = np.concatenate([np.zeros(0, np.bool_), *map(is_there, chunks)])
    if chunks and pa.types.is_dictionary(chunks[0].type):
        words = _words(columns)
        return rows[there], words.take(there)
    texts = [value for chunk in chunks for value in chunk.drop_null().to_pylist()]
    return rows[there], Words(np.arange(len(texts)), np.array([*texts, None], dtype=object)[:-1])


def place_peers_only(spills: Sequence[Spill], buckets: int) -> dict[int, list[Part]]:
    """Return by bucket the records that name a peer alone, by the task that peer has anywhere in the input."""
    parts = [part for spill in spills for part in spill.parts(buckets)] if buckets > 1 else []
    if not parts:
        return {}
    peers = {peer for part in parts for peer in _words([part.all.column("peer_id")]).words.tolist()}
    task_of = {peer: task for spill in spills for table in spill.pairs() for peer, task in _pairs(table, peers)}
    placed: dict[int, list[Part]] = {}
    for part in parts:
        words = _words([part.all.column("peer_id")])
        places = np.array([place_of(task_of.get(peer, peer), buckets) for peer in words.words], np.int64)[words.codes]
        for bucket in np.unique(places).tolist():
            placed.setdefault(bucket, []).append(_some(part, places == bucket))
    return placed


def _some(part: Part, chosen: npt.NDArray[np.bool_]) -> Part:
    rows = values_of(part.few.column(ROW))
    few = part.few.filter(flags(chosen[rows]))
    at = numbers((np.cumsum(chosen) - 1)[rows[chosen[rows]]])
    return Part(part.all.filter(flags(chosen)), part.kinds, few.set_column(0, ROW, at))


def _pairs(table: pa.Table, peers: set[str]) -> Iterator[tuple[str, str]]:
    chosen = table.filter(flags(among(table, "peer_id", peers))).group_by(["peer_id", "task_id"]).aggregate([])
    for peer, task in zip(
        *(chosen.column(name).cast(pa.string()).to_pylist() for name in ("peer_id", "task_id")), strict=True
    ):
        if task is not None:
            yield peer, task
