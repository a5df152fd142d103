"""`scheduler.scheduleTimeout` in the client's file: longer than a whole round over a layer."""

from __future__ import annotations

import math

from dfly_analysis.config.setting import helm_path_of
from dfly_analysis.estimates import Interval
from dfly_analysis.models import DurationFit
from dfly_analysis.recommendation.context import CLIENT_ROLES, RecommendationContext
from dfly_analysis.recommendation.messages import ROLE_TITLES, current_of, in_force_text, range_text
from dfly_analysis.recommendation.recommendations import Advice, Confidence, NoRecommendation, Recommendation
from dfly_analysis.recommendation.required_timeout import HEADROOM, LEVEL, beyond_seen
from dfly_analysis.units import duration_setting, format_duration, format_size

KEY = "scheduler.scheduleTimeout"
USUAL_S = 10_800.0  # the client's default from v0.2.27, the chart's from 1.3.27
_PROOFS = ("tokio_stream_elapsed", "scheduler_message_late")
_HINTS = ("scheduler_silent",)


def advise(context: RecommendationContext) -> Advice:
    """Return what to do about `scheduler.scheduleTimeout`, for each role."""
    results = [_one(context, role) for role in CLIENT_ROLES]
    return Advice(
        recommendations=tuple(item for item in results if isinstance(item, Recommendation)),
        no_advice=tuple(item for item in results if isinstance(item, NoRecommendation)),
    )


def _one(context: RecommendationContext, role: str) -> Recommendation | NoRecommendation:
    current, observed = context.setting(KEY, role), _seen(context, role)
    in_force = current.seconds
    if in_force is None:
        missing = "the Helm values, the chart's version or dfdaemon.yaml"
        return NoRecommendation(KEY, f"the value in force is not known: {current.source}", missing, role)
    whole = _round(context, role)
    proposed_s = _proposed(whole)
    demanded = whole is not None and in_force < whole.value
    if in_force >= proposed_s:
        return NoRecommendation(
            KEY,
            f"{in_force_text(current)}: longer than any round over a layer of {format_size(context.size_bytes)}",
            "",
            role,
        )
    if observed or demanded:
        return _raise(context, role, whole, observed)
    if whole is None:
        collect = "client logs with piece start and finish lines, and download.concurrentPieceCount"
        return NoRecommendation(
            KEY,
            f"no stream ran out of time, and how long a round takes is not known; {in_force_text(current)}",
            collect,
            role,
        )
    reason = f"{in_force_text(current)}: a round over a layer takes {range_text(whole)}, and no stream ran out of time"
    return NoRecommendation(KEY, reason, "", role)


def _seen(context: RecommendationContext, role: str) -> tuple[str, ...]:
    """Return the findings that speak for a role: those its own records show, or all where no record names a role."""
    found = context.present(*_PROOFS, *_HINTS)
    events = context.dataset.events
    shown = events[events["signature"].isin(found)]
    roles = set(shown["role"].dropna()) & set(CLIENT_ROLES)
    own = set(shown.loc[shown["role"] == role, "signature"])
    return tuple(name for name in found if name in own) if roles else found


def _round(context: RecommendationContext, role: str) -> Interval | None:
    """Return how long one round over the layer takes at least: median pieces, as many at a time as are set."""
    duration_fit, in_flight = context.duration_fit("source", role), context.pieces_in_flight(role)
    if not isinstance(duration_fit, DurationFit) or not in_flight:
        return None
    waves, piece = math.ceil(context.n_pieces / in_flight), duration_fit.quantile(context.piece_bytes, 0.5, LEVEL)
    return Interval(waves * piece.value, waves * piece.low, waves * piece.high)


def _proposed(whole: Interval | None) -> float:
    wanted = HEADROOM * whole.high if whole is not None and math.isfinite(whole.high) else 0.0
    return max(USUAL_S, math.ceil(wanted / 3600.0) * 3600.0)


def _raise(
    context: RecommendationContext, role: str, whole: Interval | None, observed: tuple[str, ...]
) -> Recommendation:
    current, proposed_s = context.setting(KEY, role), _proposed(whole)
    reasons = [in_force_text(current)]
    if observed:
        reasons.append(f"the {ROLE_TITLES[role]}'s wait for the scheduler ran out: {', '.join(observed)}")
    if whole is not None:
        reasons.append(
            f"a round over a layer of {format_size(context.size_bytes)} takes {range_text(whole)} at least, by the fitted law"
        )
    reasons.append(
        "the clock runs on while pieces are fetched, so a round that outlasts it fails at the next message; "
        f"{format_duration(USUAL_S)} is the default of later releases"
    )
    if observed and not set(observed) & set(_PROOFS):
        reasons.append("a scheduler that does not answer is not cured by waiting longer: look at it first")
    confidence: Confidence = "low"
    if set(observed) & set(_PROOFS):
        confidence = "high" if whole is not None and (current.seconds or 0.0) < whole.low else "medium"
    elif whole is not None and (current.seconds or 0.0) < whole.low and not beyond_seen(context, "source"):
        confidence = "medium"
    return Recommendation(
        key=KEY, role=role, helm_path=current.helm_path or helm_path_of(role, KEY) or f"{role}.config.{KEY}",
        current=current_of(current), proposed=duration_setting(proposed_s), unit="s",
        low=whole.low if whole is not None else (current.seconds or 0.0), high=proposed_s, because="; ".join(reasons),
        confidence=confidence, findings=observed,
        how_to_check="set it, repeat the preheat and the pulls, then run `dfly-analysis diagnose`: expect tokio_stream_elapsed absent",
        rule_of_thumb=f"{duration_setting(USUAL_S)}, the chart's value since 1.3.27",
    )  # fmt: skip
