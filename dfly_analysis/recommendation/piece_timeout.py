"""`download.pieceTimeout` of seed client and client: long enough for the slowest piece that a layer may not lose."""

from __future__ import annotations

from dfly_analysis.recommendation.context import CLIENT_ROLES, RecommendationContext
from dfly_analysis.recommendation.messages import raise_limit, refuse_limit
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.recommendation.required_timeout import PIECE


def advise(context: RecommendationContext) -> Advice:
    """Return what to do about `download.pieceTimeout`, for each role."""
    needs = [context.needs[role, PIECE] for role in CLIENT_ROLES]
    return Advice(
        recommendations=tuple(raise_limit(context, need) for need in needs if need.proposed_s is not None),
        no_advice=tuple(refuse_limit(context, need) for need in needs if need.proposed_s is None),
    )
