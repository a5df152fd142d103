"""Pieces as the scheduler was told of them, joined with what the clients' own logs say."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dfly_analysis.attempts.pieces import Attempt, PeerPieces, origin_of
from dfly_analysis.errors import DflyError
from dfly_analysis.units import parse_duration


def join_reports(peers: dict[str, PeerPieces], events: pd.DataFrame) -> None:
    """Add the scheduler's piece reports to the peers, each piece once.

    A piece that the client's log holds with its times keeps them and takes its size from the report; a piece that only
    the scheduler saw becomes an attempt of its own, begun its cost before it was reported.

    Parameters
    ----------
    peers : dict of str to PeerPieces
        Changed in place: it is this stage's own scratch, made by `read_client_pieces`.
    events : pandas.DataFrame
    """
    reports = events[
        (events["event_id"] == "piece_reported") & events["peer_id"].notna() & events["piece_number"].notna()
    ]
    finished: dict[tuple[str, int], list[Attempt]] = {}
    for peer_id, peer in peers.items():
        for attempt in peer.done:
            if attempt.outcome == "ok":
                finished.setdefault((peer_id, attempt.piece_number), []).append(attempt)
    seen: set[tuple[str, int]] = set()
    row: Any
    for row in reports.itertuples(index=False):
        key = (row.peer_id, int(row.piece_number))
        if key in seen:
            continue
        seen.add(key)
        match = finished.get(key)
        if match:
            _complete(match[0], row)
        else:
            peers.setdefault(row.peer_id, PeerPieces()).done.append(_reported(row))


def _complete(attempt: Attempt, row: Any) -> None:
    attempt.size_bytes = int(row.size_bytes) if pd.notna(row.size_bytes) else attempt.size_bytes
    attempt.parent_id = attempt.parent_id or (row.parent_id if isinstance(row.parent_id, str) else None)
    cost_s = _seconds(row.cost)
    if attempt.duration_s is None and cost_s is not None:
        attempt.duration_s, attempt.started = cost_s, row.time - pd.Timedelta(seconds=cost_s)


def _reported(row: Any) -> Attempt:
    cost_s = _seconds(row.cost)
    return Attempt(
        row.task_id, row.peer_id, row.host, row.role, int(row.piece_number), origin_of(row.origin), row.parent_id if isinstance(row.parent_id, str) else None,
        int(row.size_bytes) if pd.notna(row.size_bytes) else None, row.time - pd.Timedelta(seconds=cost_s or 0.0), row.time, cost_s, "ok",
        log_path=row.log_path, log_line=int(row.log_line),
    )  # fmt: skip


def _seconds(text: Any) -> float | None:
    try:
        return parse_duration(text) if isinstance(text, str) else None
    except DflyError:
        return None
