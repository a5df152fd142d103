"""Pieces as the scheduler was told of them, joined with what the clients' own logs say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dfly_analysis.attempts.columns import OK, REPORTED, Columns, attempt_columns, joined, origin_codes, who
from dfly_analysis.attempts.pieces import Attempt, PeerPieces, each_record, origin_of
from dfly_analysis.attempts.records import Records, times_of
from dfly_analysis.attempts.telling import Telling
from dfly_analysis.attempts.typed import FloatArray, first_of, first_per_slot, slots_of
from dfly_analysis.attempts.words import NO_TIME, NONE, FlagArray, NumberArray
from dfly_analysis.units import seconds_of


@dataclass(frozen=True)
class Reports:
    """The first report of each piece.

    Attributes
    ----------
    rows : numpy.ndarray of int
        Their places among the records.
    cost_s : numpy.ndarray of float
        What each piece cost, seconds; ``nan`` where it cannot be read.
    """

    rows: NumberArray
    cost_s: FloatArray

    def take(self, chosen: FlagArray) -> Reports:
        """Return some of the reports."""
        return Reports(self.rows.compress(chosen), self.cost_s.compress(chosen))


def read_reports(records: Records) -> Reports:
    """Return the first report of each piece."""
    rows = np.flatnonzero(records.event.among({"piece_reported"}) & (records.number != NONE))
    pieces = slots_of(records.peer.codes.take(rows), records.number.take(rows), len(records.peer.words))
    rows = rows.take(first_per_slot(*pieces))
    return Reports(rows, _costs_s(records, rows))


def _costs_s(records: Records, rows: NumberArray) -> FloatArray:
    if isinstance(records.events, Telling):
        return records.events.cost_s.take(records.row.take(rows))
    import pyarrow as pa

    return seconds_of(pa.array(records.take(rows).column("cost"), pa.large_string(), from_pandas=True))


def begun_ns(time: NumberArray, cost_s: FloatArray) -> NumberArray:
    """Return when reported pieces began: their cost before the report."""
    return np.where(time == NO_TIME, NO_TIME, time - (np.nan_to_num(cost_s) * 1e9).astype(np.int64))


def join_to_columns(attempts: Columns, records: Records, reports: Reports) -> Columns:
    """Return the attempts with what the reports add, and the pieces that only the scheduler saw behind them.

    A piece that the client's log holds with its times keeps them and takes its size from the report; a piece that only
    the scheduler saw becomes an attempt of its own, begun its cost before it was reported.

    Parameters
    ----------
    attempts : dict of str to numpy.ndarray
        Of `attempt_columns`, those of one peer in the order of their ends.
    records : Records
    reports : Reports

    Returns
    -------
    dict of str to numpy.ndarray
    """
    if not len(reports.rows):
        return attempts
    finished = np.flatnonzero(attempts["outcome"] == OK)
    peers, numbers = (
        np.concatenate([attempts[name].take(finished), told.take(reports.rows)])
        for name, told in (("peer", records.peer.codes), ("piece_number", records.number))
    )
    piece, n_pieces = slots_of(peers, numbers, len(records.peer.words))
    at = first_of(piece[: len(finished)], np.arange(len(finished)), n_pieces).take(piece[len(finished) :])
    known = at != NONE
    completed = _complete(attempts, finished[at[known]], records, reports.take(known)) if known.any() else attempts
    return joined(completed, columns_of_reports(records, reports.take(~known)))


def _complete(attempts: Columns, which: NumberArray, records: Records, reports: Reports) -> Columns:
    size, parent, started, duration_s = (
        attempts[name].copy() for name in ("size_bytes", "parent", "started", "duration_s")
    )
    told = records.size_bytes[reports.rows]
    size[which] = np.where(told == NONE, size[which], told)
    nobody = np.isin(parent[which], [NONE, records.parent.place.get("", NONE)])
    parent[which] = np.where(nobody, records.parent.codes[reports.rows], parent[which])
    missing = np.isnan(duration_s[which]) & ~np.isnan(reports.cost_s)
    duration_s[which[missing]] = reports.cost_s[missing]
    started[which[missing]] = begun_ns(records.time[reports.rows], reports.cost_s)[missing]
    return {**attempts, "size_bytes": size, "parent": parent, "started": started, "duration_s": duration_s}


def columns_of_reports(records: Records, reports: Reports) -> Columns:
    """Return reported pieces as attempts of their own."""
    rows, time = reports.rows, records.time.take(reports.rows)
    return attempt_columns(
        {
            **who(records, rows), "origin": origin_codes(records, rows), "parent": records.parent.codes.take(rows),
            "size_bytes": records.size_bytes.take(rows), "started": begun_ns(time, reports.cost_s), "ended": time, "duration_s": reports.cost_s,
            "outcome": OK, "signature": NONE, "round": 1, "successes_not_logged": False, "path": records.path.codes.take(rows),
            "log_line": records.line.take(rows), "order": np.arange(REPORTED, REPORTED + len(rows)),
        }
    )  # fmt: skip


def join_to_peers(peers: Mapping[str, PeerPieces], records: Records, reports: Reports) -> None:
    """Do the same for attempts that are still put together one by one.

    Parameters
    ----------
    peers : mapping of str to PeerPieces
        Changed in place: it is this stage's own scratch, made by `read_client_pieces`.
    records : Records
    reports : Reports
        Of those peers.
    """
    finished: dict[tuple[str, int], Attempt] = {}
    for peer_id, peer in peers.items():
        for attempt in peer.done:
            if attempt.outcome == "ok":
                finished.setdefault((peer_id, attempt.piece_number), attempt)
    for reported in _attempts(records, reports):
        own = finished.get((reported.record.peer_id, reported.piece_number))
        if own is None:
            peers[reported.record.peer_id].done.append(reported)
            continue
        own.size_bytes = own.size_bytes if reported.size_bytes is None else reported.size_bytes
        own.parent_id = own.parent_id or reported.parent_id
        if own.duration_s is None and reported.duration_s is not None:
            own.duration_s, own.started = reported.duration_s, reported.started


def _attempts(records: Records, reports: Reports) -> list[Attempt]:
    """Return reported pieces as attempts of their own, in order."""
    begun = times_of(begun_ns(records.time[reports.rows], reports.cost_s))
    sizes = records.size_bytes[reports.rows].tolist()
    return [
        Attempt(
            record, record.at, record.number, origin_of(record.origin), started=started, ended=record.time, outcome="ok",
            duration_s=None if math.isnan(cost) else cost, parent_id=record.parent_id, size_bytes=None if size == NONE else size,
        )
        for record, started, cost, size in zip(each_record(records, reports.rows), begun, reports.cost_s.tolist(), sizes, strict=True)
    ]  # fmt: skip
