"""`download.pieceTimeout` of seed client and client: long enough for the slowest piece that a layer may not lose."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.messages import Message, format_list, join, message
from dfly_analysis.models import DEFAULT_RETRY_CORRELATION, DurationFit, layer_failure_rate
from dfly_analysis.recommendation import required_timeout as required
from dfly_analysis.recommendation.context import CLIENT_ROLES, COLLECTOR, HEADROOM, LEVEL, PIECE, ROLE_TITLES, SLOTS
from dfly_analysis.recommendation.context import RecommendationContext as Context
from dfly_analysis.recommendation.context import TimeoutRequirement as Requirement
from dfly_analysis.recommendation.recommendations import NoRecommendation, Recommendation, in_force_text
from dfly_analysis.units import duration_setting, format_duration, format_rate, format_share, format_size

_ORIGINS = {"source": message("the registry"), "parent": message("a parent")}
_FINDINGS = ("reqwest_body_timed_out", "error_decoding_response_body", "content_write_failed", "write_piece_timed_out")


def advise(context: Context) -> Iterator[Recommendation | NoRecommendation]:
    """Return what to do about `download.pieceTimeout`, for each role."""
    for need in (context.needs[role, PIECE] for role in CLIENT_ROLES):
        yield refuse(context, need) if need.proposed_s is None else raise_timeout(context, need, need.proposed_s)


def range_text(interval: Interval, text_of: Callable[[float], str] = format_duration) -> Message:
    """Return an interval as text, e.g. ``67.4 s (61.8 s to 3 min 18 s)``."""
    value, low, high = text_of(interval.value), text_of(interval.low), text_of(interval.high)
    return message("{value} ({low} to {high})", value=value, low=low, high=high)


def raise_timeout(
    context: Context, need: Requirement, proposed_s: float, *, reasons: tuple[str, ...] = ()
) -> Recommendation:
    """Return the recommendation to raise a piece timeout; further reasons come first."""
    in_force, factor = need.in_force_s, _time_factor(context, need.role)
    # A rule of thumb has no upper end: what timed out shows only that more is needed.
    low, high = (in_force or 0.0, math.inf)
    if need.needed:
        low, high = (min(edge * factor, required.LONGEST_S) for edge in (need.needed.low, need.needed.high))
    return Recommendation.of(
        need.current, need.key, [*reasons, *_observations(context, need), *_predictions(context, need, in_force, proposed_s)],
        proposed=duration_setting(proposed_s), unit="s", low=low, high=high, confidence=required.confidence_of(context, need),
        findings=context.present(*_FINDINGS), how_to_check=_check_text(context, need, proposed_s),
        demanded_bandwidth_bps=context.bandwidth_bps(need.role, proposed_s), rule_of_thumb=_article_text(need.key),
        layer_failure_now=_layer_failure(context, need, in_force),
        layer_failure_then=_layer_failure(context, need, proposed_s / factor),
    )  # fmt: skip


def _layer_failure(
    context: Context, need: Requirement, timeout_s: float | None, *, competing: bool = False
) -> Interval | None:
    """Return the probability that the requested layer fails, by timeouts alone or with competing risks."""
    fit, correlation = need.duration_fit, context.retry_failure_correlation(need.origin)
    if timeout_s is None or not isinstance(fit, DurationFit):
        return None
    layer = context.layer(need.role)
    return layer_failure_rate(fit, layer, timeout_s, LEVEL, competing=competing, retry_failure_correlation=correlation)


def _time_factor(context: Context, role: str) -> float:
    """Return the factor on the time of a piece once the recommended number of them is in flight."""
    reduced = context.reduced_concurrency.get(role)
    return reduced.times if reduced is not None and reduced.reason == "timeout" else 1.0


def _article_text(key: str) -> Message:
    """Return what the article recommends."""
    time = duration_setting(required.ARTICLE_S)
    return message("the article: {time} for 20 GB and more (set {key}, not pieceDownloadTimeout)", time=time, key=key)


def _observations(context: Context, need: Requirement) -> Iterator[Message]:
    seen, diagnosis = need.timeouts, context.diagnosis
    counts = {"n": seen.timed_out, "attempts": seen.attempts}
    if seen.timed_out and seen.timeout_s is not None:
        time = format_duration(seen.timeout_s)
        yield message("{n:,} of {attempts:,} attempts at pieces reached the {time} timeout", time=time, **counts)
    elif seen.timed_out:
        yield message("{n:,} of {attempts:,} attempts at pieces timed out", **counts)
    n, failed = context.failed_tasks(required.TIMEOUT), context.failed_tasks()
    share = n / failed if failed else None
    if (named := next((item for item in diagnosis.causes if item.cause == required.TIMEOUT), None)) is not None:
        n, failed, share = named.tasks, max(failed, named.tasks), named.share
    if share is not None:
        values = {"n": n, "failed": failed, "share": format_share(share)}
        yield message("timeouts explain {n:,} of {failed:,} failed tasks ({share})", **values)
    if not seen.seen:
        yield message("nothing has timed out yet: this is the prediction for the requested size")


def _predictions(context: Context, need: Requirement, in_force: float | None, proposed_s: float) -> Iterator[Message]:
    fit = need.duration_fit
    if not isinstance(fit, DurationFit):
        yield _rule_of_thumb_reason(context, need)
        return
    yield message(
        "99.9 % of attempts at a {piece} piece from {origin} take at most {slowest} (distribution {model}, {n:,} attempts, {censored:,} of "
        "them right-censored)", piece=format_size(context.piece_bytes), origin=_ORIGINS[need.origin or "source"], model=fit.model, n=fit.n,
        slowest=range_text(fit.quantile(context.piece_bytes, 0.999, LEVEL)), censored=fit.n_censored,
    )  # fmt: skip
    if need.needed is not None:
        yield message(
            "a failure rate of {target} for layers of {layer} ({pieces:,} pieces, passes: {passes}) requires a timeout of {needed}, {level} interval",
            target=format_share(context.target), layer=format_size(context.size_bytes), pieces=context.n_pieces,
            passes=context.layer(need.role).passes, needed=range_text(need.needed), level=format_share(LEVEL),
        )  # fmt: skip
        if not need.limited_by:
            yield message("the proposal is the upper end times {factor:g}, rounded up", factor=HEADROOM)
    for timeout_s in (in_force, proposed_s):
        layer = _layer_failure(context, need, timeout_s)
        if timeout_s is not None and layer is not None:
            yield message(
                "at {timeout}, {attempts} of attempts time out, and timeouts fail {layers} of such layers ({level} interval)",
                timeout=duration_setting(timeout_s), layers=range_text(layer, format_share), level=format_share(LEVEL),
                attempts=format_share(fit.timeout_rate(context.piece_bytes, timeout_s, LEVEL).value),
            )  # fmt: skip
    yield from _retry_assumptions(context, need)
    yield from _prediction_limits(context, need, fit, proposed_s)


def _retry_assumptions(context: Context, need: Requirement) -> Iterator[Message]:
    layer, correlation = context.layer(need.role), context.measured_retry_correlation(need.origin)
    if layer.passes < 2:
        return
    if layer.siblings_cancelled:
        yield message(
            "a failed piece cancels the others in flight (up to {n}), which leaves them one attempt", n=layer.slots
        )
    if correlation is None:
        share = format_share(DEFAULT_RETRY_CORRELATION.high)
        yield message(
            "the upper ends assume that {share} of failures repeat in the next pass (not measured)", share=share
        )
    else:
        measured = range_text(correlation, format_share)
        yield message("{share} of failures repeat in the next pass, measured in this run", share=measured)


def _prediction_limits(context: Context, need: Requirement, fit: DurationFit, proposed_s: float) -> Iterator[Message]:
    if largest := context.beyond_sizes_seen(need.origin or "source"):
        sizes = {"largest": format_size(largest), "piece": format_size(context.piece_bytes)}
        yield message("extrapolated: the largest observed piece has {largest}, this layer's have {piece}", **sizes)
    longest = fit.extrapolates_beyond_s
    if longest is not None and need.needed is not None and need.needed.value > longest:
        time = format_duration(longest)
        yield message("extrapolated beyond {time}, the longest observed time", time=time)
    if need.limited_by == "step":
        yield message(
            "the models disagree beyond the observed times: four times the estimate is proposed, then measure again"
        )
    if need.limited_by == "ceiling":
        yield message(
            "the proposal is limited, because a piece with its retries has to end before {key}", key=COLLECTOR
        )
    if need.role in context.reduced_concurrency and need.needed is not None:
        factor, slots = _time_factor(context, need.role), context.reduced_concurrency[need.role].slots
        shorter = Interval(need.needed.value * factor, need.needed.low * factor, need.needed.high * factor)
        yield message(
            "with the recommended {n} pieces in flight it has to be {needed}", n=slots, needed=range_text(shorter)
        )
    whole = _layer_failure(context, need, proposed_s, competing=True)
    if whole is not None and whole.value > context.target:
        share = format_share(whole.value)
        yield message("resets and other errors included, {share} of such layers still fail at any timeout", share=share)


def _rule_of_thumb_reason(context: Context, need: Requirement) -> Message:
    fit = need.duration_fit
    reason = fit.reason if isinstance(fit, NotFitted) else message("no distribution is fitted")
    if need.timeouts.timeout_s is not None:
        rule = message("four times the timeout that pieces reached")
    elif context.size_bytes >= required.ARTICLE_FROM_BYTES:
        rule = message("{time} as in the article", time=duration_setting(required.ARTICLE_S))
    else:
        rule = message("{time} as the maintainers advise", time=duration_setting(required.MAINTAINERS_S))
    return message(
        "rule of thumb ({reason}): {rule}, or what the observed bandwidth requires", reason=reason, rule=rule
    )


def _check_text(context: Context, need: Requirement, proposed_s: float) -> Message:
    most, fit = 0, need.duration_fit
    if isinstance(fit, DurationFit) and need.proposed_s is not None:
        mean = context.n_pieces * fit.timeout_rate(context.piece_bytes, proposed_s, LEVEL).high
        most = math.ceil(mean + 3.0 * math.sqrt(mean))
    return message(
        "set it, preheat a layer of {size} again, then run `dfly-analysis diagnose` on the new logs: at most {most:,} of {pieces:,} pieces "
        "time out at {timeout}, and the job's success_tasks name the layer", size=format_size(context.size_bytes), most=most,
        pieces=context.n_pieces, timeout=duration_setting(proposed_s),
    )  # fmt: skip


def refuse(context: Context, need: Requirement) -> NoRecommendation:
    """Return why a piece timeout is left as it is."""
    fit, role, now = need.duration_fit, ROLE_TITLES[need.role], in_force_text(need.current)
    collect = fit.collect if isinstance(fit, NotFitted) else ""
    if isinstance(fit, DurationFit):
        reason: str = join(_refusal_by_model(context, need, fit), "; ")
    elif fit is None:
        reason = message("the input shows no {role} that fetches what this timeout covers", role=role)
        collect = message("logs of a {role} that fetches a large layer", role=role)
    elif need.verdict == "no_timeout":
        reason = join([_no_timeout_text(context, need), now], "; ")
    elif need.timeouts.seen:
        reason = join([fit.reason, now, message("this is at least the rule of thumb")], "; ")
    else:
        reason = fit.reason
    return NoRecommendation(need.key, reason, collect, need.role)


def _refusal_by_model(context: Context, need: Requirement, fit: DurationFit) -> Iterator[Message]:
    in_force = need.in_force_s
    predicted, now = _layer_failure(context, need, in_force), in_force_text(need.current)
    if predicted is None or in_force is None:
        yield now
        slowest = range_text(fit.quantile(context.piece_bytes, 0.999, LEVEL))
        yield message("99.9 % of attempts take at most {slowest}", slowest=slowest)
        return
    prediction = message(
        "at {timeout}, timeouts fail {share} of layers of {size} (prediction; target {target})", size=format_size(context.size_bytes),
        timeout=duration_setting(in_force), share=format_share(predicted.value), target=format_share(context.target),
    )  # fmt: skip
    if need.verdict == "meets":
        yield from (message("the current value meets the target"), prediction, now)
    elif need.verdict == "no_timeout":
        yield from (_no_timeout_text(context, need), now, prediction)
    elif need.verdict == "step":
        yield from (now, prediction)
        needed = range_text(need.needed) if need.needed is not None else ""
        yield message("the model requires {needed}, which only a new run can narrow", needed=needed)
    else:
        yield from (now, prediction)
        if rate := context.bandwidth_bps(need.role, in_force):
            yield message("it demands {rate} for one layer", rate=format_rate(rate))
        yield message("no sensible timeout meets the target: more bandwidth or a lower {key} helps", key=SLOTS)


def _no_timeout_text(context: Context, need: Requirement) -> Message:
    shares = [join([one.cause, format_share(one.share)]) for one in context.diagnosis.causes if one.tasks]
    causes = format_list(shares or [context.diagnosis.primary_cause or message("unknown")], limit=20)
    text = message(
        "no failed task of a {role} timed out, so a longer timeout does not help", role=ROLE_TITLES[need.role]
    )
    return join([text, message("causes: {causes}", causes=causes)], "; ")
