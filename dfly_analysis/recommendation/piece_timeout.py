"""`download.pieceTimeout` of seed client and client: long enough for the slowest piece that a layer may not lose."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from dfly_analysis.estimates import FACTOR, Interval, NotFitted
from dfly_analysis.messages import Message, format_list, join, message
from dfly_analysis.models import DEFAULT_RETRY_CORRELATION, DurationFit, layer_failure_rate, timeout_for_target
from dfly_analysis.models.layer_failure import LONGEST_S
from dfly_analysis.quantities import SAYS_NOTHING, interval_text
from dfly_analysis.recommendation.context import CLIENT_ROLES, COLLECTOR, PIECE, TITLES, WRITE
from dfly_analysis.recommendation.context import RecommendationContext as Context
from dfly_analysis.recommendation.context import TimeoutRequirement as Requirement
from dfly_analysis.recommendation.recommendations import Confidence, NoRecommendation, Recommendation, in_force_text
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import duration_setting, format_duration, format_rate, format_share, format_size

TIMEOUT = "timeout_too_short"
ARTICLE_S, ARTICLE_FROM_BYTES = 600.0, 20e9
MAINTAINERS_S = 300.0  # dragonfly issue 3890
_PROOFS = ("reqwest_body_timed_out", "write_piece_timed_out")
# Timeouts too, but of a stream of messages: no piece timeout cures them.
_STREAM_FINDINGS = ("tokio_stream_elapsed", "scheduler_message_late", "parent_silent")
_MIN_LAYER_BYTES = 64 * 2**20
_LIMIT_FACTOR = 4.0
# Of a step: the next run shows the tail that the distributions only extrapolate, and is fitted again.
_ESTIMATE_FACTOR = 3.0
_ROOM = 1.2  # of a rule of thumb above the mean
_COLLECTOR_S = 1800.0
_WIDE = 4.0
_FEW = 30  # so few finished attempts say little of the slowest
_NEAR = 1.5  # an answer this many times the longest time seen still leans on the data
_PARENT_BODY_IN_WRITE_SINCE = "v1.0.22"
_ORIGINS = {"source": message("the registry"), "parent": message("a parent")}
_FINDINGS = ("reqwest_body_timed_out", "error_decoding_response_body", "content_write_failed", "write_piece_timed_out")


def advise(context: Context) -> Iterator[Recommendation | NoRecommendation]:
    """Return what to do about `download.pieceTimeout`, for each role."""
    return (change_or_reason(context, context.needs[role, PIECE]) for role in CLIENT_ROLES)


def rounded_up(seconds: float) -> float:
    """Return the next value that people write: by 5 s from 10 s to a minute, by 30 s to five minutes, then by minutes."""
    step = _step_s(seconds)
    return max(10.0, math.ceil(seconds / step - 1e-9) * step)


def rounded_down(seconds: float) -> float:
    """Return the last value that people write, up to some seconds, at least 10 s."""
    step = _step_s(seconds)
    return max(10.0, math.floor(seconds / step + 1e-9) * step)


def _step_s(seconds: float) -> float:
    return 5.0 if seconds <= 60.0 else 30.0 if seconds <= 300.0 else 60.0


def required_timeouts(context: Context) -> dict[tuple[str, str], Requirement]:
    """Return the requirement of each piece timeout, for the seed client and the client, where their release reads it."""
    wanted = [(role, key) for role in CLIENT_ROLES for key in (PIECE, WRITE)]
    return {one: _required(context, *one) for one in wanted if one[1] == PIECE or context.reads(one[1], one[0])}


def _timeout_evidence(context: Context, role: str) -> tuple[int, int, int, float | None, bool]:
    """Return the fields of `Requirement` from `failed_tasks` to `any_timeout`."""
    # Where no table names a timeout, a finding that proves one, or the primary cause, counts for the seed client: it reads large layers.
    query = sql("recommendation", "timeouts_of_role")
    attempts, timed_out, timeout_s, timed_out_of_all = context.one(query, [role])
    proven = bool(context.present(*_PROOFS))
    streams_only = not proven and bool(context.present(*_STREAM_FINDINGS))
    by_task = not streams_only and context.failed_tasks(TIMEOUT, role) > 0
    is_timeout = proven or (context.diagnosis.primary_cause == TIMEOUT and not streams_only)
    by_finding = role == "seedClient" and is_timeout and not timed_out_of_all and not context.failed_tasks(TIMEOUT)
    seen = timed_out > 0 or by_task or by_finding
    return context.failed_tasks(role=role), attempts, timed_out, timeout_s, seen


def _longest_sensible_s(context: Context, role: str) -> float:
    """Return the longest piece timeout, seconds, with which a piece ends with all its retries before the scheduler removes its peer."""
    # Where someone lowered that rule of the scheduler, its usual 30 min count.
    collector = context.setting(COLLECTOR, "scheduler").seconds or _COLLECTOR_S
    most = max(collector, _COLLECTOR_S) / (context.retries(role) + 1)
    return max(60.0, (math.ceil(most / 60.0) - 1) * 60.0)


def _origins(context: Context, role: str, key: str) -> tuple[str, ...]:
    """Return where the pieces come from that a timeout covers up to their last byte."""
    found = ["source"] if role == "seedClient" or context.fetched_from(role, "source") else []
    # Where the release is not known, it is assumed to be a new one.
    covered = context.released(role, _PARENT_BODY_IN_WRITE_SINCE) is (key == WRITE)
    return (*found, *(["parent"] if covered and context.fetched_from(role, "parent") else []))


def _required(context: Context, role: str, key: str) -> Requirement:
    need = Requirement(role, key, context.setting(key, role), "idle", *_timeout_evidence(context, role))
    fits = [(origin, context.duration_fit(origin, role)) for origin in _origins(context, role, key)]
    if not fits:
        return need
    layer, requested = context.layer(role), []
    for origin, fit in fits:
        if isinstance(fit, DurationFit):
            correlation = context.retry_failure_correlation(origin)
            needed = timeout_for_target(fit, layer, context.target, retry_failure_correlation=correlation)
            requested.append((needed, origin, fit))
    if not requested:
        origin, missing = fits[0]
        return _by_rule_of_thumb(context, replace(need, verdict="not_fitted", origin=origin, duration_fit=missing))
    needed, origin, fit = max(requested, key=lambda item: (item[0].high, item[0].value))
    need = replace(need, verdict="meets", origin=origin, duration_fit=fit)
    return _from_fit(context, need, needed, fit.seen_s(context.piece_bytes))


def _from_fit(context: Context, need: Requirement, estimate: Interval, seen_s: float | None) -> Requirement:
    """Propose the upper end of what is needed; where that is not known, the next step, after which another run shows more."""
    in_force, ceiling = need.in_force_s, _longest_sensible_s(context, need.role)
    needed = estimate.up_to(seen_s)
    step = min(_ESTIMATE_FACTOR * needed.value, math.inf if seen_s is None else FACTOR * seen_s)
    wanted = rounded_up(needed.high) if needed.is_known else max(rounded_down(step), rounded_up(needed.low))
    limited_by: Literal["", "step", "ceiling"] = "" if needed.is_known and wanted <= ceiling else "step"
    limited_by = "ceiling" if limited_by and (needed.is_known or needed.value > ceiling) else limited_by
    if limited_by == "step":
        needed = replace(needed, high=math.inf)
    need = replace(need, needed=needed, limited_by=limited_by)
    raised = replace(need, verdict="raise", proposed_s=min(wanted, ceiling))
    if in_force is None:
        return raised if need.any_timeout else replace(need, verdict="unknown_value")
    # No alarm from a wide interval: where nothing timed out, the estimate has to exceed the value in force; where what is needed is not
    # known, a task has to have failed by a timeout.
    lost = context.failed_tasks(TIMEOUT, need.role) > 0 or not context.one("SELECT count(*) FROM tasks WHERE role = ?", [need.role])[0]  # fmt: skip
    if in_force >= (needed.high if need.any_timeout else needed.value):
        return replace(need, verdict="no_timeout" if need.failed_tasks and not need.any_timeout else "meets")
    if in_force < min(wanted, ceiling) and (limited_by != "step" or lost or in_force < needed.low):
        return raised
    return replace(need, verdict="step" if limited_by == "step" or in_force >= needed.value else "ceiling")


def _by_rule_of_thumb(context: Context, need: Requirement) -> Requirement:
    """Fall back on rules of thumb where timeouts were seen; they start from the timeout seen, not from the value in force."""
    if not need.any_timeout:
        return replace(need, verdict="no_timeout" if need.failed_tasks else "not_fitted")
    if need.in_force_s is None:
        return need
    usual = ARTICLE_S if context.size_bytes >= ARTICLE_FROM_BYTES else MAINTAINERS_S
    wanted = _LIMIT_FACTOR * need.reached_s if need.reached_s is not None else usual
    layer_rate = """
        SELECT median(size_bytes / duration_s) FROM tasks
        WHERE role = ? AND outcome = 'ok' AND origin = 'source' AND size_bytes >= ? AND duration_s > 0"""
    rate, in_flight = context.one(layer_rate, [need.role, _MIN_LAYER_BYTES])[0], context.pieces_in_flight(need.role)
    if rate and in_flight:
        wanted = max(wanted, _ROOM * in_flight * context.piece_bytes / rate)
    proposed = min(rounded_up(wanted), _longest_sensible_s(context, need.role))
    return need if need.in_force_s >= proposed else replace(need, verdict="thumb", proposed_s=proposed)


def change_or_reason(context: Context, need: Requirement, *first: Message) -> Recommendation | NoRecommendation:
    """Return the recommendation to raise a piece timeout (some reasons come first), or why it is left as it is."""
    if need.proposed_s is None:
        return _no_recommendation(context, need)
    in_force, factor, proposed_s = need.in_force_s, _time_factor(context, need.role), need.proposed_s
    # A rule of thumb has no upper end: what timed out shows only that more is needed.
    low, high = (in_force or 0.0, math.inf)
    if need.needed:
        low, high = min(need.needed.low * factor, LONGEST_S), need.needed.high * factor
        high = high if high <= proposed_s else math.inf
    most, fit = 0, need.duration_fit
    if isinstance(fit, DurationFit):
        mean = context.n_pieces * fit.timeout_rate(context.piece_bytes, proposed_s).high
        most = math.ceil(mean + 3.0 * math.sqrt(mean))
    check = message(
        "set it, preheat a layer of {size} again, then run `dfly-analysis diagnose` on the new logs: at most {most:,} of {pieces:,} pieces "
        "time out at {timeout}, and the job's success_tasks name the layer", size=format_size(context.size_bytes), most=most,
        pieces=context.n_pieces, timeout=duration_setting(proposed_s),
    )  # fmt: skip
    return Recommendation.of(
        need.current, need.key, [*first, *_observations(context, need), *_predictions(context, need, in_force, proposed_s)],
        proposed=duration_setting(proposed_s), unit="s", low=low, high=high, confidence=_confidence(context, need),
        findings=context.present(*_FINDINGS), how_to_check=check,
        demanded_bandwidth_bps=context.bandwidth_bps(need.role, proposed_s),
        rule_of_thumb=message("the article: {time} for 20 GB and more (set {key}, not pieceDownloadTimeout)", time=duration_setting(ARTICLE_S), key=need.key),
        layer_failure_now=_layer_failure(context, need, in_force),
        layer_failure_then=_layer_failure(context, need, proposed_s / factor),
    )  # fmt: skip


def _share(found: Interval) -> str:
    return message("a share not known yet") if found.high - found.low >= SAYS_NOTHING else interval_text(found, "share")


def _slowest(context: Context, fit: DurationFit) -> str:
    return interval_text(fit.quantile(context.piece_bytes, 0.999).up_to(fit.seen_s(context.piece_bytes)), "s")


def _confidence(context: Context, need: Requirement) -> Confidence:
    """Return how sure a proposal is: how far it lies beyond the data, and whether timeouts were the trouble."""
    fit = need.duration_fit
    if need.needed is None or not isinstance(fit, DurationFit) or need.limited_by == "ceiling":
        return "low"
    spread, seen_s = need.needed.high / need.needed.low, fit.extrapolates_beyond_s
    near = seen_s is None or need.needed.value <= _NEAR * seen_s
    few, unsure = fit.n - fit.n_censored < _FEW, need.limited_by == "step" and not near
    if few or unsure or context.beyond_sizes_seen(need.origin or "source"):
        return "low"
    loose = fit.goodness.get("km_distance", 0.0) > fit.goodness.get("km_distance_expected", math.inf)
    is_attributed = need.any_timeout and context.diagnosis.primary_cause in (None, TIMEOUT)
    known = need.current.seconds is not None
    return "high" if is_attributed and known and not loose and near and spread <= _WIDE else "medium"


def _layer_failure(context: Context, need: Requirement, timeout_s: float | None, *, competing: bool = False) -> Interval | None:  # fmt: skip
    """Return the probability that the requested layer fails, by timeouts alone or with competing risks."""
    fit, correlation = need.duration_fit, context.retry_failure_correlation(need.origin)
    if timeout_s is None or not isinstance(fit, DurationFit):
        return None
    layer = context.layer(need.role)
    return layer_failure_rate(fit, layer, timeout_s, competing=competing, retry_failure_correlation=correlation)


def _time_factor(context: Context, role: str) -> float:
    """Return the factor on the time of a piece once the recommended number of them is in flight."""
    reduced = context.reduced_concurrency.get(role)
    return reduced.times if reduced is not None and reduced.reason == "timeout" else 1.0


def _observations(context: Context, need: Requirement) -> Iterator[Message]:
    counts = {"n": need.timed_out, "attempts": need.attempts}
    if need.timed_out and need.reached_s is not None:
        time = format_duration(need.reached_s)
        yield message("{n:,} of {attempts:,} attempts at pieces reached the {time} timeout", time=time, **counts)
    elif need.timed_out:
        yield message("{n:,} of {attempts:,} attempts at pieces timed out", **counts)
    n, failed = context.failed_tasks(TIMEOUT), context.failed_tasks()
    share = n / failed if failed else None
    if (named := next((item for item in context.diagnosis.causes if item.cause == TIMEOUT), None)) is not None:
        n, failed, share = named.tasks, max(failed, named.tasks), named.share
    if share is not None:
        values = {"n": n, "failed": failed, "share": format_share(share)}
        yield message("timeouts explain {n:,} of {failed:,} failed tasks ({share})", **values)
    fit = need.duration_fit
    if not need.any_timeout and isinstance(fit, DurationFit) and fit.attempts.other_weights:
        yield message(
            "by the metrics {n:,} attempts at pieces timed out or were cancelled; no log shows how many of each",
            n=fit.n_censored,
        )
    elif not need.any_timeout:
        yield message("nothing has timed out yet: this is the prediction for the requested size")


def _predictions(context: Context, need: Requirement, in_force: float | None, proposed_s: float) -> Iterator[Message]:
    fit = need.duration_fit
    if not isinstance(fit, DurationFit):
        yield _rule_of_thumb_reason(context, need)
        return
    yield message(
        "time within which 99.9 % of attempts at a {piece} piece from {origin} finish: {slowest} (distribution {model}, {n:,} attempts, {censored:,} of "
        "them right-censored)", piece=format_size(context.piece_bytes), origin=_ORIGINS[need.origin or "source"], model=fit.model, n=fit.n,
        slowest=_slowest(context, fit), censored=fit.n_censored,
    )  # fmt: skip
    if need.needed is not None:
        yield message(
            "a failure rate of {target} for layers of {layer} ({pieces:,} pieces, passes: {passes}) requires a timeout of {needed}",
            target=format_share(context.target), layer=format_size(context.size_bytes), pieces=context.n_pieces,
            passes=context.layer(need.role).passes, needed=interval_text(need.needed, "s"),
        )  # fmt: skip
        if not need.limited_by:
            yield message("the proposal is the upper end, rounded up")
    for timeout_s in (in_force, proposed_s):
        layer = _layer_failure(context, need, timeout_s)
        if timeout_s is not None and layer is not None:
            yield message(
                "at {timeout}, {attempts} of attempts time out, and timeouts fail {layers} of such layers",
                timeout=duration_setting(timeout_s), layers=_share(layer),
                attempts=_share(fit.timeout_rate(context.piece_bytes, timeout_s)),
            )  # fmt: skip
    yield from _retry_assumptions(context, need)
    yield from _prediction_limits(context, need, fit, proposed_s)


def _retry_assumptions(context: Context, need: Requirement) -> Iterator[Message]:
    layer, correlation = context.layer(need.role), context.measured_retry_correlation(need.origin)
    if layer.passes < 2:
        return
    if layer.siblings_cancelled:
        n = layer.slots
        yield message("a failed piece cancels the others in flight (up to {n}), which leaves them one attempt", n=n)
    if correlation is None:
        share = format_share(DEFAULT_RETRY_CORRELATION.high)
        yield message("the upper ends assume that {share} of failures repeat in the next pass (not measured)", share=share)  # fmt: skip
    else:
        share = interval_text(correlation, "share")
        yield message("{share} of failures repeat in the next pass, measured in this run", share=share)


def _prediction_limits(context: Context, need: Requirement, fit: DurationFit, proposed_s: float) -> Iterator[Message]:
    if largest := context.beyond_sizes_seen(need.origin or "source"):
        sizes = {"largest": format_size(largest), "piece": format_size(context.piece_bytes)}
        yield message("extrapolated: the largest observed piece has {largest}, this layer's have {piece}", **sizes)
    longest = fit.extrapolates_beyond_s
    if longest is not None and need.needed is not None and need.needed.value > longest:
        yield message("extrapolated beyond {time}, the longest observed time", time=format_duration(longest))
    if need.limited_by == "step":
        yield message("how much more is needed is not known yet, because no time that long was observed: {time} is the next step, by a rule of thumb; then measure again", time=duration_setting(proposed_s))  # fmt: skip
    if need.limited_by == "ceiling":
        yield message("the proposal is limited, because a piece with its retries has to end before {key}", key=COLLECTOR)  # fmt: skip
    if need.role in context.reduced_concurrency and need.needed is not None:
        factor, n = _time_factor(context, need.role), context.reduced_concurrency[need.role].slots
        needed = interval_text(
            Interval(*(factor * end for end in (need.needed.value, need.needed.low, need.needed.high))), "s"
        )
        yield message("with the recommended {n} pieces in flight it has to be {needed}", n=n, needed=needed)
    whole = _layer_failure(context, need, proposed_s, competing=True)
    if whole is not None and whole.low > context.target:
        share = interval_text(whole, "share")
        yield message(
            "such layers that still fail at any timeout, by resets and other errors too: {share}", share=share
        )


def _rule_of_thumb_reason(context: Context, need: Requirement) -> Message:
    fit = need.duration_fit
    reason = fit.reason if isinstance(fit, NotFitted) else message("no distribution is fitted")
    if need.reached_s is not None:
        rule = message("four times the timeout that pieces reached")
    elif context.size_bytes >= ARTICLE_FROM_BYTES:
        rule = message("{time} as in the article", time=duration_setting(ARTICLE_S))
    else:
        rule = message("{time} as the maintainers advise", time=duration_setting(MAINTAINERS_S))
    return message("rule of thumb ({reason}): {rule}, or what the observed bandwidth requires", reason=reason, rule=rule)  # fmt: skip


def _no_recommendation(context: Context, need: Requirement) -> NoRecommendation:
    fit, role, now = need.duration_fit, TITLES[need.role], in_force_text(need.current)
    collect = fit.collect if isinstance(fit, NotFitted) else ""
    if isinstance(fit, DurationFit):
        reason: str = join(_refusal_by_model(context, need, fit), "; ")
    elif fit is None:
        reason = message("the input shows no {role} that fetches what this timeout covers", role=role)
        collect = message("logs of a {role} that fetches a large layer", role=role)
    elif need.verdict == "no_timeout":
        reason = join([_no_timeout_text(context, need), now], "; ")
    elif need.any_timeout:
        reason = join([fit.reason, now, message("this is at least the rule of thumb")], "; ")
    else:
        reason = fit.reason
    return NoRecommendation(need.key, reason, collect, need.role)


def _refusal_by_model(context: Context, need: Requirement, fit: DurationFit) -> Iterator[Message]:
    in_force = need.in_force_s
    predicted, now = _layer_failure(context, need, in_force), in_force_text(need.current)
    if predicted is None or in_force is None:
        yield from (
            now,
            message("time within which 99.9 % of attempts finish: {slowest}", slowest=_slowest(context, fit)),
        )
        return
    prediction = message(
        "at {timeout}, timeouts fail {share} of layers of {size} (prediction; target {target})", size=format_size(context.size_bytes),
        timeout=duration_setting(in_force), share=_share(predicted), target=format_share(context.target),
    )  # fmt: skip
    if need.verdict == "meets":
        yield from (message("the current value meets the target"), prediction, now)
    elif need.verdict == "no_timeout":
        yield from (_no_timeout_text(context, need), now, prediction)
    elif need.verdict == "step":
        yield from (now, prediction)
        needed = interval_text(need.needed, "s") if need.needed is not None else ""
        yield message(
            "the model requires {needed}; only a longer run shows more, and no task failed by this timeout",
            needed=needed,
        )
    else:
        yield from (now, prediction)
        if rate := context.bandwidth_bps(need.role, in_force):
            yield message("it demands {rate} for one layer", rate=format_rate(rate))
        yield message(
            "no sensible timeout meets the target: more bandwidth or a lower {key} helps",
            key=context.concurrency(need.role).key,
        )


def _no_timeout_text(context: Context, need: Requirement) -> Message:
    shares = [join([one.cause, format_share(one.share)]) for one in context.diagnosis.causes if one.tasks]
    causes = format_list(shares or [context.diagnosis.primary_cause or message("unknown")], limit=20)
    role = TITLES[need.role]
    text = message("no failed task of a {role} timed out, so a longer timeout does not help", role=role)
    if context.failed_tasks(TIMEOUT):  # by another timeout, or at another role
        text = message("no failed task of a {role} ran into this timeout, so a longer one does not help", role=role)
    return join([text, message("causes: {causes}", causes=causes)], "; ")
