"""What was asked of the source in a run, to be run again: layers, when they came, how many at a time, and how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dfly_analysis.catalog.piece_length_rules import passes_of_a_single_piece, piece_attempts, piece_length_bytes
from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Interval, wilson
from dfly_analysis.simulation.inputs import Array, Index, Layers

MODELLED = ("timeout_too_short", "network_instability", "origin_registry", "storage_io")
"""Causes of a task's failure that are failures of its pieces."""
_SMALLEST_LAYER_BYTES = 64 << 10
_SOON_S, _UNLIMITED = 1.5, 3
_MAX_PIECES = 6_000
_CLASSES_A_DOUBLING = 2
_FAILING = ("timeout", "reset", "storage", "origin")


@dataclass(frozen=True)
class Observed:
    """What a run showed.

    Attributes
    ----------
    n_layers, failed : int
        Layers that came from the source and have an end, and those of them whose pieces failed them.
    failure_rate : Interval
        Share that failed, with Wilson's interval.
    attempt_failure_rate : Interval
        Share of attempts at pieces that failed, cancelled ones left out.
    layer_time_s : float
        Middle time of a layer, whatever its end.
    makespan_s : float
        From the first layer's start to the last one's end.
    left_out : int
        Failed layers whose cause is none of `MODELLED`.
    """

    n_layers: int
    failed: int
    failure_rate: Interval
    attempt_failure_rate: Interval
    layer_time_s: float
    makespan_s: float
    left_out: int


@dataclass(frozen=True)
class Workload:
    """Layers to run again.

    Attributes
    ----------
    layers : Layers
    class_bytes : tuple of float
        Bytes of each size class.
    lanes : int
        Layers that may run at a time: as many as did where others waited for a place, else three times as many.
    a_link : float
        Of them, those that ran at a time on one host, on average while it was busy.
    largest_bytes : int
    observed : Observed
    every : int
        Of how many layers one is run again: 1, or more where the run has very many pieces.
    """

    layers: Layers
    class_bytes: tuple[float, ...]
    lanes: int
    a_link: float
    largest_bytes: int
    observed: Observed
    every: int = 1


def read_workload(dataset: Dataset, role: str, *, one_link: bool, tied: bool = False) -> Workload | None:
    """Return what hosts of a role fetched from the source, or None where no such layer is seen.

    Parameters
    ----------
    dataset : Dataset
    role : {"seedClient", "client"}
    one_link : bool
        Whether all hosts share one link; else each has its own.
    tied : bool
        Whether layers feel each other on their link: then a stretch of a large run is run again, else layers from all of it.
    """
    tasks = _layers_of(dataset.tasks, role)
    left_out = int((tasks["outcome"].ne("ok") & ~tasks["cause"].isin(MODELLED)).sum())
    tasks = tasks[tasks["outcome"].eq("ok") | tasks["cause"].isin(MODELLED)]
    if tasks.empty:
        return None
    size = tasks["size_bytes"].to_numpy(dtype="int64")
    start, end = (_seconds(tasks[name], tasks["started"].min()) for name in ("started", "ended"))
    lanes = int(_overlap(start, end, np.zeros(len(start), dtype=np.intp)).max())
    host = pd.factorize(tasks["host"].fillna("?"))[0]
    version = dataset.settings.versions.get(role)
    piece_bytes = tasks["piece_bytes"].to_numpy(dtype="float64", na_value=np.nan)
    piece = np.array(
        [t if t > 0 else piece_length_bytes(int(s), version) for t, s in zip(piece_bytes, size, strict=True)]
    )
    arrival = _arrivals(start, end, lanes)
    link = np.zeros(len(size), dtype=np.intp) if one_link else np.asarray(host, dtype=np.intp)
    every = max(1, int(np.ceil(np.ceil(size / piece).sum() / _MAX_PIECES)))
    chosen = _stretch(size, every) if tied else _every(size, every)
    if (arrival == start).all():  # none had to wait for a place: what ran at a time is no limit
        lanes *= _UNLIMITED
    layers, classes = cut_layers(size[chosen], piece[chosen], version, link=link[chosen], arrival_s=arrival[chosen])
    return Workload(
        layers=layers,
        class_bytes=classes,
        lanes=int(np.clip(lanes if tied else round(lanes / every), 1, len(layers.n_pieces))),
        a_link=float(_overlap(start, end, link).mean()),
        largest_bytes=int(size.max()),
        observed=_observed(dataset, tasks, role, left_out),
        every=every,
    )


def _every(size: Array, every: int) -> Index:
    """Return one layer of so many, of each size alike: images repeat their sizes, so that one of two in order may miss some."""
    return np.sort(np.argsort(size, kind="stable")[every // 2 :: every])


def _stretch(size: Array, every: int) -> Index:
    """Return layers one after the other from the middle of a run, about one of so many by their bytes."""
    done = np.cumsum(size) - 0.5 * size
    middle = 0.5 * float(size.sum())
    return np.flatnonzero(np.abs(done - middle) <= middle / every)


def cut_layers(
    size_bytes: Sequence[int] | Array, piece_bytes: Sequence[float] | Array, version: str | None, *,
    link: Index | None = None, arrival_s: Array | None = None,
) -> tuple[Layers, tuple[float, ...]]:  # fmt: skip
    """Cut layers into pieces.

    Parameters
    ----------
    size_bytes, piece_bytes : sequences of one length
    version : str or None
        Release of the client, which says how many passes a layer gets.
    link, arrival_s : arrays, optional
        All on one link and at once where not given.

    Returns
    -------
    Layers
    tuple of float
        Bytes of the size classes; sizes of last pieces are rounded to the next of two a doubling.
    """
    size, piece = np.asarray(size_bytes, dtype=float), np.asarray(piece_bytes, dtype=float)
    count = np.ceil(size / piece).astype(np.intp)
    last = size - (count - 1) * piece
    last = np.minimum(2.0 ** (np.ceil(np.log2(last) * _CLASSES_A_DOUBLING) / _CLASSES_A_DOUBLING), piece)
    whole = np.where(count > 1, piece, last)
    classes = np.unique(np.concatenate([whole, last]))
    passes = np.where(count == 1, passes_of_a_single_piece(version), piece_attempts(version).passes)
    layers = Layers(
        n_pieces=count,
        passes=passes.astype(np.intp),
        whole=np.searchsorted(classes, whole),
        last=np.searchsorted(classes, last),
        link=np.zeros(len(size), dtype=np.intp) if link is None else link,
        arrival_s=np.zeros(len(size)) if arrival_s is None else arrival_s,
    )
    return layers, tuple(float(one) for one in classes)


def _layers_of(tasks: pd.DataFrame, role: str) -> pd.DataFrame:
    elsewhere = ("parent", "local") if role == "seedClient" else ("local",)
    own = tasks["role"].eq(role) & tasks["outcome"].isin(["ok", "failed"]) & ~tasks["origin"].isin(elsewhere)
    own &= tasks["started"].notna() & tasks["ended"].notna() & tasks["size_bytes"].fillna(0).ge(_SMALLEST_LAYER_BYTES)
    # What a host was asked for again it had, in whole or in part: such a task is no fetch of the layer.
    first = tasks[own.fillna(value=False).astype(bool)].sort_values("started", kind="stable")
    return first.drop_duplicates(["task_id", "host"])


def _observed(dataset: Dataset, tasks: pd.DataFrame, role: str, left_out: int) -> Observed:
    pieces = dataset.pieces
    own = pieces[pieces["role"].eq(role) & pieces["origin"].eq("source")]
    if "successes_not_logged" in own.columns:
        own = own[~own["successes_not_logged"].fillna(value=False).astype(bool)]
    failing, ended = int(own["outcome"].isin(_FAILING).sum()), int(own["outcome"].isin([*_FAILING, "ok"]).sum())
    failed = int(tasks["outcome"].ne("ok").sum())
    span = (tasks["ended"].max() - tasks["started"].min()).total_seconds()
    return Observed(
        n_layers=len(tasks),
        failed=failed,
        failure_rate=wilson(failed, len(tasks)),
        attempt_failure_rate=wilson(failing, ended),
        layer_time_s=float((tasks["ended"] - tasks["started"]).dt.total_seconds().median()),
        makespan_s=float(span),
        left_out=left_out,
    )


def _seconds(column: pd.Series[pd.Timestamp], since: pd.Timestamp) -> Array:
    return np.asarray((column - since).dt.total_seconds().to_numpy(dtype="float64"))


def _overlap(start: Array, end: Array, link: Index) -> Array:
    """Return how many layers of its link ran when each began, itself among them."""
    result = np.zeros(len(start), dtype=np.intp)
    for code in np.unique(link):
        own = link == code
        started = np.searchsorted(np.sort(start[own]), start[own], side="right")
        result[own] = started - np.searchsorted(np.sort(end[own]), start[own], side="right")
    return np.maximum(result, 1)


def _arrivals(start: Array, end: Array, lanes: int) -> Array:
    """Return when each layer could have begun: where it seems to have waited for a place, when the one before it could."""
    arrival = start.copy()
    running = _overlap(start, end, np.zeros(len(start), dtype=np.intp))
    ended = np.sort(end)
    for place in range(1, len(start)):
        before = np.searchsorted(ended, start[place], side="right")
        waited = running[place] >= lanes and before > 0 and start[place] - ended[before - 1] < _SOON_S
        if waited:
            arrival[place] = arrival[place - 1]
    return np.maximum.accumulate(arrival)
