"""Pieces that were cancelled because another piece of their task failed, also where the log has no line for them."""

from __future__ import annotations

import heapq
from dataclasses import replace
from functools import lru_cache
from typing import TypeAlias

from dfly_analysis.reconstruction.event_records import SOURCE
from dfly_analysis.reconstruction.piece_state_machine import Attempt, PeerPieces, planned_pieces, seconds_between


Reports: TypeAlias = dict[int, tuple[float, float, float | None]]
"""By piece: when it began and ended by the scheduler's first report, nanoseconds since 1970, and seconds that it cost."""


def add_cancelled(peer: PeerPieces, reports: Reports, in_flight: int | None) -> None:
    """Add the cancelled pieces and the starts that the log does not show.

    A client of the cancelling kind drops the other pieces of a round when it is lost. Where it logs starts, what was open
    then is known (`read_pieces`). Where it does not, and does not name what it drops either, a planned piece that neither
    finished nor failed was in flight: such a client starts all pieces before it looks. Which pieces a lost second round had
    in flight nobody says unless their records are logged as dropped: none are made up.

    Parameters
    ----------
    peer : PeerPieces
        Of a client that does not log starts, with at least one attempt; changed in place.
    reports : dict of int to (float, float, float or None)
        Of the same peer. Those of pieces whose end its own log shows complete that attempt and are taken out.
    in_flight : int or None
        Pieces that the host fetches at a time.
    """
    _complete(peer, reports)
    if not peer.cancelling:
        return
    _mark_rounds(peer, reports)
    rounds = _rounds_of(peer, reports)
    if not any(attempt.deleted for attempt in peer.done):  # else this client names them itself
        peer.done += _inferred(peer, rounds[1])
    _start_by_slot(peer, rounds, in_flight)
    _keep_what_fits(peer, in_flight)


def _complete(peer: PeerPieces, reports: Reports) -> None:
    for attempt in peer.done:
        if attempt.outcome == "ok" and attempt.number in reports:
            began, _, cost_s = reports.pop(attempt.number)
            if attempt.duration_s is None and cost_s is not None:
                attempt.started, attempt.duration_s = began, cost_s


def _mark_rounds(peer: PeerPieces, reports: Reports) -> None:
    """Without start lines the finished pieces of the direct pass are unseen: rows of it may not enter a fit."""
    if not reports and not any(attempt.outcome == "ok" for attempt in peer.done):
        for attempt in peer.done:
            attempt.survivors_unseen = True
    if len(peer.rounds) < 2:
        return
    second = peer.rounds[-1][0]
    for attempt in peer.done:
        if attempt.ended is None or attempt.ended <= second:
            continue
        if attempt.outcome != "ok":
            attempt.round, attempt.survivors_unseen = 2, True
        elif attempt.started is None or attempt.started >= second:  # else its report came a moment later
            attempt.round = 2


def _rounds_of(peer: PeerPieces, reports: Reports) -> dict[int, Reports]:
    """Return the reports of each round."""
    if len(peer.rounds) < 2:
        return {1: reports, 2: {}}
    second = peer.rounds[-1][0]
    again = {number: one for number, one in reports.items() if one[1] > second and one[0] >= second}
    return {1: {number: one for number, one in reports.items() if number not in again}, 2: again}


def _inferred(peer: PeerPieces, reports: Reports) -> list[Attempt]:
    """Return the planned pieces of the lost first round that neither finished nor failed; nothing where no end is seen."""
    own = [attempt for attempt in peer.done if attempt.round == 1]
    failed = [attempt for attempt in own if attempt.outcome not in ("ok", "cancelled") and attempt.origin == SOURCE]
    if len(peer.rounds) < 2 or not failed or failed[-1].survivors_unseen:
        return []
    (_, planned), (ended, again) = peer.rounds[0], peer.rounds[-1]
    missing = set(planned_pieces(planned)) & set(planned_pieces(again))
    missing -= reports.keys()
    missing -= {attempt.number for attempt in own}
    return [
        replace(
            failed[-1], number=number, outcome="cancelled", started=None, ended=ended, duration_s=None, signature=None, text="", inferred=True
        )
        for number in sorted(missing)
    ]  # fmt: skip


def _keep_what_fits(peer: PeerPieces, in_flight: int | None) -> None:
    """Drop inferred pieces that had no slot before the round was lost, and more of them than there are slots, the oldest first."""
    begun = [attempt.number for attempt in peer.done if attempt.inferred and not attempt.never_began]
    kept = set(begun[-in_flight:]) if in_flight else set()
    peer.done = [attempt for attempt in peer.done if not attempt.inferred or attempt.number in kept]


@lru_cache(maxsize=256)
def _sorted_plan(text: str) -> tuple[int, ...]:
    return tuple(sorted(planned_pieces(text)))


def _start_by_slot(peer: PeerPieces, rounds: dict[int, Reports], in_flight: int | None) -> None:
    """Give pieces without a start the moment their slot became free, as far as all ends before it are seen."""
    if not in_flight:
        return
    for number, (begun, planned) in enumerate(peer.rounds[:2], start=1):
        reports = rounds[number]
        own = {
            attempt.number: attempt
            for attempt in peer.done
            if attempt.round == number
            and attempt.ended is not None
            and (attempt.inferred or attempt.number not in reports)
        }
        ends: list[float] = []
        for place, piece in enumerate(_sorted_plan(planned)):
            if place < in_flight:
                slot = begun
            elif len(ends) < in_flight:
                break  # somebody's end is not seen, so it is not known when a slot became free
            else:
                slot = heapq.heappop(ends)
            attempt = own.get(piece)
            if attempt is None:
                if piece in reports:
                    heapq.heappush(ends, max(reports[piece][1], slot))
                continue
            ended = attempt.ended
            if attempt.started is None and slot < ended:
                attempt.started, attempt.duration_s = slot, seconds_between(slot, ended)
            elif attempt.started is None:
                attempt.never_began = True
            heapq.heappush(ends, max(ended, slot))
