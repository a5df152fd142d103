"""`download.collectedPieceTimeout`: a child has to wait as long as a parent takes for its own first pieces."""

from __future__ import annotations

from collections.abc import Iterator

from dfly_analysis.estimates import Interval
from dfly_analysis.models import DurationFit
from dfly_analysis.recommendation.context import (
    CLIENT_ROLES,
    HEADROOM,
    LEVEL,
    PIECE,
    ROLE_TITLES,
    RecommendationContext,
)
from dfly_analysis.recommendation.piece_timeout import range_text
from dfly_analysis.recommendation.recommendations import NoRecommendation, Recommendation, in_force_text
from dfly_analysis.recommendation.required_timeout import rounded_up
from dfly_analysis.units import duration_setting, format_rate, format_size

KEY = "download.collectedPieceTimeout"
_FINDING = "parent_silent"
_SHARE = 0.999
_COLLECT = "logs of clients that pull a large layer while the seed client still fetches it"


def advise(context: RecommendationContext) -> Iterator[Recommendation | NoRecommendation]:
    """Return what to do about `download.collectedPieceTimeout`; nothing where the release does not read it (up to v0.2.38)."""
    return (_one(context, role) for role in CLIENT_ROLES if context.reads(KEY, role))


def _one(context: RecommendationContext, role: str) -> Recommendation | NoRecommendation:
    current, observed = context.setting(KEY, role), context.present(_FINDING)
    if not context.fetched_from(role, "parent"):
        return NoRecommendation(KEY, f"no {ROLE_TITLES[role]} is seen to fetch from another host", _COLLECT, role)
    in_force = current.seconds
    if in_force is None:
        missing = "the Helm values, the chart's version or dfdaemon.yaml"
        return NoRecommendation(KEY, f"the value in force is not known: {current.source}", missing, role)
    # How long a parent that reads from the source may stay silent: one piece's time, but no more than its own timeout.
    fit, parent_s = context.duration_fit("source", "seedClient"), context.needs["seedClient", PIECE].planned_s
    if isinstance(fit, DurationFit):
        found = fit.quantile(context.piece_bytes, _SHARE, LEVEL)
        most = parent_s if parent_s is not None else found.high
        silence = Interval(min(found.value, most), min(found.low, most), min(found.high, most))
    elif not observed or parent_s is None or in_force >= rounded_up(parent_s):
        return NoRecommendation(KEY, fit.reason, fit.collect, role)
    else:
        silence = Interval(parent_s, in_force, parent_s)
    if in_force >= (silence.high if observed else silence.value):
        reason = f"the value in force meets the need: {in_force_text(current)}, a parent's first pieces take {range_text(silence)}"
        return NoRecommendation(KEY, reason, "", role)
    return _raise(context, role, silence, fitted=isinstance(fit, DurationFit))


def _raise(context: RecommendationContext, role: str, silence: Interval, *, fitted: bool) -> Recommendation:
    current, observed = context.setting(KEY, role), context.present(_FINDING)
    proposed_s = rounded_up(HEADROOM * silence.high if fitted else silence.high)
    in_flight = context.pieces_in_flight("seedClient")
    many = f"{in_flight} pieces" if in_flight else "pieces"
    basis = "by the fitted law of the source" if fitted else "no law was fitted, so the parent's own limit counts"
    first = f"announces nothing before the first is whole, up to {range_text(silence)}, {basis}"
    reasons = [
        f"a parent that fetches {many} of {format_size(context.piece_bytes)} at a time {first}",
        "a child that gives up earlier has its parents blocked and goes to the registry",
    ]
    if now := context.bandwidth_bps("seedClient", current.seconds or proposed_s):
        reasons.append(f"the value in force demands {format_rate(now)} from the registry")
    return Recommendation.of(
        current,
        KEY,
        reasons,
        proposed=duration_setting(proposed_s),
        unit="s",
        low=silence.low,
        high=silence.high,
        confidence="medium" if fitted and observed else "low",
        findings=observed,
        how_to_check="set it, pull the layer while it is preheated, then run `dfly-analysis diagnose`: parent_silent should be "
        "absent and the pulls' bytes_from_source near 0",
        demanded_bandwidth_bps=context.bandwidth_bps("seedClient", proposed_s),
        rule_of_thumb=f"{duration_setting(360.0)}, the chart's value for clients since 1.4.16",
    )
