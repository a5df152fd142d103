"""One cause for each failed task: by its words, else by how its pieces ended, else by what happened to the process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from dfly_analysis.attempts.pieces import Attempt
from dfly_analysis.attempts.tasks import TELLING, Task
from dfly_analysis.knowledge.signature import cause_of, signature

_BY_OUTCOME = {
    "timeout": "timeout_too_short",
    "reset": "network_instability",
    "storage": "storage_io",
    "origin": "origin_registry",
}


def find_causes(tasks: dict[str, Task], attempts: Iterable[Attempt]) -> dict[str, tuple[str, str]]:
    """Give each failed task a cause and how sure it is.

    Parameters
    ----------
    tasks : dict of str to Task
    attempts : iterable of Attempt

    Returns
    -------
    dict of str to (str, str)
        By peer id: one of `dfly_analysis.tables.CAUSES`, and ``high``, ``medium`` or ``low``.
    """
    failed_pieces: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        if attempt.outcome not in ("ok", "cancelled") and attempt.ended is not None:
            failed_pieces.setdefault(attempt.peer_id, []).append(attempt)
    found: dict[str, tuple[str, str]] = {}
    for task in tasks.values():
        if task.outcome == "died":
            found[task.peer_id] = ("resource_limit", "medium")
        elif task.outcome == "failed":
            found[task.peer_id] = (
                _by_words(task) or _by_pieces(failed_pieces.get(task.peer_id, [])) or ("unknown", "low")
            )
    return _inherit(tasks, found)


def _by_words(task: Task) -> tuple[str, str] | None:
    for event_id in TELLING:
        known = cause_of(task.texts[event_id]) if event_id in task.texts else None
        if known is not None and known.cause not in ("unknown", "cancelled"):
            return known.cause, "high"
    return None


def _by_pieces(failed: list[Attempt]) -> tuple[str, str] | None:
    """Take what the pieces of the last round say, most frequent first."""
    last = [attempt for attempt in failed if attempt.round == max(one.round for one in failed)]
    counts: Counter[str] = Counter()
    for attempt in last:
        known = signature(attempt.signature) if attempt.signature else None
        cause = known.cause if known is not None and known.layer == "cause" else _BY_OUTCOME.get(attempt.outcome)
        if cause and cause != "unknown":
            counts[cause] += 1
    return (counts.most_common(1)[0][0], "medium") if counts else None


def _inherit(tasks: dict[str, Task], found: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Give a host that only passes on another's failure the cause of that one."""
    known = {tasks[peer].task_id: cause for peer, (cause, _) in found.items() if cause != "unknown"}
    return {
        peer: (known[tasks[peer].task_id], "medium")
        if cause == "unknown" and tasks[peer].task_id in known
        else (cause, sure)
        for peer, (cause, sure) in found.items()
    }
