"""Warnings of what is written in vain, or to harm: above all `pieceDownloadTimeout`, which is no limit on a transfer."""

from __future__ import annotations

from dfly_analysis.recommendation.context import CLIENT_ROLES, Case
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.recommendation.required_timeout import COLLECTOR, PIECE
from dfly_analysis.units import format_duration

_WRONG = "pieceDownloadTimeout"


def advise(case: Case) -> Advice:
    """Return a warning for each key that nothing reads, or that does something else than its name says."""
    warnings = [_warning(path, reason) for path, reason in case.settings.ignored]
    return Advice(warnings=(*warnings, *_collector(case)))


def _warning(path: str, reason: str) -> str:
    if path.endswith(f"download.{_WRONG}"):
        return f"{path}: ignored in silence; the knob is {PIECE} ({reason})"
    return f"{path}: {reason}"


def _collector(case: Case) -> list[str]:
    """Warn where the scheduler would remove a peer before a piece with all its retries has run out of time."""
    limit = case.setting(COLLECTOR, "scheduler")
    made = []
    for role in CLIENT_ROLES:
        need, tries = case.needs[role, PIECE], case.retries(role) + 1
        if limit.seconds is None or need.planned_s is None or limit.seconds > need.planned_s * tries:
            continue
        made.append(
            f"{COLLECTOR} of the scheduler is {limit.value} ({limit.source}): not above {PIECE} of the {role} times "
            f"{tries} tries ({format_duration(need.planned_s * tries)}), so a slow peer is removed while it still fetches; "
            "leave that rule at its 30 min or above"
        )
    return made
