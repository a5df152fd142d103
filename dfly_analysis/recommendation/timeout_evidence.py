"""What the frames say of timeouts: how many tasks and attempts they cut, by role, and how fast layers came."""

from __future__ import annotations

from dataclasses import dataclass

from dfly_analysis.recommendation.context import RecommendationContext

TIMEOUT = "timeout_too_short"
TIMEOUT_FINDINGS = (
    "reqwest_body_timed_out",
    "error_decoding_response_body",
    "content_write_failed",
    "write_piece_timed_out",
)
_PROOFS = ("reqwest_body_timed_out", "write_piece_timed_out")
# Timeouts too, but of a stream of messages: no limit on a piece cures them.
_STREAM_FINDINGS = ("tokio_stream_elapsed", "scheduler_message_late", "parent_silent")
_MIN_LAYER_BYTES = 64 * 2**20


@dataclass(frozen=True)
class TimeoutEvidence:
    """What timeouts did to one role.

    Attributes
    ----------
    failed, cut : int
        Failed tasks, and those of them whose cause is a timeout.
    attempts, cut_attempts : int
        Attempts at pieces, and those that a limit cut.
    limit_s : float or None
        The longest limit that cut one.
    seen : bool
        Whether a limit on a piece cut anything of this role; streams of messages that ran out of time do not count.
    """

    failed: int
    cut: int
    attempts: int
    cut_attempts: int
    limit_s: float | None
    seen: bool


def count_timeouts(context: RecommendationContext, role: str) -> TimeoutEvidence:
    """Count what timeouts cut of a role's tasks and pieces.

    Where neither table names any timeout, a finding that proves one, or the primary cause, speaks for the seed client:
    it is the one that reads large layers from the registry.
    """
    tasks, pieces = context.dataset.failed_tasks, context.dataset.pieces
    cut_tasks, cut_pieces = tasks[tasks["cause"] == TIMEOUT], pieces[pieces["outcome"] == "timeout"]
    own_tasks, own_pieces = cut_tasks[cut_tasks["role"] == role], cut_pieces[cut_pieces["role"] == role]
    limits = own_pieces["timeout_s"].dropna()
    proven = bool(context.present(*_PROOFS))
    streams_only = not proven and bool(context.present(*_STREAM_FINDINGS))
    is_timeout = proven or (context.diagnosis.primary_cause == TIMEOUT and not streams_only)
    by_finding = role == "seedClient" and is_timeout and cut_tasks.empty and cut_pieces.empty
    by_task = len(own_tasks) > 0 and not streams_only
    return TimeoutEvidence(
        failed=int((tasks["role"] == role).sum()),
        cut=len(own_tasks),
        attempts=int((pieces["role"] == role).sum()),
        cut_attempts=len(own_pieces),
        limit_s=float(limits.max()) if len(limits) else None,
        seen=len(own_pieces) > 0 or by_task or by_finding,
    )


def fetched_from(context: RecommendationContext, role: str, origin: str) -> bool:
    """Return whether hosts of a role fetched from ``source`` or ``parent``, as far as the frames show."""
    pieces, tasks = context.dataset.pieces, context.dataset.tasks
    if bool(((pieces["role"] == role) & (pieces["origin"] == origin)).any()):
        return True
    own = tasks[tasks["role"] == role]
    carried = own[f"bytes_from_{origin}"].fillna(0) > 0
    return bool((own["origin"].isin([origin, "both"]) | carried).any())


def largest_piece_bytes(context: RecommendationContext, origin: str) -> float | None:
    """Return the size of the largest piece tried from an origin, or None."""
    pieces = context.dataset.pieces
    sizes = pieces.loc[pieces["origin"] == origin, "size_bytes"].dropna()
    return float(sizes.max()) if len(sizes) else None


def layer_rate_bps(context: RecommendationContext, role: str) -> float | None:
    """Return the median rate at which whole layers came from the source to a role, bytes per second, or None."""
    tasks = context.dataset.tasks
    whole = tasks[
        (tasks["role"] == role)
        & (tasks["outcome"] == "ok")
        & tasks["origin"].isin(["source"])
        & (tasks["size_bytes"].fillna(0) >= _MIN_LAYER_BYTES)
        & (tasks["duration_s"].fillna(0) > 0)
    ]
    return float((whole["size_bytes"].astype("float64") / whole["duration_s"]).median()) if len(whole) else None


def timeout_share(context: RecommendationContext) -> tuple[int, int, float | None]:
    """Return failed tasks cut by timeouts, failed tasks, and the share (0 to 1; None where none failed)."""
    failed = context.dataset.failed_tasks
    cut = int((failed["cause"] == TIMEOUT).sum())
    named = next((item for item in context.diagnosis.causes if item.cause == TIMEOUT), None)
    if named is not None:
        return named.tasks, max(len(failed), named.tasks), named.share
    return cut, len(failed), cut / len(failed) if len(failed) else None
