"""Pieces from the client's own log: start paired with finish, failure or cancellation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from dfly_analysis.attempts.limits import Limits, is_at_limit
from dfly_analysis.attempts.peers import count_lives
from dfly_analysis.knowledge.signature import cause_of, signature

FOLD_S = 2.0
Place = tuple[str, int, str, int]
_ORIGINS = {"source": "source", "BACK_TO_SOURCE": "source", "local": "local", "LOCAL_PEER": "local"}
_ENDS = frozenset({"piece_finished", "piece_report_closed"})
_FAILURES = frozenset({"piece_failed", "content_write_failed", "backend_failed", "parent_piece_failed"})
_LOST = frozenset({"source_round_failed", "task_failed"})
PIECE_EVENTS = frozenset({"piece_started", "piece_deleted", "pieces_planned"}) | _ENDS | _FAILURES | _LOST


@dataclass
class Attempt:
    """One attempt at one piece while it is being put together; becomes a row of `pieces`.

    `place` is host, life of its process, task and piece; of several attempts open at one place the first asks
    (`asked_of`: whom), the others wait for it and are ``local`` as long as they do. `deleted`: whether its record is
    known to be dropped. `guessed`: no line of its own; `never_began`: it had no slot in time.
    """

    task_id: str
    peer_id: str
    host: str
    role: str
    piece_number: int
    origin: str = "source"
    parent_id: str | None = None
    size_bytes: int | None = None
    started: pd.Timestamp | None = None
    ended: pd.Timestamp | None = None
    duration_s: float | None = None
    outcome: str = "unknown"
    signature: str | None = None
    text: str = ""
    round: int = 1
    place: Place | None = None
    asked_of: str = "source"
    deleted: bool = False
    guessed: bool = False
    never_began: bool = False
    survivors_unseen: bool = False
    log_path: str | None = None
    log_line: int | None = None


@dataclass
class PeerPieces:
    """All attempts of one peer seen so far."""

    done: list[Attempt] = field(default_factory=list)
    open: dict[tuple[int, int], Attempt] = field(default_factory=dict)
    failed_at: dict[int, tuple[pd.Timestamp, Attempt]] = field(default_factory=dict)
    round: int = 1
    rounds: list[tuple[pd.Timestamp, tuple[int, ...]]] = field(default_factory=list)
    sees_starts: bool = False


def origin_of(text: Any) -> str:
    """Return ``source``, ``parent`` or ``local`` for the words of clients and schedulers."""
    return _ORIGINS.get(str(text), "parent" if isinstance(text, str) else "source")


@dataclass
class _Running:
    """What the processes are at: attempts open at each place, oldest first, and places whose piece is there."""

    open: dict[Place, list[Attempt]] = field(default_factory=dict)
    finished: set[Place] = field(default_factory=set)

    def begin(self, attempt: Attempt, place: Place) -> None:
        others = self.open.setdefault(place, [])
        if others or place in self.finished:
            attempt.origin = "local"  # it waits for another's request, or finds the piece there
        attempt.place = place
        others.append(attempt)

    def end(self, attempt: Attempt, moment: pd.Timestamp) -> None:
        others = self.open.get(attempt.place, []) if attempt.place else []
        if not any(other is attempt for other in others):
            return
        others[:] = [other for other in others if other is not attempt]
        if attempt.outcome == "ok":
            self.finished.add(attempt.place)  # type: ignore[arg-type]
        elif attempt.origin != "local":
            for other in others:  # what they waited for is gone: now they ask themselves
                other.origin, other.started = other.asked_of, moment


def piece_numbers(text: Any) -> tuple[int, ...]:
    """Return the numbers of a plan as the client prints it; empty for anything else."""
    parts = text.split(",") if isinstance(text, str) else ()
    return tuple(int(part) for part in parts if re.fullmatch(r"\s*\d{1,9}\s*", part))


def read_client_pieces(events: pd.DataFrame, limits: Limits) -> dict[str, PeerPieces]:
    """Put the client's piece records together, peer by peer.

    Parameters
    ----------
    events : pandas.DataFrame
        With peers filled in, in the order they were written.
    limits : Limits

    Returns
    -------
    dict of str to PeerPieces
        By peer id.
    """
    peers: dict[str, PeerPieces] = {}
    running = _Running()
    chosen = events[
        (events["component"] == "client") & events["event_id"].isin(PIECE_EVENTS) & events["peer_id"].notna()
    ]
    chosen = chosen.assign(life=count_lives(chosen, events))
    row: Any
    for row in chosen.itertuples(index=False):
        peer = peers.setdefault(row.peer_id, PeerPieces())
        cancelling = limits.siblings_cancelled(row.role, row.host)
        if row.event_id == "pieces_planned":
            _plan(peer, row)
        if cancelling and (row.event_id in _LOST or (row.event_id == "pieces_planned" and peer.round == 2)):
            _cut_open(peer, row.time, running)
        elif pd.notna(row.piece_number) and pd.notna(row.task_id):
            _piece_record(peer, row, running, cancelling=cancelling)
    return peers


def _cut_open(peer: PeerPieces, moment: pd.Timestamp, running: _Running) -> None:
    """End pieces that started and never ended: their round was lost by then, and they were cancelled with it."""
    for attempt in peer.open.values():
        _settle(attempt, "cancelled", moment)
        running.end(attempt, moment)
        peer.done.append(attempt)
    peer.open.clear()


def _settle(attempt: Attempt, outcome: str, moment: pd.Timestamp) -> None:
    attempt.outcome, attempt.ended = outcome, moment
    if attempt.started is not None:
        attempt.duration_s = (moment - attempt.started).total_seconds()


def _plan(peer: PeerPieces, row: Any) -> None:
    numbers = piece_numbers(row.pieces)
    if row.stage == "downloading from scheduler" or (row.stage == "removing the finished piece" and peer.rounds):
        peer.round = 2
    if numbers:
        peer.rounds.append((row.time, numbers))


def _piece_record(peer: PeerPieces, row: Any, running: _Running, *, cancelling: bool) -> None:
    number = int(row.piece_number)
    if row.event_id == "piece_started":
        peer.sees_starts = True
        attempt = _new(row, number, peer.round, started=row.time)
        running.begin(attempt, (row.host, row.life, row.task_id, number))
        peer.open[number, peer.round if (number, peer.round) not in peer.open else peer.round + 1] = attempt
    elif row.event_id in _ENDS and "Failed" not in row.message[:40]:
        _close(peer, row, number, "ok", running)
    elif row.event_id in _FAILURES:
        _fail(peer, row, number, running)
    elif row.event_id == "piece_deleted":
        _delete(peer, row, number, running, cancelling=cancelling)


def _new(row: Any, number: int, round_number: int, started: pd.Timestamp | None = None) -> Attempt:
    origin = origin_of(row.origin)
    if not isinstance(row.origin, str) and "parent" in str(row.span):
        origin = "parent"
    return Attempt(
        row.task_id, row.peer_id, row.host, row.role, number, origin, row.parent_id if isinstance(row.parent_id, str) else None,
        started=started, round=round_number, asked_of=origin, log_path=row.log_path, log_line=int(row.log_line),
    )  # fmt: skip


def _close(peer: PeerPieces, row: Any, number: int, outcome: str, running: _Running) -> Attempt:
    keys = sorted(key for key in peer.open if key[0] == number)
    # A report that found its channel closed comes from the older pass, the lost round; everything else too, oldest first.
    attempt = peer.open.pop(keys[0]) if keys else _new(row, number, peer.round)
    attempt.log_path, attempt.log_line = row.log_path, int(row.log_line)
    _settle(attempt, outcome, row.time)
    running.end(attempt, row.time)
    peer.done.append(attempt)
    return attempt


def _fail(peer: PeerPieces, row: Any, number: int, running: _Running) -> None:
    text = row.error if isinstance(row.error, str) else row.message
    before = peer.failed_at.get(number)
    if (
        before
        and (row.time - before[0]).total_seconds() <= FOLD_S
        and row.event_id not in ("content_write_failed", "backend_failed")
    ):
        attempt = before[1]  # an echo of the same failure: keep the first, learn what it adds
        attempt.text = attempt.text if cause_of(attempt.text) else f"{attempt.text} {text}"
        attempt.signature = attempt.signature or (row.signature if isinstance(row.signature, str) else None)
        return
    attempt = _close(peer, row, number, "failed", running)
    attempt.text = text
    attempt.signature = row.signature if isinstance(row.signature, str) else None
    peer.failed_at[number] = (row.time, attempt)


def _delete(peer: PeerPieces, row: Any, number: int, running: _Running, *, cancelling: bool) -> None:
    """Take a dropped record for what it follows, a failure; else for a sibling's end."""
    for attempt in reversed(peer.done):
        if attempt.piece_number != number or attempt.deleted or attempt.outcome == "ok" or attempt.ended is None:
            continue
        if (row.time - attempt.ended).total_seconds() <= FOLD_S:
            attempt.deleted = True
            return
    if cancelling:
        _close(peer, row, number, "cancelled", running).deleted = True


def judge(attempt: Attempt, limits: Limits) -> None:
    """Say how a failed attempt ended: by its words, else by the time it had run."""
    if attempt.outcome != "failed":
        return
    known = cause_of(attempt.text)
    if known is None and attempt.signature:
        known = signature(attempt.signature)
    limit_s = limits.limit_s(attempt.role, attempt.host)
    if known is not None and known.outcome != "unknown":
        attempt.outcome, attempt.signature = known.outcome, known.id
        if known.outcome == "timeout" and attempt.duration_s is None and attempt.ended is not None and limit_s:
            # A start that nobody logged: what was cut by its limit had run exactly as long.
            attempt.started, attempt.duration_s = attempt.ended - pd.Timedelta(seconds=limit_s), limit_s
        return
    body = "decoding response body" in attempt.text
    attempt.signature = "error_decoding_response_body" if body else attempt.signature
    attempt.outcome = "unknown"
    if attempt.duration_s is not None and is_at_limit(attempt.duration_s, limit_s):
        attempt.outcome = "timeout"
    elif body and attempt.duration_s is not None and limit_s is not None and attempt.duration_s < limit_s:
        attempt.outcome = "reset"  # a body ends early because its time is up, or because the other side cut it


def attempts_of(peers: dict[str, PeerPieces]) -> Iterator[Attempt]:
    """Yield all attempts, the unfinished ones too."""
    for peer in peers.values():
        yield from peer.done
        yield from peer.open.values()
