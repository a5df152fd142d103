"""`storage.writePieceTimeout`: it covers the same body as `download.pieceTimeout`, so it must not be the shorter one."""

from __future__ import annotations

from dataclasses import replace

from dfly_analysis.recommendation.context import CLIENT_ROLES, RecommendationContext
from dfly_analysis.recommendation.messages import in_force_text, raise_limit, refuse_limit
from dfly_analysis.recommendation.recommendations import Advice, NoRecommendation, Recommendation
from dfly_analysis.recommendation.required_timeout import PIECE, WRITE, TimeoutRequirement
from dfly_analysis.units import duration_setting, format_duration


def advise(context: RecommendationContext) -> Advice:
    """Return what to do about `storage.writePieceTimeout`; nothing where the release does not read it (up to v0.2.26)."""
    needs = [context.needs[role, WRITE] for role in CLIENT_ROLES if (role, WRITE) in context.needs]
    results = [_one(context, need) for need in needs]
    return Advice(
        recommendations=tuple(item for item in results if isinstance(item, Recommendation)),
        no_advice=tuple(item for item in results if isinstance(item, NoRecommendation)),
    )


def _one(context: RecommendationContext, need: TimeoutRequirement) -> Recommendation | NoRecommendation:
    piece = context.needs[need.role, PIECE]
    floor = piece.planned_s
    in_force = need.current.seconds
    # A limit that is shorter than pieceTimeout bites first; that matters where either is raised, or cut something.
    ordered = (
        floor is not None
        and in_force is not None
        and in_force < floor
        and (piece.proposed_s is not None or need.timeouts.seen)
    )
    if not ordered:
        return raise_limit(context, need) if need.proposed_s is not None else refuse_limit(context, need)
    assert floor is not None
    result = raise_limit(context, replace(need, proposed_s=max(need.proposed_s or 0.0, floor)))
    after = f"after raising {PIECE} to {duration_setting(floor)} it " if piece.proposed_s is not None else "it "
    order = f"{in_force_text(need.current)}; {after}would cut the same body before {PIECE} does, at {format_duration(in_force or 0.0)}"
    return replace(result, because=f"{order}; {result.because.partition('; ')[2]}")
