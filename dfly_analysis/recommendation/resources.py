"""Requests and limits of seed client and client: from how processes ended and what they used; the documented sizes otherwise."""

from __future__ import annotations

import math

from dfly_analysis.catalog.sizing_guide import (
    article_from_bytes,
    article_shares,
    documented_sizing,
    held_in_memory_bytes,
    sizing_source,
)
from dfly_analysis.config.setting import helm_path_of
from dfly_analysis.models import CapacityFit
from dfly_analysis.recommendation.concurrency import capacity_of
from dfly_analysis.recommendation.context import CLIENT_ROLES, RecommendationContext
from dfly_analysis.recommendation.host_usage import Endings, endings_of, processor_seconds, resident_bytes
from dfly_analysis.recommendation.messages import ROLE_TITLES, current_of, in_force_text
from dfly_analysis.recommendation.plans.preheat import MAX_PARALLEL
from dfly_analysis.recommendation.recommendations import (
    Advice,
    Confidence,
    Estimate,
    NoRecommendation,
    Recommendation,
    Topic,
)
from dfly_analysis.recommendation.timeout_evidence import fetched_from
from dfly_analysis.units import format_rate, format_size, size_setting

TOPIC: Topic = "resources"
MEMORY, REQUEST, PROCESSOR = "resources.limits.memory", "resources.requests.memory", "resources.limits.cpu"
_BUFFER = "storage.writeBufferSize"
_TIMES = 2.0  # what was used at the limit is not known, only that it was more
_ROOM = 1.5
_SAFE = 0.5  # a process that holds less than this share of its limit was not ended for it
_GIB = 2**30
_MIN_OBSERVED_S = 3  # of processor: it is told in whole seconds
_GROWS = 1.25
_NEARLY = 0.8
_WELL_BELOW = 0.9
_FINDINGS = ("pod_ended_badly", "restart_without_goodbye", "node_pressure")
_COLLECT = "`kubectl get pods -o json` and `kubectl get events -o json` of the namespace, the Helm values, and metrics.txt of every seed client"
_THROTTLED = "container_cpu_cfs_throttled_periods_total and container_memory_working_set_bytes of the pods over the run, from Prometheus"


def advise(context: RecommendationContext) -> Advice:
    """Return requests and limits where processes ran out of them; what was used and what is documented as estimates."""
    recommended, silent, warnings = [], [], []
    for role in CLIENT_ROLES:
        endings = endings_of(context, role)
        warnings += _caveats(context, role, endings)
        found = [*(_memory(context, role, endings) if endings.any else []), *_processor(context, role)]
        recommended += found
        if not found and (endings.any or role == "seedClient"):
            silent.append(_no_recommendation(context, role, endings))
    estimates = (*(one for role in CLIENT_ROLES for one in _estimates(context, role)), *_growth(context))
    return Advice(
        recommendations=tuple(recommended), no_advice=tuple(silent), warnings=tuple(warnings), estimates=estimates
    )


def _caveats(context: RecommendationContext, role: str, endings: Endings) -> list[str]:
    """Warn where a container had another limit than the one that is believed to be in force."""
    configured = context.setting(MEMORY, role)
    shown, configured_bytes = endings.limit_bytes, configured.size_bytes
    if shown is None or configured_bytes is None or shown >= _WELL_BELOW * configured_bytes:
        return []
    return [
        (
            f"a container of the {role} was ended at a limit of {format_size(shown)}, yet {MEMORY} is believed to be {configured.value} ({configured.source}): "
            "give the Helm values in force with --values; until then no advice on it can be trusted"
        )
    ]


def floor_bytes(context: RecommendationContext, role: str) -> tuple[float, int, int] | None:
    """Return what pieces in flight hold in memory at the least, with pieces of a layer and layers; None where that is not known."""
    slots = context.pieces_in_flight(role)
    if slots is None:
        return None
    origin = "source" if role == "seedClient" or not fetched_from(context, role, "parent") else "parent"
    version = context.version(role) or context.client_version
    limited_by = held_in_memory_bytes(origin, context.piece_bytes, context.setting(_BUFFER, role).size_bytes, version)
    if role == "seedClient":  # it hands pieces on, which up to v1.0.21 are whole in memory too
        parent_bytes = held_in_memory_bytes(
            "parent", context.piece_bytes, context.setting(_BUFFER, role).size_bytes, version
        )
        limited_by = max(limited_by, parent_bytes)
    return float(limited_by * slots * MAX_PARALLEL), slots, MAX_PARALLEL


def _limit_in_force(context: RecommendationContext, role: str, endings: Endings) -> int | None:
    return endings.limit_bytes or context.setting(MEMORY, role).size_bytes


def _spared(context: RecommendationContext, role: str, endings: Endings, limit: int | None) -> bool:
    """Return whether what a process held says that memory was not what ended it."""
    used = resident_bytes(context, role)
    return not endings.memory and used is not None and limit is not None and used[0] < _SAFE * limit


def _memory(context: RecommendationContext, role: str, endings: Endings) -> list[Recommendation]:
    limit, usual = _limit_in_force(context, role, endings), _fallback(context, role)
    if limit is None or not limit or _spared(context, role, endings, limit):
        return []
    set_now, proposed = (
        context.setting(MEMORY, role).size_bytes,
        _proposed_limit(context, role, endings, limit, usual[1]),
    )
    result = []
    if proposed > max(limit, set_now or 0):
        result.append(_raise_limit(context, role, endings, limit, proposed))
    requested = context.setting(REQUEST, role)
    most = max(proposed, set_now or 0, limit)
    request = _round_memory(min(max(float(usual[0]), _used_at_most(context, role)), most / 2.0))
    if requested.size_bytes is not None and requested.size_bytes < request and (result or endings.memory):
        result.append(_raise_request(context, role, endings, request, most))
    return result


def _proposed_limit(context: RecommendationContext, role: str, endings: Endings, limit: int, usual: int) -> int:
    """Return the limit to set: twice the one a container was ended at; an evicted pod ran into none of its own."""
    if endings.memory and endings.limit_bytes is None:
        return 0
    floor = floor_bytes(context, role)
    wanted = max(_TIMES * limit, _ROOM * floor[0] if floor else 0.0) if endings.memory else 0.0
    return _round_memory(max(wanted, float(usual)))


def _used_at_most(context: RecommendationContext, role: str) -> float:
    used = resident_bytes(context, role)
    return _ROOM * used[0] if used else 0.0


def _fallback(context: RecommendationContext, role: str) -> tuple[int, int, str]:
    """Return request and limit of memory by the article for its images, by the guide below, and whose figures they are."""
    article = article_shares(role)
    if context.size_bytes >= article_from_bytes():
        return (
            article.request_memory_bytes,
            article.limit_memory_bytes,
            "the article's figures, a fallback without a measurement",
        )
    documented = documented_sizing(role)
    assert documented is not None
    return documented.memory_bytes // 4, documented.memory_bytes, sizing_source()


def _thumb(role: str) -> str:
    article, documented = article_shares(role), documented_sizing(role)
    guide = (
        f"; the guide of the project gives {size_setting(documented.memory_bytes)} and {documented.cpu:g} cores"
        if documented
        else ""
    )
    return (
        f"the article, for images of 20 GB and more: requests {article.request_cpu:g} cores and {size_setting(article.request_memory_bytes)}, "
        f"limits {article.limit_cpu:g} cores and {size_setting(article.limit_memory_bytes)}{guide}"
    )


def _observations(endings: Endings) -> list[str]:
    result = [f"Kubernetes says: {endings.words}"] if endings.words else []
    if endings.memory:
        result.append(
            f"processes ended for memory: {endings.memory}, so the need lies above the limit and its upper end is not known"
        )
    if endings.tasks:
        result.append(f"{endings.tasks} tasks went with a process that was ended from outside")
    if not endings.memory:
        result.append("whether memory was the reason nothing in the input says: this is a rule of thumb")
    return result


def _raise_limit(
    context: RecommendationContext, role: str, endings: Endings, limit: int, proposed: int
) -> Recommendation:
    current, floor = context.setting(MEMORY, role), floor_bytes(context, role)
    reasons = [in_force_text(current), *_observations(endings)]
    if endings.limit_bytes is not None:
        reasons.append(f"the container that was ended had {format_size(endings.limit_bytes)}")
    if floor is not None:
        reasons.append(
            f"{floor[1]} pieces in flight of each of {floor[2]} layers hold at least {format_size(floor[0])}"
        )
    fallback = _fallback(context, role)[2]
    reasons.append(
        f"the larger of twice the limit and {fallback} is proposed"
        if endings.memory
        else f"what is proposed are {fallback}"
    )
    confidence: Confidence = "medium" if endings.memory else "low"
    return Recommendation(
        key=MEMORY, role=role, helm_path=helm_path_of(role, MEMORY) or f"{role}.{MEMORY}", current=current_of(current),
        proposed=size_setting(proposed), unit="bytes", low=float(limit), high=2.0 * proposed, because="; ".join(reasons), confidence=confidence,
        findings=context.present(*_FINDINGS), how_to_check=_check("no container OOMKilled"), rule_of_thumb=_thumb(role),
    )  # fmt: skip


def _raise_request(
    context: RecommendationContext, role: str, endings: Endings, request: int, limit: int
) -> Recommendation:
    current = context.setting(REQUEST, role)
    reasons = [
        in_force_text(current),
        f"ended from outside: {endings.memory or endings.tasks}; a pod that requests less than it uses is among the first to go when its node is short",
    ]
    used = resident_bytes(context, role)
    if used is not None:
        reasons.append(f"{used[1]} held {format_size(used[0])} when its metrics were read")
    reasons.append(f"what is proposed are {_fallback(context, role)[2]}, no more than half of the limit")
    return Recommendation(
        key=REQUEST, role=role, helm_path=helm_path_of(role, REQUEST) or f"{role}.{REQUEST}", current=current_of(current),
        proposed=size_setting(request), unit="bytes", low=float(used[0]) if used else request / 2.0, high=float(limit), because="; ".join(reasons),
        confidence="low", findings=context.present(*_FINDINGS), how_to_check=_check("no pod Evicted"), rule_of_thumb=_thumb(role),
    )  # fmt: skip


def _processor(context: RecommendationContext, role: str) -> list[Recommendation]:
    """Return a higher limit of the processor where the fastest host takes nearly all of it, and something failed."""
    used, current = _cores(context, role), context.setting(PROCESSOR, role)
    limit = current.number
    if not used or limit is None or context.dataset.failed_tasks.empty or used[0].low < _NEARLY * limit:
        return []
    article = article_shares(role)
    documented = documented_sizing(role)
    proposed = max(math.ceil(_TIMES * limit), math.ceil(documented.cpu) if documented else 0)
    reasons = [
        in_force_text(current),
        f"at the rate of the fastest host a process takes {used[0].value:.2g} cores ({used[0].low:.2g} to {used[0].high:.2g}): {used[0].because}",
        "a process that is held back at its limit is slow without saying so; the larger of twice the limit and what the guide of the project gives is proposed",
    ]
    return [Recommendation(
        key=PROCESSOR, role=role, helm_path=helm_path_of(role, PROCESSOR) or f"{role}.{PROCESSOR}", current=current_of(current),
        proposed=str(proposed), unit="cores", low=limit, high=float(max(proposed, article.limit_cpu)), because="; ".join(reasons), confidence="low",
        findings=context.present(*_FINDINGS), how_to_check=_check("container_cpu_cfs_throttled_periods_total not to grow"), rule_of_thumb=_thumb(role),
    )]  # fmt: skip


def _check(expected: str) -> str:
    return f"set it, repeat the preheat, then run `dfly-analysis collect` and `dfly-analysis diagnose` on it: expect {expected}, and pod_ended_badly absent"


def _round_memory(size_bytes: float) -> int:
    """Round up to 1 GiB, from 8 GiB on to 4, from 32 on to 8."""
    gib = size_bytes / _GIB
    step = 1 if gib <= 8 else 4 if gib <= 32 else 8
    return max(1, math.ceil(gib / step - 1e-9) * step) * _GIB


def _no_recommendation(context: RecommendationContext, role: str, endings: Endings) -> NoRecommendation:
    title, limit = ROLE_TITLES[role], _limit_in_force(context, role, endings)
    if not endings.any:
        return NoRecommendation(
            TOPIC, f"no process of a {title} was ended from outside, as far as the input shows", _THROTTLED, role
        )
    observed = f"{endings.tasks} tasks of a {title} went with a process that was ended from outside"
    if _spared(context, role, endings, limit):
        used = resident_bytes(context, role)
        assert used is not None
        assert limit is not None
        reason = f"{observed}, yet {used[1]} held {format_size(used[0])} of {format_size(limit)} when its metrics were read: memory is hardly the reason"
        return NoRecommendation(TOPIC, reason, _COLLECT, role)
    if limit is None:
        return NoRecommendation(
            TOPIC, f"{observed}, and the limit of its memory is not known; {_thumb(role)}", _COLLECT, role
        )
    return NoRecommendation(
        TOPIC,
        f"{observed}; the limit of its memory, {format_size(limit)}, is no lower than the rules of thumb",
        _COLLECT,
        role,
    )


def _estimates(context: RecommendationContext, role: str) -> list[Estimate]:
    result: list[Estimate] = []
    used, floor, documented = resident_bytes(context, role), floor_bytes(context, role), documented_sizing(role)
    if used is not None:
        result.append(Estimate(TOPIC, role, "memory that a process held", float(used[0]), float(used[0]), math.inf, "bytes", "measured", "medium", f"{used[1]}, when its metrics were read; its peak may be higher"))  # fmt: skip
    if floor is not None:
        result.append(Estimate(TOPIC, role, "memory that pieces in flight hold at least", floor[0], floor[0] / floor[2], math.inf, "bytes", "computed", "medium", f"{floor[1]} pieces of each of {floor[2]} layers, the manager's default; the lower end is one layer"))  # fmt: skip
    result += _cores(context, role)
    article = article_shares(role)
    if documented is not None:
        for what, unit, value, least, most in (
            ("memory limit", "bytes", float(documented.memory_bytes), float(article.request_memory_bytes), float(article.limit_memory_bytes)),
            ("processor limit", "cores", documented.cpu, article.request_cpu, article.limit_cpu),
        ):  # fmt: skip
            result.append(Estimate(TOPIC, role, f"documented {what}", value, min(value, least), max(value, most), unit, "documented", "low", "the guide of the project; the range is the article's, requests to limits"))  # fmt: skip
    return result


def _cores(context: RecommendationContext, role: str) -> list[Estimate]:
    """Return the processor that the fastest host seen takes, from seconds of processor a byte; they are told in whole seconds."""
    spent, capacity = processor_seconds(context, role), capacity_of(context)
    if spent is None or spent[0] < _MIN_OBSERVED_S or not isinstance(capacity, CapacityFit):
        return []
    rate = capacity.goodness["busiest_bps"]
    hosts = max(1, len(capacity.hosts))
    value, low, high = (seconds / spent[1] * rate for seconds in (spent[0] + 0.5 * hosts, spent[0], spent[0] + hosts))
    return [Estimate(TOPIC, role, "processor at the rate of the fastest host", value, low, high, "cores", "measured", "medium", f"{spent[0]} s of processor for {format_size(spent[1])}, at {format_rate(rate)}")]  # fmt: skip


def _growth(context: RecommendationContext) -> list[Estimate]:
    """Return what twice the pieces in flight would carry: throughput that does not grow speaks for a limit, of link, disk or processor."""
    capacity = capacity_of(context)
    if not isinstance(capacity, CapacityFit):
        return []
    usual = max(1.0, capacity.usual_load)
    now, then = capacity.throughput(usual), capacity.throughput(2.0 * usual)
    grown = sorted(b / a for a, b in ((now.value, then.value), (now.low, then.low), (now.high, then.high)))
    value = then.value / now.value
    if value < _GROWS:
        limited_by = "a link, a disk or the processor is full; which of them, nothing in the logs says"
    elif grown[0] < _GROWS:
        limited_by = "no limit is seen, yet the data do not rule one out"
    else:
        limited_by = "nothing is full yet"
    return [Estimate(TOPIC, "seedClient", "throughput with twice the pieces in flight, in times of today's", value, grown[0], grown[-1], "1", "measured", "medium" if capacity.shared else "low", limited_by)]  # fmt: skip
