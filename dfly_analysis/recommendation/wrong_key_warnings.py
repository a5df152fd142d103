"""Warnings of what is written in vain, or to harm: above all `pieceDownloadTimeout`, which is no limit on a transfer."""

from __future__ import annotations

from dfly_analysis.config import ignored_paths
from dfly_analysis.recommendation.context import CLIENT_ROLES, RecommendationContext
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.recommendation.required_timeout import COLLECTOR, PIECE
from dfly_analysis.units import format_duration

_WRONG = "pieceDownloadTimeout"


def advise(context: RecommendationContext) -> Advice:
    """Return a warning for each key that nothing reads, or that does something else than its name says."""
    warnings = [_warning(path, reason) for path, reason in ignored_paths(context.settings)]
    return Advice(warnings=(*warnings, *_collector(context)))


def _warning(path: str, reason: str) -> str:
    if path.endswith(f"download.{_WRONG}"):
        return f"{path}: ignored in silence; the knob is {PIECE} ({reason})"
    return f"{path}: {reason}"


def _collector(context: RecommendationContext) -> list[str]:
    """Warn where the scheduler would remove a peer before a piece with all its retries has run out of time."""
    limit = context.setting(COLLECTOR, "scheduler")
    result = []
    for role in CLIENT_ROLES:
        need, tries = context.needs[role, PIECE], context.retries(role) + 1
        if limit.seconds is None or need.planned_s is None or limit.seconds > need.planned_s * tries:
            continue
        result.append(
            f"{COLLECTOR} of the scheduler is {limit.value} ({limit.source}): not above {PIECE} of the {role} times "
            f"{tries} tries ({format_duration(need.planned_s * tries)}), so a slow peer is removed while it still fetches; "
            "leave that rule at its 30 min or above"
        )
    return result
