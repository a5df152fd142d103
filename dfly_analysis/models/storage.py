"""How fast storage takes what is written, and how fast a core unpacks: from measurements that say so, for logs do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
from scipy import special

from dfly_analysis.estimates import Interval, NotFitted, Param
from dfly_analysis.models.distribution import Array
from dfly_analysis.units import format_rate

if TYPE_CHECKING:
    from dfly_analysis.dataset import Dataset

NAME = "storage_write"
_LABEL = r"\bwrit(?:e|es|ing)\b|\bfio\b|\bdd\b"
UNPACK = {
    "gzip": r"\b(?:unpack|decompress)\w* gzip\b|\bgunzip\b",
    "zstd": r"\b(?:unpack|decompress)\w* zstd\b|\bunzstd\b",
}
"""Fits that are named after an algorithm, and how the label of a measurement speaks of it."""
_MIN_COUNT = 3
_COLLECT = (
    "times of plain writes to the content volume (dd or fio with a sync at the end) as a CSV of size_bytes,duration_s,label with the label "
    "`write`, three or more of a few GiB"
)  # fmt: skip


@dataclass(frozen=True)
class StorageFit:
    """Bytes per second that storage takes.

    Attributes
    ----------
    params : tuple of Param
        ``write`` (B/s): the median speed.
    goodness : mapping of str to float
        ``spread`` of the log of the speed.
    speed_bps : Interval
    name, law, n, n_censored, window, extrapolates_beyond_s
        As of `dfly_analysis.estimates.Fit`.
    """

    name: str
    law: str
    params: tuple[Param, ...]
    n: int
    n_censored: int
    goodness: Mapping[str, float]
    speed_bps: Interval
    window: tuple[str, str] | None = None
    extrapolates_beyond_s: float | None = None
    notes: tuple[str, ...] = field(default=())


T = TypeVar("T", bound=StorageFit)


class UnpackFit(StorageFit):
    """Compressed bytes per second that a core unpacks; attributes as `StorageFit`, the parameter is ``unpack`` (B/s)."""


def fit_storage(runs: pd.DataFrame, seen_bps: float = 0.0, *, name: str = NAME) -> StorageFit | NotFitted:
    """Fit the speed of writes to samples of CSV whose label speaks of writing.

    Parameters
    ----------
    runs : DataFrame
        Of `dfly_analysis.schema.RUNS`; not changed.
    seen_bps : float
        What downloads wrote at the least, bytes per second; it is named where nothing else is known.
    name : str

    Returns
    -------
    StorageFit or NotFitted
    """
    speed = _log_speeds(runs, _LABEL)
    if len(speed) < _MIN_COUNT:
        bound = f"; it took at least {format_rate(seen_bps)}, for so much came down" if seen_bps > 0 else ""
        reason = f"{len(speed)} writes were measured, {_MIN_COUNT} are needed{bound}"
        return NotFitted(name, reason, _COLLECT, len(speed))
    return _fit_of(StorageFit, name, "write", speed)


def fit_unpack(runs: pd.DataFrame, algorithm: str) -> UnpackFit | None:
    """Fit the speed at which a core unpacks to samples of CSV whose label speaks of it; their sizes are compressed.

    Parameters
    ----------
    runs : DataFrame
        Of `dfly_analysis.schema.RUNS`; not changed.
    algorithm : {"gzip", "zstd"}

    Returns
    -------
    UnpackFit or None
        None where fewer than three were measured.
    """
    speed = _log_speeds(runs, UNPACK[algorithm])
    return _fit_of(UnpackFit, f"unpack_{algorithm}", "unpack", speed) if len(speed) >= _MIN_COUNT else None


def _log_speeds(runs: pd.DataFrame, label: str) -> Array:
    matches_label = runs["label"].fillna("").astype(str).str.contains(label, case=False, regex=True)
    measured = runs["kind"].eq("sample") & runs["tool"].eq("csv") & runs["outcome"].fillna("ok").eq("ok")
    own = runs.loc[matches_label & measured, ["size_bytes", "duration_s"]].astype("float64")
    own = own[(own["size_bytes"] > 0) & (own["duration_s"] > 0)]
    return np.asarray(np.log((own["size_bytes"] / own["duration_s"]).to_numpy()))


def _fit_of(kind: type[T], name: str, parameter: str, speed: Array) -> T:
    """Return the fit of the median speed, with Student's interval of the mean of the logs."""
    middle, spread = float(speed.mean()), float(speed.std(ddof=1))
    half = float(special.stdtrit(len(speed) - 1, 0.975)) * spread / np.sqrt(len(speed))
    found = Interval(*(float(np.exp(edge)) for edge in (middle, middle - half, middle + half)))
    param = Param(parameter, found.value, found.low, found.high, "B/s")
    return kind(
        name=name, law="lognormal", params=(param,), n=len(speed), n_censored=0, goodness={"spread": spread}, speed_bps=found
    )  # fmt: skip


def fit_speeds(dataset: Dataset) -> dict[str, StorageFit | NotFitted]:
    """Return the speed of writes, with what downloads show as its least where it was not measured, and of unpacking where it was."""
    runs = dataset.select("runs", "kind = 'sample' AND tool = 'csv'")
    ((observed,),) = dataset.rows(
        "SELECT max(bytes_from_source / duration_s) FROM tasks WHERE outcome = 'ok' AND duration_s > 0"
    )
    unpacked = {f"unpack_{one}": fit_unpack(runs, one) for one in UNPACK}
    return {
        NAME: fit_storage(runs, observed or 0.0),
        **{name: fit for name, fit in unpacked.items() if fit is not None},
    }
