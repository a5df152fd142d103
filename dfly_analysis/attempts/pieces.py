"""Pieces from the client's own log: start paired with finish, failure or cancellation, record after record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from dfly_analysis.attempts.limits import Limits, is_at_limit
from dfly_analysis.attempts.records import Records, times_of
from dfly_analysis.attempts.background import Background
from dfly_analysis.attempts.words import NumberArray
from dfly_analysis.catalog.error_signatures import cause_of, signature

FOLD_S = 2.0
Place = tuple[str, int, str, int]
_ORIGINS = {"source": "source", "BACK_TO_SOURCE": "source", "local": "local", "LOCAL_PEER": "local"}
ENDS = frozenset({"piece_finished", "piece_report_closed"})
FAILURES = frozenset({"piece_failed", "content_write_failed", "backend_failed", "parent_piece_failed"})
MARKS = frozenset({"pieces_planned", "source_round_failed", "task_failed"})  # of a peer's rounds, not of one piece
PIECE_EVENTS = frozenset({"piece_started", "piece_deleted"}) | ENDS | FAILURES
_MAX_COUNT = 10**9  # no number of nine digits
_FEW, _COUNTED = 100, 1 << 13  # pieces of a blob whose plan, of all of them in order, is known without reading it
_PLANNED = re.compile(r"\s*\d{1,9}\s*(?:,|\Z)")
_PLAN = re.compile(r"\s*\d{1,9}\s*(?:,\s*\d{1,9}\s*)*")


class Record(NamedTuple):
    """What the pairing needs of a client's record; `at` is its place among all."""

    at: int
    event: str
    peer_id: str
    time: float
    number: int
    task_id: str
    host: str
    role: str
    life: int
    origin: str | None
    parent_id: str | None
    span: str | None
    message: str | None
    error: str | None
    signature: str | None
    plan: str | None
    stage: str | None


@dataclass(slots=True)
class Attempt:
    """One attempt at one piece while it is being put together; becomes a row of `pieces`.

    `record` is its first, `last` the place of its last among all. Times are nanoseconds since 1970; ``nan`` where the
    record has none, which is neither before nor after anything. `place` is host, life of its process, task and piece; of
    several attempts open at one place the first asks, the others wait for it and are ``local`` as long as they do.
    `deleted`: whether its record is known to be dropped. `guessed`: no line of its own; `never_started`: it had no slot in time.
    """

    record: Record
    last: int
    piece_number: int
    origin: str
    round: int = 1
    started: float | None = None
    ended: float | None = None
    duration_s: float | None = None
    outcome: str = "unknown"
    parent_id: str | None = None
    size_bytes: int | None = None
    signature: str | None = None
    text: str = ""
    place: Place | None = None
    deleted: bool = False
    guessed: bool = False
    never_started: bool = False
    successes_not_logged: bool = False


@dataclass(slots=True)
class PeerPieces:
    """All attempts of one peer seen so far; `second_from` is the record with which its second round began.

    `rounds` holds the time and the plan of each round, in the client's words (`piece_numbers`).
    """

    done: list[Attempt] = field(default_factory=list)
    open: dict[tuple[int, int], Attempt] = field(default_factory=dict)
    failed_at: dict[int, tuple[float, Attempt]] = field(default_factory=dict)
    lost: dict[int, list[Attempt]] = field(default_factory=dict)
    round: int = 1
    rounds: list[tuple[float, str]] = field(default_factory=list)
    second_from: int | None = None
    sees_starts: bool = False


def origin_of(text: Any) -> str:
    """Return ``source``, ``parent`` or ``local`` for the words of clients and schedulers."""
    return _ORIGINS.get(str(text), "parent" if isinstance(text, str) else "source")


def asked_of(record: Record) -> str:
    """Return whom a client's request goes to, by its own words, else by the span it was made in."""
    return origin_of(record.origin) if record.origin is not None else origin_of_span(record.span)


def origin_of_span(span: str | None) -> str:
    """Return whom requests go to that are made in a span."""
    return "parent" if span is not None and "parent" in span else "source"


def span_s(begun: float, ended: float) -> float:
    """Return the seconds between two times in nanoseconds."""
    return (ended - begun) / 1e9


@dataclass(slots=True)
class _Running:
    """What the processes are at: attempts open at each place, oldest first, and places whose piece is there."""

    open: dict[Place, dict[int, Attempt]] = field(default_factory=dict)
    finished: set[Place] = field(default_factory=set)

    def begin(self, attempt: Attempt, place: Place) -> None:
        others = self.open.setdefault(place, {})
        if others or place in self.finished:
            attempt.origin = "local"  # it waits for another's request, or finds the piece there
        attempt.place = place
        others[id(attempt)] = attempt

    def end(self, attempt: Attempt, moment: float) -> None:
        others = self.open.get(attempt.place, {}) if attempt.place else {}
        if attempt.place is None or others.pop(id(attempt), None) is None:
            return
        if attempt.outcome == "ok":
            self.finished.add(attempt.place)
        elif attempt.origin != "local":
            for other in others.values():  # what they waited for is gone: now they ask themselves
                other.origin, other.started = asked_of(other.record), moment


@lru_cache(maxsize=256)  # a blob's plan is the same on every host, and comes back in every round
def piece_numbers(text: str | None) -> tuple[int, ...]:
    """Return the numbers of a plan as the client prints it; empty for anything else."""
    if text is None:
        return ()
    if not text.encode().translate(None, b"0123456789, "):
        with suppress(ValueError):  # a JSON reader takes a third of the time
            numbers = tuple(json.loads(f"[{text}]"))
            if max(numbers, default=_MAX_COUNT) < _MAX_COUNT:
                return numbers
    if _PLAN.fullmatch(text):
        return tuple(map(int, text.split(",")))
    return tuple(int(part) for part in text.split(",") if _PLAN.fullmatch(part))


def n_planned(text: str) -> int:
    """Return how many pieces a blob has of which a plan speaks, as far as the plan knows."""
    count = text.count(",") + 1
    if _FEW < count <= _COUNTED and _all_numbers().startswith(f"{text},"):
        return count
    return max(piece_numbers(text)) + 1


@cache
def _all_numbers() -> str:
    return ", ".join(map(str, range(_COUNTED + 1)))


def read_client_pieces(
    records: Records, rows: NumberArray, run_context: Background, limits: Limits
) -> dict[str, PeerPieces]:
    """Put a client's piece records together, peer by peer.

    Parameters
    ----------
    records : Records
    rows : numpy.ndarray of int
        Places of the clients' records of `PIECE_EVENTS` and `MARKS` to look at, in order.
    run_context : Background
    limits : Limits

    Returns
    -------
    dict of str to PeerPieces
        By peer id.
    """
    peers: dict[str, PeerPieces] = {}
    running = _Running()
    siblings_cancelled = cache(limits.siblings_cancelled)
    for record in each_record(records, rows, run_context):
        peer = peers.get(record.peer_id) or peers.setdefault(record.peer_id, PeerPieces())
        cancelling = siblings_cancelled(record.role, record.host)
        if record.event == "pieces_planned":
            _plan(peer, record)
        if record.event in MARKS:
            if cancelling and (record.event != "pieces_planned" or peer.round == 2):
                _cut_open(peer, record.time, running)
        else:
            _piece_record(peer, record, running, cancelling=cancelling)
    return peers


def each_record(records: Records, rows: NumberArray, run_context: Background | None = None) -> Iterator[Record]:
    """Yield some records one by one; without a background all in the first life of their process."""
    chosen = records.take(rows)
    lives = np.zeros(len(rows), dtype=np.int64) if run_context is None else run_context.lives(chosen)
    tells = chosen.event.among(FAILURES)
    plans = chosen.event.among({"pieces_planned"})
    columns = [
        rows.tolist(), chosen.event.texts(), chosen.peer.texts(), times_of(chosen.time), chosen.number.tolist(), chosen.task.texts(),
        chosen.host.texts(), chosen.role.texts(), lives.tolist(),
        chosen.origin.texts(), chosen.parent.texts(), chosen.span.texts(),
        *(chosen.texts(name, tells) for name in ("message", "error", "signature")),
        *(chosen.texts(name, plans) for name in ("pieces", "stage")),
    ]  # fmt: skip
    return map(Record._make, zip(*columns, strict=True))


def _cut_open(peer: PeerPieces, moment: float, running: _Running) -> None:
    """End pieces that started and never ended: their round was lost by then, and they were cancelled with it."""
    for attempt in peer.open.values():
        _settle(peer, attempt, "cancelled", moment)
        running.end(attempt, moment)
    peer.open.clear()


def _settle(peer: PeerPieces, attempt: Attempt, outcome: str, moment: float) -> None:
    attempt.outcome, attempt.ended = outcome, moment
    if attempt.started is not None:
        attempt.duration_s = span_s(attempt.started, moment)
    peer.done.append(attempt)
    if outcome != "ok":
        peer.lost.setdefault(attempt.piece_number, []).append(attempt)


def _plan(peer: PeerPieces, record: Record) -> None:
    repeated = record.stage == "removing the finished piece" and peer.rounds
    if peer.round == 1 and (repeated or record.stage == "downloading from scheduler"):
        peer.round, peer.second_from = 2, record.at
    if record.plan is not None and (_PLANNED.match(record.plan) or piece_numbers(record.plan)):
        peer.rounds.append((record.time, record.plan))


def _piece_record(peer: PeerPieces, record: Record, running: _Running, *, cancelling: bool) -> None:
    if record.event == "piece_started":
        peer.sees_starts = True
        attempt = _new(record, peer.round, started=record.time)
        running.begin(attempt, (record.host, record.life, record.task_id, record.number))
        key = (record.number, peer.round)
        peer.open[key if key not in peer.open else (record.number, peer.round + 1)] = attempt
    elif record.event in ENDS:
        _close(peer, record, "ok", running)
    elif record.event in FAILURES:
        _fail(peer, record, running)
    elif record.event == "piece_deleted":
        _delete(peer, record, running, cancelling=cancelling)


def _new(record: Record, round_number: int, started: float | None = None) -> Attempt:
    origin = asked_of(record)
    return Attempt(record, record.at, record.number, origin, round_number, started, parent_id=record.parent_id)


def _close(peer: PeerPieces, record: Record, outcome: str, running: _Running) -> Attempt:
    attempt = None
    # A report that found its channel closed comes from the older pass, the lost round; everything else too, oldest first.
    for round_number in (1, 2, 3):
        attempt = peer.open.pop((record.number, round_number), None)
        if attempt is not None:
            break
    attempt = attempt or _new(record, peer.round)
    attempt.last = record.at
    _settle(peer, attempt, outcome, record.time)
    running.end(attempt, record.time)
    return attempt


def _fail(peer: PeerPieces, record: Record, running: _Running) -> None:
    text = record.error if record.error is not None else record.message or ""
    before = peer.failed_at.get(record.number)
    if (
        before
        and span_s(before[0], record.time) <= FOLD_S
        and record.event not in ("content_write_failed", "backend_failed")
    ):
        attempt = before[1]  # an echo of the same failure: keep the first, learn what it adds
        attempt.text = attempt.text if cause_of(attempt.text) else f"{attempt.text} {text}"
        attempt.signature = attempt.signature or record.signature
        return
    attempt = _close(peer, record, "failed", running)
    attempt.text = text
    attempt.signature = record.signature
    peer.failed_at[record.number] = (record.time, attempt)


def _delete(peer: PeerPieces, record: Record, running: _Running, *, cancelling: bool) -> None:
    """Take a dropped record for what it follows, a failure; else for a sibling's end."""
    for attempt in reversed(peer.lost.get(record.number, [])):
        if not attempt.deleted and attempt.ended is not None and span_s(attempt.ended, record.time) <= FOLD_S:
            attempt.deleted = True
            return
    if cancelling:
        _close(peer, record, "cancelled", running).deleted = True


def judge(attempt: Attempt, limits: Limits) -> None:
    """Say how a failed attempt ended: by its words, else by the time it had run."""
    if attempt.outcome != "failed":
        return
    known = cause_of(attempt.text)
    if known is None and attempt.signature:
        known = signature(attempt.signature)
    limit_s = limits.limit_s(attempt.record.role, attempt.record.host)
    if known is not None and known.outcome != "unknown":
        attempt.outcome, attempt.signature = known.outcome, known.id
        if known.outcome == "timeout" and attempt.duration_s is None and attempt.ended is not None and limit_s:
            # A start that nobody logged: what was cut by its limit had run exactly as long.
            attempt.started, attempt.duration_s = attempt.ended - int(limit_s * 1e9), limit_s
        return
    body = "decoding response body" in attempt.text
    attempt.signature = "error_decoding_response_body" if body else attempt.signature
    attempt.outcome = "unknown"
    if attempt.duration_s is not None and is_at_limit(attempt.duration_s, limit_s):
        attempt.outcome = "timeout"
    elif body and attempt.duration_s is not None and limit_s is not None and attempt.duration_s < limit_s:
        attempt.outcome = "reset"  # a body ends early because its time is up, or because the other side cut it


def attempts_of(peers: Mapping[str, PeerPieces]) -> Iterator[Attempt]:
    """Yield all attempts, the unfinished ones too."""
    for peer in peers.values():
        yield from peer.done
        yield from peer.open.values()
