"""Bandwidth, what a piece gets of it, and lost connections: how many pieces in flight and which bandwidth limit they bear."""

from __future__ import annotations

import math

from dfly_analysis.config.setting import helm_path_of
from dfly_analysis.errors import DflyError
from dfly_analysis.estimates import NotFitted, wilson
from dfly_analysis.models import CapacityFit, DurationFit
from dfly_analysis.recommendation.concurrency import SLOTS, ReducedConcurrency, capacity_of
from dfly_analysis.recommendation.context import CLIENT_ROLES, RecommendationContext
from dfly_analysis.recommendation.messages import ROLE_TITLES, bandwidth_bps, current_of, in_force_text, range_text
from dfly_analysis.recommendation.plans.jobs import api_of
from dfly_analysis.recommendation.plans.transfer_times import MARGIN
from dfly_analysis.recommendation.recommendations import (
    Advice,
    Confidence,
    Estimate,
    NoRecommendation,
    Recommendation,
    Topic,
)
from dfly_analysis.recommendation.required_timeout import PIECE
from dfly_analysis.units import (
    duration_setting,
    format_duration,
    format_rate,
    format_share,
    format_size,
    parse_size,
    rate_setting,
)

TOPIC: Topic = "network"
LIMIT, OLD_LIMIT, SOURCE_LIMIT = "download.bandwidthLimit", "download.rateLimit", "download.backToSourceBandwidthLimit"
RENAMED_IN, TEXT_SINCE = "v1.2.8", "v0.1.88"
FEW = 200
_ROOM = 2.0  # a limit's layer ends in half of the job's time
_NARROW, _WIDE = 0.05, 0.2  # of the interval of a share
_LOOK = "repeat the run with half of download.concurrentPieceCount: the bandwidth should stay"
_FINDINGS = ("connection_reset", "body_truncated", "registry_status")


def advise(context: RecommendationContext) -> Advice:
    """Return how many pieces in flight, and which bandwidth limit, the link and the registry bear."""
    reduced_concurrency = [_reduce_concurrency(context, role, one) for role, one in context.reduced_concurrency.items()]
    limits = [result for key in (LIMIT, SOURCE_LIMIT) if (result := _raised_limit(context, key)) is not None]
    estimates = (*_link(context), *_demand(context), *_loss(context))
    silent = () if reduced_concurrency or limits else (_no_recommendation(context),)
    return Advice(recommendations=(*reduced_concurrency, *limits), no_advice=silent, estimates=estimates)


def _reduce_concurrency(
    context: RecommendationContext, role: str, reduced_concurrency: ReducedConcurrency
) -> Recommendation:
    current = context.setting(SLOTS, role)
    carried = bandwidth_bps(context, role, reduced_concurrency.limit_s) if reduced_concurrency.limit_s else None
    return Recommendation(
        key=SLOTS, role=role, helm_path=current.helm_path or helm_path_of(role, SLOTS) or f"{role}.config.{SLOTS}",
        current=current_of(current), proposed=str(reduced_concurrency.slots), unit="1", low=float(reduced_concurrency.low), high=float(max(reduced_concurrency.high, reduced_concurrency.slots)),
        because="; ".join([in_force_text(current), *_reduction_reasons(context, reduced_concurrency)]),
        confidence="medium" if reduced_concurrency.why == "limit" and reduced_concurrency.low == reduced_concurrency.slots else "low",
        findings=context.present("registry_status" if reduced_concurrency.why == "refused" else "connection_reset") if reduced_concurrency.why != "limit" else (),
        how_to_check=_check_reduction(reduced_concurrency), demanded_bandwidth_bps=carried,
        rule_of_thumb="the guide of the project: pieces in flight cost processor and memory; the client's own default is 8",
    )  # fmt: skip


def _reduction_reasons(context: RecommendationContext, reduced_concurrency: ReducedConcurrency) -> list[str]:
    if reduced_concurrency.link_bps is None:
        refused = int((context.dataset.failed_tasks["cause"] == "rate_limited").sum())
        return [
            f"the registry refused requests as too many, which failed {refused} tasks",
            f"up to {reduced_concurrency.seen} pieces of one layer were in flight, so many requests at a time; half of that is a rule of thumb",
        ]
    share = format_share(reduced_concurrency.times)
    result = [
        (
            f"pieces in flight share a link of {format_rate(reduced_concurrency.link_bps)}: "
            f"with {reduced_concurrency.slots} in place of {reduced_concurrency.seen} a piece takes {share} of its time"
        )
    ]
    if reduced_concurrency.why == "resets":
        return [*result, "a connection that lives shorter is cut less often, and the link stays full"]
    need = context.needs[reduced_concurrency.role, PIECE]
    requested = range_text(need.needed) if need.needed is not None else ""
    return [
        *result,
        f"with as many as now {PIECE} would have to be {requested}, longer than is sensible",
        f"with {reduced_concurrency.slots} in flight {duration_setting(reduced_concurrency.limit_s or 0.0)} suffices: set both together",
    ]


def _check_reduction(reduced_concurrency: ReducedConcurrency) -> str:
    wanted = {"limit": "no piece cut at the limit", "resets": "fewer findings connection_reset", "refused": "registry_status absent"}  # fmt: skip
    return f"set it, repeat the preheat, then run `dfly-analysis compare` on both runs: expect {wanted[reduced_concurrency.why]}, and no layer that takes longer"


def _raised_limit(context: RecommendationContext, key: str) -> Recommendation | None:
    """Return a higher limit where the one in force makes a layer outlast its job: the piece's clock stands still meanwhile, the job's does not."""
    role = "seedClient"
    current = context.setting(key, role)
    in_force, deadline_s = current.size_bytes, _deadline_s(context)
    if in_force is None or not in_force or deadline_s is None or current.layer == "unknown":
        return None
    least = context.size_bytes / deadline_s
    if in_force >= least:
        return None
    version = context.version(role)
    name = OLD_LIMIT if key == LIMIT and version and not context.released(role, RENAMED_IN) else key
    proposed = rate_setting(_ROOM * least, bare=bool(version) and not context.released(role, TEXT_SINCE))
    slow = format_duration(context.size_bytes / in_force)
    return Recommendation(
        key=name, role=role, helm_path=helm_path_of(role, name) or f"{role}.config.{name}", current=current_of(current), proposed=proposed,
        unit="B/s", low=least, high=float(parse_size(proposed)),
        because="; ".join([
            in_force_text(current),
            f"a layer of {format_size(context.size_bytes)} takes {slow} at that limit, longer than its job waits ({format_duration(deadline_s)})",
            "waiting for the limit is outside the piece's clock and inside the job's, so no timeout shows it",
        ]),
        confidence="high" if context.version("manager") or context.version("scheduler") else "medium", findings=context.present("preheat_deadline"),
        how_to_check="set it, repeat the preheat, then run `dfly-analysis diagnose`: expect preheat_deadline absent",
        rule_of_thumb="the guide of the project: as much as the network card gives",
    )  # fmt: skip


def _deadline_s(context: RecommendationContext) -> float | None:
    try:
        return api_of(context.version("manager") or context.version("scheduler")).deadline_s
    except DflyError:
        return None


def _no_recommendation(context: RecommendationContext) -> NoRecommendation:
    capacity = capacity_of(context)
    if isinstance(capacity, NotFitted):
        return NoRecommendation(TOPIC, capacity.reason, capacity.collect)
    note = capacity.notes[0] if capacity.notes else "pieces in flight do not slow each other as far as the data reach"
    if context.diagnosis.primary_cause == "network_instability":
        return NoRecommendation(
            TOPIC,
            f"connections are cut, and no setting of Dragonfly cures that; fewer pieces in flight would not shorten their lives: {note}",
            "what lies between seed clients and registry: logs of proxies and load balancers at the times of the cuts, `ss -ti` or `nstat` on a seed's node",
        )
    return NoRecommendation(TOPIC, f"{note}; nothing asks for fewer in flight or another bandwidth limit", "")


def _link(context: RecommendationContext) -> tuple[Estimate, ...]:
    capacity = capacity_of(context)
    if isinstance(capacity, NotFitted):
        return ()
    busiest, usual = capacity.goodness["busiest_bps"], max(1.0, capacity.usual_load)
    whose = "of one host" if capacity.scope == "host" else "of all hosts together"
    result = [Estimate(
        TOPIC, "seedClient", "most that one host carried from the registry", busiest, busiest, math.inf, "B/s", "measured", "high",
        f"bytes that finished over the seconds with a piece in flight, hosts: {len(capacity.hosts)}; the link bears at least this", _LOOK,
    )]  # fmt: skip
    if capacity.shared:
        band = capacity.bandwidth_bps
        confidence = band.high <= 4.0 * band.value and band.value <= 4.0 * max(
            busiest, capacity.throughput(usual).value
        )
        result.append(Estimate(
            TOPIC, "seedClient", f"bandwidth that pieces {whose} share", band.value, band.low, band.high, "B/s", "measured", "medium" if confidence else "low",
            f"fitted to {capacity.n} attempts, {capacity.law}; up to {capacity.goodness['most_in_flight']:.0f} pieces were in flight", _LOOK,
        ))  # fmt: skip
    rate, alone = capacity.throughput(usual).value / usual, capacity.params[0]
    ends = (rate * alone.low / alone.value, rate * alone.high / alone.value)
    result.append(Estimate(
        TOPIC, "seedClient", "rate of one piece beside its siblings", rate, *ends, "B/s", "measured", "high" if capacity.n >= FEW else "medium",
        f"with {usual:.0f} pieces in flight on average; alone it would have {format_rate(capacity.rate_alone_bps)}",
    ))  # fmt: skip
    return tuple(result)


def _demand(context: RecommendationContext) -> tuple[Estimate, ...]:
    """Return what the limit that is planned demands, and how many layers in parallel the link bears with it."""
    role = "seedClient"
    limit_s, capacity = context.needs[role, PIECE].planned_s, capacity_of(context)
    demanded = bandwidth_bps(context, role, limit_s) if limit_s else None
    if demanded is None or limit_s is None:
        return ()
    in_flight, piece = context.pieces_in_flight(role), format_size(context.piece_bytes)
    result = [Estimate(
        TOPIC, role, "bandwidth that one layer demands", demanded, demanded, MARGIN * demanded, "B/s", "computed", "high",
        f"{in_flight} pieces of {piece} in flight within {duration_setting(limit_s)}; {MARGIN:g} times as much leaves room for slow ones",
    )]  # fmt: skip
    if isinstance(capacity, CapacityFit) and capacity.shared:
        band = capacity.bandwidth_bps
        value, low, high = [
            max(1.0, math.floor(x / (MARGIN * demanded))) if math.isfinite(x) else math.inf
            for x in (band.value, band.low, band.high)
        ]
        duration_fit = context.duration_fit("source", role)
        confidence = isinstance(duration_fit, DurationFit) and band.low > demanded
        result.append(Estimate(
            TOPIC, role, "layers in parallel that the link bears", value, low, high, "1", "computed", "medium" if confidence else "low",
            f"the bandwidth over {MARGIN:g} times what one layer demands at {duration_setting(limit_s)}; dfly-analysis plan-preheat weighs it by time",
            "`dfly-analysis plan-preheat MANIFEST --from LOGS` shows time and failures for each number",
        ))  # fmt: skip
    return tuple(result)


def _loss(context: RecommendationContext) -> tuple[Estimate, ...]:
    """Return the share of attempts whose connection was cut, by role."""
    pieces = context.dataset.pieces
    result = []
    for role in CLIENT_ROLES:
        own = pieces[(pieces["role"] == role) & (pieces["origin"] == "source")]
        if own.empty:
            continue
        lost = int((own["outcome"] == "reset").sum())
        share = wilson(lost, len(own))
        shown = context.present(*_FINDINGS)
        observed_note = f"; {', '.join(shown)} seen" if shown else ""
        wide = share.high - share.low
        confidence: Confidence = "high" if wide <= _NARROW else "medium" if wide <= _WIDE else "low"
        result.append(Estimate(
            TOPIC, role, "attempts whose connection was cut", share.value, share.low, share.high, "share", "measured", confidence,
            f"{lost} of {len(own)} attempts of a {ROLE_TITLES[role]} at the registry{observed_note}",
        ))  # fmt: skip
    return tuple(result)
