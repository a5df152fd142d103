"""Warnings of timeouts that have no effect or a harmful one: above all `pieceDownloadTimeout`, which bounds no transfer."""

from __future__ import annotations

from collections.abc import Iterator

from dfly_analysis.config import ignored_paths
from dfly_analysis.recommendation.context import CLIENT_ROLES, COLLECTOR, PIECE, RecommendationContext
from dfly_analysis.units import format_duration

_WELL_BELOW = 0.9


def advise(context: RecommendationContext) -> Iterator[str]:
    """Return a warning for each ignored key, and where timeouts contradict the pieces or each other."""
    yield from _other_timeouts_seen(context)
    for path, reason in ignored_paths(context.settings):
        if path.endswith("download.pieceDownloadTimeout"):
            yield f"{path}: ignored in silence; the knob is {PIECE} ({reason})"
        else:
            yield f"{path}: {reason}"
    yield from _short_collector(context)


def _other_timeouts_seen(context: RecommendationContext) -> Iterator[str]:
    """Warn where pieces timed out earlier than the known settings allow."""
    query = """
        SELECT role, median(timeout_s) FROM pieces
        WHERE outcome = 'timeout' AND timeout_s IS NOT NULL AND role IS NOT NULL GROUP BY role ORDER BY role"""
    for role, shown_s in context.dataset.rows(query):
        configured = context.setting(PIECE, role)
        if configured.seconds is not None and shown_s < _WELL_BELOW * configured.seconds:
            yield (
                f"pieces of the {role} were cut at {format_duration(shown_s)}, yet {PIECE} is believed to be {configured.value} "
                f"({configured.source}): add the rendered dfdaemon.yaml, or --values and --chart; until then no advice on it can be trusted"
            )


def _short_collector(context: RecommendationContext) -> Iterator[str]:
    """Warn where the scheduler would remove a peer before a piece with all its retries has timed out."""
    limit = context.setting(COLLECTOR, "scheduler")
    for role in CLIENT_ROLES:
        planned_s, tries = context.needs[role, PIECE].planned_s, context.retries(role) + 1
        if limit.seconds is not None and planned_s is not None and limit.seconds <= planned_s * tries:
            yield (
                f"{COLLECTOR} of the scheduler is {limit.value} ({limit.source}): not above {PIECE} of the {role} times "
                f"{tries} tries ({format_duration(planned_s * tries)}), so a slow peer is removed while it still fetches; "
                "leave that rule at its 30 min or above"
            )
