"""Bandwidth, what a piece gets of it, and reset connections: how many pieces in flight and which bandwidth limit they bear."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from dfly_analysis.errors import DflyError
from dfly_analysis.estimates import Interval, NotFitted, wilson
from dfly_analysis.models import CapacityFit, DurationFit
from dfly_analysis.recommendation.context import (
    CLIENT_ROLES,
    PIECE,
    ROLE_TITLES,
    SLOTS,
    RecommendationContext,
    ReducedConcurrency,
)
from dfly_analysis.recommendation.piece_timeout import range_text
from dfly_analysis.recommendation.preheat_jobs import api_of
from dfly_analysis.recommendation.recommendations import (
    Confidence,
    Estimate,
    Item,
    NoRecommendation,
    Recommendation,
)
from dfly_analysis.recommendation.transfer_times import MARGIN
from dfly_analysis.units import (
    duration_setting,
    format_duration,
    format_rate,
    format_share,
    format_size,
    parse_size,
    rate_setting,
)

LIMIT, OLD_LIMIT, SOURCE_LIMIT = "download.bandwidthLimit", "download.rateLimit", "download.backToSourceBandwidthLimit"
RENAMED_IN, TEXT_SINCE = "v1.2.8", "v0.1.88"
_FEW = 200
_ROOM = 2.0  # a limit's layer ends in half of the job's time
_NARROW, _WIDE = 0.05, 0.2  # of the interval of a share
_LOOK = "repeat the run with half of download.concurrentPieceCount: the bandwidth should stay"
_FINDINGS = ("connection_reset", "body_truncated", "registry_status")
_EXPECTED = {
    "limit": "no piece cut at the limit",
    "resets": "fewer findings connection_reset",
    "refused": "registry_status absent",
}
_estimate = partial(Estimate.of, "network")


def advise(context: RecommendationContext) -> Iterator[Item]:
    """Return how many pieces in flight, and which bandwidth limit, the link and the registry bear."""
    changes: list[Item] = [_reduce_concurrency(context, one) for one in context.reduced_concurrency.values()]
    changes += [found for key in (LIMIT, SOURCE_LIMIT) if (found := _raised_limit(context, key)) is not None]
    yield from changes or [_no_recommendation(context)]
    yield from _link(context)
    yield from _demand(context)
    yield from _resets(context)


def _reduce_concurrency(context: RecommendationContext, reduced: ReducedConcurrency) -> Recommendation:
    finding = {"refused": ("registry_status",), "resets": ("connection_reset",)}.get(reduced.why, ())
    return Recommendation.of(
        context.setting(SLOTS, reduced.role),
        SLOTS,
        _reduction_reasons(context, reduced),
        proposed=str(reduced.slots),
        unit="1",
        low=float(reduced.low),
        high=float(max(reduced.high, reduced.slots)),
        confidence="medium" if reduced.why == "limit" and reduced.low == reduced.slots else "low",
        findings=context.present(*finding),
        how_to_check=f"set it, repeat the preheat, then run `dfly-analysis compare` on both runs: expect {_EXPECTED[reduced.why]}, and no layer that takes longer",
        demanded_bandwidth_bps=context.bandwidth_bps(reduced.role, reduced.limit_s) if reduced.limit_s else None,
        rule_of_thumb="the guide of the project: pieces in flight cost processor and memory; the client's own default is 8",
    )


def _reduction_reasons(context: RecommendationContext, reduced: ReducedConcurrency) -> Iterator[str]:
    if reduced.link_bps is None:
        yield f"the registry refused requests as too many, which failed {context.failed_tasks('rate_limited')} tasks"
        yield f"up to {reduced.seen} pieces of one layer were in flight, so many requests at a time; half of that is a rule of thumb"
        return
    yield (
        f"pieces in flight share a link of {format_rate(reduced.link_bps)}: "
        f"with {reduced.slots} in place of {reduced.seen} a piece takes {format_share(reduced.times)} of its time"
    )
    if reduced.why == "resets":
        yield "a connection that lives shorter is cut less often, and the link stays full"
        return
    needed = context.needs[reduced.role, PIECE].needed
    yield f"with as many as now {PIECE} would have to be {range_text(needed) if needed is not None else ''}, longer than is sensible"
    yield f"with {reduced.slots} in flight {duration_setting(reduced.limit_s or 0.0)} suffices: set both together"


def _raised_limit(context: RecommendationContext, key: str) -> Recommendation | None:
    """Return a higher limit where a layer outlasts its job: waiting for the limit stops the piece's clock, not the job's."""
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
    return Recommendation.of(
        current,
        name,
        [
            f"a layer of {format_size(context.size_bytes)} takes {slow} at that limit, longer than its job waits ({format_duration(deadline_s)})",
            "waiting for the limit is outside the piece's clock and inside the job's, so no timeout shows it",
        ],
        proposed=proposed,
        unit="B/s",
        low=least,
        high=float(parse_size(proposed)),
        confidence="high" if context.version("manager") or context.version("scheduler") else "medium",
        findings=context.present("preheat_deadline"),
        how_to_check="set it, repeat the preheat, then run `dfly-analysis diagnose`: expect preheat_deadline absent",
        rule_of_thumb="the guide of the project: as much as the network card gives",
    )


def _deadline_s(context: RecommendationContext) -> float | None:
    try:
        return api_of(context.version("manager") or context.version("scheduler")).deadline_s
    except DflyError:
        return None


def _no_recommendation(context: RecommendationContext) -> NoRecommendation:
    capacity = context.capacity
    if isinstance(capacity, NotFitted):
        return NoRecommendation("network", capacity.reason, capacity.collect)
    note = capacity.notes[0] if capacity.notes else "pieces in flight do not slow each other as far as the data reach"
    if context.diagnosis.primary_cause == "network_instability":
        return NoRecommendation(
            "network",
            f"connections are cut, and no setting of Dragonfly cures that; fewer pieces in flight would not shorten their lives: {note}",
            "what lies between seed clients and registry: logs of proxies and load balancers at the times of the cuts, `ss -ti` or `nstat` on a seed's node",
        )
    return NoRecommendation("network", f"{note}; nothing asks for fewer in flight or another bandwidth limit", "")


def _link(context: RecommendationContext) -> Iterator[Estimate]:
    capacity, role = context.capacity, "seedClient"
    if isinstance(capacity, NotFitted):
        return
    busiest, usual = capacity.goodness["busiest_bps"], max(1.0, capacity.usual_load)
    why = f"bytes that finished over the seconds with a piece in flight, hosts: {len(capacity.hosts)}; the link bears at least this"
    most = Interval(busiest, busiest, math.inf)
    yield _estimate(role, "most that one host carried from the registry", most, "B/s", "measured", "high", why, _LOOK)
    carried = capacity.throughput(usual).value
    if capacity.shared:
        band, whose = capacity.bandwidth_bps, "of one host" if capacity.scope == "host" else "of all hosts together"
        sure = band.high <= 4.0 * band.value and band.value <= 4.0 * max(busiest, carried)
        confidence: Confidence = "medium" if sure else "low"
        what = f"bandwidth that pieces {whose} share"
        why = f"fitted to {capacity.n} attempts, {capacity.law}; up to {capacity.goodness['most_in_flight']:.0f} pieces were in flight"
        yield _estimate(role, what, band, "B/s", "measured", confidence, why, _LOOK)
    rate, alone = carried / usual, capacity.params[0]
    why = f"with {usual:.0f} pieces in flight on average; alone it would have {format_rate(capacity.rate_alone_bps)}"
    own = Interval(rate, rate * alone.low / alone.value, rate * alone.high / alone.value)
    confidence = "high" if capacity.n >= _FEW else "medium"
    yield _estimate(role, "rate of one piece beside its siblings", own, "B/s", "measured", confidence, why)


def _demand(context: RecommendationContext) -> Iterator[Estimate]:
    """Yield what the planned timeout demands, and how many layers in parallel the link bears with it."""
    role = "seedClient"
    limit_s, capacity = context.needs[role, PIECE].planned_s, context.capacity
    demanded = context.bandwidth_bps(role, limit_s) if limit_s else None
    if demanded is None or limit_s is None:
        return
    why = (
        f"{context.pieces_in_flight(role)} pieces of {format_size(context.piece_bytes)} in flight within {duration_setting(limit_s)}; "
        f"{MARGIN:g} times as much leaves room for slow ones"
    )
    needed = Interval(demanded, demanded, MARGIN * demanded)
    yield _estimate(role, "bandwidth that one layer demands", needed, "B/s", "computed", "high", why)
    if isinstance(capacity, CapacityFit) and capacity.shared:
        band = capacity.bandwidth_bps
        borne = (x / (MARGIN * demanded) for x in (band.value, band.low, band.high))
        layers = Interval(*(max(1.0, math.floor(x)) if math.isfinite(x) else math.inf for x in borne))
        sure = isinstance(context.duration_fit("source", role), DurationFit) and band.low > demanded
        confidence: Confidence = "medium" if sure else "low"
        why = f"the bandwidth over {MARGIN:g} times what one layer demands at {duration_setting(limit_s)}; dfly-analysis plan-preheat weighs it by time"
        check = "`dfly-analysis plan-preheat MANIFEST --from LOGS` shows time and failures for each number"
        yield _estimate(role, "layers in parallel that the link bears", layers, "1", "computed", confidence, why, check)


def _resets(context: RecommendationContext) -> Iterator[Estimate]:
    """Yield the share of attempts whose connection was reset, by role."""
    query = """
        SELECT role, count(*), count(*) FILTER (outcome = 'reset') FROM pieces WHERE origin = 'source' GROUP BY role"""
    counts = {role: (n, lost) for role, n, lost in context.dataset.rows(query)}
    shown = context.present(*_FINDINGS)
    note = f"; {', '.join(shown)} seen" if shown else ""
    for role in (one for one in CLIENT_ROLES if one in counts):
        n, lost = counts[role]
        share = wilson(lost, n)
        wide = share.high - share.low
        confidence: Confidence = "high" if wide <= _NARROW else "medium" if wide <= _WIDE else "low"
        why = f"{lost} of {n} attempts of a {ROLE_TITLES[role]} at the registry{note}"
        yield _estimate(role, "attempts whose connection was cut", share, "share", "measured", confidence, why)
