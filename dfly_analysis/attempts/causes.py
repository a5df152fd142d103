"""One cause for each failed task: by its words, else by how its pieces ended, else by what happened to the process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from dfly_analysis.attempts.pieces import Attempt
from dfly_analysis.attempts.records import missing_last
from dfly_analysis.attempts.background import Background
from dfly_analysis.attempts.tasks import TELLING, Tasks
from dfly_analysis.attempts.typed import at_rows
from dfly_analysis.catalog.error_signatures import cause_of, signature, signatures_in

_BY_OUTCOME = {
    "timeout": "timeout_too_short",
    "reset": "network_instability",
    "storage": "storage_io",
    "origin": "origin_registry",
}
Cause = tuple[str, str]


def find_causes(tasks: Tasks, attempts: Iterable[Attempt], run_context: Background) -> dict[int, Cause]:
    """Give each failed task a cause and how sure it is.

    Parameters
    ----------
    tasks : Tasks
    attempts : iterable of Attempt
        With those that failed.
    run_context : Background
        What is known of the ends of processes.

    Returns
    -------
    dict of int to (str, str)
        By place in `tasks`: one of `dfly_analysis.schema.CAUSES`, and ``high``, ``medium`` or ``low``.
    """
    failed_pieces: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        if attempt.outcome not in ("ok", "cancelled") and attempt.ended is not None:
            failed_pieces.setdefault(attempt.record.peer_id, []).append(attempt)
    found: dict[int, Cause] = {}
    for at in tasks.places_of("died", "failed"):
        if tasks.outcome[at] == "died":
            found[at] = _by_death(tasks, at, run_context)
            continue
        pieces = failed_pieces.get(tasks.peer_id(at), [])
        texts = tasks.texts.get(at, {})
        found[at] = _by_words(texts) or _by_pieces(pieces) or _by_symptom(texts) or ("unknown", "low")
    return _inherit(tasks, found)


def _by_death(tasks: Tasks, at: int, run_context: Background) -> Cause:
    """Take what Kubernetes says of the process's end; without it, memory is the likeliest reason."""
    records = tasks.records
    observed = missing_last(at_rows(records.time, tasks.seen_row[at : at + 1]))
    return run_context.termination_cause(records.host.text(tasks.host[at]) or "", int(observed[0])) or (
        "resource_limit",
        "medium",
    )


def _by_words(texts: Mapping[str, str]) -> Cause | None:
    for event_id in TELLING:
        known = cause_of(texts[event_id]) if event_id in texts else None
        if known is not None and known.cause not in ("unknown", "cancelled"):
            return known.cause, "high"
    return None


def _by_symptom(texts: Mapping[str, str]) -> Cause | None:
    """Take what a symptom usually comes from, where nothing says more; no more than a guess."""
    for event_id in TELLING:
        for one in signatures_in(texts[event_id]) if event_id in texts else ():
            if one.layer == "symptom" and one.cause not in ("unknown", "cancelled"):
                return one.cause, "low"
    return None


def _by_pieces(failed: list[Attempt]) -> Cause | None:
    """Take what the pieces of the last round say, most frequent first."""
    last_round = max((attempt.round for attempt in failed), default=1)
    counts: Counter[str] = Counter()
    for attempt in failed:
        if attempt.round != last_round:
            continue
        known = signature(attempt.signature) if attempt.signature else None
        cause = known.cause if known is not None and known.layer == "cause" else _BY_OUTCOME.get(attempt.outcome)
        if cause and cause != "unknown":
            counts[cause] += 1
    return (counts.most_common(1)[0][0], "medium") if counts else None


def _inherit(tasks: Tasks, found: dict[int, Cause]) -> dict[int, Cause]:
    """Give a host that only passes on another's failure the cause of that one."""
    known = {tasks.task[at]: cause for at, (cause, _) in found.items() if cause != "unknown"}
    return {
        at: (known[tasks.task[at]], "medium") if cause == "unknown" and tasks.task[at] in known else (cause, confidence)
        for at, (cause, confidence) in found.items()
    }
