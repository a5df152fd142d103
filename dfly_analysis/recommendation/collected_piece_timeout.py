"""`download.collectedPieceTimeout`: a child has to wait as long as a parent takes for its own first pieces."""

import math
from collections.abc import Iterator

from dfly_analysis.estimates import Interval
from dfly_analysis.messages import Message, join, message
from dfly_analysis.models import DurationFit
from dfly_analysis.quantities import interval_text
from dfly_analysis.recommendation.context import CLIENT_ROLES, PIECE, TITLES
from dfly_analysis.recommendation.context import RecommendationContext as Context
from dfly_analysis.recommendation.piece_timeout import rounded_up
from dfly_analysis.recommendation.recommendations import NoRecommendation, Recommendation, in_force_text, unknown_value
from dfly_analysis.units import duration_setting, format_rate, format_size

KEY = "download.collectedPieceTimeout"
_FINDING = "parent_silent"
_QUANTILE = 0.999


def advise(context: Context) -> Iterator[Recommendation | NoRecommendation]:
    """Return what to do about `download.collectedPieceTimeout`; nothing where the release does not read it (up to v0.2.38)."""
    return (_of_role(context, role) for role in CLIENT_ROLES if context.reads(KEY, role))


def _of_role(context: Context, role: str) -> Recommendation | NoRecommendation:
    current, observed = context.setting(KEY, role), context.present(_FINDING)
    if not context.fetched_from(role, "parent"):
        reason = message("the input shows no {role} that fetches from another host", role=TITLES[role])
        collect = message("logs of clients that pull a large layer while the seed client still fetches it")
        return NoRecommendation(KEY, reason, collect, role)
    in_force = current.seconds
    if in_force is None:
        return unknown_value(KEY, current)
    # How long a parent that reads from the registry may stay silent: one piece's time, but no more than its own timeout.
    fit, parent_s = context.duration_fit("source", "seedClient"), context.needs["seedClient", PIECE].planned_s
    fitted = isinstance(fit, DurationFit)
    if isinstance(fit, DurationFit):
        found = fit.quantile(context.piece_bytes, _QUANTILE).up_to(fit.seen_s(context.piece_bytes))
        most = parent_s if parent_s is not None else found.high if math.isfinite(found.high) else found.value
        silence = Interval(min(found.value, most), min(found.low, most), min(found.high, most))
    elif not observed or parent_s is None or in_force >= rounded_up(parent_s):
        return NoRecommendation(KEY, fit.reason, fit.collect, role)
    else:
        silence = Interval(parent_s, in_force, parent_s)
    if in_force >= (silence.high if observed else silence.value):
        enough = message("it is long enough for the first pieces of a parent: {time}", time=interval_text(silence, "s"))
        return NoRecommendation(KEY, join([in_force_text(current), enough], "; "), "", role)
    proposed_s = rounded_up(silence.high)
    now = context.bandwidth_bps("seedClient", in_force or proposed_s)
    return Recommendation.of(
        current, KEY, _reasons(context, silence, now, fitted=fitted), proposed=duration_setting(proposed_s), unit="s", low=silence.low,
        high=silence.high, confidence="medium" if fitted and observed else "low", findings=observed,
        how_to_check=message(
            "set it, pull the layer while it is preheated, then run `dfly-analysis diagnose`: parent_silent is absent and the "
            "bytes_from_source of the pulls are near 0"
        ),
        demanded_bandwidth_bps=context.bandwidth_bps("seedClient", proposed_s),
        rule_of_thumb=message("{value}, the chart's value for clients since 1.4.16", value=duration_setting(360.0)),
    )  # fmt: skip


def _reasons(context: Context, silence: Interval, now_bps: float | None, *, fitted: bool) -> Iterator[Message]:
    values = {"piece": format_size(context.piece_bytes), "time": interval_text(silence, "s")}
    if fitted:
        yield message("time until a parent announces its first {piece} piece: {time} (fitted)", **values)
    else:
        yield message("time until a parent announces its first {piece} piece: {time} (its timeout)", **values)
    if in_flight := context.pieces_in_flight("seedClient"):
        yield message("the parent fetches {n} pieces at the same time", n=in_flight)
    yield message("a child that gives up earlier blocks its parents and falls back to the registry")
    if now_bps:
        yield message("the current value demands {rate} from the registry", rate=format_rate(now_bps))
