"""Concurrency: how many pieces were in flight at each moment, and what an attempt did in its time if they shared the speed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from dfly_analysis.models.censored_data import PIECE_STEP_BYTES, Flags, Index, flags, numbers, seconds
from dfly_analysis.models.distribution import Array
from dfly_analysis.schema import OUTCOMES

HOST, SOURCE = "host", "source"
_WHOLE_SHARE = 0.8
_NEEDED = ("started", "duration_s", "size_bytes", "outcome", "origin", "host", "task_id")
_KEY = ["task_id", "host"]
_USED = ("ended", "retry_round", "successes_not_logged")
# The begin of a piece and the end of the one before are one moment, logged by two processes.
_SLACK_S, _SLACK_SHARE = 0.005, 0.002
# More attempts add nothing, and each candidate goes over all of them.
_MAX_COUNT = 60_000
_FAILING = ("timeout", "reset", "storage", "origin")
# A pass that is not logged: shorter ones are a client's pause; its last pieces end one after the other over this share of its end.
_SHORTEST_PASS_S, _THINNING = 0.05, 0.6


def shared_speed(in_flight: Array | float, contention: Array | float, contention_exponent: float) -> Array:
    """Return the speed of one piece among so many in flight, of that of a piece alone: ``(1 + (c n)^k)^(-1/k)``."""
    load = contention * np.asarray(in_flight, dtype=float)
    return np.asarray((1.0 + load**contention_exponent) ** (-1.0 / contention_exponent))


@dataclass(frozen=True)
class UnloggedPieces:
    """Pieces in flight in passes whose pieces are not logged: at info level a client from v1.4.1 names no finished piece.

    The scheduler knows the first pass only; a layer that lost a piece then fetches all that is missing without a line, with all its slots.
    """

    begin_s: Array
    end_s: Array
    host: Index
    counted_elsewhere: Flags


@dataclass(frozen=True)
class Spans:
    """Attempts in time, one entry each, in seconds since the first began; the middle ones where there are very many."""

    begin_s: Array
    end_s: Array
    size_bytes: Array
    finished: Flags
    cut: Flags  # whether a timeout cut it
    usable: Flags  # whether a fit may use it
    host: Index  # codes
    task: Index  # codes
    hosts: tuple[str, ...]
    row: Index  # places in the frame
    unlogged: UnloggedPieces


@dataclass(frozen=True)
class Steps:
    """Pieces in flight from each time on, link after link; ``first`` and ``last`` are the steps at each attempt's begin and end."""

    time_s: Array
    load: Array
    first: Index
    last: Index

    def progress(self, contention: float, contention_exponent: float) -> Array:
        """Return the seconds each attempt would have needed alone for what it did: the integral of its speed."""
        speed = shared_speed(self._loads[0], contention, contention_exponent)[self._loads[1]]
        clock = np.concatenate([[0.0], np.cumsum(self.lasted_s * speed)])
        return np.asarray(clock[self.last] - clock[self.first])

    @cached_property
    def lasted_s(self) -> Array:
        return np.asarray(np.maximum(np.diff(self.time_s, append=self.time_s[-1:]), 0.0))

    @cached_property
    def _loads(self) -> tuple[Array, Index]:
        """Return the few loads there are, and which of them each step has."""
        return np.unique(self.load, return_inverse=True)

    @property
    def load_at_end(self) -> Array:
        """Return how many were in flight just before each attempt ended, itself among them."""
        return self.load[np.maximum(self.last - 1, 0)]


def take_spans(pieces: pd.DataFrame, tasks: pd.DataFrame | None = None) -> Spans:
    """Return the attempts at the source in a frame of `PIECES` (none without the columns needed); tasks show passes not logged."""
    pieces = pieces if set(_NEEDED) <= set(pieces.columns) else pd.DataFrame(columns=list(_NEEDED))
    pieces = pieces[[name for name in pieces.columns if name in (*_NEEDED, *_USED)]]
    row, start, lasted, size = _in_order(pieces)
    kept = pieces.iloc[row]
    hosts, names = pd.factorize(kept["host"].fillna("?"))
    zero_s, task = float(start[0]) if len(start) else 0.0, pd.factorize(kept["task_id"])[0]
    begin_s = start - zero_s
    end_s = begin_s + lasted
    return Spans(
        begin_s, end_s, size, usable=_usable(kept, size), host=hosts, task=task, hosts=tuple(str(name) for name in names), row=row,
        finished=(kept["outcome"] == "ok").to_numpy(dtype=bool), cut=(kept["outcome"] == "timeout").to_numpy(dtype=bool),
        unlogged=_unlogged(pieces, tasks, kept, names, zero_s, _most_at_once(begin_s, end_s, task)),
    )  # fmt: skip


def _in_order(pieces: pd.DataFrame) -> tuple[Index, Array, Array, Array]:
    """Return the places of attempts at the source in the order they began, with begin, seconds and bytes; of very many the middle ones."""
    begin = pd.to_datetime(pieces["started"], utc=True)
    lasted, size = (numbers(pieces, name) for name in ("duration_s", "size_bytes"))
    with np.errstate(invalid="ignore"):
        keep = (begin.notna() & pieces["outcome"].isin(OUTCOMES) & (pieces["origin"] == "source")).to_numpy(dtype=bool)
        keep = keep & (lasted > 0) & (size > 0)
    row = np.flatnonzero(keep)
    start = seconds(begin)[row]
    order = np.argsort(start, kind="stable")
    if len(order) > _MAX_COUNT:
        order = order[(len(order) - _MAX_COUNT) // 2 :][:_MAX_COUNT]
    row = row[order]
    return row, start[order], lasted[row], size[row]


def _usable(kept: pd.DataFrame, size: Array) -> Flags:
    """Return which attempts a fit may use: whole pieces, where most are, of rounds whose finished ones can be seen."""
    whole = size % PIECE_STEP_BYTES == 0
    usable = whole if len(whole) and whole.mean() >= _WHOLE_SHARE else np.ones(len(size), dtype=bool)
    if "successes_not_logged" in kept.columns:
        usable = usable & ~flags(kept["successes_not_logged"])
    return usable


def _unlogged(
    pieces: pd.DataFrame, tasks: pd.DataFrame | None, kept: pd.DataFrame, hosts: pd.Index[str], zero_s: float, slots: int
) -> UnloggedPieces:  # fmt: skip
    """Return the pieces in flight in second passes that are not logged, as many as a layer usually has in flight."""
    known = tasks is not None and {"retry_round", "successes_not_logged"} <= set(pieces)
    passes = _unlogged_passes(pieces, tasks) if known and tasks is not None else pd.DataFrame()
    if not len(passes):
        return UnloggedPieces(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.intp), np.zeros(len(kept), dtype=bool))
    begin, end = (seconds(passes[name]) - zero_s for name in ("over", "ended"))
    missing = np.maximum((passes["n_pieces"] - passes["whole"]).to_numpy(dtype="float64", na_value=1.0), 1.0)
    many = np.minimum(missing, slots).astype(np.intp)
    own = np.repeat(np.arange(len(passes)), many)
    place = np.arange(len(own)) - np.repeat(np.cumsum(many) - many, many)
    # The slots of a layer that succeeded fell empty one by one in the end; one that failed is cut with all that is in flight.
    thinning = np.where(passes["outcome"].eq("ok"), _THINNING * (end - begin) * many / missing, 0.0)
    left = 1.0 - (place + 1.0) / many[own]
    coded = pd.Index(hosts).get_indexer(pd.Index(passes["host"].fillna("?")))
    named = pd.MultiIndex.from_frame(passes[_KEY])
    again = pd.MultiIndex.from_frame(kept[_KEY]).isin(named) & flags(kept["successes_not_logged"])
    some = coded[own] >= 0
    return UnloggedPieces(begin[own][some], (end[own] - thinning[own] * left)[some], coded[own][some], again)


def _unlogged_passes(pieces: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    """Return layers that lost a piece and went on, though no finished piece of their second pass is logged."""
    own = pieces[pieces["origin"].eq("source")]
    hidden = flags(own["successes_not_logged"])
    first = own[own["retry_round"].eq(1) & ~hidden]
    first = first.assign(bad=first["outcome"].isin(_FAILING), ok=first["outcome"].eq("ok"))
    grouped = first.groupby(_KEY).agg(over=("ended", "max"), bad=("bad", "any"), whole=("ok", "sum")).reset_index()
    observed = pd.MultiIndex.from_frame(own.loc[own["retry_round"].eq(2) & ~hidden, _KEY])
    lost = grouped[grouped["bad"] & ~pd.MultiIndex.from_frame(grouped[_KEY]).isin(observed)]
    ended = tasks.loc[tasks["ended"].notna(), [*_KEY, "ended", "outcome", "n_pieces"]]
    found = lost.merge(ended.drop_duplicates(_KEY, keep="last"), on=_KEY)
    return found[(found["ended"] - found["over"]).dt.total_seconds() > _SHORTEST_PASS_S]


def _most_at_once(begin_s: Array, end_s: Array, task: Index) -> int:
    """Return how many pieces of one layer are in flight at most, as nearly all layers that have so many show."""
    if not len(task):
        return 1
    _, load, order = _steps(begin_s, end_s, np.ones(len(task)), task, (np.zeros(0), np.zeros(0), task[:0]))
    most = np.zeros(int(task.max()) + 2)
    np.maximum.at(most, np.concatenate([task, task])[order], load)
    return max(1, round(float(np.quantile(most[most > 0], 0.9))))


def count_load(spans: Spans, scope: str) -> Steps:
    """Count pieces in flight at each moment, of each ``host`` or of all together (``source``)."""
    count, more = len(spans.begin_s), spans.unlogged
    link, unlogged_link = (host * (scope == HOST) for host in (spans.host, more.host))
    weight = np.where(more.counted_elsewhere, 0.0, 1.0)
    time, load, order = _steps(spans.begin_s, spans.end_s, weight, link, (more.begin_s, more.end_s, unlogged_link))
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    return Steps(time, load, place[:count], place[count : 2 * count])


def _steps(
    begin_s: Array, end_s: Array, weight: Array, link: Index, unlogged: tuple[Array, Array, Index]
) -> tuple[Array, Array, Index]:
    """Return times, the load from each on, and which event each is: begins, ends, then those of unlogged pieces."""
    slack = np.minimum(_SLACK_S, _SLACK_SHARE * (end_s - begin_s))
    more = np.ones(len(unlogged[0]))
    time = np.concatenate([begin_s, end_s - slack, unlogged[0], unlogged[1]])
    change = np.concatenate([weight, -weight, more, -more])
    sort = np.concatenate([np.ones(len(link)), -np.ones(len(link)), more, -more])
    # An end goes before a begin of about the same moment: its slot is free for the next piece.
    order = np.lexsort((sort, time, np.concatenate([link, link, unlogged[2], unlogged[2]])))
    return time[order], np.cumsum(change[order]), order
