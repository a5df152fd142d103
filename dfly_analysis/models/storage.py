"""How fast storage writes, and how fast a core unpacks: from measurements, since logs do not show it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Fit, Interval, NotFitted, Param
from dfly_analysis.messages import message
from dfly_analysis.models.distribution import Array
from dfly_analysis.units import format_rate

NAME = "storage_write"
_LABEL = r"\bwrit(?:e|es|ing)\b|\bfio\b|\bdd\b"
UNPACK = {
    "gzip": r"\b(?:unpack|decompress)\w* gzip\b|\bgunzip\b",
    "zstd": r"\b(?:unpack|decompress)\w* zstd\b|\bunzstd\b",
}
"""Algorithms, and what the label of a measurement of each matches."""
_MIN_COUNT = 3
_COLLECT = message(
    "times of plain writes to the content volume (dd or fio with a sync at the end), three or more of a few GiB, as a CSV of "
    "size_bytes,duration_s,label with the label `write`"
)


@dataclass(frozen=True, kw_only=True, repr=False)
class StorageFit(Fit):
    """Bytes per second that storage writes, or compressed bytes that a core unpacks: the median, with ``spread``, that of the log.

    The parameter of the same value is ``write`` or ``unpack`` (B/s).
    """

    speed_bps: Interval


def fit_storage(runs: pd.DataFrame, observed_bps: float = 0.0) -> StorageFit | NotFitted:
    """Fit the speed of writes to the samples in `RUNS` whose label names writing; else name what downloads wrote at the least."""
    speed = _log_speeds(runs, _LABEL)
    if len(speed) < _MIN_COUNT:
        reason = message("{n} writes were measured, {needed} are needed", n=len(speed), needed=_MIN_COUNT)
        if observed_bps > 0:
            reason = message("{reason}; downloads wrote at least {rate}", reason=reason, rate=format_rate(observed_bps))
        return NotFitted(NAME, reason, _COLLECT, len(speed))
    return _fit_of(NAME, "write", speed)


def fit_unpack(runs: pd.DataFrame, algorithm: str) -> StorageFit | None:
    """Return the speed at which a core unpacks, from samples whose label names the algorithm; None of fewer than three."""
    speed = _log_speeds(runs, UNPACK[algorithm])
    return _fit_of(f"unpack_{algorithm}", "unpack", speed) if len(speed) >= _MIN_COUNT else None


def _log_speeds(runs: pd.DataFrame, label: str) -> Array:
    matches_label = runs["label"].fillna("").astype(str).str.contains(label, case=False, regex=True)
    measured = runs["kind"].eq("sample") & runs["tool"].eq("csv") & runs["outcome"].fillna("ok").eq("ok")
    own = runs.loc[matches_label & measured, ["size_bytes", "duration_s"]].astype("float64")
    own = own[(own["size_bytes"] > 0) & (own["duration_s"] > 0)]
    return np.asarray(np.log((own["size_bytes"] / own["duration_s"]).to_numpy()))


def _fit_of(name: str, parameter: str, speed: Array) -> StorageFit:
    """Return the fit of the median speed, with Student's interval of the mean of the logs."""
    middle, spread = float(speed.mean()), float(speed.std(ddof=1))
    half = float(special.stdtrit(len(speed) - 1, 0.975)) * spread / np.sqrt(len(speed))
    found = Interval(*(float(np.exp(edge)) for edge in (middle, middle - half, middle + half)))
    param = Param(parameter, found.value, found.low, found.high, "B/s")
    return StorageFit(
        name=name, model="lognormal", params=(param,), n=len(speed), n_censored=0, goodness={"spread": spread}, speed_bps=found
    )  # fmt: skip


def fit_speeds(dataset: Dataset) -> dict[str, StorageFit | NotFitted]:
    """Return the speed of writes (where not measured, what downloads show as its least), and of unpacking where measured."""
    runs = dataset.select("runs", "kind = 'sample' AND tool = 'csv'")
    ((observed,),) = dataset.rows("SELECT max(bytes_from_source / duration_s) FROM tasks WHERE outcome = 'ok' AND duration_s > 0")  # fmt: skip
    unpacked = {f"unpack_{one}": fit for one in UNPACK if (fit := fit_unpack(runs, one)) is not None}
    return {NAME: fit_storage(runs, observed or 0.0), **unpacked}
