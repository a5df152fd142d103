"""Pieces that were cancelled because another piece of their task failed, also where the log has no line for them."""

import heapq
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from dfly_analysis.reconstruction.event_records import SOURCE
from dfly_analysis.reconstruction.piece_state_machine import Attempt, PeerPieces, planned_pieces, seconds_between


@dataclass(slots=True)
class Reports:
    """Pieces of a peer as the scheduler knows them, by number: ends in nanoseconds by round, and start and seconds of those whose end the client logs too."""

    first: dict[int, int] = field(default_factory=dict)
    second: dict[int, int] = field(default_factory=dict)
    costs: dict[int, tuple[float, float | None]] = field(default_factory=dict)

    def take(self, number: int) -> tuple[float, float | None] | None:
        """Take out what is reported of a piece that the client's own log shows."""
        self.first.pop(number, None)
        self.second.pop(number, None)
        return self.costs.pop(number, None)


def add_cancelled(peer: PeerPieces, reports: Reports, in_flight: int | None) -> None:
    """Add to a peer whose log shows no starts the cancelled pieces and the starts, in place; reports that complete an attempt are taken out.

    A client of the cancelling kind drops the other pieces of a round when it is lost. Where it logs starts, what was open
    then is known (`read_pieces`). Where it does not, and does not name what it drops either, a planned piece that neither
    finished nor failed was in flight: such a client starts all pieces before it looks. Which pieces a lost second round had
    in flight is unknown unless their records are logged as dropped: none are inferred.
    """
    _complete(peer, reports)
    if not peer.cancelling:
        return
    _mark_rounds(peer, reports)
    if not any(attempt.deleted for attempt in peer.done):  # else this client names them itself
        peer.done += _inferred(peer, reports.first)
    if in_flight:
        for number, reported in ((1, reports.first), (2, reports.second)):
            _start_by_slot(peer, number, reported, in_flight)
    _keep_what_fits(peer, in_flight)


def _complete(peer: PeerPieces, reports: Reports) -> None:
    for attempt in peer.done:
        reported = reports.take(attempt.number) if attempt.outcome == "ok" else None
        if reported is not None and reported[1] is not None and attempt.duration_s is None:
            attempt.started, attempt.duration_s = reported


def _mark_rounds(peer: PeerPieces, reports: Reports) -> None:
    """Without start lines the finished pieces of the direct pass are not logged: its rows may not enter a fit."""
    if not (reports.first or reports.second) and not any(attempt.outcome == "ok" for attempt in peer.done):
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


def _inferred(peer: PeerPieces, reported: Collection[int]) -> list[Attempt]:
    """Return the planned pieces of the lost first round that neither finished nor failed; none where no end is logged."""
    own = [attempt for attempt in peer.done if attempt.round == 1]
    failed = [attempt for attempt in own if attempt.outcome not in ("ok", "cancelled") and attempt.origin == SOURCE]
    if len(peer.rounds) < 2 or not failed or failed[-1].successes_not_logged:
        return []
    (_, planned), (ended, again) = peer.rounds[0], peer.rounds[-1]
    missing = set(planned_pieces(planned)) & set(planned_pieces(again))
    missing.difference_update(reported, (attempt.number for attempt in own))
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


def _start_by_slot(peer: PeerPieces, number: int, reported: Mapping[int, int], in_flight: int) -> None:
    """Give pieces of a round without a start the moment their slot became free, as far as all ends before it are logged."""
    ended = [attempt for attempt in peer.done if attempt.round == number and attempt.ended is not None]
    own = {one.number: one for one in ended if one.inferred or one.number not in reported}
    if len(peer.rounds) < number or all(attempt.started is not None for attempt in own.values()):
        return
    if not all(
        reported.values()
    ):  # ends are not known where the scheduler's clock cannot be compared with the client's
        return
    begun, plan = peer.rounds[number - 1]
    pieces = sorted(planned_pieces(plan))
    ends: list[float] = []
    for piece in pieces[:in_flight]:
        if (attempt := own.get(piece)) is not None:
            heapq.heappush(ends, max(_start(attempt, begun), begun))
        elif piece in reported:
            heapq.heappush(ends, max(reported[piece], begun))
    if len(ends) < in_flight:
        return  # an end is not logged, so it is unknown when its slot became free
    for piece in pieces[in_flight:]:
        slot = ends[0]
        if (attempt := own.get(piece)) is not None:
            heapq.heapreplace(ends, max(_start(attempt, slot), slot))
        elif piece in reported:
            heapq.heapreplace(ends, max(reported[piece], slot))
        else:
            return


def _start(attempt: Attempt, slot: float) -> float:
    """Start an attempt whose start is not logged when its slot became free, and return when it ended."""
    ended = math.nan if attempt.ended is None else attempt.ended
    if attempt.started is None:
        if slot < ended:
            attempt.started, attempt.duration_s = slot, seconds_between(slot, ended)
        else:
            attempt.never_began = True
    return ended
