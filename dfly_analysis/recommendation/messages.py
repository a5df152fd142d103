"""The sentences of an advice on a limit, each with its numbers."""

from __future__ import annotations

import math

from dfly_analysis.config import Setting
from dfly_analysis.config.setting import helm_path_of
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.models import DEFAULT_RETRY_CORRELATION, DurationFit, layer_failure_rate
from dfly_analysis.recommendation.context import RecommendationContext
from dfly_analysis.recommendation.recommendations import Current, NoRecommendation, Recommendation
from dfly_analysis.recommendation.required_timeout import (
    ARTICLE_FROM_BYTES,
    ARTICLE_S,
    COLLECTOR,
    HEADROOM,
    LEVEL,
    MAINTAINERS_S,
    TimeoutRequirement,
    beyond_sizes_seen,
    confidence_of,
)
from dfly_analysis.recommendation.timeout_evidence import TIMEOUT_FINDINGS, largest_piece_bytes, timeout_share
from dfly_analysis.units import (
    duration_setting,
    format_duration,
    format_rate,
    format_share,
    format_size,
)

ROLE_TITLES = {"seedClient": "seed client", "client": "client"}
_LONGEST_S = 30.0 * 86_400.0
_ORIGIN_TITLES = {"source": "the source", "parent": "a parent", None: "the source"}


def current_of(setting: Setting) -> Current:
    """Return a setting as an advice shows it."""
    return Current(None if setting.value is None else str(setting.value), setting.layer, setting.source)


def short_source(source: str) -> str:
    """Return where a value is written, without the folders above the input: ``seed-client-0/dfdaemon.yaml``."""
    if "/" not in source or ": " in source:
        return source
    return "/".join(source.rsplit("!", 1)[-1].split("/")[-2:])


def in_force_text(setting: Setting) -> str:
    """Return the value in force in words, e.g. ``now 40s (chart 1.7.4)``."""
    source = short_source(setting.source)
    return f"now {setting.value} ({source})" if setting.value is not None else f"now unknown ({source})"


def range_text(interval: Interval) -> str:
    """Return an interval of seconds in words, e.g. ``67.4 s (61.8 s to 3 min 18 s)``."""
    return f"{format_duration(interval.value)} ({format_duration(interval.low)} to {format_duration(interval.high)})"


def layer_failure(
    context: RecommendationContext, need: TimeoutRequirement, timeout_s: float | None, *, competing: bool = False
) -> Interval | None:
    """Return the chance that a layer of the asked size fails at a limit, by timeouts alone or for any cause."""
    if timeout_s is None or not isinstance(need.duration_fit, DurationFit):
        return None
    retry_correlation = context.retry_failure_correlation(need.origin)
    return layer_failure_rate(
        need.duration_fit,
        context.layer(need.role),
        timeout_s,
        LEVEL,
        competing=competing,
        retry_failure_correlation=retry_correlation,
    )


def bandwidth_bps(context: RecommendationContext, role: str, timeout_s: float) -> float | None:
    """Return the bandwidth that a limit demands for one layer of the asked size, bytes per second."""
    in_flight = context.pieces_in_flight(role)
    return in_flight * context.piece_bytes / timeout_s if in_flight else None


def rule_of_thumb_text(context: RecommendationContext, key: str) -> str:
    """Return what the article says, on the right key."""
    article = f"{duration_setting(ARTICLE_S)} for images of 20 GB and more, set on {key}"
    if context.size_bytes >= ARTICLE_FROM_BYTES:
        return f"the article's rule: {article} (it names pieceDownloadTimeout, which does not bound a transfer)"
    return f"the article's rule: {article}; it says nothing for {format_size(context.size_bytes)}"


def raise_limit(context: RecommendationContext, need: TimeoutRequirement) -> Recommendation:
    """Return the recommendation to raise a limit on a piece."""
    assert need.proposed_s is not None
    in_force = need.current.seconds if need.current.seconds is not None else need.timeouts.limit_s
    proposed = duration_setting(need.proposed_s)
    eased = _eased(context, need.role)
    # A rule of thumb knows no upper end: what was cut says only that more is needed.
    low, high = (in_force or 0.0, math.inf)
    if need.needed:
        low, high = (min(edge * eased, _LONGEST_S) for edge in (need.needed.low, need.needed.high))
    return Recommendation(
        key=need.key,
        role=need.role,
        helm_path=need.current.helm_path or helm_path_of(need.role, need.key) or f"{need.role}.config.{need.key}",
        current=current_of(need.current),
        proposed=proposed,
        unit="s",
        low=low,
        high=high,
        because="; ".join(
            [in_force_text(need.current), *_observations(context, need), *_predicted(context, need, in_force)]
        ),
        confidence=confidence_of(context, need),
        findings=context.present(*TIMEOUT_FINDINGS),
        how_to_check=_check_text(context, need, proposed),
        demanded_bandwidth_bps=bandwidth_bps(context, need.role, need.proposed_s),
        rule_of_thumb=rule_of_thumb_text(context, need.key),
        layer_failure_now=layer_failure(context, need, in_force),
        layer_failure_then=layer_failure(context, need, need.proposed_s / eased),
    )


def _eased(context: RecommendationContext, role: str) -> float:
    """Return how much less time a piece takes once the advised number of them is in flight, where a limit was made for it."""
    reduced_concurrency = context.reduced_concurrency.get(role)
    return reduced_concurrency.times if reduced_concurrency is not None and reduced_concurrency.why == "limit" else 1.0


def _observations(context: RecommendationContext, need: TimeoutRequirement) -> list[str]:
    result = []
    if need.timeouts.cut_attempts:
        limit = f" of {format_duration(need.timeouts.limit_s)}" if need.timeouts.limit_s is not None else ""
        result.append(
            f"{need.timeouts.cut_attempts} of {need.timeouts.attempts} attempts at pieces ran into a limit{limit}"
        )
    cut, failed, share = timeout_share(context)
    if share is not None:
        result.append(f"timeouts explain {cut} of {failed} failed tasks ({format_share(share)})")
    if not need.timeouts.seen:
        result.append("nothing was cut by a timeout yet: this is the law's forecast for the size asked for")
    return result


def _predicted(context: RecommendationContext, need: TimeoutRequirement, in_force: float | None) -> list[str]:
    if not isinstance(need.duration_fit, DurationFit):
        return [_rule_of_thumb_reason(context, need)]
    piece = format_size(context.piece_bytes)
    slowest = range_text(need.duration_fit.quantile(context.piece_bytes, 0.999, LEVEL))
    sample = f"law {need.duration_fit.law}, {need.duration_fit.n} attempts, {need.duration_fit.n_censored} of them cut or ended"
    result = [
        f"999 of 1000 attempts at a {piece} piece from {_ORIGIN_TITLES[need.origin]} take at most {slowest} ({sample})"
    ]
    if need.needed is not None:
        passes = context.layer(need.role).passes
        proposal = "" if need.limited_by else f"; its upper end times {HEADROOM}, rounded up, is proposed"
        result.append(
            f"a failure rate of {format_share(context.target)} for a layer of {format_size(context.size_bytes)} ({context.n_pieces} pieces, "
            f"{passes} {'passes' if passes > 1 else 'pass'}) takes {range_text(need.needed)}, {format_share(LEVEL)} interval{proposal}"
        )
    result += [_rates(context, need, limit) for limit in (in_force, need.proposed_s) if limit is not None]
    result += _second_tries(context, need)
    return result + _limits_of_the_forecast(context, need)


def _rates(context: RecommendationContext, need: TimeoutRequirement, limit_s: float) -> str:
    assert isinstance(need.duration_fit, DurationFit)
    attempt, layer = (
        need.duration_fit.timeout_rate(context.piece_bytes, limit_s, LEVEL),
        layer_failure(context, need, limit_s),
    )
    assert layer is not None
    return (
        f"at {duration_setting(limit_s)} a timeout cuts {format_share(attempt.value)} of attempts and fails "
        f"{format_share(layer.value)} of such layers ({format_share(layer.low)} to {format_share(layer.high)}: timeouts alone, "
        f"{format_share(LEVEL)} interval)"
    )


def _second_tries(context: RecommendationContext, need: TimeoutRequirement) -> list[str]:
    """Say what is taken of the tries after the first."""
    layer, retry_correlation = context.layer(need.role), context.measured_retry_correlation(need.origin)
    if layer.passes < 2:
        return []
    result = []
    if layer.siblings_cancelled:
        result.append(
            f"this release cancels the pieces in flight ({layer.slots}) with a failed one, which leaves them one try"
        )
    if retry_correlation is None:
        share = format_share(DEFAULT_RETRY_CORRELATION.high)
        result.append(
            f"the upper ends let {share} of failures repeat in the next pass: a caution, since too few tasks ended here to measure it"
        )
    else:
        ends = f"{format_share(retry_correlation.low)} to {format_share(retry_correlation.high)}"
        result.append(
            f"{format_share(retry_correlation.value)} ({ends}) of failures repeat in the next pass, by how many tasks failed in this run"
        )
    return result


def _limits_of_the_forecast(context: RecommendationContext, need: TimeoutRequirement) -> list[str]:
    assert isinstance(need.duration_fit, DurationFit)
    result = []
    if beyond_sizes_seen(context, need):
        largest = format_size(largest_piece_bytes(context, need.origin or "source") or math.nan)
        result.append(
            f"no piece above {largest} was seen, so the step to {format_size(context.piece_bytes)} is extrapolated"
        )
    longest = need.duration_fit.extrapolates_beyond_s
    if longest is not None and need.needed is not None and need.needed.value > longest:
        result.append(f"beyond {format_duration(longest)}, the longest time seen, the answer is the law's alone")
    if need.limited_by == "step":
        result.append(
            "the interval's upper end is the laws' disagreement beyond what was seen: four times the estimate is proposed, "
            "and the next run tells whether more is needed"
        )
    if need.limited_by == "ceiling":
        result.append(f"the law's upper end asks for more, but a piece with its retries has to end before {COLLECTOR}")
    if need.role in context.reduced_concurrency and need.needed is not None:
        eased = _eased(context, need.role)
        shorter = Interval(need.needed.value * eased, need.needed.low * eased, need.needed.high * eased)
        slots = context.reduced_concurrency[need.role].slots
        result.append(f"with {slots} pieces in flight, as is advised beside this, it takes {range_text(shorter)}")
    whole = layer_failure(context, need, need.proposed_s, competing=True)
    if whole is not None and whole.value > context.target:
        result.append(
            f"with resets and other endings {format_share(whole.value)} of such layers still fail; no timeout cures those"
        )
    return result


def _rule_of_thumb_reason(context: RecommendationContext, need: TimeoutRequirement) -> str:
    reason = (
        need.duration_fit.reason.partition("; ")[0] if isinstance(need.duration_fit, NotFitted) else "no law was fitted"
    )
    if need.timeouts.limit_s is not None:
        rule = "four times the limit that cut"
    elif context.size_bytes >= ARTICLE_FROM_BYTES:
        rule = f"the article's {duration_setting(ARTICLE_S)}"
    else:
        rule = f"the {duration_setting(MAINTAINERS_S)} that the project's maintainers advise"
    return f"a rule of thumb, not a forecast, since {reason}: {rule}, and no less than the bandwidth seen would need"


def _check_text(context: RecommendationContext, need: TimeoutRequirement, proposed: str) -> str:
    bound = "every piece"
    if isinstance(need.duration_fit, DurationFit) and need.proposed_s is not None:
        mean = context.n_pieces * need.duration_fit.timeout_rate(context.piece_bytes, need.proposed_s, LEVEL).high
        bound = f"no more than {math.ceil(mean + 3.0 * math.sqrt(mean))} of {context.n_pieces} pieces"
    expected = f"{bound} cut at {proposed}" if bound != "every piece" else f"no piece cut at {proposed}"
    return (
        f"set it, repeat the preheat of a layer of {format_size(context.size_bytes)}, then run `dfly-analysis diagnose` on the new "
        f"logs: expect {expected}, and the layer among the job's success_tasks"
    )


def refuse_limit(context: RecommendationContext, need: TimeoutRequirement) -> NoRecommendation:
    """Return why a limit on a piece is left as it is."""
    reason, collect = _refusal(context, need)
    return NoRecommendation(topic=need.key, reason=reason, collect=collect, role=need.role)


def _refusal(context: RecommendationContext, need: TimeoutRequirement) -> tuple[str, str]:
    if isinstance(need.duration_fit, DurationFit):
        return _refusal_by_model(context, need, need.duration_fit), ""
    role, value = ROLE_TITLES[need.role], in_force_text(need.current)
    if need.duration_fit is None:
        return (
            f"no {role} is seen to fetch anything that this limit covers",
            f"logs of a {role} while it fetches a large layer",
        )
    if need.verdict == "not_cut":
        return f"{_not_cut_text(context, need)}; {value}", need.duration_fit.collect
    floor_note = f"; {value}, no lower than the rules of thumb" if need.timeouts.seen else ""
    return f"{need.duration_fit.reason}{floor_note}", need.duration_fit.collect


def _refusal_by_model(context: RecommendationContext, need: TimeoutRequirement, duration_fit: DurationFit) -> str:
    in_force = need.current.seconds if need.current.seconds is not None else need.timeouts.limit_s
    forecast, value = layer_failure(context, need, in_force), in_force_text(need.current)
    if forecast is None:
        slowest = range_text(duration_fit.quantile(context.piece_bytes, 0.999, LEVEL))
        return f"{value}; 999 of 1000 attempts take at most {slowest}"
    layers = f"layers of {format_size(context.size_bytes)}"
    message = (
        f"predicted timeouts fail {format_share(forecast.value)} of {layers} at {duration_setting(in_force or 0.0)}"
    )
    if need.verdict == "meets":
        return f"the value in force meets the target: {message}, target {format_share(context.target)}; {value}"
    if need.verdict == "not_cut":
        return f"{_not_cut_text(context, need)}; {value}, {message}"
    if need.verdict == "step":
        required_text = range_text(need.needed) if need.needed is not None else ""
        return f"{value}: {message}, target {format_share(context.target)}; the law asks for {required_text}, and only a new run can narrow that"
    rate = bandwidth_bps(context, need.role, in_force or math.inf)
    demand = f", which demands {format_rate(rate)} for one layer" if rate else ""
    advice = "more bandwidth or fewer pieces in flight (download.concurrentPieceCount) help, a longer limit does not"
    return f"{value}{demand}; {message}; the law asks for more than is sensible: {advice}"


def _not_cut_text(context: RecommendationContext, need: TimeoutRequirement) -> str:
    role = ROLE_TITLES[need.role]
    return f"no failed task of a {role} was cut by a timeout; raising it would not have helped: {_other_cause(context)}"


def _other_cause(context: RecommendationContext) -> str:
    others = [f"{item.cause} {format_share(item.share)}" for item in context.diagnosis.causes if item.tasks]
    return ", ".join(others) if others else f"primary cause {context.diagnosis.primary_cause or 'unknown'}"
