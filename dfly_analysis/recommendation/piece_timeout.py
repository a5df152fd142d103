"""`download.pieceTimeout` of seed client and client: long enough for the slowest piece that a layer may not lose."""

from __future__ import annotations

import math
from collections.abc import Iterator

from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.models import DEFAULT_RETRY_CORRELATION, DurationFit, layer_failure_rate
from dfly_analysis.recommendation.context import (
    CLIENT_ROLES,
    COLLECTOR,
    HEADROOM,
    LEVEL,
    PIECE,
    ROLE_TITLES,
    RecommendationContext,
    TimeoutRequirement,
)
from dfly_analysis.recommendation.recommendations import NoRecommendation, Recommendation, in_force_text
from dfly_analysis.recommendation.required_timeout import (
    ARTICLE_FROM_BYTES,
    ARTICLE_S,
    LONGEST_S,
    MAINTAINERS_S,
    TIMEOUT,
    confidence_of,
)
from dfly_analysis.units import duration_setting, format_duration, format_rate, format_share, format_size

_FINDINGS = ("reqwest_body_timed_out", "error_decoding_response_body", "content_write_failed", "write_piece_timed_out")
_ORIGIN_TITLES = {"source": "the source", "parent": "a parent", None: "the source"}


def advise(context: RecommendationContext) -> Iterator[Recommendation | NoRecommendation]:
    """Return what to do about `download.pieceTimeout`, for each role."""
    for need in (context.needs[role, PIECE] for role in CLIENT_ROLES):
        yield refuse(context, need) if need.proposed_s is None else raise_timeout(context, need, need.proposed_s)


def range_text(interval: Interval) -> str:
    """Return an interval of seconds as text, e.g. ``67.4 s (61.8 s to 3 min 18 s)``."""
    return f"{format_duration(interval.value)} ({format_duration(interval.low)} to {format_duration(interval.high)})"


def raise_timeout(
    context: RecommendationContext, need: TimeoutRequirement, proposed_s: float, *, reasons: tuple[str, ...] = ()
) -> Recommendation:
    """Return the recommendation to raise a piece timeout; further reasons come first."""
    in_force, proposed, eased = need.in_force_s, duration_setting(proposed_s), _eased(context, need.role)
    # A rule of thumb has no upper end: what timed out shows only that more is needed.
    low, high = (in_force or 0.0, math.inf)
    if need.needed:
        low, high = (min(edge * eased, LONGEST_S) for edge in (need.needed.low, need.needed.high))
    return Recommendation.of(
        need.current,
        need.key,
        [*reasons, *_observations(context, need), *_predictions(context, need, in_force, proposed_s)],
        proposed=proposed,
        unit="s",
        low=low,
        high=high,
        confidence=confidence_of(context, need),
        findings=context.present(*_FINDINGS),
        how_to_check=_check_text(context, need, proposed_s),
        demanded_bandwidth_bps=context.bandwidth_bps(need.role, proposed_s),
        rule_of_thumb=_rule_of_thumb(context, need.key),
        layer_failure_now=_layer_failure(context, need, in_force),
        layer_failure_then=_layer_failure(context, need, proposed_s / eased),
    )


def _layer_failure(
    context: RecommendationContext, need: TimeoutRequirement, timeout_s: float | None, *, competing: bool = False
) -> Interval | None:
    """Return the probability that the requested layer fails, by timeouts alone or with competing risks."""
    fit, correlation = need.duration_fit, context.retry_failure_correlation(need.origin)
    if timeout_s is None or not isinstance(fit, DurationFit):
        return None
    layer = context.layer(need.role)
    return layer_failure_rate(fit, layer, timeout_s, LEVEL, competing=competing, retry_failure_correlation=correlation)


def _eased(context: RecommendationContext, role: str) -> float:
    """Return the factor on the time of a piece once the recommended number of them is in flight."""
    reduced = context.reduced_concurrency.get(role)
    return reduced.times if reduced is not None and reduced.why == "limit" else 1.0


def _rule_of_thumb(context: RecommendationContext, key: str) -> str:
    """Return what the article says, on the right key."""
    article = f"{duration_setting(ARTICLE_S)} for images of 20 GB and more, set on {key}"
    if context.size_bytes >= ARTICLE_FROM_BYTES:
        return f"the article's rule: {article} (it names pieceDownloadTimeout, which does not bound a transfer)"
    return f"the article's rule: {article}; it says nothing for {format_size(context.size_bytes)}"


def _observations(context: RecommendationContext, need: TimeoutRequirement) -> Iterator[str]:
    seen, diagnosis = need.timeouts, context.diagnosis
    if seen.cut_attempts:
        limit = f" of {format_duration(seen.limit_s)}" if seen.limit_s is not None else ""
        yield f"{seen.cut_attempts} of {seen.attempts} attempts at pieces ran into a limit{limit}"
    cut, failed = context.failed_tasks(TIMEOUT), context.failed_tasks()
    share = cut / failed if failed else None
    if (named := next((item for item in diagnosis.causes if item.cause == TIMEOUT), None)) is not None:
        cut, failed, share = named.tasks, max(failed, named.tasks), named.share
    if share is not None:
        yield f"timeouts explain {cut} of {failed} failed tasks ({format_share(share)})"
    if not seen.seen:
        yield "nothing was cut by a timeout yet: this is the law's forecast for the size asked for"


def _predictions(
    context: RecommendationContext, need: TimeoutRequirement, in_force: float | None, proposed_s: float
) -> Iterator[str]:
    fit = need.duration_fit
    if not isinstance(fit, DurationFit):
        yield _rule_of_thumb_reason(context, need)
        return
    slowest = range_text(fit.quantile(context.piece_bytes, 0.999, LEVEL))
    sample = f"law {fit.law}, {fit.n} attempts, {fit.n_censored} of them cut or ended"
    yield (
        f"999 of 1000 attempts at a {format_size(context.piece_bytes)} piece from {_ORIGIN_TITLES[need.origin]} "
        f"take at most {slowest} ({sample})"
    )
    if need.needed is not None:
        passes = context.layer(need.role).passes
        proposal = "" if need.limited_by else f"; its upper end times {HEADROOM}, rounded up, is proposed"
        yield (
            f"a failure rate of {format_share(context.target)} for a layer of {format_size(context.size_bytes)} ({context.n_pieces} pieces, "
            f"{passes} {'passes' if passes > 1 else 'pass'}) takes {range_text(need.needed)}, {format_share(LEVEL)} interval{proposal}"
        )
    for timeout_s in (in_force, proposed_s):
        layer = _layer_failure(context, need, timeout_s)
        if timeout_s is not None and layer is not None:
            yield (
                f"at {duration_setting(timeout_s)} a timeout cuts {format_share(fit.timeout_rate(context.piece_bytes, timeout_s, LEVEL).value)} "
                f"of attempts and fails {format_share(layer.value)} of such layers ({format_share(layer.low)} to {format_share(layer.high)}: "
                f"timeouts alone, {format_share(LEVEL)} interval)"
            )
    yield from _retry_assumptions(context, need)
    yield from _prediction_limits(context, need, fit, proposed_s)


def _retry_assumptions(context: RecommendationContext, need: TimeoutRequirement) -> Iterator[str]:
    layer, correlation = context.layer(need.role), context.measured_retry_correlation(need.origin)
    if layer.passes < 2:
        return
    if layer.siblings_cancelled:
        yield f"this release cancels the pieces in flight ({layer.slots}) with a failed one, which leaves them one try"
    if correlation is None:
        share = format_share(DEFAULT_RETRY_CORRELATION.high)
        yield f"the upper ends let {share} of failures repeat in the next pass: a caution, since too few tasks ended here to measure it"
    else:
        ends = f"{format_share(correlation.low)} to {format_share(correlation.high)}"
        yield f"{format_share(correlation.value)} ({ends}) of failures repeat in the next pass, by how many tasks failed in this run"


def _prediction_limits(
    context: RecommendationContext, need: TimeoutRequirement, fit: DurationFit, proposed_s: float
) -> Iterator[str]:
    if largest := context.beyond_sizes_seen(need.origin or "source"):
        yield f"no piece above {format_size(largest)} was seen, so the step to {format_size(context.piece_bytes)} is extrapolated"
    longest = fit.extrapolates_beyond_s
    if longest is not None and need.needed is not None and need.needed.value > longest:
        yield f"beyond {format_duration(longest)}, the longest time seen, the answer is the law's alone"
    if need.limited_by == "step":
        yield (
            "the interval's upper end is the laws' disagreement beyond what was seen: four times the estimate is proposed, "
            "and the next run tells whether more is needed"
        )
    if need.limited_by == "ceiling":
        yield f"the law's upper end asks for more, but a piece with its retries has to end before {COLLECTOR}"
    if need.role in context.reduced_concurrency and need.needed is not None:
        eased, slots = _eased(context, need.role), context.reduced_concurrency[need.role].slots
        shorter = Interval(need.needed.value * eased, need.needed.low * eased, need.needed.high * eased)
        yield f"with {slots} pieces in flight, as is advised beside this, it takes {range_text(shorter)}"
    whole = _layer_failure(context, need, proposed_s, competing=True)
    if whole is not None and whole.value > context.target:
        yield f"with resets and other endings {format_share(whole.value)} of such layers still fail; no timeout cures those"


def _rule_of_thumb_reason(context: RecommendationContext, need: TimeoutRequirement) -> str:
    fit = need.duration_fit
    reason = fit.reason.partition("; ")[0] if isinstance(fit, NotFitted) else "no law was fitted"
    if need.timeouts.limit_s is not None:
        rule = "four times the limit that cut"
    elif context.size_bytes >= ARTICLE_FROM_BYTES:
        rule = f"the article's {duration_setting(ARTICLE_S)}"
    else:
        rule = f"the {duration_setting(MAINTAINERS_S)} that the project's maintainers advise"
    return f"a rule of thumb, not a forecast, since {reason}: {rule}, and no less than the bandwidth seen would need"


def _check_text(context: RecommendationContext, need: TimeoutRequirement, proposed_s: float) -> str:
    expected = "no piece"
    if isinstance(need.duration_fit, DurationFit) and need.proposed_s is not None:
        mean = context.n_pieces * need.duration_fit.timeout_rate(context.piece_bytes, proposed_s, LEVEL).high
        expected = f"no more than {math.ceil(mean + 3.0 * math.sqrt(mean))} of {context.n_pieces} pieces"
    return (
        f"set it, repeat the preheat of a layer of {format_size(context.size_bytes)}, then run `dfly-analysis diagnose` on the new "
        f"logs: expect {expected} cut at {duration_setting(proposed_s)}, and the layer among the job's success_tasks"
    )


def refuse(context: RecommendationContext, need: TimeoutRequirement) -> NoRecommendation:
    """Return why a piece timeout is left as it is."""
    fit, role, value = need.duration_fit, ROLE_TITLES[need.role], in_force_text(need.current)
    collect = fit.collect if isinstance(fit, NotFitted) else ""
    if isinstance(fit, DurationFit):
        reason = _refusal_by_model(context, need, fit)
    elif fit is None:
        reason = f"no {role} is seen to fetch anything that this limit covers"
        collect = f"logs of a {role} while it fetches a large layer"
    elif need.verdict == "not_cut":
        reason = f"{_no_timeout_text(context, need)}; {value}"
    else:
        reason = f"{fit.reason}{f'; {value}, no lower than the rules of thumb' if need.timeouts.seen else ''}"
    return NoRecommendation(need.key, reason, collect, need.role)


def _refusal_by_model(context: RecommendationContext, need: TimeoutRequirement, fit: DurationFit) -> str:
    in_force = need.in_force_s
    forecast, value = _layer_failure(context, need, in_force), in_force_text(need.current)
    if forecast is None or in_force is None:
        return (
            f"{value}; 999 of 1000 attempts take at most {range_text(fit.quantile(context.piece_bytes, 0.999, LEVEL))}"
        )
    layers, target = f"layers of {format_size(context.size_bytes)}", format_share(context.target)
    message = f"predicted timeouts fail {format_share(forecast.value)} of {layers} at {duration_setting(in_force)}"
    if need.verdict == "meets":
        return f"the value in force meets the target: {message}, target {target}; {value}"
    if need.verdict == "not_cut":
        return f"{_no_timeout_text(context, need)}; {value}, {message}"
    if need.verdict == "step":
        needed = range_text(need.needed) if need.needed is not None else ""
        return f"{value}: {message}, target {target}; the law asks for {needed}, and only a new run can narrow that"
    rate = context.bandwidth_bps(need.role, in_force)
    demand = f", which demands {format_rate(rate)} for one layer" if rate else ""
    advice = "more bandwidth or fewer pieces in flight (download.concurrentPieceCount) help, a longer limit does not"
    return f"{value}{demand}; {message}; the law asks for more than is sensible: {advice}"


def _no_timeout_text(context: RecommendationContext, need: TimeoutRequirement) -> str:
    others = ", ".join(f"{one.cause} {format_share(one.share)}" for one in context.diagnosis.causes if one.tasks)
    cause = others or f"primary cause {context.diagnosis.primary_cause or 'unknown'}"
    return (
        f"no failed task of a {ROLE_TITLES[need.role]} was cut by a timeout; raising it would not have helped: {cause}"
    )
