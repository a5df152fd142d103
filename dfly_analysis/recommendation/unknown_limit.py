"""Warns where pieces were cut at another limit than the one that is believed to be in force."""

from __future__ import annotations

from dfly_analysis.recommendation.context import Case
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.units import format_duration

PIECE = "download.pieceTimeout"
WELL_BELOW = 0.9


def advise(case: Case) -> Advice:
    """Compare the limit that the failed pieces show with the settings known."""
    pieces = case.dataset.pieces
    cut = pieces[(pieces["outcome"] == "timeout") & pieces["timeout_s"].notna()]
    warnings = []
    for role, rows in cut.groupby("role"):
        shown_s, believed = float(rows["timeout_s"].median()), case.settings.get(PIECE, str(role))
        if believed.seconds is not None and shown_s < WELL_BELOW * believed.seconds:
            warnings.append(
                f"pieces of the {role} were cut at {format_duration(shown_s)}, yet {PIECE} is believed to be {believed.value} "
                f"({believed.source}): add the rendered dfdaemon.yaml, or --values and --chart; until then no advice on it can be trusted"
            )
    return Advice(warnings=tuple(warnings))
