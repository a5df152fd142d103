"""Attempts as columns: from ordinary pairs and from single attempts; texts stay numbers until the table is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from dfly_analysis.attempts.pairs import Paired
from dfly_analysis.attempts.pieces import Attempt, PeerPieces, origin_of, origin_of_span
from dfly_analysis.attempts.records import Records
from dfly_analysis.attempts.typed import seconds_between
from dfly_analysis.attempts.words import NO_TIME, NONE, NumberArray
from dfly_analysis.schema import OUTCOMES

Columns: TypeAlias = dict[str, np.ndarray[Any, Any]]
"""Attempts, an array of each of their properties."""
ORIGINS = ("source", "parent", "local")
SOURCE, PARENT, LOCAL = range(3)
REPORTED, OPEN = 1 << 40, 1 << 41  # the order of a peer's attempts: by their ends, then reported ones, then open ones
OK, UNKNOWN = OUTCOMES.index("ok"), OUTCOMES.index("unknown")
_ORIGIN = {origin: code for code, origin in enumerate(ORIGINS)}
_OUTCOME = {outcome: code for code, outcome in enumerate(OUTCOMES)}
_FIELDS = (
    "last", "piece_number", "origin", "parent_id", "size_bytes", "started", "ended", "duration_s", "outcome", "signature", "round",
    "successes_not_logged",
)  # fmt: skip
_TYPES = {
    "task": "int32", "peer": "int32", "host": "int32", "role": "int32", "piece_number": "int64", "origin": "int8", "parent": "int32",
    "size_bytes": "int64", "started": "int64", "ended": "int64", "duration_s": "float64", "outcome": "int8", "signature": "int32",
    "round": "int8", "successes_not_logged": "bool", "path": "int32", "log_line": "int64", "order": "int64",
}  # fmt: skip


def attempt_columns(columns: Mapping[str, Any]) -> Columns:
    """Return attempts as numbers; a single value stands for all of them."""
    size = len(columns["peer"])
    return {name: np.broadcast_to(np.asarray(columns[name], dtype=kind), size) for name, kind in _TYPES.items()}


def joined(first: Columns, second: Columns) -> Columns:
    """Return attempts and others behind them."""
    if not len(first["peer"]) or not len(second["peer"]):
        return first if len(first["peer"]) else second
    return {name: np.concatenate([first[name], second[name]]) for name in _TYPES}


def columns_of_pairs(records: Records, paired: Paired, peers: Mapping[str, PeerPieces]) -> Columns:
    """Return the ordinary pieces; those without a finish are open."""
    second_from = np.full(len(records.peer.words), len(records), dtype=np.int64)
    for peer_id, peer in peers.items():
        if peer.second_from is not None:
            second_from[records.peer.place[peer_id]] = peer.second_from
    begun, finished = paired.started != NONE, paired.ended != NONE
    first = np.where(begun, paired.started, paired.ended)
    last = np.where(finished, paired.ended, paired.started)
    started = np.where(begun, records.time.take(first), NO_TIME)
    ended = np.where(finished, records.time.take(last), NO_TIME)
    return attempt_columns(
        {
            **who(records, first), "origin": np.where(paired.found_there, LOCAL, origin_codes(records, first)), "parent": records.parent.codes.take(first), "size_bytes": NONE,
            "started": started, "ended": ended, "duration_s": seconds_between(started, ended), "outcome": np.where(finished, OK, UNKNOWN),
            "signature": NONE, "round": np.where(first > second_from.take(records.peer.codes.take(first)), 2, 1), "successes_not_logged": False,
            "path": records.path.codes.take(last), "log_line": records.line.take(last), "order": np.where(finished, 0, OPEN),
        }
    )  # fmt: skip


def columns_of_attempts(records: Records, listed: Sequence[tuple[int, Attempt]], signatures: dict[str, int]) -> Columns:
    """Return attempts that were put together one by one, each with its place in the order; `signatures` numbers what ended them."""
    fields = zip(*map(attrgetter("record.at", *_FIELDS), (one for _, one in listed)), strict=True)
    first, *values = fields if listed else [()] * (1 + len(_FIELDS))
    result = dict(zip(_FIELDS, values, strict=True))
    last = np.array(result["last"], dtype=np.int64)
    return attempt_columns(
        {
            **who(records, np.array(first, dtype=np.int64)), **{name: result[name] for name in _FIELDS if name in _TYPES},
            "origin": [_ORIGIN[origin] for origin in result["origin"]], "outcome": [_OUTCOME[outcome] for outcome in result["outcome"]],
            "parent": [NONE if parent is None else records.parent.place[parent] for parent in result["parent_id"]],
            "size_bytes": [NONE if size is None else size for size in result["size_bytes"]],
            "signature": [NONE if one is None else signatures.setdefault(one, len(signatures)) for one in result["signature"]],
            "started": _times(result["started"]), "ended": _times(result["ended"]),
            "path": records.path.codes[last], "log_line": records.line[last], "order": [place if one.ended is not None else place + OPEN for place, one in listed],
        }
    )  # fmt: skip


def _times(times: Sequence[float | None]) -> list[float]:
    return [NO_TIME if time is None or time != time else time for time in times]  # noqa: PLR0124 - nan


def who(records: Records, rows: NumberArray) -> dict[str, NumberArray]:
    """Return whom some records speak of."""
    return {
        **{name: getattr(records, name).codes.take(rows) for name in ("task", "peer", "host", "role")},
        "piece_number": records.number.take(rows),
    }


def origin_codes(records: Records, rows: NumberArray) -> NumberArray:
    """Return where the pieces of some clients' records come from, as places in `ORIGINS`."""
    by_word = np.array([_ORIGIN[origin_of(word)] for word in records.origin.words] + [NONE])
    by_span = np.array([_ORIGIN[origin_of_span(word)] for word in records.span.words] + [SOURCE])
    told = by_word.take(records.origin.codes.take(rows))
    return np.where(told == NONE, by_span.take(records.span.codes.take(rows)), told)
