"""How long a piece timeout has to be, from the fitted distribution, and what follows for the value in force."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

from dfly_analysis.estimates import Interval
from dfly_analysis.models import DurationFit, timeout_for_target
from dfly_analysis.recommendation.context import (
    CLIENT_ROLES,
    COLLECTOR,
    HEADROOM,
    LEVEL,
    PIECE,
    WRITE,
    RecommendationContext,
    TimeoutEvidence,
    TimeoutRequirement,
)
from dfly_analysis.recommendation.recommendations import Confidence

TIMEOUT = "timeout_too_short"
ARTICLE_S, ARTICLE_FROM_BYTES = 600.0, 20e9
MAINTAINERS_S = 300.0  # dragonfly issue 3890
_PROOFS = ("reqwest_body_timed_out", "write_piece_timed_out")
# Timeouts too, but of a stream of messages: no piece timeout cures them.
_STREAM_FINDINGS = ("tokio_stream_elapsed", "scheduler_message_late", "parent_silent")
_MIN_LAYER_BYTES = 64 * 2**20
_LIMIT_FACTOR = 4.0
# One step at a time: four times the estimate shows the tail that the distributions only extrapolate; the next run is fitted again.
_ESTIMATE_FACTOR = 4.0
_COLLECTOR_S = 1800.0
LONGEST_S = 30.0 * 86_400.0
_WIDE, _VERY_WIDE = 4.0, 10.0
_FEW = 30  # so few finished attempts say little of the slowest
_NEAR = 1.5  # an answer this many times the longest time seen still leans on the data
_PARENT_BODY_IN_WRITE_SINCE = "v1.0.22"


def rounded_up(seconds: float) -> float:
    """Return the next value that people write: by 5 s from 10 s to a minute, by 30 s to five minutes, then by minutes."""
    step = 5.0 if seconds <= 60.0 else 30.0 if seconds <= 300.0 else 60.0
    return max(10.0, math.ceil(seconds / step - 1e-9) * step)


def required_timeouts(context: RecommendationContext) -> dict[tuple[str, str], TimeoutRequirement]:
    """Return the requirement of each piece timeout, for the seed client and the client, where their release reads it."""
    wanted = [(role, key) for role in CLIENT_ROLES for key in (PIECE, WRITE)]
    return {one: _required(context, *one) for one in wanted if one[1] == PIECE or context.reads(one[1], one[0])}


def confidence_of(context: RecommendationContext, need: TimeoutRequirement) -> Confidence:
    """Return how sure a proposal is: how far it lies beyond the data, and whether timeouts were the trouble."""
    fit = need.duration_fit
    if need.needed is None or not isinstance(fit, DurationFit) or need.limited_by == "ceiling":
        return "low"
    spread, seen_s = need.needed.high / need.needed.low, fit.extrapolates_beyond_s
    near = seen_s is None or need.needed.value <= _NEAR * seen_s
    few = fit.n - fit.n_censored < _FEW
    unsure = spread > _VERY_WIDE and not (near and need.limited_by == "step")
    if context.beyond_sizes_seen(need.origin or "source") or few or unsure:
        return "low"
    loose = fit.goodness.get("km_distance", 0.0) > fit.goodness.get("km_distance_expected", math.inf)
    is_attributed = need.timeouts.seen and context.diagnosis.primary_cause in (None, TIMEOUT)
    known = need.current.seconds is not None
    return "high" if is_attributed and known and not loose and near and spread <= _WIDE else "medium"


def _timeout_evidence(context: RecommendationContext, role: str) -> TimeoutEvidence:
    """Count what timeouts ended of a role's tasks and pieces.

    Where neither table names any timeout, a finding that proves one, or the primary cause, counts for the seed client:
    it is the one that reads large layers from the registry.
    """
    query = """
        SELECT count(*) FILTER (role = $1), count(*) FILTER (role = $1 AND outcome = 'timeout'),
            max(timeout_s) FILTER (role = $1 AND outcome = 'timeout'), count(*) FILTER (outcome = 'timeout')
        FROM pieces"""
    attempts, timed_out, timeout_s, timed_out_of_all = context.one(query, [role])
    proven = bool(context.present(*_PROOFS))
    streams_only = not proven and bool(context.present(*_STREAM_FINDINGS))
    by_task = not streams_only and context.failed_tasks(TIMEOUT, role) > 0
    is_timeout = proven or (context.diagnosis.primary_cause == TIMEOUT and not streams_only)
    by_finding = role == "seedClient" and is_timeout and not timed_out_of_all and not context.failed_tasks(TIMEOUT)
    seen = timed_out > 0 or by_task or by_finding
    return TimeoutEvidence(context.failed_tasks(role=role), attempts, timed_out, timeout_s, seen)


def _layer_rate_bps(context: RecommendationContext, role: str) -> float | None:
    """Return the median rate at which whole layers came from the source to a role, bytes per second, or None."""
    query = """
        SELECT median(size_bytes / duration_s) FROM tasks
        WHERE role = ? AND outcome = 'ok' AND origin = 'source' AND size_bytes >= ? AND duration_s > 0"""
    rate: float | None = context.one(query, [role, _MIN_LAYER_BYTES])[0]
    return rate


def _longest_sensible_s(context: RecommendationContext, role: str) -> float:
    """Return the longest sensible piece timeout, seconds.

    The scheduler removes a peer that has reported no piece for ``scheduler.gc.pieceDownloadTimeout``; a piece with all
    its retries has to end before that. Where someone lowered that rule, its usual 30 min count.
    """
    collector = context.setting(COLLECTOR, "scheduler").seconds or _COLLECTOR_S
    most = max(collector, _COLLECTOR_S) / (context.retries(role) + 1)
    return max(60.0, (math.ceil(most / 60.0) - 1) * 60.0)


def _origins(context: RecommendationContext, role: str, key: str) -> tuple[str, ...]:
    """Return where the pieces come from that a timeout covers up to their last byte."""
    found = ["source"] if role == "seedClient" or context.fetched_from(role, "source") else []
    # Where the release is not known, it is assumed to be a new one.
    covered = context.released(role, _PARENT_BODY_IN_WRITE_SINCE) is (key == WRITE)
    return (*found, *(["parent"] if covered and context.fetched_from(role, "parent") else []))


def _required(context: RecommendationContext, role: str, key: str) -> TimeoutRequirement:
    need = TimeoutRequirement(role, key, context.setting(key, role), "idle", _timeout_evidence(context, role))
    fits = [(origin, context.duration_fit(origin, role)) for origin in _origins(context, role, key)]
    if not fits:
        return need
    requested: list[tuple[Interval, str, DurationFit]] = []
    for origin, fit in fits:
        if isinstance(fit, DurationFit):
            correlation = context.retry_failure_correlation(origin)
            layer = context.layer(role)
            needed = timeout_for_target(fit, layer, context.target, LEVEL, retry_failure_correlation=correlation)
            requested.append((needed, origin, fit))
    if not requested:
        return _by_rule_of_thumb(
            context, replace(need, verdict="not_fitted", origin=fits[0][0], duration_fit=fits[0][1])
        )
    needed, origin, fit = max(requested, key=lambda item: (item[0].high, item[0].value))
    return _from_fit(context, replace(need, verdict="meets", origin=origin, duration_fit=fit, needed=needed), needed)


def _from_fit(context: RecommendationContext, need: TimeoutRequirement, needed: Interval) -> TimeoutRequirement:
    in_force = need.in_force_s
    wanted = rounded_up(min(HEADROOM * needed.high, LONGEST_S))
    step = rounded_up(min(_ESTIMATE_FACTOR * needed.value, LONGEST_S))
    most = min(step, _longest_sensible_s(context, need.role))
    limited_by: Literal["", "step", "ceiling"] = "" if wanted <= most else "step" if most == step else "ceiling"
    raised = replace(need, verdict="raise", proposed_s=min(wanted, most), limited_by=limited_by)
    if in_force is None:
        return raised if need.timeouts.seen else replace(need, verdict="unknown_value")
    # Where nothing timed out, the estimate alone has to exceed the value in force: no alarm from a wide interval.
    threshold = needed.high if need.timeouts.seen else needed.value
    if in_force >= threshold:
        return replace(need, verdict="no_timeout" if need.timeouts.failed and not need.timeouts.seen else "meets")
    if in_force < min(wanted, most):
        return raised
    return replace(need, verdict="step" if in_force >= needed.value else "ceiling")


def _by_rule_of_thumb(context: RecommendationContext, need: TimeoutRequirement) -> TimeoutRequirement:
    """Fall back on rules of thumb where timeouts were seen; they start from the timeout seen, not from the value in force."""
    if not need.timeouts.seen:
        return replace(need, verdict="no_timeout" if need.timeouts.failed else "not_fitted")
    in_force = need.in_force_s
    if in_force is None:
        return need
    usual = ARTICLE_S if context.size_bytes >= ARTICLE_FROM_BYTES else MAINTAINERS_S
    wanted = _LIMIT_FACTOR * need.timeouts.timeout_s if need.timeouts.timeout_s is not None else usual
    rate, in_flight = _layer_rate_bps(context, need.role), context.pieces_in_flight(need.role)
    if rate and in_flight:
        wanted = max(wanted, HEADROOM * in_flight * context.piece_bytes / rate)
    proposed = min(rounded_up(wanted), _longest_sensible_s(context, need.role))
    return need if in_force >= proposed else replace(need, verdict="thumb", proposed_s=proposed)
