"""Tasks: one row a peer, from its own records, the scheduler's, and its pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dfly_analysis.attempts.pieces import Attempt
from dfly_analysis.attempts.records import Records, missing_last
from dfly_analysis.attempts.background import Background
from dfly_analysis.attempts.typed import at_rows, first_of, last_of
from dfly_analysis.attempts.words import NONE, FlagArray, NumberArray, Words
from dfly_analysis.catalog.error_signatures import cause_of
from dfly_analysis.catalog.required_columns import ERROR_LEVELS

_STARTS = frozenset({"task_started", "peer_registered"})
_CLIENT_ENDS = frozenset({"task_finished", "task_output_written"})
_SCHEDULER_ENDS = frozenset({"peer_finished", "peer_failed"})
# Records that say why: the text with the whole chain of sources first, then the final word, then what led to it.
TELLING = (
    "source_round_failed",
    "task_failed",
    "scheduler_round_failed",
    "scheduler_call_failed",
    "task_failure_repeated",
    "preheat_stream_failed",
    "preheat_failed",
    "peer_failed",
)


@dataclass
class Tasks:
    """What peers did with blobs while it is being put together; all arrays have one element a peer, in order of appearance.

    Numbers of texts are those of `records`; numbers and rows are -1 where unknown.
    """

    records: Records
    peer: NumberArray
    task: NumberArray
    host: NumberArray
    role: NumberArray
    url: list[str | None]
    in_client_log: FlagArray
    size_bytes: NumberArray
    piece_bytes: NumberArray
    n_pieces: NumberArray
    n_errors: NumberArray
    started_row: NumberArray
    ended_row: NumberArray
    seen_row: NumberArray
    placed_row: NumberArray
    outcome: np.ndarray[Any, Any]
    scheduler_says: list[str | None]
    texts: dict[int, dict[str, str]]
    first_error: dict[int, str]
    last_error: dict[int, str]

    def __len__(self) -> int:
        return len(self.peer)

    def peer_id(self, at: int) -> str:
        """Return the peer id of one."""
        return str(self.records.peer.words[self.peer[at]])

    def places_of(self, *outcomes: str) -> list[int]:
        """Return the places of those with an outcome, in order."""
        return np.flatnonzero(np.isin(self.outcome, outcomes)).tolist()


def read_tasks(records: Records, planned: Mapping[str, int]) -> Tasks:
    """Put the records of each peer together.

    Parameters
    ----------
    records : Records
    planned : mapping of str to int
        How many pieces the first plan of a peer speaks of.

    Returns
    -------
    Tasks
    """
    peers, appeared, of = _appearance(records)
    size = len(peers)
    client, scheduler = (records.component.among({name}) for name in ("client", "scheduler"))

    def first(chosen: FlagArray) -> NumberArray:
        return appeared if chosen[appeared].all() else first_of(of, np.flatnonzero(chosen), size)

    def last(chosen: FlagArray) -> NumberArray:
        return last_of(of, np.flatnonzero(chosen), size)

    def event(*names: str) -> FlagArray:
        return records.event.among(names)

    first_client, failed = first(client), last(client & event("task_failed"))
    own = first_client != NONE
    before = scheduler  # records of the scheduler alone, where it wrote any
    if scheduler.any() and own.any():
        before = scheduler & (np.arange(len(records)) < np.where(own, first_client, len(records))[of])
    client_end, told_end = first(client & event(*_CLIENT_ENDS)), last(before & event(*_SCHEDULER_ENDS))
    started = np.where(own, first(client & event(*_STARTS)), first(before & event(*_STARTS)))
    sized = (records.size_bytes != NONE) & ~event("piece_reported")
    with_url, url = _said_urls(records)
    tasks = Tasks(
        records=records, peer=peers, in_client_log=own,
        task=at_rows(records.task.codes, first(_is_said(records.task))), host=at_rows(records.host.codes, first(_is_said(records.host))),
        role=at_rows(records.role.codes, first(_is_said(records.role))), url=_texts_at(url, first_of(of[with_url], np.arange(len(with_url)), size)),
        size_bytes=at_rows(records.size_bytes, last(sized)), piece_bytes=at_rows(records.piece_bytes, last(records.piece_bytes != NONE)),
        n_pieces=np.array([planned.get(peer_id, NONE) for peer_id in records.peer.at(peers).texts()], dtype=np.int64), n_errors=np.zeros(size, dtype=np.int64), started_row=started,
        ended_row=np.where(failed != NONE, failed, np.where(told_end != NONE, told_end, client_end)), seen_row=last(client),
        placed_row=np.where(own, np.max([first_client, started, failed], axis=0), started),
        outcome=np.where(failed != NONE, "failed", np.where(client_end != NONE, "ok", "unknown")).astype(object),
        scheduler_says=_texts_at(records.event, last(scheduler & event(*_SCHEDULER_ENDS))),
        texts={}, first_error={}, last_error={},
    )  # fmt: skip
    _read_texts(tasks, of, client, scheduler)
    errors = np.flatnonzero(client & records.level.among(ERROR_LEVELS) & ~event("piece_report_closed"))
    for at, text in zip(of[errors].tolist(), records.take(errors).texts("message"), strict=True):
        tasks.first_error[at] = tasks.first_error.get(at) or text or ""
        tasks.last_error[at] = text or ""
    return tasks


def _appearance(records: Records) -> tuple[NumberArray, NumberArray, NumberArray]:
    """Return the peers in the order of their first records, these records, and for each record which of the peers it is of."""
    first = first_of(records.peer.codes, np.arange(len(records)), len(records.peer.words))
    there = np.flatnonzero(first != NONE)
    peers = there[np.argsort(first[there])]
    of = np.empty(len(first), dtype=np.int64)
    of[peers] = np.arange(len(peers))
    return peers, first[peers], of.take(records.peer.codes)


def _said_urls(records: Records) -> tuple[NumberArray, Words]:
    rows, url = records.said("url")
    told = _is_said(url)
    return rows[told], url.take(told)


def _is_said(words: Words) -> FlagArray:
    message: FlagArray = words.codes != NONE
    return message & ~words.among({""}) if "" in words.place else message


def _texts_at(words: Words, rows: NumberArray) -> list[str | None]:
    return words.at(at_rows(words.codes, rows)).texts()


def _read_texts(tasks: Tasks, of: NumberArray, client: FlagArray, scheduler: FlagArray) -> None:
    """Keep the last of the client's words of each kind, else the first that the scheduler was told."""
    records = tasks.records
    told = np.flatnonzero(scheduler & records.event.among({"peer_failed"}))
    for at, text in zip(of[told].tolist(), records.take(told).texts("error"), strict=True):
        if text is not None:
            tasks.texts.setdefault(at, {}).setdefault("peer_failed", text)
    rows = np.flatnonzero(client & records.event.among(TELLING))
    chosen = records.take(rows)
    for at, event_id, text in zip(of[rows].tolist(), chosen.event.texts(), chosen.texts("message"), strict=True):
        tasks.texts.setdefault(at, {})[event_id] = text or ""


def settle_outcomes(tasks: Tasks, run_context: Background) -> None:
    """Decide the outcome of tasks whose own records do not: deaths, and peers that only the scheduler saw.

    Parameters
    ----------
    tasks : Tasks
        Scratch, changed in place.
    run_context : Background
    """
    records = tasks.records
    observed = missing_last(at_rows(records.time, tasks.seen_row))
    for at in tasks.places_of("unknown"):
        if not tasks.in_client_log[at]:
            _settle_by_scheduler(tasks, at, run_context)
        elif tasks.started_row[at] != NONE and run_context.died(records.host.text(tasks.host[at]), int(observed[at])):
            tasks.outcome[at] = "died"
        else:
            _settle_by_job(tasks, at, run_context)


def _settle_by_job(tasks: Tasks, at: int, run_context: Background) -> None:
    """End a seed client's task, whose own log ends before it, as the preheat that asked for it says it failed."""
    by_task = run_context.verdicts.get(tasks.records.task.text(tasks.task[at]) or "")
    outcome, text = by_task or run_context.verdicts.get(tasks.url[at] or "", ("unknown", ""))
    if outcome == "failed" and tasks.records.role.text(tasks.role[at]) == "seedClient":
        tasks.outcome[at] = outcome
        tasks.texts.setdefault(at, {}).setdefault("preheat_failed", text)
        tasks.first_error[at] = tasks.last_error[at] = text


def _settle_by_scheduler(tasks: Tasks, at: int, run_context: Background) -> None:
    by_task = run_context.verdicts.get(tasks.records.task.text(tasks.task[at]) or "")
    verdict = by_task or run_context.verdicts.get(tasks.url[at] or "")
    if tasks.scheduler_says[at] == "peer_finished":
        tasks.outcome[at] = "ok"
    elif verdict and tasks.records.role.text(tasks.role[at]) == "seedClient":
        tasks.outcome[at] = verdict[0]
        if verdict[0] == "failed":
            tasks.texts.setdefault(at, {}).setdefault("preheat_failed", verdict[1])
            tasks.first_error[at] = tasks.last_error[at] = verdict[1]


def judge_by_task(attempts: Sequence[Attempt], tasks: Tasks) -> None:
    """Give a failed piece without an ending of its own the one that its task's text names."""
    message = {tasks.peer_id(at): texts.get("source_round_failed") for at, texts in tasks.texts.items()}
    for attempt in attempts:
        text = message.get(attempt.record.peer_id)
        if attempt.outcome == "unknown" and attempt.ended is not None and text is not None:
            known = cause_of(text)
            attempt.outcome = known.outcome if known is not None and known.outcome != "timeout" else attempt.outcome
