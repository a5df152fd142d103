"""Pieces from the client's own log: start paired with finish, failure or cancellation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from dfly_analysis.attempts.limits import Limits, is_at_limit
from dfly_analysis.knowledge.signature import cause_of, signature

FOLD_S = 2.0
Place = tuple[str, int, str, int]
_ORIGINS = {"source": "source", "BACK_TO_SOURCE": "source", "local": "local", "LOCAL_PEER": "local"}
_ENDS = frozenset({"piece_finished", "piece_report_closed"})
_FAILURES = frozenset({"piece_failed", "content_write_failed", "backend_failed", "parent_piece_failed"})
PIECE_EVENTS = (
    frozenset({"piece_started", "piece_deleted", "pieces_planned", "task_finished", "task_failed"}) | _ENDS | _FAILURES
)


@dataclass
class Attempt:
    """One attempt at one piece while it is being put together; becomes a row of `pieces`."""

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
    life: int = 0
    survivors_unseen: bool = False
    log_path: str | None = None
    log_line: int | None = None


@dataclass
class PeerPieces:
    """All attempts of one peer seen so far."""

    done: list[Attempt] = field(default_factory=list)
    open: dict[tuple[int, int], Attempt] = field(default_factory=dict)
    failed_at: dict[int, tuple[pd.Timestamp, Attempt]] = field(default_factory=dict)
    deleted: list[tuple[int, Any]] = field(default_factory=list)
    round: int = 1
    rounds: list[tuple[pd.Timestamp, tuple[int, ...]]] = field(default_factory=list)
    sees_starts: bool = False


def origin_of(text: Any) -> str:
    """Return ``source``, ``parent`` or ``local`` for the words of clients and schedulers."""
    return _ORIGINS.get(str(text), "parent" if isinstance(text, str) else "source")


def read_client_pieces(events: pd.DataFrame, limits: Limits) -> dict[str, PeerPieces]:
    """Put the client's piece records together, peer by peer.

    Parameters
    ----------
    events : pandas.DataFrame
        Client events with peers filled in, in the order they were written.
    limits : Limits

    Returns
    -------
    dict of str to PeerPieces
        By peer id.
    """
    peers: dict[str, PeerPieces] = {}
    running: dict[Place, int] = {}
    finished: set[Place] = set()
    chosen = events[
        (events["component"] == "client") & events["event_id"].isin(PIECE_EVENTS) & events["peer_id"].notna()
    ]
    for row in chosen.sort_values(["time", "log_line"], kind="stable").itertuples(index=False):
        peer = peers.setdefault(row.peer_id, PeerPieces())
        if row.event_id == "pieces_planned":
            _plan(peer, row)
            if peer.round == 2 and limits.siblings_cancelled(row.role, row.host):
                cut_open(peer, row.time, running)
        elif pd.notna(row.piece_number) and pd.notna(row.task_id):
            _piece_record(peer, row, running, finished)
    return peers


def cut_open(peer: PeerPieces, moment: pd.Timestamp, running: dict[Place, int]) -> None:
    """End pieces that started and never ended: their round was lost by then, and they were cancelled with it."""
    for key in list(peer.open):
        attempt = peer.open.pop(key)
        place = (attempt.host, attempt.life, attempt.task_id, attempt.piece_number)
        running[place] = max(running.get(place, 1) - 1, 0)
        attempt.ended, attempt.outcome = moment, "cancelled"
        attempt.duration_s = (moment - attempt.started).total_seconds() if attempt.started is not None else None
        peer.done.append(attempt)


def _plan(peer: PeerPieces, row: Any) -> None:
    numbers = (
        tuple(int(number) for number in str(row.pieces).split(",") if number.strip().isdigit())
        if isinstance(row.pieces, str)
        else ()
    )
    if row.stage == "downloading from scheduler" or (row.stage == "removing the finished piece" and peer.rounds):
        peer.round = 2
    if numbers:
        peer.rounds.append((row.time, numbers))


def _piece_record(peer: PeerPieces, row: Any, running: dict[Place, int], finished: set[Place]) -> None:
    number = int(row.piece_number)
    place = (row.host, row.life, row.task_id, number)
    if row.event_id == "piece_started":
        peer.sees_starts = True
        attempt = _new(row, number, peer.round, started=row.time)
        if running.get(place, 0) > 0 or place in finished:
            attempt.origin = "local"  # it waits for the request of another pass or peer, or finds the piece there: no request of its own
        running[place] = running.get(place, 0) + 1
        peer.open[number, peer.round if (number, peer.round) not in peer.open else peer.round + 1] = attempt
    elif row.event_id in _ENDS and "Failed" not in row.message[:40]:
        attempt = _close(peer, row, number, running)
        attempt.outcome = "ok"
        finished.add(place)
    elif row.event_id in _FAILURES:
        _fail(peer, row, number, running)
    elif row.event_id == "piece_deleted":
        peer.deleted.append((number, row))


def _new(row: Any, number: int, round_number: int, started: pd.Timestamp | None = None) -> Attempt:
    return Attempt(
        row.task_id, row.peer_id, row.host, row.role, number, origin_of(row.origin), row.parent_id if isinstance(row.parent_id, str) else None,
        started=started, round=round_number, life=int(row.life), log_path=row.log_path, log_line=int(row.log_line),
    )  # fmt: skip


def _close(peer: PeerPieces, row: Any, number: int, running: dict[Place, int]) -> Attempt:
    keys = sorted(key for key in peer.open if key[0] == number)
    # A report that found its channel closed comes from the older pass, the lost round; everything else too, oldest first.
    attempt = peer.open.pop(keys[0]) if keys else _new(row, number, peer.round)
    if keys:
        place = (row.host, attempt.life, row.task_id, number)
        running[place] = max(running.get(place, 1) - 1, 0)
    attempt.ended, attempt.log_path, attempt.log_line = row.time, row.log_path, int(row.log_line)
    if attempt.started is not None:
        attempt.duration_s = (row.time - attempt.started).total_seconds()
    peer.done.append(attempt)
    return attempt


def _fail(peer: PeerPieces, row: Any, number: int, running: dict[Place, int]) -> None:
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
    attempt = _close(peer, row, number, running)
    attempt.outcome, attempt.text = "failed", text
    attempt.signature = row.signature if isinstance(row.signature, str) else None
    peer.failed_at[number] = (row.time, attempt)


def judge(attempt: Attempt, limits: Limits) -> None:
    """Say how a failed attempt ended: by its words, else by the time it had run."""
    if attempt.outcome != "failed":
        return
    known = cause_of(attempt.text)
    if known is None and attempt.signature:
        known = signature(attempt.signature)
    limit_s = limits.piece_timeout_s(attempt.role, attempt.host)
    if known is not None and known.outcome != "unknown":
        attempt.outcome, attempt.signature = known.outcome, known.id
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
