"""How many pieces were in flight beside an attempt, and how far it had come, were speed shared among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from dfly_analysis.models.law import Array
from dfly_analysis.models.observations import Index
from dfly_analysis.tables import OUTCOMES

Flags = npt.NDArray[np.bool_]
HOST, SOURCE = "host", "source"
_PIECE_STEP_BYTES, _WHOLE_SHARE = 4 << 20, 0.8
_NEEDED = ("started", "duration_s", "size_bytes", "outcome", "origin", "host", "task_id")
# Two hosts tell of one moment, to a millisecond: the client begins a piece, the scheduler hears of the end of the one before.
_SLACK_S, _SLACK_SHARE = 0.005, 0.002
# More tell nothing new, and each candidate walks over all of them.
_MOST = 60_000


def shared_speed(in_flight: Array | float, crowding: float, sharpness: float) -> Array:
    """Return the speed of one piece among so many in flight, of that of a piece alone: ``(1 + (c n)^k)^(-1/k)``."""
    return np.asarray((1.0 + (crowding * np.asarray(in_flight, dtype=float)) ** sharpness) ** (-1.0 / sharpness))


@dataclass(frozen=True)
class Spans:
    """Attempts in time, one entry each; a stretch of them where there are very many.

    Attributes
    ----------
    begin_s, end_s : array
        Seconds since the first began.
    size_bytes : array
    finished, cut, telling : array of bool
        Whether it finished, whether a timeout cut it, and whether a fit may use it.
    host, task : array of int
        Codes.
    hosts : tuple of str
        Names of the codes.
    row : array of int
        Place in the frame.
    """

    begin_s: Array
    end_s: Array
    size_bytes: Array
    finished: Flags
    cut: Flags
    telling: Flags
    host: Index
    task: Index
    hosts: tuple[str, ...]
    row: Index


@dataclass(frozen=True)
class Steps:
    """Pieces in flight against time, link after link.

    Attributes
    ----------
    time_s, load : array
        From each time on, so many are in flight.
    first, last : array of int
        Of each attempt: the step at its begin, and the step at its end.
    """

    time_s: Array
    load: Array
    first: Index
    last: Index

    def progress(self, crowding: float, sharpness: float) -> Array:
        """Return the seconds each attempt would have needed alone for what it did: the integral of its speed."""
        speed = shared_speed(self.load, crowding, sharpness)
        passed = np.diff(self.time_s, append=self.time_s[-1:])
        clock = np.concatenate([[0.0], np.cumsum(np.maximum(passed, 0.0) * speed)])
        return np.asarray(clock[self.last] - clock[self.first])

    @property
    def load_at_end(self) -> Array:
        """Return how many were in flight just before each attempt ended, itself among them."""
        return self.load[np.maximum(self.last - 1, 0)]


def take_spans(pieces: pd.DataFrame) -> Spans:
    """Take attempts at the source out of a frame of pieces that tell when they ran.

    Parameters
    ----------
    pieces : DataFrame
        Of `dfly_analysis.tables.PIECES`; not changed. One without the columns needed tells nothing.

    Returns
    -------
    Spans
    """
    pieces = pieces if set(_NEEDED) <= set(pieces.columns) else pd.DataFrame(columns=list(_NEEDED))
    begin = pd.to_datetime(pieces["started"], utc=True)
    duration = pd.to_numeric(pieces["duration_s"]).to_numpy(dtype="float64", na_value=np.nan)
    size = pd.to_numeric(pieces["size_bytes"]).to_numpy(dtype="float64", na_value=np.nan)
    with np.errstate(invalid="ignore"):
        keep = (begin.notna() & pieces["outcome"].isin(OUTCOMES) & (pieces["origin"] == "source")).to_numpy(dtype=bool)
        keep = keep & (duration > 0) & (size > 0)
    row = np.flatnonzero(keep)
    start = begin.to_numpy(dtype="datetime64[ns]").astype("int64")[row] * 1e-9
    order = np.argsort(start, kind="stable")
    if len(order) > _MOST:
        order = order[(len(order) - _MOST) // 2 :][:_MOST]
    row, start = row[order], start[order]
    kept = pieces.iloc[row]
    hosts, names = pd.factorize(kept["host"].fillna("?"))
    whole = size[row] % _PIECE_STEP_BYTES == 0
    telling = whole if len(whole) and whole.mean() >= _WHOLE_SHARE else np.ones(len(row), dtype=bool)
    if "survivors_unseen" in kept.columns:
        telling = telling & ~kept["survivors_unseen"].fillna(value=False).to_numpy(dtype=bool)
    begin_s = start - start[0] if len(start) else start
    return Spans(
        begin_s=begin_s,
        end_s=begin_s + duration[row],
        size_bytes=size[row],
        finished=(kept["outcome"] == "ok").to_numpy(dtype=bool),
        cut=(kept["outcome"] == "timeout").to_numpy(dtype=bool),
        telling=telling,
        host=hosts,
        task=pd.factorize(kept["task_id"])[0],
        hosts=tuple(str(name) for name in names),
        row=row,
    )


def count_load(spans: Spans, scope: str) -> Steps:
    """Count pieces in flight at each moment, of each host or of all together.

    Parameters
    ----------
    spans : Spans
        At least one.
    scope : {"host", "source"}

    Returns
    -------
    Steps
    """
    count = len(spans.begin_s)
    link = spans.host if scope == HOST else np.zeros(count, dtype=np.intp)
    slack = np.minimum(_SLACK_S, _SLACK_SHARE * (spans.end_s - spans.begin_s))
    time = np.concatenate([spans.begin_s, spans.end_s - slack])
    change = np.repeat([1.0, -1.0], count)
    # An end goes before a begin of about the same moment: the slot that became free was not yet taken.
    order = np.lexsort((change, time, np.tile(link, 2)))
    place = np.empty(2 * count, dtype=np.intp)
    place[order] = np.arange(2 * count)
    return Steps(time[order], np.cumsum(change[order]), place[:count], place[count:])
