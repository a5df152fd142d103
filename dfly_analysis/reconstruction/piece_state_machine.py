"""Pieces with trouble, from the client's own log: start paired with finish, failure or cancellation, record after record."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from dfly_analysis.catalog.error_signatures import cause_of
from dfly_analysis.reconstruction.event_records import DELETED, ENDS, FAILURES, LOCAL, PLANNED, ROUND_EVENTS, STARTED

ECHO_S = 2.0  # records of one failure come within this time
SECOND_ROUND, AGAIN = 2, 1
Place = tuple[int, int | None, int]
_PLANNED = re.compile(r"\s*\d{1,9}\s*(?:,|\Z)")
_PLAN = re.compile(r"\s*\d{1,9}\s*(?:,\s*\d{1,9}\s*)*")
_NOT_ECHOES = ("content_write_failed", "backend_failed")


class Record(NamedTuple):
    """A client's record of a piece or a round; `life` is the record of the last start of the host's process before, `stage` of a plan `SECOND_ROUND`, `AGAIN` or 0."""

    seq: int
    id: int
    event: str
    peer: int
    time: float
    number: int
    place: int
    life: int | None
    origin: int
    cancelling: bool
    stage: int
    line: int
    parent_id: str | None
    detail: str | None
    message: str | None
    signature: str | None


@dataclass(slots=True)
class Attempt:
    """One attempt at one piece while it is being put together; `place` is task and host, life of the process, and piece.

    Of several attempts open at one place the first sends the request, the others wait for it and are local as long as they do. `deleted`: a
    record shows that the piece was dropped. `inferred`: it has no record of its own. Times are nanoseconds since 1970.
    """

    first: Record
    last: Record
    number: int
    origin: int
    round: int = 1
    started: float | None = None
    ended: float | None = None
    duration_s: float | None = None
    outcome: str = "unknown"
    signature: str | None = None
    text: str = ""
    place: Place | None = None
    deleted: bool = False
    inferred: bool = False
    never_began: bool = False
    successes_not_logged: bool = False


@dataclass(slots=True)
class PeerPieces:
    """All attempts of one peer so far; `rounds` holds the time and the plan of each round."""

    cancelling: bool
    done: list[Attempt] = field(default_factory=list)
    open: dict[tuple[int, int], Attempt] = field(default_factory=dict)
    failed_at: dict[int, tuple[float, Attempt]] = field(default_factory=dict)
    lost: dict[int, list[Attempt]] = field(default_factory=dict)
    round: int = 1
    rounds: list[tuple[float, str]] = field(default_factory=list)


def seconds_between(began: float, ended: float) -> float:
    """Return the seconds between two times in nanoseconds."""
    return (ended - began) / 1e9


@dataclass(slots=True)
class _Requests:
    """What the processes are at: attempts open at each place, oldest first, and places whose piece is there."""

    open: dict[Place, dict[int, Attempt]] = field(default_factory=dict)
    finished: set[Place] = field(default_factory=set)

    def begin(self, attempt: Attempt, place: Place) -> None:
        others = self.open.setdefault(place, {})
        if others or place in self.finished:
            attempt.origin = LOCAL  # it waits for another's request, or finds the piece there
        attempt.place = place
        others[id(attempt)] = attempt

    def end(self, attempt: Attempt, moment: float) -> None:
        others = self.open.get(attempt.place, {}) if attempt.place else {}
        if attempt.place is None or others.pop(id(attempt), None) is None:
            return
        if attempt.outcome == "ok":
            self.finished.add(attempt.place)
        elif attempt.origin != LOCAL:
            for other in others.values():  # the request they waited for failed: now they send their own
                other.origin, other.started = other.first.origin, moment


@lru_cache(maxsize=256)  # the plan of a blob is the same on every host, and comes back in every round
def planned_pieces(text: str | None) -> tuple[int, ...]:
    """Return the numbers of a plan as the client prints it; empty for anything else."""
    if text is None:
        return ()
    if _PLAN.fullmatch(text):
        return tuple(map(int, text.split(",")))
    return tuple(int(part) for part in text.split(",") if _PLAN.fullmatch(part))


def read_pieces(records: Iterable[Record]) -> dict[int, PeerPieces]:
    """Put the attempts of peers together, by peer; records are in the order they were written, all of each piece of a task on a host."""
    peers: dict[int, PeerPieces] = {}
    requests = _Requests()
    for record in records:
        peer = peers.get(record.peer)
        if peer is None:
            peer = peers[record.peer] = PeerPieces(record.cancelling)
        event = record.event
        if event in ROUND_EVENTS:
            if event == PLANNED:
                _plan(peer, record)
            if record.cancelling and (event != PLANNED or peer.round == 2):
                _cancel_open(peer, record.time, requests)
        elif event == STARTED:
            _start(peer, record, requests)
        elif event in ENDS:
            _close(peer, record, "ok", requests)
        elif event in FAILURES:
            _fail(peer, record, requests)
        elif event == DELETED:
            _delete(peer, record, requests)
    return peers


def _cancel_open(peer: PeerPieces, moment: float, requests: _Requests) -> None:
    """End pieces that started and never ended: their round was lost by then, and they were cancelled with it."""
    for attempt in peer.open.values():
        _settle(peer, attempt, "cancelled", moment)
        requests.end(attempt, moment)
    peer.open.clear()


def _settle(peer: PeerPieces, attempt: Attempt, outcome: str, moment: float) -> None:
    attempt.outcome, attempt.ended = outcome, moment
    if attempt.started is not None:
        attempt.duration_s = seconds_between(attempt.started, moment)
    peer.done.append(attempt)
    if outcome != "ok":
        peer.lost.setdefault(attempt.number, []).append(attempt)


def _plan(peer: PeerPieces, record: Record) -> None:
    if peer.round == 1 and (record.stage == SECOND_ROUND or (record.stage == AGAIN and peer.rounds)):
        peer.round = 2
    if record.detail is not None and (_PLANNED.match(record.detail) or planned_pieces(record.detail)):
        peer.rounds.append((record.time, record.detail))


def _start(peer: PeerPieces, record: Record, requests: _Requests) -> None:
    attempt = Attempt(record, record, record.number, record.origin, peer.round, record.time)
    requests.begin(attempt, (record.place, record.life, record.number))
    key = (record.number, peer.round)
    peer.open[key if key not in peer.open else (record.number, peer.round + 1)] = attempt


def _close(peer: PeerPieces, record: Record, outcome: str, requests: _Requests) -> Attempt:
    attempt = None
    # A report that found its channel closed comes from the older pass, the lost round; everything else too, oldest first.
    for round_number in (1, 2, 3) if peer.open else ():
        attempt = peer.open.pop((record.number, round_number), None)
        if attempt is not None:
            break
    attempt = attempt or Attempt(record, record, record.number, record.origin, peer.round)
    attempt.last = record
    _settle(peer, attempt, outcome, record.time)
    requests.end(attempt, record.time)
    return attempt


def _fail(peer: PeerPieces, record: Record, requests: _Requests) -> None:
    text = record.detail if record.detail is not None else record.message or ""
    before = peer.failed_at.get(record.number)
    if before and record.event not in _NOT_ECHOES and seconds_between(before[0], record.time) <= ECHO_S:
        attempt = before[1]  # an echo of the same failure: keep the first, learn what it adds
        attempt.text = attempt.text if cause_of(attempt.text) else f"{attempt.text} {text}"
        attempt.signature = attempt.signature or record.signature
        return
    attempt = _close(peer, record, "failed", requests)
    attempt.text = text
    attempt.signature = record.signature
    peer.failed_at[record.number] = (record.time, attempt)


def _delete(peer: PeerPieces, record: Record, requests: _Requests) -> None:
    """Take a dropped record for what it follows, a failure; else for the end of a cancelled piece."""
    for attempt in reversed(peer.lost.get(record.number, [])):
        if not attempt.deleted and attempt.ended is not None and seconds_between(attempt.ended, record.time) <= ECHO_S:
            attempt.deleted = True
            return
    if record.cancelling:
        _close(peer, record, "cancelled", requests).deleted = True
