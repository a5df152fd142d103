"""Feeds the state machine in batches of bounded size with the pieces that are not ordinary: `_machine_attempts`."""

import math
from collections.abc import Iterator
from itertools import count
from typing import Any

import duckdb

from dfly_analysis.catalog.error_signatures import cause_of, signature
from dfly_analysis.reconstruction.cancelled_pieces import Reports, add_cancelled
from dfly_analysis.reconstruction.event_records import INFERRED_ORDER, OPEN_ORDER, sql
from dfly_analysis.reconstruction.piece_state_machine import Attempt, PeerPieces, Record, read_pieces
from dfly_analysis.reconstruction.temporary_tables import FLAG, NUMBER, TEXT, WHOLE, create_from_rows, insert_rows

RECORDS_AT_A_TIME = 20_000
_TYPES = {
    "peer": WHOLE, "id": WHOLE, "last_id": WHOLE, "line": WHOLE, "parent_id": TEXT, "number": WHOLE, "origin": WHOLE, "round": WHOLE, "started": WHOLE, "ended": WHOLE,
    "duration_s": NUMBER, "outcome": TEXT, "signature": TEXT, "known_id": TEXT, "known_outcome": TEXT, "names_timeout": FLAG, "names_body": FLAG,
    "successes_not_logged": FLAG, "order_in_peer": WHOLE, "is_open": FLAG, "is_first_ok": FLAG, "sees_starts": FLAG, "first_plan_time": WHOLE,
}  # fmt: skip


def create_machine_attempts(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `_machine_attempts`: the attempts at pieces that are not ordinary."""
    connection.execute(sql("problem_peers", RECORDS_AT_A_TIME=RECORDS_AT_A_TIME))
    create_from_rows(connection, "_machine_attempts", _TYPES, ())
    for (batch,) in connection.execute("SELECT DISTINCT batch FROM _problem_peers ORDER BY batch").fetchall():
        insert_rows(connection, "_machine_attempts", _TYPES, _attempts_of(connection, batch))


def _attempts_of(connection: duckdb.DuckDBPyConnection, batch: int) -> Iterator[tuple[Any, ...]]:
    rows = connection.execute(sql("batch_records"), [batch]).fetchall()
    peers = read_pieces(Record._make(row if row[4] is not None else (*row[:4], math.nan, *row[5:])) for row in rows)
    reports = {}
    for peer, *rounds in connection.execute(sql("batch_reports"), [batch]).fetchall():
        first, ended, second, again = (values or () for values in rounds)
        reports[peer] = Reports(dict(zip(first, ended, strict=True)), dict(zip(second, again, strict=True)))
    for peer, number, began, cost_s in connection.execute(sql("batch_costs"), [batch]).fetchall():
        reports[peer].costs[number] = (math.nan if began is None else began, cost_s)
    for peer, logs_starts, in_flight in connection.execute(sql("batch_settings"), [batch]).fetchall():
        pieces = peers[peer]
        if pieces.done and not logs_starts:
            add_cancelled(pieces, reports.get(peer) or Reports(), in_flight)
        yield from _rows_of(peer, pieces, sees_starts=logs_starts)


def _rows_of(peer: int, pieces: PeerPieces, *, sees_starts: bool) -> Iterator[tuple[Any, ...]]:
    first_plan_time = _whole(pieces.rounds[0][0]) if pieces.rounds else None
    finished: set[int] = set()
    inferred, opened = count(INFERRED_ORDER), count(OPEN_ORDER)
    listed = [(attempt, next(inferred) if attempt.inferred else at) for at, attempt in enumerate(pieces.done)]
    listed += [(attempt, next(opened)) for attempt in pieces.open.values()]
    for attempt, order in listed:
        known_id, known_outcome, names_timeout, names_body = _ending(attempt)
        is_first_ok = attempt.outcome == "ok" and attempt.number not in finished
        if is_first_ok:
            finished.add(attempt.number)
        yield (
            peer, attempt.first.id, attempt.last.id, attempt.last.line, attempt.first.parent_id, attempt.number, attempt.origin, attempt.round, _whole(attempt.started), _whole(attempt.ended),
            None if attempt.duration_s is None or math.isnan(attempt.duration_s) else attempt.duration_s, attempt.outcome, attempt.signature, known_id, known_outcome, names_timeout, names_body,
            attempt.successes_not_logged, order, attempt.ended is None, is_first_ok, sees_starts, first_plan_time,
        )  # fmt: skip


def _ending(attempt: Attempt) -> tuple[str | None, str | None, bool, bool]:
    """Return which failure an attempt names, the outcome that it means, and whether its text names a timeout or a body that broke off."""
    if attempt.outcome != "failed":
        return None, None, False, False
    names_body = "decoding response body" in attempt.text
    known = cause_of(attempt.text)
    names_timeout = known is not None and known.outcome == "timeout"
    if known is None and attempt.signature:
        known = signature(attempt.signature)
    if known is None:
        return None, None, names_timeout, names_body
    return known.id, known.outcome, names_timeout, names_body


def _whole(time: float | None) -> int | None:
    return None if time is None or math.isnan(time) else int(time)
