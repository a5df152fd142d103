"""Warns where pieces were cut at another limit than the one that is believed to be in force."""

from __future__ import annotations

from dfly_analysis.recommendation.context import RecommendationContext
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.units import format_duration

PIECE = "download.pieceTimeout"
WELL_BELOW = 0.9


def advise(context: RecommendationContext) -> Advice:
    """Compare the limit that the failed pieces show with the settings known."""
    pieces = context.dataset.pieces
    cut = pieces[(pieces["outcome"] == "timeout") & pieces["timeout_s"].notna()]
    warnings = []
    for role, rows in cut.groupby("role"):
        shown_s, configured = float(rows["timeout_s"].median()), context.settings.get(PIECE, str(role))
        if configured.seconds is not None and shown_s < WELL_BELOW * configured.seconds:
            warnings.append(
                f"pieces of the {role} were cut at {format_duration(shown_s)}, yet {PIECE} is believed to be {configured.value} "
                f"({configured.source}): add the rendered dfdaemon.yaml, or --values and --chart; until then no advice on it can be trusted"
            )
    return Advice(warnings=tuple(warnings))
