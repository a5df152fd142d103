"""Concurrency: how many pieces were in flight beside an attempt, and how far it had come, were speed shared among them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from dfly_analysis.models.censored_data import PIECE_STEP_BYTES, Flags, Index
from dfly_analysis.models.distribution import Array
from dfly_analysis.schema import OUTCOMES

HOST, SOURCE = "host", "source"
_WHOLE_SHARE = 0.8
_NEEDED = ("started", "duration_s", "size_bytes", "outcome", "origin", "host", "task_id")
_USED = ("ended", "retry_round", "successes_not_logged")
# Two hosts tell of one moment, to a millisecond: the client begins a piece, the scheduler hears of the end of the one before.
_SLACK_S, _SLACK_SHARE = 0.005, 0.002
# More tell nothing new, and each candidate walks over all of them.
_MAX_COUNT = 60_000
_FAILING = ("timeout", "reset", "storage", "origin")
# A pass that nobody logged: shorter ones are a client's pause; its last pieces end one after the other over this share of its end.
_SHORTEST_PASS_S, _THINNING = 0.05, 0.6


def shared_speed(in_flight: Array | float, contention: float, contention_exponent: float) -> Array:
    """Return the speed of one piece among so many in flight, of that of a piece alone: ``(1 + (c n)^k)^(-1/k)``."""
    return np.asarray(
        (1.0 + (contention * np.asarray(in_flight, dtype=float)) ** contention_exponent) ** (-1.0 / contention_exponent)
    )


@dataclass(frozen=True)
class UnloggedPieces:
    """Pieces in flight in passes whose pieces nobody logged, one entry each.

    At level info a client from v1.4.1 names no finished piece, and the scheduler knows of the first pass alone: a layer that lost
    a piece then fetches all that is missing unseen, with all its slots.

    Attributes
    ----------
    begin_s, end_s : array
    host : array of int
        Codes of the `Spans` they belong to.
    counted_elsewhere : array of bool
        Of each attempt of the `Spans`, whether it is one of these and must not be counted twice.
    """

    begin_s: Array
    end_s: Array
    host: Index
    counted_elsewhere: Flags


@dataclass(frozen=True)
class Spans:
    """Attempts in time, one entry each; a stretch of them where there are very many.

    Attributes
    ----------
    begin_s, end_s, size_bytes : array
        Seconds since the first began; bytes.
    finished, cut, usable : array of bool
        Whether it finished, whether a timeout cut it, and whether a fit may use it.
    host, task : array of int
        Codes; ``hosts`` are the names of those of hosts.
    row : array of int
        Place in the frame.
    unlogged : UnloggedPieces
        In flight beside them, in passes that nobody logged.
    """

    begin_s: Array
    end_s: Array
    size_bytes: Array
    finished: Flags
    cut: Flags
    usable: Flags
    host: Index
    task: Index
    hosts: tuple[str, ...]
    row: Index
    unlogged: UnloggedPieces


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

    def progress(self, contention: float, contention_exponent: float) -> Array:
        """Return the seconds each attempt would have needed alone for what it did: the integral of its speed."""
        loads, place = self._loads
        speed = shared_speed(loads, contention, contention_exponent)[place]
        clock = np.concatenate([[0.0], np.cumsum(self._passed * speed)])
        return np.asarray(clock[self.last] - clock[self.first])

    @cached_property
    def _passed(self) -> Array:
        """Return the seconds for which each step lasts."""
        return np.asarray(np.maximum(np.diff(self.time_s, append=self.time_s[-1:]), 0.0))

    @cached_property
    def _loads(self) -> tuple[Array, Index]:
        """Return the few loads there are, and which of them each step has."""
        loads, place = np.unique(self.load, return_inverse=True)
        return loads, place

    @property
    def load_at_end(self) -> Array:
        """Return how many were in flight just before each attempt ended, itself among them."""
        return self.load[np.maximum(self.last - 1, 0)]


def take_spans(pieces: pd.DataFrame, tasks: pd.DataFrame | None = None) -> Spans:
    """Take attempts at the source out of a frame of `dfly_analysis.schema.PIECES`; one without the columns needed tells nothing.

    Tasks of `dfly_analysis.schema.TASKS` tell of passes that nobody logged.
    """
    pieces = pieces if set(_NEEDED) <= set(pieces.columns) else pd.DataFrame(columns=list(_NEEDED))
    pieces = pieces[[name for name in pieces.columns if name in (*_NEEDED, *_USED)]]
    row, start, lasted, size = _in_order(pieces)
    kept = pieces.iloc[row]
    hosts, names = pd.factorize(kept["host"].fillna("?"))
    begin_s = start - start[0] if len(start) else start
    end_s = begin_s + lasted
    task = pd.factorize(kept["task_id"])[0]
    return Spans(
        begin_s=begin_s,
        end_s=end_s,
        size_bytes=size,
        finished=(kept["outcome"] == "ok").to_numpy(dtype=bool),
        cut=(kept["outcome"] == "timeout").to_numpy(dtype=bool),
        usable=_usable(kept, size),
        host=hosts,
        task=task,
        hosts=tuple(str(name) for name in names),
        row=row,
        unlogged=_unlogged(
            pieces, tasks, kept, names, float(start[0]) if len(start) else 0.0, _most_at_once(begin_s, end_s, task)
        ),
    )


def _in_order(pieces: pd.DataFrame) -> tuple[Index, Array, Array, Array]:
    """Return the places of attempts at the source in the order they began, a stretch of very many, with begin, seconds and bytes of each."""
    begin = pd.to_datetime(pieces["started"], utc=True)
    lasted, size = (
        pd.to_numeric(pieces[name]).to_numpy(dtype="float64", na_value=np.nan) for name in ("duration_s", "size_bytes")
    )
    with np.errstate(invalid="ignore"):
        keep = (begin.notna() & pieces["outcome"].isin(OUTCOMES) & (pieces["origin"] == "source")).to_numpy(dtype=bool)
        keep = keep & (lasted > 0) & (size > 0)
    row = np.flatnonzero(keep)
    start = begin.to_numpy(dtype="datetime64[ns]").astype("int64")[row] * 1e-9
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
        usable = usable & ~kept["successes_not_logged"].fillna(value=False).to_numpy(dtype=bool)
    return usable


def _unlogged(
    pieces: pd.DataFrame, tasks: pd.DataFrame | None, kept: pd.DataFrame, hosts: pd.Index[str], zero_s: float, slots: int
) -> UnloggedPieces:  # fmt: skip
    """Return the pieces in flight in second passes that nobody logged, as many as a layer has in flight else."""
    key = ["task_id", "host"]
    passes = (
        _unlogged_passes(pieces, tasks)
        if tasks is not None and {"retry_round", "successes_not_logged"} <= set(pieces)
        else None
    )
    if passes is None or not len(passes):
        return UnloggedPieces(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.intp), np.zeros(len(kept), dtype=bool))
    begin, end = (
        passes[name].to_numpy(dtype="datetime64[ns]").astype("int64") * 1e-9 - zero_s for name in ("over", "ended")
    )
    missing = np.maximum((passes["n_pieces"] - passes["whole"]).to_numpy(dtype="float64", na_value=1.0), 1.0)
    many = np.minimum(missing, slots).astype(np.intp)
    own = np.repeat(np.arange(len(passes)), many)
    place = np.arange(len(own)) - np.repeat(np.cumsum(many) - many, many)
    # Where the layer came through, its slots fell empty one by one in the end; a lost one is cut with all that is in flight.
    thinning = np.where(passes["outcome"].eq("ok"), _THINNING * (end - begin) * many / missing, 0.0)
    left = 1.0 - (place + 1.0) / many[own]
    coded = pd.Index(hosts).get_indexer(pd.Index(passes["host"].fillna("?")))
    named = pd.MultiIndex.from_frame(passes[key])
    counted_elsewhere = pd.MultiIndex.from_frame(kept[key]).isin(named) & kept["successes_not_logged"].fillna(
        value=False
    ).to_numpy(dtype=bool)
    known = coded[own] >= 0
    return UnloggedPieces(
        begin[own][known], (end[own] - thinning[own] * left)[known], coded[own][known], counted_elsewhere
    )


def _unlogged_passes(pieces: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    """Return layers that lost a piece and went on, though of their second pass no finished piece is seen."""
    key = ["task_id", "host"]
    own = pieces[pieces["origin"].eq("source")]
    hidden = own["successes_not_logged"].fillna(value=False).astype(bool)
    first = own[own["retry_round"].eq(1) & ~hidden]
    first = first.assign(bad=first["outcome"].isin(_FAILING), ok=first["outcome"].eq("ok"))
    grouped = first.groupby(key).agg(over=("ended", "max"), bad=("bad", "any"), whole=("ok", "sum")).reset_index()
    observed = pd.MultiIndex.from_frame(own.loc[own["retry_round"].eq(2) & ~hidden, key])
    lost = grouped[grouped["bad"] & ~pd.MultiIndex.from_frame(grouped[key]).isin(observed)]
    ended = tasks.loc[tasks["ended"].notna(), [*key, "ended", "outcome", "n_pieces"]].drop_duplicates(key, keep="last")
    found = lost.merge(ended, on=key)
    return found[(found["ended"] - found["over"]).dt.total_seconds() > _SHORTEST_PASS_S]


def _most_at_once(begin_s: Array, end_s: Array, task: Index) -> int:
    """Return how many pieces of one layer are in flight at most, as nearly all layers that have so many show."""
    if not len(task):
        return 1
    none = np.zeros(0)
    _, load, order = _steps(begin_s, end_s, np.ones(len(task)), task, (none, none, none.astype(np.intp)))
    most = np.zeros(int(task.max()) + 2)
    np.maximum.at(most, np.concatenate([task, task])[order], load)
    return max(1, round(float(np.quantile(most[most > 0], 0.9))))


def count_load(spans: Spans, scope: str) -> Steps:
    """Count pieces in flight at each moment, of each ``host`` or of all together (``source``)."""
    count = len(spans.begin_s)
    link, unlogged_link = spans.host, spans.unlogged.host
    if scope == SOURCE:
        link, unlogged_link = np.zeros_like(link), np.zeros_like(unlogged_link)
    weight = np.where(spans.unlogged.counted_elsewhere, 0.0, 1.0)
    time, load, order = _steps(
        spans.begin_s, spans.end_s, weight, link, (spans.unlogged.begin_s, spans.unlogged.end_s, unlogged_link)
    )
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    return Steps(time, load, place[:count], place[count : 2 * count])


def _steps(
    begin_s: Array, end_s: Array, weight: Array, link: Index, unlogged_link: tuple[Array, Array, Index]
) -> tuple[Array, Array, Index]:
    """Return times, the load from each on, and which event each is: begins, ends, then those of what is beside."""
    slack = np.minimum(_SLACK_S, _SLACK_SHARE * (end_s - begin_s))
    more = np.ones(len(unlogged_link[0]))
    time = np.concatenate([begin_s, end_s - slack, unlogged_link[0], unlogged_link[1]])
    change = np.concatenate([weight, -weight, more, -more])
    sort = np.concatenate([np.ones(len(link)), -np.ones(len(link)), more, -more])
    # An end goes before a begin of about the same moment: the slot that became free was not yet taken.
    order = np.lexsort((sort, time, np.concatenate([link, link, unlogged_link[2], unlogged_link[2]])))
    return time[order], np.cumsum(change[order]), order
