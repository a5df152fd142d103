"""The layers that a run fetched from the source, to be simulated again: when they came, how many at a time, and how they ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dfly_analysis.catalog.piece_length_rules import piece_length_bytes, piece_rules
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED, MIN_LAYER_BYTES, PIECE_CAUSES
from dfly_analysis.estimates import Interval, wilson
from dfly_analysis.simulation.pipeline import Array, Index, Layers
from dfly_analysis.sql_scripts import sql

_SOON_S, _UNLIMITED = 1.5, 3
_MAX_PIECES = 6_000
_CLASSES_A_DOUBLING = 2
_FETCHES = sql("simulation", "fetches", MIN_LAYER_BYTES=MIN_LAYER_BYTES, PIECE_CAUSES=PIECE_CAUSES)
"""Common table expressions: the first fetch of each layer by each host; `_LOADS` follows them."""
_LOADS = sql("simulation", "loads")


@dataclass(frozen=True)
class Observed:
    """What a run showed: layers from the source that ended, those whose pieces failed, rates with Wilson's interval, and times."""

    n_layers: int
    failed: int
    failure_rate: Interval
    attempt_failure_rate: Interval  # without cancelled ones
    layer_time_s: float
    makespan_s: float
    left_out: int  # failed layers whose cause is not modelled


@dataclass(frozen=True)
class Workload:
    """Layers to simulate."""

    layers: Layers
    class_bytes: tuple[float, ...]
    lanes: int  # layers at a time: as many as there were where others had to wait, else three times as many
    largest_bytes: int
    observed: Observed
    every: int = 1  # of so many layers one is simulated, where the run has very many pieces


def read_workload(dataset: Dataset, role: str, *, one_link: bool, tied: bool = False) -> Workload | None:
    """Return what hosts of a role (on `one_link`, or each on its own) fetched from the source; of a large `tied` run a period, else a sample."""
    observed = _observed(dataset, role)
    if observed is None:
        return None
    version = dataset.settings.versions.get(role)
    sizes = _rows(dataset, " SELECT size_bytes, piece_bytes, count(*) FROM fetches GROUP BY ALL", role)
    piece_bytes = {(size, piece): piece or piece_length_bytes(size, version) for size, piece, _ in sizes}
    pieces = sum(n * -(-size // piece_bytes[size, piece]) for size, piece, n in sizes)
    every = max(1, int(np.ceil(pieces / _MAX_PIECES)))
    # A period from the middle of the run by its bytes, or one of so many layers of each size: images repeat their sizes.
    chosen = "abs(done - 0.5 * total) <= 0.5 * total / $2" if tied else "(by_size - 1) % $2 = $2 // 2"
    query = _LOADS + sql("simulation", "workload", SOON_S=_SOON_S, CHOSEN=chosen)
    rows = _rows(dataset, query, role, every)
    size, piece, host, arrival, (lanes, *_), (waited, *_) = zip(*rows, strict=True)
    lanes = int(lanes) * (1 if waited else _UNLIMITED)  # where none had to wait, what ran at a time is no limit
    link = np.zeros(len(rows), dtype=np.intp) if one_link else np.array(host, dtype=np.intp)
    lengths = [float(piece_bytes[one]) for one in zip(size, piece, strict=True)]
    layers, classes = cut_layers(size, lengths, version, link=link, arrival_s=np.array(arrival, dtype=float))
    lanes = int(np.clip(lanes if tied else round(lanes / every), 1, len(rows)))
    return Workload(layers, classes, lanes, max(one for one, _, _ in sizes), observed, every)


def cut_layers(
    size_bytes: Sequence[int] | Array, piece_bytes: Sequence[float] | Array, version: str | None, *,
    link: Index | None = None, arrival_s: Array | None = None,
) -> tuple[Layers, tuple[float, ...]]:  # fmt: skip
    """Return layers (on one link at once, by default) cut into pieces as a release does, and their size classes, two a doubling."""
    size, piece = np.asarray(size_bytes, dtype=float), np.asarray(piece_bytes, dtype=float)
    count = np.ceil(size / piece).astype(np.intp)
    last = size - (count - 1) * piece
    last = np.minimum(2.0 ** (np.ceil(np.log2(last) * _CLASSES_A_DOUBLING) / _CLASSES_A_DOUBLING), piece)
    whole = np.where(count > 1, piece, last)
    classes = np.unique(np.concatenate([whole, last]))
    passes = np.where(count == 1, piece_rules(version).single_passes, piece_rules(version).passes)
    layers = Layers(
        n_pieces=count, passes=passes.astype(np.intp), whole=np.searchsorted(classes, whole), last=np.searchsorted(classes, last),
        link=np.zeros(len(size), dtype=np.intp) if link is None else link,
        arrival_s=np.zeros(len(size)) if arrival_s is None else arrival_s,
    )  # fmt: skip
    return layers, tuple(float(one) for one in classes)


def _rows(dataset: Dataset, query: str, *parameters: str | int) -> list[tuple[Any, ...]]:
    return dataset.rows(_FETCHES + query, parameters)


def _observed(dataset: Dataset, role: str) -> Observed | None:
    n, failed, layer_time_s, makespan_s = _rows(dataset, sql("simulation", "observed_fetches"), role)[0]
    if not n:
        return None
    attempts = """
        SELECT count(*) FILTER (outcome != 'ok'), count(*) FROM pieces
        WHERE role = ? AND origin = 'source' AND outcome IN ('ok', 'timeout', 'reset', 'storage', 'origin')
            AND NOT coalesce(successes_not_logged, false)"""
    failing, ended = dataset.rows(attempts, [role])[0]
    lost = f"{FAILED} AND coalesce(cause, 'unknown') NOT IN {PIECE_CAUSES} AND coalesce(size_bytes, {MIN_LAYER_BYTES}) >= {MIN_LAYER_BYTES}"
    left_out = dataset.rows(f"SELECT count(*) FROM tasks WHERE role = ? AND {lost}", [role])[0][0]  # noqa: S608 - constants
    return Observed(n, failed, wilson(failed, n), wilson(failing, ended), layer_time_s, makespan_s, left_out)
