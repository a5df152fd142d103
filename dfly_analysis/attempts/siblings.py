"""Pieces that a failed sibling took with it, also where the log has no line for them."""

from __future__ import annotations

import heapq
from dataclasses import replace

from dfly_analysis.attempts.limits import Limits
from dfly_analysis.attempts.pieces import FOLD_S, Attempt, PeerPieces, cut_open


def add_cancelled(peers: dict[str, PeerPieces], limits: Limits) -> None:
    """Add cancelled siblings and the starts that the log does not show.

    A client of the cancelling kind drops the other pieces of the task when a round is lost. Its record of each dropped
    piece may be logged (``delete piece metadata``); else the pieces in flight are rebuilt: pieces take slots in ascending
    number, a slot frees when a piece ends.

    Parameters
    ----------
    peers : dict of str to PeerPieces
        Scratch of this stage, changed in place.
    limits : Limits
    """
    for peer in peers.values():
        first = next((attempt for attempt in peer.done), None)
        if first is None or not limits.siblings_cancelled(first.role, first.host):
            continue
        _add_deleted(peer, first)
        if peer.sees_starts:
            _cut_last_round(peer)
        else:
            _mark_rounds(peer)
            _start_by_slot(peer, first, limits)


def _add_deleted(peer: PeerPieces, like: Attempt) -> None:
    for number, row in peer.deleted:
        near = [
            a
            for a in peer.done
            if a.piece_number == number and a.ended is not None and abs((row.time - a.ended).total_seconds()) <= FOLD_S
        ]
        if any(attempt.outcome != "cancelled" for attempt in near if attempt.outcome != "ok"):
            continue
        key = next((key for key in sorted(peer.open) if key[0] == number), None)
        attempt = (
            peer.open.pop(key)
            if key
            else replace(like, piece_number=number, started=None, size_bytes=None, parent_id=None)
        )
        attempt.ended, attempt.outcome, attempt.signature, attempt.text = row.time, "cancelled", None, ""
        attempt.log_path, attempt.log_line = row.log_path, int(row.log_line)
        attempt.duration_s = (row.time - attempt.started).total_seconds() if attempt.started is not None else None
        peer.done.append(attempt)


def _cut_last_round(peer: PeerPieces) -> None:
    """End what was still open when the task's last round was lost."""
    failures = [
        attempt.ended
        for attempt in peer.done
        if attempt.outcome not in ("ok", "cancelled") and attempt.ended is not None
    ]
    begun = [attempt.started for attempt in peer.open.values() if attempt.started is not None]
    after = [time for time in failures if begun and time >= min(begun)]
    if after:
        cut_open(peer, max(after), {})


def _mark_rounds(peer: PeerPieces) -> None:
    """Without start lines the finished pieces of the direct pass are unseen: rows of it may not enter a fit."""
    if not any(attempt.outcome == "ok" for attempt in peer.done):
        for attempt in peer.done:
            attempt.survivors_unseen = True
    if len(peer.rounds) < 2:
        return
    second = peer.rounds[-1][0]
    for attempt in peer.done:
        if attempt.ended is not None and attempt.ended > second and attempt.outcome != "ok":
            attempt.round, attempt.survivors_unseen = 2, True


def _start_by_slot(peer: PeerPieces, like: Attempt, limits: Limits) -> None:
    """Give pieces without a start the moment their slot became free."""
    slots = limits.pieces_in_flight(like.role, like.host)
    for number, (begun, planned) in enumerate(peer.rounds[:2], start=1):
        attempts = sorted(
            (a for a in peer.done if a.round == number and a.ended is not None and a.origin == "source"),
            key=lambda a: a.piece_number,
        )
        if not attempts or not slots:
            continue
        by_number = {attempt.piece_number: attempt for attempt in attempts}
        free = [begun] * min(slots, len(planned))
        heapq.heapify(free)
        for piece in sorted(planned):
            attempt = by_number.get(piece)
            if not free or attempt is None:
                continue
            slot = heapq.heappop(free)
            known = attempt.started if attempt.started is not None else slot
            if attempt.started is None and attempt.ended is not None and slot <= attempt.ended:
                attempt.started, attempt.duration_s = slot, (attempt.ended - slot).total_seconds()
            heapq.heappush(free, max(attempt.ended or known, known))
