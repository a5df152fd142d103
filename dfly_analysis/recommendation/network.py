"""Bandwidth, the share of each piece, and reset connections: how many pieces in flight and which bandwidth limit they allow."""

import math
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from dfly_analysis import units
from dfly_analysis.catalog.job_api import job_api
from dfly_analysis.errors import DflyError
from dfly_analysis.estimates import FACTOR, Interval, NotFitted, wilson
from dfly_analysis.messages import Message, format_list, join, message
from dfly_analysis.models import CapacityFit, DurationFit
from dfly_analysis.quantities import interval_text
from dfly_analysis.recommendation.context import CLIENT_ROLES, PIECE, TITLES, ReducedConcurrency
from dfly_analysis.recommendation.context import RecommendationContext as Context
from dfly_analysis.recommendation.recommendations import Confidence, Estimate, Item, NoRecommendation, Recommendation
from dfly_analysis.recommendation.transfer_times import MARGIN
from dfly_analysis.units import duration_setting, format_duration, format_rate, format_share, format_size

LIMIT, OLD_LIMIT, SOURCE_LIMIT = "download.bandwidthLimit", "download.rateLimit", "download.backToSourceBandwidthLimit"
RENAMED_IN, TEXT_SINCE = "v1.2.8", "v0.1.88"
_ROLE = "seedClient"
_FEW = 200
_ROOM = 2.0  # a limit's layer ends in half of the job's time
_NARROW, _WIDE = 0.05, 0.2  # of the interval of a share
_CHECK = message("repeat the run with half as many pieces in flight: the bandwidth stays the same")
_FINDINGS = ("connection_reset", "body_truncated", "registry_status")
_EXPECTED = {"timeout": message("no piece times out"), "resets": message("connection_reset is rarer"), "refused": message("registry_status is absent")}  # fmt: skip
_estimate = partial(Estimate.of, "network", _ROLE)


def advise(context: Context) -> Iterator[Item]:
    """Return how many pieces in flight, and which bandwidth limit, the link and the registry allow."""
    changes: list[Item] = [_reduce_concurrency(context, one) for one in context.reduced_concurrency.values()]
    changes += [found for key in (LIMIT, SOURCE_LIMIT) if (found := _raised_limit(context, key)) is not None]
    yield from changes or [_no_recommendation(context)]
    yield from _link(context)
    yield from _demand(context)
    yield from _resets(context)


def _reduce_concurrency(context: Context, reduced: ReducedConcurrency) -> Recommendation:
    finding = {"refused": ("registry_status",), "resets": ("connection_reset",)}.get(reduced.reason, ())
    check = message(
        "set it, repeat the preheat, then run `dfly-analysis compare` on both runs: {expected}, and no layer takes longer",
        expected=_EXPECTED[reduced.reason],
    )
    setting = context.concurrency(reduced.role)
    return Recommendation.of(
        setting, setting.key, _reduction_reasons(context, reduced), proposed=str(reduced.slots), unit="1",
        low=float(reduced.low), high=float(max(reduced.high, reduced.slots)),
        confidence="medium" if reduced.reason == "timeout" and reduced.low == reduced.slots else "low",
        findings=context.present(*finding), how_to_check=check,
        demanded_bandwidth_bps=context.bandwidth_bps(reduced.role, reduced.timeout_s) if reduced.timeout_s else None,
        rule_of_thumb=message("the client's default is 8; the sizing guide of Dragonfly says that pieces in flight cost CPU and memory"),
    )  # fmt: skip


def _reduction_reasons(context: Context, reduced: ReducedConcurrency) -> Iterator[Message]:
    if reduced.link_bps is None:
        tasks = context.failed_tasks("rate_limited")
        yield message("the registry refused too many requests, which failed {tasks:,} tasks", tasks=tasks)
        if reduced.refused_load is None:
            yield message("up to {n} pieces of a layer were in flight; half of that is a rule of thumb", n=reduced.seen)
            return
        fewest, most = reduced.refused_load
        yield message(
            "refusals (429, 401) began at {fewest:,} requests in flight over all hosts, of {most:,} at most; up to {n} pieces of a layer were in flight then",
            fewest=fewest, most=most, n=reduced.seen,
        )  # fmt: skip
        return
    yield message(
        "pieces in flight share a link of {rate}: with {slots} instead of {seen}, a piece takes {share} of its time",
        rate=format_rate(reduced.link_bps), slots=reduced.slots, seen=reduced.seen, share=format_share(reduced.times),
    )  # fmt: skip
    if reduced.reason == "resets":
        yield message("shorter connections are reset less often, and the link stays fully used")
        return
    if (needed := context.needs[reduced.role, PIECE].needed) is not None:
        time = interval_text(needed, "s")
        yield message("with the current number {key} would have to be {time}, which is too long", key=PIECE, time=time)
    timeout = duration_setting(reduced.timeout_s or 0.0)
    yield message("with {slots} in flight {timeout} is enough: set both together", slots=reduced.slots, timeout=timeout)


def _raised_limit(context: Context, key: str) -> Recommendation | None:
    """Return a higher limit where a layer outlasts its job: waiting for the limit stops the piece's clock, not the job's."""
    current, server = context.setting(key, _ROLE), context.version("manager") or context.version("scheduler")
    in_force, deadline_s = current.size_bytes, None
    with suppress(DflyError):
        deadline_s = job_api(server).deadline_s
    if not in_force or deadline_s is None or current.layer == "unknown":
        return None
    least = context.size_bytes / deadline_s
    if in_force >= least:
        return None
    version = context.version(_ROLE)
    name = OLD_LIMIT if key == LIMIT and version and not context.released(_ROLE, RENAMED_IN) else key
    proposed = units.rate_setting(_ROOM * least, bare=bool(version) and not context.released(_ROLE, TEXT_SINCE))
    reasons = [
        message(
            "at this limit a layer of {size} takes {time}, longer than the {deadline} of its job", size=format_size(context.size_bytes),
            time=format_duration(context.size_bytes / in_force), deadline=format_duration(deadline_s),
        ),
        message("the wait for the limit counts for the job, but not for the piece timeout, so no timeout shows it"),
    ]  # fmt: skip
    return Recommendation.of(
        current, name, reasons, proposed=proposed, unit="B/s", low=least, high=float(units.parse_size(proposed)),
        confidence="high" if server else "medium",
        findings=context.present("preheat_deadline"),
        how_to_check=message("set it, repeat the preheat, then run `dfly-analysis diagnose`: preheat_deadline is absent"),
        rule_of_thumb=message("the sizing guide of Dragonfly: as much as the network card provides"),
    )  # fmt: skip


def _no_recommendation(context: Context) -> NoRecommendation:
    capacity = context.capacity
    collect: str = ""
    if isinstance(capacity, NotFitted):
        return NoRecommendation("network", capacity.reason, capacity.collect)
    note = next(iter(capacity.notes), message("pieces in flight do not slow each other in this input"))
    reason = message("no reason for fewer pieces in flight or another bandwidth limit: {note}", note=note)
    if context.diagnosis.primary_cause == "network_instability":
        reason = message("connections are reset, and no setting of Dragonfly prevents that; fewer pieces in flight would not help: {note}", note=note)  # fmt: skip
        collect = message(
            "logs of the proxies and load balancers between seed clients and registry at the times of the resets, `ss -ti` or `nstat` on a "
            "seed client's node"
        )
    return NoRecommendation("network", reason, collect)


def _link(context: Context) -> Iterator[Estimate]:
    capacity = context.capacity
    if isinstance(capacity, NotFitted):
        return
    busiest, usual = capacity.goodness["busiest_bps"], max(1.0, capacity.usual_load)
    because = message("finished bytes per second with a piece in flight (hosts: {n:,})", n=len(capacity.hosts))
    what = message("peak rate of one host from the registry")
    yield _estimate(what, Interval(busiest, busiest, math.inf), "B/s", "measured", "high", because, _CHECK)
    carried = capacity.throughput(usual).value
    if capacity.shared:
        band = capacity.bandwidth_bps
        sure = band.high <= 4.0 * band.value and band.value <= 4.0 * max(busiest, carried)
        what = message("bandwidth that the pieces of all hosts share")
        if capacity.scope == "host":
            what = message("bandwidth that the pieces of one host share")
        because = message(
            "fitted to {n:,} attempts (model: {model}) with up to {most:.0f} pieces in flight", n=capacity.n, model=capacity.model,
            most=capacity.goodness["most_in_flight"],
        )  # fmt: skip
        yield _estimate(what, band, "B/s", "measured", "medium" if sure else "low", because, _CHECK)
    rate, alone = carried / usual, capacity.params[0]
    because = message("with {n:.0f} pieces in flight on average", n=usual)
    if capacity.rate_alone_bps <= FACTOR * rate:
        because = message("with {n:.0f} pieces in flight on average; a single piece would have {rate}", n=usual, rate=format_rate(capacity.rate_alone_bps))  # fmt: skip
    own = Interval(rate, rate * alone.low / alone.value, rate * alone.high / alone.value)
    what = message("rate of one piece among the others in flight")
    yield _estimate(what, own, "B/s", "measured", "high" if capacity.n >= _FEW else "medium", because)


def _demand(context: Context) -> Iterator[Estimate]:
    """Yield what the planned timeout demands, and how many concurrent layers the link allows with it."""
    timeout_s, capacity = context.needs[_ROLE, PIECE].planned_s, context.capacity
    demanded = context.bandwidth_bps(_ROLE, timeout_s) if timeout_s else None
    if demanded is None or timeout_s is None:
        return
    timeout = duration_setting(timeout_s)
    because = message(
        "{n} pieces of {piece} in flight within {timeout}; {margin:g} times as much leaves room for slow ones",
        n=context.pieces_in_flight(_ROLE), piece=format_size(context.piece_bytes), timeout=timeout, margin=MARGIN,
    )  # fmt: skip
    needed = Interval(demanded, demanded, MARGIN * demanded)
    yield _estimate(message("bandwidth that one layer demands"), needed, "B/s", "computed", "high", because)
    if isinstance(capacity, CapacityFit) and capacity.shared:
        band = capacity.bandwidth_bps
        allowed = (x / (MARGIN * demanded) for x in (band.value, band.low, band.high))
        seen = math.ceil(capacity.goodness["most_in_flight"] / max(1, context.pieces_in_flight(_ROLE) or 1))
        layers = Interval(*(max(1.0, math.floor(x)) if math.isfinite(x) else math.inf for x in allowed)).up_to(seen)
        sure = isinstance(context.duration_fit("source", _ROLE), DurationFit) and band.low > demanded
        because = message(
            "the bandwidth over {margin:g} times what one layer demands at {timeout}; `dfly-analysis plan-preheat` also considers the time",
            margin=MARGIN, timeout=timeout,
        )  # fmt: skip
        what = message("concurrent layers that the link allows")
        check = message("`dfly-analysis plan-preheat MANIFEST --from LOGS` shows time and failures for each number")
        yield _estimate(what, layers, "1", "computed", "medium" if sure else "low", because, check)


def _resets(context: Context) -> Iterator[Estimate]:
    """Yield the share of attempts whose connection was reset, by role."""
    query = """
        SELECT role, count(*), count(*) FILTER (outcome = 'reset') FROM pieces WHERE origin = 'source' GROUP BY role"""
    counts = {role: (n, lost) for role, n, lost in context.dataset.rows(query)}
    shown = context.present(*_FINDINGS)
    for role in (one for one in CLIENT_ROLES if one in counts):
        n, lost = counts[role]
        share = wilson(lost, n)
        wide = share.high - share.low
        confidence: Confidence = "high" if wide <= _NARROW else "medium" if wide <= _WIDE else "low"
        because = message("{lost:,} of {n:,} attempts of a {role} at the registry", lost=lost, n=n, role=TITLES[role])
        if shown:
            because = join([because, message("findings: {findings}", findings=format_list(shown))], "; ")
        what = message("attempts whose connection was reset or cut short")
        yield Estimate.of("network", role, what, share, "share", "measured", confidence, because)
