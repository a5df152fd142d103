"""`download.collectedPieceTimeout`: a child has to wait as long as a parent takes for its own first pieces."""

from __future__ import annotations

from dfly_analysis.config.setting import helm_path_of
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.models import DurationFit
from dfly_analysis.recommendation.context import CLIENT_ROLES, RecommendationContext
from dfly_analysis.recommendation.messages import ROLE_TITLES, bandwidth_bps, current_of, in_force_text, range_text
from dfly_analysis.recommendation.recommendations import Advice, Confidence, NoRecommendation, Recommendation
from dfly_analysis.recommendation.required_timeout import HEADROOM, LEVEL, PIECE, rounded_up
from dfly_analysis.recommendation.timeout_evidence import fetched_from
from dfly_analysis.units import duration_setting, format_rate, format_size

KEY = "download.collectedPieceTimeout"
_FINDING = "parent_silent"
_SHARE = 0.999
_COLLECT = "logs of clients that pull a large layer while the seed client still fetches it"


def advise(context: RecommendationContext) -> Advice:
    """Return what to do about `download.collectedPieceTimeout`; nothing where the release does not read it (up to v0.2.38)."""
    results = [_one(context, role) for role in CLIENT_ROLES if context.reads(KEY, role)]
    return Advice(
        recommendations=tuple(item for item in results if isinstance(item, Recommendation)),
        no_advice=tuple(item for item in results if isinstance(item, NoRecommendation)),
    )


def _one(context: RecommendationContext, role: str) -> Recommendation | NoRecommendation:
    current, observed = context.setting(KEY, role), bool(context.present(_FINDING))
    if not fetched_from(context, role, "parent"):
        return NoRecommendation(KEY, f"no {ROLE_TITLES[role]} is seen to fetch from another host", _COLLECT, role)
    in_force = current.seconds
    if in_force is None:
        missing = "the Helm values, the chart's version or dfdaemon.yaml"
        return NoRecommendation(KEY, f"the value in force is not known: {current.source}", missing, role)
    duration_fit, no_recommendation = _no_recommendation(context)
    parent_s = context.needs["seedClient", PIECE].planned_s
    if no_recommendation is None:
        if not observed or parent_s is None or in_force >= rounded_up(parent_s):
            assert isinstance(duration_fit, NotFitted)
            return NoRecommendation(KEY, duration_fit.reason, duration_fit.collect, role)
        no_recommendation = Interval(parent_s, in_force, parent_s)
    if in_force >= (no_recommendation.high if observed else no_recommendation.value):
        reason = f"the value in force meets the need: {in_force_text(current)}, a parent's first pieces take {range_text(no_recommendation)}"
        return NoRecommendation(KEY, reason, "", role)
    return _raise(context, role, no_recommendation, fitted=isinstance(duration_fit, DurationFit))


def _no_recommendation(context: RecommendationContext) -> tuple[DurationFit | NotFitted, Interval | None]:
    """Return how long a parent that reads from the source may stay silent: one piece's time, but no more than its own limit."""
    duration_fit = context.duration_fit("source", "seedClient")
    if not isinstance(duration_fit, DurationFit):
        return duration_fit, None
    found = duration_fit.quantile(context.piece_bytes, _SHARE, LEVEL)
    limit = context.needs["seedClient", PIECE].planned_s
    most = limit if limit is not None else found.high
    return duration_fit, Interval(min(found.value, most), min(found.low, most), min(found.high, most))


def _raise(context: RecommendationContext, role: str, no_recommendation: Interval, *, fitted: bool) -> Recommendation:
    current, observed = context.setting(KEY, role), context.present(_FINDING)
    proposed_s = rounded_up(HEADROOM * no_recommendation.high if fitted else no_recommendation.high)
    in_flight, demanded = context.pieces_in_flight("seedClient"), bandwidth_bps(context, "seedClient", proposed_s)
    many = f"{in_flight} pieces" if in_flight else "pieces"
    basis = "by the fitted law of the source" if fitted else "no law was fitted, so the parent's own limit counts"
    first = f"announces nothing before the first is whole, up to {range_text(no_recommendation)}, {basis}"
    reasons = [
        in_force_text(current),
        f"a parent that fetches {many} of {format_size(context.piece_bytes)} at a time {first}",
        "a child that gives up earlier has its parents blocked and goes to the registry",
    ]
    if now := bandwidth_bps(context, "seedClient", current.seconds or proposed_s):
        reasons.append(f"the value in force demands {format_rate(now)} from the registry")
    confidence: Confidence = "low" if not fitted else "medium" if observed else "low"
    return Recommendation(
        key=KEY, role=role, helm_path=current.helm_path or helm_path_of(role, KEY) or f"{role}.config.{KEY}",
        current=current_of(current), proposed=duration_setting(proposed_s), unit="s", low=no_recommendation.low, high=no_recommendation.high,
        because="; ".join(reasons), confidence=confidence, findings=observed,
        how_to_check="set it, pull the layer while it is preheated, then run `dfly-analysis diagnose`: parent_silent should be "
        "absent and the pulls' bytes_from_source near 0",
        demanded_bandwidth_bps=demanded,
        rule_of_thumb=f"{duration_setting(360.0)}, the chart's value for clients since 1.4.16",
    )  # fmt: skip
