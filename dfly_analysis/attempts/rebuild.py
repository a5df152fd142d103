"""From events to `pieces` and `tasks`, one stage after the other."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from dfly_analysis.attempts.causes import find_causes
from dfly_analysis.attempts.columns import Columns, columns_of_attempts, columns_of_pairs, joined
from dfly_analysis.attempts.limits import Limits
from dfly_analysis.attempts.made import Made
from dfly_analysis.attempts.observed import Observed, observe, observe_limits
from dfly_analysis.attempts.pairs import pair_up
from dfly_analysis.attempts.pieces import Attempt, attempts_of, judge, n_planned, read_client_pieces
from dfly_analysis.attempts.records import Events, Records, read_records
from dfly_analysis.attempts.reports import join_to_columns, join_to_peers, read_reports
from dfly_analysis.attempts.result import make_pieces, make_tasks
from dfly_analysis.attempts.background import Background, read_background
from dfly_analysis.attempts.siblings import add_cancelled, mark_reported_rounds
from dfly_analysis.attempts.sizes import fetched_bytes, fill_sizes, learn_from_pieces
from dfly_analysis.attempts.tasks import judge_by_task, read_tasks, settle_outcomes

if TYPE_CHECKING:
    import pandas as pd

Tables: TypeAlias = "tuple[pd.DataFrame, pd.DataFrame]"


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from looking for cycles: to go through millions of attempts, which have none, takes longer than to make them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_no_collection()
def rebuild(events: pd.DataFrame, limits: Limits, run_context: Background | None = None) -> Tables:
    """Rebuild pieces and tasks.

    Parameters
    ----------
    events : pandas.DataFrame
        Rows of `dfly_analysis.schema.EVENTS` with the reader's further columns.
    limits : Limits
        Settings in force.
    run_context : Background, optional
        Of the whole input, where the events are not all of it; read from them where not given.

    Returns
    -------
    tuple of (pandas.DataFrame, pandas.DataFrame)
        `dfly_analysis.schema.PIECES` and `dfly_analysis.schema.TASKS`. Works with the clients' logs alone, the
        scheduler's alone, or both; a piece that both saw is one row.
    """
    run_context = run_context or read_background(events)
    put = _put_together(read_records(events), run_context, limits)
    return _frames(_judge(put, run_context, observe_limits([put.observed], limits)))


@_no_collection()
def observe_part(events: pd.DataFrame, limits: Limits, run_context: Background) -> dict[str, Observed]:
    """Return what the events of one part show of the limits in force; `observe_limits` joins the parts.

    Parameters
    ----------
    events : pandas.DataFrame
        All needed events of some tasks, see `parts`.
    limits : Limits
        Settings believed to be in force.
    run_context : Background
        Of the whole input.

    Returns
    -------
    dict of str to Observed
        By role; small, and may be pickled.
    """
    return _put_together(read_records(events), run_context, limits).observed


@_no_collection()
def rebuild_part(events: pd.DataFrame, limits: Limits, run_context: Background) -> Tables:
    """Rebuild the pieces and tasks of one part, with limits that are already corrected by all parts.

    Parameters
    ----------
    events : pandas.DataFrame
        All needed events of some tasks, see `parts`.
    limits : Limits
        As `observe_limits` returns them.
    run_context : Background
        Of the whole input.

    Returns
    -------
    tuple of (pandas.DataFrame, pandas.DataFrame)
        As of `rebuild`.
    """
    return _frames(_judge(_put_together(read_records(events), run_context, limits), run_context, limits))


def _frames(result: tuple[Made, Made]) -> Tables:
    return result[0].frame(), result[1].frame()


@_no_collection()
def rebuild_and_observe(
    events: Events, limits: Limits, run_context: Background
) -> tuple[tuple[Made, Made], dict[str, Observed]]:
    """Rebuild one part by limits that may still prove wrong, and return what it shows of them: two passes in one.

    Parameters
    ----------
    events : pandas.DataFrame or Telling
        All needed events of some tasks, see `parts`.
    limits : Limits
        Settings believed to be in force. Where `observe_limits` of all parts returns others, the tables do not hold.
    run_context : Background
        Of the whole input.

    Returns
    -------
    tuple of ((Made, Made), dict of str to Observed)
        As of `rebuild_part`, not yet written out as frames, and as of `observe_part`.
    """
    put = _put_together(read_records(events), run_context, limits)
    return _judge(put, run_context, limits), put.observed


@dataclass(frozen=True)
class _Attempts:
    """Attempts before anybody says how the failed ones failed.

    `columns` holds those that finished, and ordinary ones still open; `others` the rest, each with its place in the order.
    """

    records: Records
    columns: Columns
    others: list[tuple[int, Attempt]]
    signatures: dict[str, int]
    planned: dict[str, int]
    observed: dict[str, Observed]


def _put_together(records: Records, run_context: Background, limits: Limits) -> _Attempts:
    paired, reports = pair_up(records, run_context), read_reports(records)
    peers = read_client_pieces(records, paired.rest, run_context, limits)
    for peer_id, peer in peers.items():
        peer.sees_starts = bool(paired.starting[records.peer.place[peer_id]])
    startless = {peer_id: peer for peer_id, peer in peers.items() if peer.done and not peer.sees_starts}
    singly = records.peer.take(reports.rows).among(startless)
    join_to_peers(startless, records, reports.take(singly))
    add_cancelled(startless, limits)

    finished: list[tuple[int, Attempt]] = []
    others: list[tuple[int, Attempt]] = []
    for place, attempt in enumerate(attempts_of(peers)):
        (finished if attempt.outcome == "ok" else others).append((place, attempt))
    signatures: dict[str, int] = {}
    one_by_one = columns_of_attempts(records, finished, signatures)
    columns = joined(columns_of_pairs(records, paired, peers), one_by_one)
    columns = join_to_columns(columns, records, reports.take(~singly))
    planned = {peer_id: peer for peer_id, peer in peers.items() if not peer.done and not peer.sees_starts}
    columns = mark_reported_rounds(columns, records, planned, limits)
    counts = {peer_id: n_planned(peer.rounds[0][1]) for peer_id, peer in peers.items() if peer.rounds}
    return _Attempts(records, columns, others, signatures, counts, observe(records, columns, peers))


def _judge(put: _Attempts, run_context: Background, limits: Limits) -> tuple[Made, Made]:
    records, others = put.records, [one for _, one in put.others]
    for attempt in others:
        judge(attempt, limits)
    tasks = read_tasks(records, put.planned)
    settle_outcomes(tasks, run_context)
    learn_from_pieces(tasks, put.columns, others)
    judge_by_task(others, tasks)
    causes = find_causes(tasks, others, run_context)
    attempts = joined(put.columns, columns_of_attempts(records, put.others, put.signatures))
    sized = fill_sizes(attempts, tasks)
    return make_pieces(records, sized, [*put.signatures], limits), make_tasks(
        tasks, causes, fetched_bytes(sized, tasks)
    )
