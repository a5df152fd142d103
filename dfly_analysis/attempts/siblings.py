"""Pieces that a failed sibling took with it, also where the log has no line for them."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dfly_analysis.attempts.columns import Columns
from dfly_analysis.attempts.limits import Limits
from dfly_analysis.attempts.pieces import Attempt, PeerPieces, piece_numbers, span_s
from dfly_analysis.attempts.records import Records
from dfly_analysis.attempts.typed import first_of
from dfly_analysis.attempts.words import LAST, NONE


def add_cancelled(peers: Mapping[str, PeerPieces], limits: Limits) -> None:
    """Add cancelled siblings and the starts that the log does not show.

    A client of the cancelling kind drops the other pieces of a round when it is lost. Where it logs starts, what was open
    then is known (`read_client_pieces`). Where it does not, and does not name what it drops either, a planned piece that
    neither finished nor failed was in flight: such a client starts all pieces before it looks. Which pieces a lost second round had in flight nobody says unless their records are logged as
    dropped: none are made up.

    Parameters
    ----------
    peers : mapping of str to PeerPieces
        Scratch of this stage, changed in place: peers whose starts are not logged.
    limits : Limits
    """
    for peer in peers.values():
        first = peer.done[0].record
        if not limits.siblings_cancelled(first.role, first.host):
            continue
        slots = limits.pieces_in_flight(first.role, first.host)
        _mark_rounds(peer)
        if not any(attempt.deleted for attempt in peer.done):  # else this client names them itself
            peer.done += _infer_cancelled(peer)
        _start_by_slot(peer, slots)
        _keep_what_fits(peer, slots)


def mark_reported_rounds(
    reported: Columns, records: Records, peers: Mapping[str, PeerPieces], limits: Limits
) -> Columns:
    """Return reported pieces, none of whose siblings failed by its client's log, with the round they belong to.

    Parameters
    ----------
    reported : dict of str to numpy.ndarray
        Of `attempt_columns`, in the order of the records.
    records : Records
    peers : mapping of str to PeerPieces
        Peers of which plans are known and nothing else.
    limits : Limits

    Returns
    -------
    dict of str to numpy.ndarray
    """
    twice = {
        records.peer.place[peer_id]: peer.rounds[-1][0]
        for peer_id, peer in peers.items()
        if len(peer.rounds) >= 2 and not math.isnan(peer.rounds[-1][0])
    }
    if not twice:
        return reported
    second = np.full(len(records.peer.words), LAST, dtype=np.int64)
    first = first_of(reported["peer"], np.arange(len(reported["peer"])), len(second))
    for code, started in twice.items():
        if (at := first[code]) != NONE and limits.siblings_cancelled(
            records.role.text(reported["role"][at]), records.host.text(reported["host"][at])
        ):
            second[code] = started
    repeated = second[reported["peer"]]
    is_later = (reported["started"] >= repeated) & (reported["ended"] > repeated)
    return {**reported, "round": np.where(is_later, 2, reported["round"]).astype("int8")}


def _mark_rounds(peer: PeerPieces) -> None:
    """Without start lines the finished pieces of the direct pass are unseen: rows of it may not enter a fit."""
    if not any(attempt.outcome == "ok" for attempt in peer.done):
        for attempt in peer.done:
            attempt.successes_not_logged = True
    if len(peer.rounds) < 2:
        return
    second = peer.rounds[-1][0]
    for attempt in peer.done:
        if attempt.ended is None or attempt.ended <= second:
            continue
        if attempt.outcome != "ok":
            attempt.round, attempt.successes_not_logged = 2, True
        elif attempt.started is None or attempt.started >= second:  # else its report came a moment later
            attempt.round = 2


def _infer_cancelled(peer: PeerPieces) -> list[Attempt]:
    """Return the planned pieces of the lost first round that neither finished nor failed; nothing where no end is seen."""
    own = [attempt for attempt in peer.done if attempt.round == 1]
    failed = [attempt for attempt in own if attempt.outcome not in ("ok", "cancelled") and attempt.origin == "source"]
    if len(peer.rounds) < 2 or not failed or failed[-1].successes_not_logged:
        return []
    (_, planned), (ended, repeated) = peer.rounds[0], peer.rounds[-1]
    missing = (set(piece_numbers(planned)) & set(piece_numbers(repeated))) - {attempt.piece_number for attempt in own}
    return [
        replace(
            failed[-1], piece_number=number, outcome="cancelled", started=None, ended=ended, duration_s=None, size_bytes=None,
            signature=None, text="", guessed=True,
        )
        for number in sorted(missing)
    ]  # fmt: skip


def _keep_what_fits(peer: PeerPieces, slots: int | None) -> None:
    """Drop guesses that had no slot before the round was lost, and more of them than there are slots, the oldest first."""
    guessed = [attempt for attempt in peer.done if attempt.guessed]
    started = [attempt for attempt in guessed if not attempt.never_started]
    kept = {attempt.piece_number for attempt in started[-slots:]} if slots else set()
    peer.done = [attempt for attempt in peer.done if not attempt.guessed or attempt.piece_number in kept]


def _start_by_slot(peer: PeerPieces, slots: int | None) -> None:
    """Give pieces without a start the moment their slot became free, as far as all ends before it are seen."""
    for number, (started, planned) in enumerate(peer.rounds[:2], start=1) if slots else ():
        own = {a.piece_number: a for a in peer.done if a.round == number and a.ended is not None}
        ends: list[float] = []
        for place, piece in enumerate(sorted(piece_numbers(planned))):
            attempt = own.get(piece)
            if place >= (slots or 0) and len(ends) < (slots or 0):
                break  # somebody's end is not seen, so it is not known when a slot became free
            slot = heapq.heappop(ends) if place >= (slots or 0) else started
            if attempt is None or attempt.ended is None:
                continue
            if attempt.started is None and slot < attempt.ended:
                attempt.started, attempt.duration_s = slot, span_s(slot, attempt.ended)
            elif attempt.started is None:
                attempt.never_started = True
            heapq.heappush(ends, max(attempt.ended, slot))
