"""Bandwidth, what a piece gets of it, and lost connections: how many pieces in flight and which bandwidth limit they bear."""

from __future__ import annotations

import math

from dfly_analysis.config.setting import helm_path_of
from dfly_analysis.errors import DflyError
from dfly_analysis.estimates import NotFitted, wilson
from dfly_analysis.models import CapacityFit, DurationFit
from dfly_analysis.recommendation.concurrency import SLOTS, Fewer, capacity_of
from dfly_analysis.recommendation.context import CLIENT_ROLES, Case
from dfly_analysis.recommendation.messages import ROLE_TITLES, bandwidth_bps, current_of, in_force_text, range_text
from dfly_analysis.recommendation.plans.jobs import api_of
from dfly_analysis.recommendation.plans.transfer_times import MARGIN
from dfly_analysis.recommendation.recommendations import Advice, Confidence, Estimate, NoAdvice, Recommendation, Topic
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


def advise(case: Case) -> Advice:
    """Return how many pieces in flight, and which bandwidth limit, the link and the registry bear."""
    fewer = [_fewer(case, role, one) for role, one in case.fewer.items()]
    limits = [made for key in (LIMIT, SOURCE_LIMIT) if (made := _raised_limit(case, key)) is not None]
    estimates = (*_link(case), *_demand(case), *_loss(case))
    silent = () if fewer or limits else (_silence(case),)
    return Advice(recommendations=(*fewer, *limits), no_advice=silent, estimates=estimates)


def _fewer(case: Case, role: str, fewer: Fewer) -> Recommendation:
    current = case.setting(SLOTS, role)
    carried = bandwidth_bps(case, role, fewer.limit_s) if fewer.limit_s else None
    return Recommendation(
        key=SLOTS, role=role, helm_path=current.helm_path or helm_path_of(role, SLOTS) or f"{role}.config.{SLOTS}",
        current=current_of(current), proposed=str(fewer.slots), unit="1", low=float(fewer.low), high=float(max(fewer.high, fewer.slots)),
        because="; ".join([in_force_text(current), *_why_fewer(case, fewer)]),
        confidence="medium" if fewer.why == "limit" and fewer.low == fewer.slots else "low",
        findings=case.present("registry_status" if fewer.why == "refused" else "connection_reset") if fewer.why != "limit" else (),
        how_to_check=_check_fewer(fewer), demanded_bandwidth_bps=carried,
        rule_of_thumb="the guide of the project: pieces in flight cost processor and memory; the client's own default is 8",
    )  # fmt: skip


def _why_fewer(case: Case, fewer: Fewer) -> list[str]:
    if fewer.link_bps is None:
        refused = int((case.dataset.failed_tasks["cause"] == "rate_limited").sum())
        return [
            f"the registry refused requests as too many, which failed {refused} tasks",
            f"up to {fewer.seen} pieces of one layer were in flight, so many requests at a time; half of that is a rule of thumb",
        ]
    share = format_share(fewer.times)
    made = [
        (
            f"pieces in flight share a link of {format_rate(fewer.link_bps)}: "
            f"with {fewer.slots} in place of {fewer.seen} a piece takes {share} of its time"
        )
    ]
    if fewer.why == "resets":
        return [*made, "a connection that lives shorter is cut less often, and the link stays full"]
    need = case.needs[fewer.role, PIECE]
    asked = range_text(need.needed) if need.needed is not None else ""
    return [
        *made,
        f"with as many as now {PIECE} would have to be {asked}, longer than is sensible",
        f"with {fewer.slots} in flight {duration_setting(fewer.limit_s or 0.0)} suffices: set both together",
    ]


def _check_fewer(fewer: Fewer) -> str:
    wanted = {"limit": "no piece cut at the limit", "resets": "fewer findings connection_reset", "refused": "registry_status absent"}  # fmt: skip
    return f"set it, repeat the preheat, then run `dfly-analysis compare` on both runs: expect {wanted[fewer.why]}, and no layer that takes longer"


def _raised_limit(case: Case, key: str) -> Recommendation | None:
    """Return a higher limit where the one in force makes a layer outlast its job: the piece's clock stands still meanwhile, the job's does not."""
    role = "seedClient"
    current = case.setting(key, role)
    in_force, deadline_s = current.size_bytes, _deadline_s(case)
    if in_force is None or not in_force or deadline_s is None or current.layer == "unknown":
        return None
    least = case.size_bytes / deadline_s
    if in_force >= least:
        return None
    version = case.version(role)
    name = OLD_LIMIT if key == LIMIT and version and not case.released(role, RENAMED_IN) else key
    proposed = rate_setting(_ROOM * least, bare=bool(version) and not case.released(role, TEXT_SINCE))
    slow = format_duration(case.size_bytes / in_force)
    return Recommendation(
        key=name, role=role, helm_path=helm_path_of(role, name) or f"{role}.config.{name}", current=current_of(current), proposed=proposed,
        unit="B/s", low=least, high=float(parse_size(proposed)),
        because="; ".join([
            in_force_text(current),
            f"a layer of {format_size(case.size_bytes)} takes {slow} at that limit, longer than its job waits ({format_duration(deadline_s)})",
            "waiting for the limit is outside the piece's clock and inside the job's, so no timeout shows it",
        ]),
        confidence="high" if case.version("manager") or case.version("scheduler") else "medium", findings=case.present("preheat_deadline"),
        how_to_check="set it, repeat the preheat, then run `dfly-analysis diagnose`: expect preheat_deadline absent",
        rule_of_thumb="the guide of the project: as much as the network card gives",
    )  # fmt: skip


def _deadline_s(case: Case) -> float | None:
    try:
        return api_of(case.version("manager") or case.version("scheduler")).deadline_s
    except DflyError:
        return None


def _silence(case: Case) -> NoAdvice:
    capacity = capacity_of(case)
    if isinstance(capacity, NotFitted):
        return NoAdvice(TOPIC, capacity.reason, capacity.collect)
    note = capacity.notes[0] if capacity.notes else "pieces in flight do not slow each other as far as the data reach"
    if case.diagnosis.primary_cause == "network_instability":
        return NoAdvice(
            TOPIC,
            f"connections are cut, and no setting of Dragonfly cures that; fewer pieces in flight would not shorten their lives: {note}",
            "what lies between seed clients and registry: logs of proxies and load balancers at the times of the cuts, `ss -ti` or `nstat` on a seed's node",
        )
    return NoAdvice(TOPIC, f"{note}; nothing asks for fewer in flight or another bandwidth limit", "")


def _link(case: Case) -> tuple[Estimate, ...]:
    capacity = capacity_of(case)
    if isinstance(capacity, NotFitted):
        return ()
    busiest, usual = capacity.goodness["busiest_bps"], max(1.0, capacity.usual_load)
    whose = "of one host" if capacity.scope == "host" else "of all hosts together"
    made = [Estimate(
        TOPIC, "seedClient", "most that one host carried from the registry", busiest, busiest, math.inf, "B/s", "measured", "high",
        f"bytes that finished over the seconds with a piece in flight, hosts: {len(capacity.hosts)}; the link bears at least this", _LOOK,
    )]  # fmt: skip
    if capacity.shared:
        band = capacity.bandwidth_bps
        sure = band.high <= 4.0 * band.value and band.value <= 4.0 * max(busiest, capacity.throughput(usual).value)
        made.append(Estimate(
            TOPIC, "seedClient", f"bandwidth that pieces {whose} share", band.value, band.low, band.high, "B/s", "measured", "medium" if sure else "low",
            f"fitted to {capacity.n} attempts, {capacity.law}; up to {capacity.goodness['most_in_flight']:.0f} pieces were in flight", _LOOK,
        ))  # fmt: skip
    rate, alone = capacity.throughput(usual).value / usual, capacity.params[0]
    ends = (rate * alone.low / alone.value, rate * alone.high / alone.value)
    made.append(Estimate(
        TOPIC, "seedClient", "rate of one piece beside its siblings", rate, *ends, "B/s", "measured", "high" if capacity.n >= FEW else "medium",
        f"with {usual:.0f} pieces in flight on average; alone it would have {format_rate(capacity.rate_alone_bps)}",
    ))  # fmt: skip
    return tuple(made)


def _demand(case: Case) -> tuple[Estimate, ...]:
    """Return what the limit that is planned demands, and how many layers in parallel the link bears with it."""
    role = "seedClient"
    limit_s, capacity = case.needs[role, PIECE].planned_s, capacity_of(case)
    demanded = bandwidth_bps(case, role, limit_s) if limit_s else None
    if demanded is None or limit_s is None:
        return ()
    in_flight, piece = case.pieces_in_flight(role), format_size(case.piece_bytes)
    made = [Estimate(
        TOPIC, role, "bandwidth that one layer demands", demanded, demanded, MARGIN * demanded, "B/s", "computed", "high",
        f"{in_flight} pieces of {piece} in flight within {duration_setting(limit_s)}; {MARGIN:g} times as much leaves room for slow ones",
    )]  # fmt: skip
    if isinstance(capacity, CapacityFit) and capacity.shared:
        band = capacity.bandwidth_bps
        value, low, high = [
            max(1.0, math.floor(x / (MARGIN * demanded))) if math.isfinite(x) else math.inf
            for x in (band.value, band.low, band.high)
        ]
        law = case.law("source", role)
        sure = isinstance(law, DurationFit) and band.low > demanded
        made.append(Estimate(
            TOPIC, role, "layers in parallel that the link bears", value, low, high, "1", "computed", "medium" if sure else "low",
            f"the bandwidth over {MARGIN:g} times what one layer demands at {duration_setting(limit_s)}; dfly-analysis plan-preheat weighs it by time",
            "`dfly-analysis plan-preheat MANIFEST --from LOGS` shows time and failures for each number",
        ))  # fmt: skip
    return tuple(made)


def _loss(case: Case) -> tuple[Estimate, ...]:
    """Return the share of attempts whose connection was cut, by role."""
    pieces = case.dataset.pieces
    made = []
    for role in CLIENT_ROLES:
        own = pieces[(pieces["role"] == role) & (pieces["origin"] == "source")]
        if own.empty:
            continue
        lost = int((own["outcome"] == "reset").sum())
        share = wilson(lost, len(own))
        shown = case.present(*_FINDINGS)
        said = f"; {', '.join(shown)} seen" if shown else ""
        wide = share.high - share.low
        sure: Confidence = "high" if wide <= _NARROW else "medium" if wide <= _WIDE else "low"
        made.append(Estimate(
            TOPIC, role, "attempts whose connection was cut", share.value, share.low, share.high, "share", "measured", sure,
            f"{lost} of {len(own)} attempts of a {ROLE_TITLES[role]} at the registry{said}",
        ))  # fmt: skip
    return tuple(made)
