"""Requests and limits of seed client and client: from how processes ended and what they used; the documented sizes otherwise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from dfly_analysis.catalog.sizing_guide import (
    article_from_bytes,
    article_shares,
    documented_sizing,
    held_in_memory_bytes,
    sizing_source,
)
from dfly_analysis.diagnosis.kubernetes import endings
from dfly_analysis.estimates import Interval
from dfly_analysis.models import CapacityFit
from dfly_analysis.readers.pods import Termination
from dfly_analysis.recommendation.context import CLIENT_ROLES, ROLE_TITLES, RecommendationContext
from dfly_analysis.recommendation.preheat_plan import MAX_PARALLEL
from dfly_analysis.recommendation.recommendations import Confidence, Estimate, Item, NoRecommendation, Recommendation
from dfly_analysis.units import format_rate, format_size, size_setting

MEMORY, REQUEST, PROCESSOR = "resources.limits.memory", "resources.requests.memory", "resources.limits.cpu"
_BUFFER = "storage.writeBufferSize"
_CAUSE = "resource_limit"
_RESIDENT, _PROCESSOR_SECONDS = "process_resident_memory_bytes", "process_cpu_seconds_total"
_TIMES = 2.0  # what was used at the limit is not known, only that it was more
_ROOM = 1.5
_SAFE = 0.5  # a process that holds less than this share of its limit was not killed for it
_GIB = 2**30
_MIN_PROCESSOR_S = 3  # the metric has whole seconds
_GROWS = 1.25
_NEARLY = 0.8
_WELL_BELOW = 0.9
_FINDINGS = ("pod_ended_badly", "restart_without_goodbye", "node_pressure")
_COLLECT = "`kubectl get pods -o json` and `kubectl get events -o json` of the namespace, the Helm values, and metrics.txt of every seed client"
_THROTTLED = "container_cpu_cfs_throttled_periods_total and container_memory_working_set_bytes of the pods over the run, from Prometheus"
_estimate = partial(Estimate.of, "resources")


@dataclass(frozen=True)
class _Terminations:
    """How processes of a role were killed: for memory by what Kubernetes says, otherwise, and the tasks lost with them."""

    memory: int
    killed: int
    tasks: int
    limit_bytes: int | None
    example: str

    @property
    def any(self) -> bool:
        return bool(self.memory or self.killed or self.tasks)


def advise(context: RecommendationContext) -> Iterator[Item]:
    """Return requests and limits where processes ran out of them; what was used and what is documented as estimates."""
    for role in CLIENT_ROLES:
        ended = _terminations(context, role)
        yield from _contradictions(context, role, ended)
        found = [*(_memory(context, role, ended) if ended.any else []), *_processor(context, role)]
        yield from found
        if not found and (ended.any or role == "seedClient"):
            yield _no_recommendation(context, role, ended)
    for role in CLIENT_ROLES:
        yield from _estimates(context, role)
    yield from _growth(context)


def _terminations(context: RecommendationContext, role: str) -> _Terminations:
    found: dict[tuple[Any, ...], tuple[Mapping[str, Any], Termination]] = {}
    for row, termination in endings(context.dataset):
        if row["role"] == role and termination.cause == _CAUSE:
            found.setdefault((row["pod"], termination.time), (row, termination))
    memory = [one for one in found.values() if "OOM" in one[1].description or "memory" in one[1].description]
    limits = [int(row["memory_limit_bytes"]) for row, _ in memory if row["memory_limit_bytes"] is not None]
    first = next(iter(memory or found.values()), None)
    example = f"{first[0]['pod']}: {first[1].description}" if first else ""
    tasks = context.failed_tasks(_CAUSE, role)
    return _Terminations(len(memory), len(found) - len(memory), tasks, min(limits, default=None), example)


def _contradictions(context: RecommendationContext, role: str, ended: _Terminations) -> Iterator[str]:
    """Warn where a container had another limit than the one that is believed to be in force."""
    configured = context.setting(MEMORY, role)
    shown, configured_bytes = ended.limit_bytes, configured.size_bytes
    if shown is not None and configured_bytes is not None and shown < _WELL_BELOW * configured_bytes:
        yield (
            f"a container of the {role} was ended at a limit of {format_size(shown)}, yet {MEMORY} is believed to be {configured.value} ({configured.source}): "
            "give the Helm values in force with --values; until then no advice on it can be trusted"
        )


def _resident(context: RecommendationContext, role: str) -> tuple[int, str] | None:
    """Return the most memory that a process of a role held when its metrics were read, and on which host."""
    return max(((size, host) for host, size in context.gauge_by_host(_RESIDENT, role).items()), default=None)


def _in_flight_bytes(context: RecommendationContext, role: str) -> tuple[float, int] | None:
    """Return what pieces in flight of `MAX_PARALLEL` layers hold in memory at the least, and pieces of a layer."""
    slots = context.pieces_in_flight(role)
    if slots is None:
        return None
    # a seed client hands pieces on, which up to v1.0.21 are whole in memory too
    origins = ["source"] if role == "seedClient" or not context.fetched_from(role, "parent") else ["parent"]
    origins += ["parent"] if role == "seedClient" else []
    version, buffer = context.version(role) or context.client_version, context.setting(_BUFFER, role).size_bytes
    held = max(held_in_memory_bytes(origin, context.piece_bytes, buffer, version) for origin in origins)
    return float(held * slots * MAX_PARALLEL), slots


def _spared(context: RecommendationContext, role: str, ended: _Terminations, limit: int | None) -> bool:
    """Return whether the memory that a process held rules out that it was killed for it."""
    used = _resident(context, role)
    return not ended.memory and used is not None and limit is not None and used[0] < _SAFE * limit


def _memory(context: RecommendationContext, role: str, ended: _Terminations) -> Iterator[Recommendation]:
    set_now = context.setting(MEMORY, role).size_bytes
    limit = ended.limit_bytes or set_now
    if not limit or _spared(context, role, ended, limit):
        return
    usual_request, usual_limit, _ = _fallback(context, role)
    proposed = _proposed_limit(context, role, ended, limit, usual_limit)
    raised = proposed > max(limit, set_now or 0)
    if raised:
        yield _raise_limit(context, role, ended, limit, proposed)
    requested, most, used = context.setting(REQUEST, role), max(proposed, set_now or 0, limit), _resident(context, role)
    request = _round_memory(min(max(float(usual_request), _ROOM * used[0] if used else 0.0), most / 2.0))
    if requested.size_bytes is not None and requested.size_bytes < request and (raised or ended.memory):
        yield _raise_request(context, role, ended, request, most)


def _proposed_limit(context: RecommendationContext, role: str, ended: _Terminations, limit: int, usual: int) -> int:
    """Return the limit to set: twice the one a container was killed at; an evicted pod reached none of its own."""
    if ended.memory and ended.limit_bytes is None:
        return 0
    floor = _in_flight_bytes(context, role)
    wanted = max(_TIMES * limit, _ROOM * floor[0] if floor else 0.0) if ended.memory else 0.0
    return _round_memory(max(wanted, float(usual)))


def _fallback(context: RecommendationContext, role: str) -> tuple[int, int, str]:
    """Return request and limit of memory by the article for its images, by the guide below, and whose figures they are."""
    article, documented = article_shares(role), documented_sizing(role)
    if context.size_bytes >= article_from_bytes():
        source = "the article's figures, a fallback without a measurement"
        return article.request_memory_bytes, article.limit_memory_bytes, source
    assert documented is not None
    return documented.memory_bytes // 4, documented.memory_bytes, sizing_source()


def _rule_of_thumb(role: str) -> str:
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


def _change(
    context: RecommendationContext, role: str, key: str, reasons: list[str], *, expected: str, **fields: Any
) -> Recommendation:
    return Recommendation.of(
        context.setting(key, role),
        key,
        reasons,
        findings=context.present(*_FINDINGS),
        how_to_check=f"set it, repeat the preheat, then run `dfly-analysis collect` and `dfly-analysis diagnose` on it: expect {expected}, and pod_ended_badly absent",
        rule_of_thumb=_rule_of_thumb(role),
        **fields,
    )


def _raise_limit(
    context: RecommendationContext, role: str, ended: _Terminations, limit: int, proposed: int
) -> Recommendation:
    reasons = [f"Kubernetes says: {ended.example}"] if ended.example else []
    if ended.memory:
        reasons.append(
            f"processes ended for memory: {ended.memory}, so the need lies above the limit and its upper end is not known"
        )
    if ended.tasks:
        reasons.append(f"{ended.tasks} tasks went with a process that was ended from outside")
    if not ended.memory:
        reasons.append("whether memory was the reason nothing in the input says: this is a rule of thumb")
    if ended.limit_bytes is not None:
        reasons.append(f"the container that was ended had {format_size(ended.limit_bytes)}")
    if (floor := _in_flight_bytes(context, role)) is not None:
        reasons.append(
            f"{floor[1]} pieces in flight of each of {MAX_PARALLEL} layers hold at least {format_size(floor[0])}"
        )
    fallback = _fallback(context, role)[2]
    reasons.append(
        f"the larger of twice the limit and {fallback} is proposed"
        if ended.memory
        else f"what is proposed are {fallback}"
    )
    return _change(
        context, role, MEMORY, reasons, proposed=size_setting(proposed), unit="bytes", low=float(limit), high=2.0 * proposed,
        confidence="medium" if ended.memory else "low", expected="no container OOMKilled",
    )  # fmt: skip


def _raise_request(
    context: RecommendationContext, role: str, ended: _Terminations, request: int, limit: int
) -> Recommendation:
    reasons = [
        f"ended from outside: {ended.memory or ended.tasks}; a pod that requests less than it uses is among the first to go when its node is short"
    ]
    if (used := _resident(context, role)) is not None:
        reasons.append(f"{used[1]} held {format_size(used[0])} when its metrics were read")
    reasons.append(f"what is proposed are {_fallback(context, role)[2]}, no more than half of the limit")
    low = float(used[0]) if used else request / 2.0
    return _change(
        context, role, REQUEST, reasons, proposed=size_setting(request), unit="bytes", low=low, high=float(limit),
        confidence="low", expected="no pod Evicted",
    )  # fmt: skip


def _processor(context: RecommendationContext, role: str) -> Iterator[Recommendation]:
    """Yield a higher limit of the processor where the fastest host takes nearly all of it, and something failed."""
    used, limit = next(_cores(context, role), None), context.setting(PROCESSOR, role).number
    if used is None or limit is None or not context.failed_tasks() or used.low < _NEARLY * limit:
        return
    documented = documented_sizing(role)
    proposed = max(math.ceil(_TIMES * limit), math.ceil(documented.cpu) if documented else 0)
    reasons = [
        f"at the rate of the fastest host a process takes {used.value:.2g} cores ({used.low:.2g} to {used.high:.2g}): {used.because}",
        "a process that is held back at its limit is slow without saying so; the larger of twice the limit and what the guide of the project gives is proposed",
    ]
    yield _change(
        context, role, PROCESSOR, reasons, proposed=str(proposed), unit="cores", low=limit,
        high=float(max(proposed, article_shares(role).limit_cpu)), confidence="low",
        expected="container_cpu_cfs_throttled_periods_total not to grow",
    )  # fmt: skip


def _round_memory(size_bytes: float) -> int:
    """Round up to 1 GiB, from 8 GiB on to 4, from 32 on to 8."""
    gib = size_bytes / _GIB
    step = 1 if gib <= 8 else 4 if gib <= 32 else 8
    return max(1, math.ceil(gib / step - 1e-9) * step) * _GIB


def _no_recommendation(context: RecommendationContext, role: str, ended: _Terminations) -> NoRecommendation:
    title, limit, collect = ROLE_TITLES[role], ended.limit_bytes or context.setting(MEMORY, role).size_bytes, _COLLECT
    reason, used = (
        f"{ended.tasks} tasks of a {title} went with a process that was ended from outside",
        _resident(context, role),
    )
    if not ended.any:
        reason, collect = f"no process of a {title} was ended from outside, as far as the input shows", _THROTTLED
    elif limit is None:
        reason += f", and the limit of its memory is not known; {_rule_of_thumb(role)}"
    elif used is not None and _spared(context, role, ended, limit):
        reason += f", yet {used[1]} held {format_size(used[0])} of {format_size(limit)} when its metrics were read: memory is hardly the reason"
    else:
        reason += f"; the limit of its memory, {format_size(limit)}, is no lower than the rules of thumb"
    return NoRecommendation("resources", reason, collect, role)


def _estimates(context: RecommendationContext, role: str) -> Iterator[Estimate]:
    if (used := _resident(context, role)) is not None:
        why = f"{used[1]}, when its metrics were read; its peak may be higher"
        held = Interval(used[0], used[0], math.inf)
        yield _estimate(role, "memory that a process held", held, "bytes", "measured", "medium", why)
    if (floor := _in_flight_bytes(context, role)) is not None:
        why = f"{floor[1]} pieces of each of {MAX_PARALLEL} layers, the manager's default; the lower end is one layer"
        held = Interval(floor[0], floor[0] / MAX_PARALLEL, math.inf)
        yield _estimate(role, "memory that pieces in flight hold at least", held, "bytes", "computed", "medium", why)
    yield from _cores(context, role)
    article, documented = article_shares(role), documented_sizing(role)
    if documented is not None:
        why = "the guide of the project; the range is the article's, requests to limits"
        for what, unit, value, least, most in (
            ("memory limit", "bytes", float(documented.memory_bytes), float(article.request_memory_bytes), float(article.limit_memory_bytes)),
            ("processor limit", "cores", documented.cpu, article.request_cpu, article.limit_cpu),
        ):  # fmt: skip
            range_ = Interval(value, min(value, least), max(value, most))
            yield _estimate(role, f"documented {what}", range_, unit, "documented", "low", why)


def _cores(context: RecommendationContext, role: str) -> Iterator[Estimate]:
    """Yield the processor that the fastest host takes, from the seconds of processor for each byte; they are whole seconds."""
    query = """
        WITH own AS (FROM runs WHERE tool = 'prometheus' AND role = ? AND host IS NOT NULL),
            processes AS (SELECT host, started, n FROM own WHERE kind = 'gauge' AND metric = ? AND n IS NOT NULL)
        SELECT (SELECT sum(n) FROM processes), sum(coalesce(bytes_from_source, 0) + coalesce(bytes_from_parent, 0))
        FROM own WHERE kind = 'counter'
            AND EXISTS (FROM processes p WHERE p.host = own.host AND p.started IS NOT DISTINCT FROM own.started)"""
    seconds, fetched = context.one(query, [role, _PROCESSOR_SECONDS])
    capacity = context.capacity
    if not seconds or not fetched or seconds < _MIN_PROCESSOR_S or not isinstance(capacity, CapacityFit):
        return
    spent, size, hosts, rate = int(seconds), int(fetched), max(1, len(capacity.hosts)), capacity.goodness["busiest_bps"]
    cores = Interval(*(used / size * rate for used in (spent + 0.5 * hosts, spent, spent + hosts)))
    why = f"{spent} s of processor for {format_size(size)}, at {format_rate(rate)}"
    yield _estimate(role, "processor at the rate of the fastest host", cores, "cores", "measured", "medium", why)


def _growth(context: RecommendationContext) -> Iterator[Estimate]:
    """Yield the throughput at twice the concurrency: one that does not grow indicates a full link, disk or processor."""
    capacity = context.capacity
    if not isinstance(capacity, CapacityFit):
        return
    usual = max(1.0, capacity.usual_load)
    now, then = capacity.throughput(usual), capacity.throughput(2.0 * usual)
    grown = sorted(b / a for a, b in ((now.value, then.value), (now.low, then.low), (now.high, then.high)))
    value = then.value / now.value
    if value < _GROWS:
        why = "a link, a disk or the processor is full; which of them, nothing in the logs says"
    elif grown[0] < _GROWS:
        why = "no limit is seen, yet the data do not rule one out"
    else:
        why = "nothing is full yet"
    what = "throughput with twice the pieces in flight, in times of today's"
    sure: Confidence = "medium" if capacity.shared else "low"
    yield _estimate("seedClient", what, Interval(value, grown[0], grown[-1]), "1", "measured", sure, why)
