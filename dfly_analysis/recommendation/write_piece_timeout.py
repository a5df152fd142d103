"""`storage.writePieceTimeout`: it covers the same transfer as `download.pieceTimeout`, so it must not be shorter."""

from collections.abc import Iterator
from dataclasses import replace

from dfly_analysis.messages import message
from dfly_analysis.recommendation.context import CLIENT_ROLES, PIECE, WRITE, RecommendationContext
from dfly_analysis.recommendation.piece_timeout import change_or_reason
from dfly_analysis.recommendation.recommendations import NoRecommendation, Recommendation
from dfly_analysis.units import duration_setting, format_duration


def advise(context: RecommendationContext) -> Iterator[Recommendation | NoRecommendation]:
    """Return what to do about `storage.writePieceTimeout`; nothing where the release does not read it (up to v0.2.26)."""
    for role in CLIENT_ROLES:
        need, piece = context.needs.get((role, WRITE)), context.needs[role, PIECE]
        if need is None:
            continue
        floor, in_force = piece.planned_s, need.current.seconds
        # The shorter of the two ends a piece first; that matters where either is raised, or ended something.
        matters = piece.proposed_s is not None or need.any_timeout
        if floor is not None and in_force is not None and in_force < floor and matters:
            values = {"key": PIECE, "piece": duration_setting(floor), "write": format_duration(in_force)}
            order = message("it ends a transfer at {write}, before {key} of {piece} does", **values)
            yield change_or_reason(context, replace(need, proposed_s=max(need.proposed_s or 0.0, floor)), order)
        else:
            yield change_or_reason(context, need)
