"""Requests and limits of seed client and client: from how processes ended and what they used; the documented sizes otherwise."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from dfly_analysis.catalog import sizing_guide as guide
from dfly_analysis.diagnosis.kubernetes import terminations
from dfly_analysis.estimates import Interval
from dfly_analysis.messages import Message, join, message
from dfly_analysis.models import CapacityFit
from dfly_analysis.readers.pods import Termination
from dfly_analysis.recommendation import recommendations
from dfly_analysis.recommendation.context import CLIENT_ROLES, TITLES, round_gib
from dfly_analysis.recommendation.context import RecommendationContext as Context
from dfly_analysis.recommendation.preheat_plan import MAX_PARALLEL
from dfly_analysis.recommendation.recommendations import Confidence, Estimate, Item, NoRecommendation, Recommendation
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_rate, format_size, size_setting

MEMORY, REQUEST, CPU = "resources.limits.memory", "resources.requests.memory", "resources.limits.cpu"
_BUFFER = "storage.writeBufferSize"
_CAUSE = "resource_limit"
_RESIDENT, _CPU_SECONDS = "process_resident_memory_bytes", "process_cpu_seconds_total"
_TIMES = 2.0  # what was used at the limit is not known, only that it was more
_ROOM = 1.5
_SAFE = 0.5  # a process that holds less than this share of its limit was not killed for it
_STEPS = ((8, 1), (32, 4), (math.inf, 8))  # GiB
_MIN_CPU_S = 3  # the metric has whole seconds
_GROWS = 1.25
_NEARLY = 0.8
_WELL_BELOW = 0.9
_FINDINGS = ("pod_ended_badly", "restart_without_goodbye", "node_pressure")
_COLLECT = message(
    "`kubectl get pods -o json` and `kubectl get events -o json` of the namespace, the Helm values, and metrics.txt of every seed client"
)
_THROTTLED = message(
    "container_cpu_cfs_throttled_periods_total and container_memory_working_set_bytes of the pods during the run, from Prometheus"
)
_EXPECTED = {
    MEMORY: message("no container is OOMKilled"), REQUEST: message("no pod is Evicted"),
    CPU: message("container_cpu_cfs_throttled_periods_total does not grow"),
}  # fmt: skip
_estimate = partial(Estimate.of, "resources")


@dataclass(frozen=True)
class _Evidence:
    """How processes of a role were killed, tasks lost with them, and memory."""

    context: Context
    role: str
    memory: int  # processes that Kubernetes killed for it
    tasks: int
    is_killed: bool
    killed_at_bytes: int | None
    example: str
    used: tuple[int, str] | None  # the most that a process held when its metrics were read, and its host
    floor: tuple[float, int] | None
    """What pieces in flight of `MAX_PARALLEL` layers hold at the least, and pieces of a layer."""
    usual_request: int  # by the article for its images, else by the guide
    usual_limit: int
    usual_source: str

    @property
    def set_bytes(self) -> int | None:
        return self.context.setting(MEMORY, self.role).size_bytes

    @property
    def limit(self) -> int | None:
        return self.killed_at_bytes or self.set_bytes

    @property
    def spared(self) -> bool:
        """Whether the memory that a process held rules out that it was killed for it."""
        return not self.memory and self.used is not None and self.used[0] < _SAFE * (self.limit or 0)

    def change(
        self, key: str, reasons: list[Message], proposed: str, unit: str, low: float, high: float, confidence: Confidence = "low"
    ) -> Recommendation:  # fmt: skip
        check = message(
            "set it, repeat the preheat, then run `dfly-analysis collect` and `dfly-analysis diagnose` on it: {expected}, and "
            "pod_ended_badly is absent", expected=_EXPECTED[key],
        )  # fmt: skip
        return Recommendation.of(
            self.context.setting(key, self.role), key, reasons, proposed=proposed, unit=unit, low=float(low), high=float(high),
            confidence=confidence, findings=self.context.present(*_FINDINGS), how_to_check=check, rule_of_thumb=_rule_of_thumb(self.role),
        )  # fmt: skip


def advise(context: Context) -> Iterator[Item]:
    """Return requests and limits where processes ran out of them; what was used and what is documented as estimates."""
    roles = [_evidence(context, role) for role in CLIENT_ROLES]
    for one in roles:
        shown, configured = one.killed_at_bytes, context.setting(MEMORY, one.role)
        if shown is not None and configured.size_bytes is not None and shown < _WELL_BELOW * configured.size_bytes:
            values = {"role": TITLES[one.role], "limit": format_size(shown)}
            text = message("a container of the {role} was killed at a limit of {limit}", **values)
            yield recommendations.contradiction(text, configured)
        found = [*(_memory(one) if one.is_killed else []), *_cpu(one)]
        yield from found
        if not found and (one.is_killed or one.role == "seedClient"):
            yield _no_recommendation(one)
    for one in roles:
        yield from _estimates(one)
    yield from _growth(context)


def _evidence(context: Context, role: str) -> _Evidence:
    found: dict[tuple[Any, ...], tuple[Mapping[str, Any], Termination]] = {}
    for row, termination in terminations(context.dataset):
        if row["role"] == role and termination.cause == _CAUSE:
            found.setdefault((row["pod"], termination.time), (row, termination))
    memory = [one for one in found.values() if "OOM" in one[1].description or "memory" in one[1].description]
    limits = [int(row["memory_limit_bytes"]) for row, _ in memory if row["memory_limit_bytes"] is not None]
    first = next(iter(memory or found.values()), None)
    example = join([first[0]["pod"], first[1].description], ": ") if first else ""
    tasks = context.failed_tasks(_CAUSE, role)
    used = max(((size, host) for host, size in context.gauge_by_host(_RESIDENT, role).items()), default=None)
    article, documented = guide.article_shares(role), guide.documented_sizing(role)
    if context.size_bytes >= guide.load_sizing_guide().article.images_from_bytes:
        source: str = message("the article, a fallback without a measurement")
        usual = (article.request_memory_bytes, article.limit_memory_bytes, source)
    else:
        assert documented is not None
        usual = (documented.memory_bytes // 4, documented.memory_bytes, guide.load_sizing_guide().source)
    at = min(limits, default=None)
    return _Evidence(context, role, len(memory), tasks, bool(found or tasks), at, example, used, _in_flight_bytes(context, role), *usual)  # fmt: skip


def _resident_text(used: tuple[int, str]) -> Message:
    return message("{host} held {size} when its metrics were read", host=used[1], size=format_size(used[0]))


def _in_flight_bytes(context: Context, role: str) -> tuple[float, int] | None:
    slots = context.pieces_in_flight(role)
    if slots is None:
        return None
    # a seed client hands pieces on, which up to v1.0.21 are whole in memory too
    origins = ["source"] if role == "seedClient" or not context.fetched_from(role, "parent") else ["parent"]
    origins += ["parent"] if role == "seedClient" else []
    version, buffer = context.version(role) or context.client_version, context.setting(_BUFFER, role).size_bytes
    held = max(guide.held_in_memory_bytes(origin, context.piece_bytes, buffer, version) for origin in origins)
    return float(held * slots * MAX_PARALLEL), slots


def _memory(given: _Evidence) -> Iterator[Recommendation]:
    limit, used, set_now = given.limit, given.used, given.set_bytes or 0
    if not limit or given.spared:
        return
    proposed = 0  # an evicted pod reached no limit of its own
    if not given.memory or given.killed_at_bytes is not None:
        wanted = max(_TIMES * limit, _ROOM * given.floor[0] if given.floor else 0.0) if given.memory else 0.0
        proposed = round_gib(max(wanted, float(given.usual_limit)), _STEPS)
    raised = proposed > max(limit, set_now)
    if raised:
        confidence: Confidence = "medium" if given.memory else "low"
        reasons = list(_limit_reasons(given))
        yield given.change(MEMORY, reasons, size_setting(proposed), "bytes", limit, math.inf, confidence)
    requested, most = given.context.setting(REQUEST, given.role).size_bytes, max(proposed, set_now, limit)
    request = round_gib(min(max(float(given.usual_request), _ROOM * used[0] if used else 0.0), most / 2.0), _STEPS)
    if requested is not None and requested < request and (raised or given.memory):
        n, source = given.memory or given.tasks, given.usual_source
        reasons = [
            message("processes killed: {n:,}; pods above their request are evicted first", n=n), *([_resident_text(used)] if used else []),
            message("the proposal is from {source}, at most half of the limit", source=source),
        ]  # fmt: skip
        yield given.change(
            REQUEST, reasons, size_setting(request), "bytes", used[0] if used else request / 2.0, math.inf
        )


def _rule_of_thumb(role: str) -> Message:
    article, documented = guide.article_shares(role), guide.documented_sizing(role)
    text = message(
        "the article, for images of 20 GB and more: requests of {request_cpu:g} cores and {request}, limits of {limit_cpu:g} cores and {limit}",
        request_cpu=article.request_cpu, request=size_setting(article.request_memory_bytes), limit_cpu=article.limit_cpu,
        limit=size_setting(article.limit_memory_bytes),
    )  # fmt: skip
    if documented is None:
        return text
    values = {"size": size_setting(documented.memory_bytes), "cores": documented.cpu}
    by_guide = message("the sizing guide of Dragonfly: {size} and {cores:g} cores", **values)
    return join([text, by_guide], "; ")


def _limit_reasons(given: _Evidence) -> Iterator[Message]:
    if given.example:
        yield message("Kubernetes reports {example}", example=given.example)
    if given.memory:
        yield message("processes killed for memory: {n:,}, so the need is above the limit", n=given.memory)
    if given.tasks:
        yield message("{tasks:,} tasks had no end, because their process ended without a shutdown", tasks=given.tasks)
    if not given.memory:
        yield message("the input does not show whether memory was the reason: this is a rule of thumb")
    if given.killed_at_bytes is not None:
        yield message("the limit of the killed container was {size}", size=format_size(given.killed_at_bytes))
    if given.floor is not None:
        values = {"pieces": given.floor[1], "layers": MAX_PARALLEL, "size": format_size(given.floor[0])}
        yield message("{pieces} pieces in flight of each of {layers} layers hold at least {size}", **values)
    if given.memory:
        source = given.usual_source
        yield message("the proposal is twice the limit, or from {source} if that is more", source=source)
    else:
        yield message("the proposal is from {source}", source=given.usual_source)


def _cpu(given: _Evidence) -> Iterator[Recommendation]:
    """Yield a higher CPU limit where the fastest host takes nearly all of it, and something failed."""
    context, role = given.context, given.role
    used, limit = next(_cores(context, role), None), context.setting(CPU, role).number
    if used is None or limit is None or not context.failed_tasks() or used.low < _NEARLY * limit:
        return
    documented = guide.documented_sizing(role)
    proposed = max(math.ceil(_TIMES * limit), math.ceil(documented.cpu) if documented else 0)
    reasons = [
        message(
            "at peak throughput a process takes {value:.2g} cores ({low:.2g} to {high:.2g}): {reason}",
            value=used.value, low=used.low, high=used.high, reason=used.because,
        ),
        message("a process throttled at its CPU limit is slow without an error in its log"),
        message("the proposal is twice the limit or the value of the sizing guide of Dragonfly, whichever is larger"),
    ]  # fmt: skip
    yield given.change(CPU, reasons, str(proposed), "cores", used.low, math.inf)


def _no_recommendation(given: _Evidence) -> NoRecommendation:
    role, limit, used = TITLES[given.role], given.limit, given.used
    if not given.is_killed:
        reason = message("the input shows no killed process of a {role}", role=role)
        return NoRecommendation("resources", reason, _THROTTLED, given.role)
    values = {"tasks": given.tasks, "role": role}
    reasons = [
        message("{tasks:,} tasks of a {role} had no end, because their process ended without a shutdown", **values)
    ]
    if limit is None:
        reasons += [message("the memory limit is not known"), _rule_of_thumb(given.role)]
    elif used is not None and given.spared:
        why = message("memory is hardly the reason, because the limit is {limit}", limit=format_size(limit))
        reasons += [_resident_text(used), why]
    else:
        reasons.append(message("the memory limit, {limit}, is at least the rule of thumb", limit=format_size(limit)))
    return NoRecommendation("resources", join(reasons, "; "), _COLLECT, given.role)


def _estimates(given: _Evidence) -> Iterator[Estimate]:
    role, used, floor = given.role, given.used, given.floor
    if used is not None:
        because = message("on {host} when its metrics were read; its peak may be higher", host=used[1])
        held = Interval(used[0], used[0], math.inf)
        yield _estimate(role, message("memory that a process held"), held, "bytes", "measured", "medium", because)
    if floor is not None:
        values = {"pieces": floor[1], "layers": MAX_PARALLEL}
        because = message("{pieces} pieces of each of {layers} layers (manager's default); low: one layer", **values)
        held = Interval(floor[0], floor[0] / MAX_PARALLEL, math.inf)
        what = message("memory that pieces in flight hold at least")
        yield _estimate(role, what, held, "bytes", "computed", "medium", because)
    yield from _cores(given.context, role)
    article, documented = guide.article_shares(role), guide.documented_sizing(role)
    if documented is not None:
        because = message("the sizing guide of Dragonfly; the range is from the article's requests to its limits")
        for what, unit, value, least, most in (
            (message("documented memory limit"), "bytes", documented.memory_bytes, article.request_memory_bytes, article.limit_memory_bytes),
            (message("documented CPU limit"), "cores", documented.cpu, article.request_cpu, article.limit_cpu),
        ):  # fmt: skip
            range_ = Interval(value, min(value, least), max(value, most))
            yield _estimate(role, what, range_, unit, "documented", "low", because)


def _cores(context: Context, role: str) -> Iterator[Estimate]:
    """Yield the CPU that the fastest host takes, from the CPU seconds for each byte; they are whole seconds."""
    seconds, fetched = context.one(sql("recommendation", "cpu_seconds"), [role, _CPU_SECONDS])
    capacity = context.capacity
    if not seconds or not fetched or seconds < _MIN_CPU_S or not isinstance(capacity, CapacityFit):
        return
    spent, size, hosts, rate = int(seconds), int(fetched), max(1, len(capacity.hosts)), capacity.goodness["busiest_bps"]
    cores = Interval(*(used / size * rate for used in (spent + 0.5 * hosts, spent, spent + hosts)))
    values = {"seconds": spent, "size": format_size(size), "rate": format_rate(rate)}
    because = message("{seconds:,} s of CPU for {size}, at {rate}", **values)
    yield _estimate(role, message("CPU at peak throughput"), cores, "cores", "measured", "medium", because)


def _growth(context: Context) -> Iterator[Estimate]:
    """Yield the throughput at twice the concurrency: if it does not grow, a link, a disk or the CPU is saturated."""
    capacity = context.capacity
    if not isinstance(capacity, CapacityFit):
        return
    usual = max(1.0, capacity.usual_load)
    now, then = capacity.throughput(usual), capacity.throughput(2.0 * usual)
    grown = sorted(b / a for a, b in ((now.value, then.value), (now.low, then.low), (now.high, then.high)))
    value = then.value / now.value
    if value < _GROWS:
        because = message("a link, a disk or the CPU is saturated; the logs do not show which")
    elif grown[0] < _GROWS:
        because = message("no saturation is observed, but the data do not rule it out")
    else:
        because = message("nothing is saturated yet")
    what = message("throughput at twice the concurrency, relative to now")
    sure: Confidence = "medium" if capacity.shared else "low"
    yield _estimate("seedClient", what, Interval(value, grown[0], grown[-1]), "1", "measured", sure, because)
