"""`download.collectedPieceTimeout`: a child has to wait as long as a parent takes for its own first pieces."""

from __future__ import annotations

from dfly_analysis.config.setting import helm_path_of
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.models import DurationFit
from dfly_analysis.recommendation.context import CLIENT_ROLES, Case
from dfly_analysis.recommendation.messages import ROLE_TITLES, bandwidth_bps, current_of, in_force_text, range_text
from dfly_analysis.recommendation.recommendations import Advice, Confidence, NoAdvice, Recommendation
from dfly_analysis.recommendation.required_timeout import HEADROOM, LEVEL, PIECE, rounded_up
from dfly_analysis.recommendation.timeout_evidence import fetched_from
from dfly_analysis.units import duration_setting, format_rate, format_size

KEY = "download.collectedPieceTimeout"
_FINDING = "parent_silent"
_SHARE = 0.999
_COLLECT = "logs of clients that pull a large layer while the seed client still fetches it"


def advise(case: Case) -> Advice:
    """Return what to do about `download.collectedPieceTimeout`; nothing where the release does not read it (up to v0.2.38)."""
    said = [_one(case, role) for role in CLIENT_ROLES if case.reads(KEY, role)]
    return Advice(
        recommendations=tuple(item for item in said if isinstance(item, Recommendation)),
        no_advice=tuple(item for item in said if isinstance(item, NoAdvice)),
    )


def _one(case: Case, role: str) -> Recommendation | NoAdvice:
    current, seen = case.setting(KEY, role), bool(case.present(_FINDING))
    if not fetched_from(case, role, "parent"):
        return NoAdvice(KEY, f"no {ROLE_TITLES[role]} is seen to fetch from another host", _COLLECT, role)
    in_force = current.seconds
    if in_force is None:
        missing = "the Helm values, the chart's version or dfdaemon.yaml"
        return NoAdvice(KEY, f"the value in force is not known: {current.source}", missing, role)
    law, silence = _silence(case)
    parent_s = case.needs["seedClient", PIECE].planned_s
    if silence is None:
        if not seen or parent_s is None or in_force >= rounded_up(parent_s):
            assert isinstance(law, NotFitted)
            return NoAdvice(KEY, law.reason, law.collect, role)
        silence = Interval(parent_s, in_force, parent_s)
    if in_force >= (silence.high if seen else silence.value):
        reason = f"the value in force meets the need: {in_force_text(current)}, a parent's first pieces take {range_text(silence)}"
        return NoAdvice(KEY, reason, "", role)
    return _raise(case, role, silence, fitted=isinstance(law, DurationFit))


def _silence(case: Case) -> tuple[DurationFit | NotFitted, Interval | None]:
    """Return how long a parent that reads from the source may stay silent: one piece's time, but no more than its own limit."""
    law = case.law("source", "seedClient")
    if not isinstance(law, DurationFit):
        return law, None
    found = law.quantile(case.piece_bytes, _SHARE, LEVEL)
    limit = case.needs["seedClient", PIECE].planned_s
    most = limit if limit is not None else found.high
    return law, Interval(min(found.value, most), min(found.low, most), min(found.high, most))


def _raise(case: Case, role: str, silence: Interval, *, fitted: bool) -> Recommendation:
    current, seen = case.setting(KEY, role), case.present(_FINDING)
    proposed_s = rounded_up(HEADROOM * silence.high if fitted else silence.high)
    in_flight, demanded = case.pieces_in_flight("seedClient"), bandwidth_bps(case, "seedClient", proposed_s)
    many = f"{in_flight} pieces" if in_flight else "pieces"
    basis = "by the fitted law of the source" if fitted else "no law was fitted, so the parent's own limit counts"
    first = f"announces nothing before the first is whole, up to {range_text(silence)}, {basis}"
    why = [
        in_force_text(current),
        f"a parent that fetches {many} of {format_size(case.piece_bytes)} at a time {first}",
        "a child that gives up earlier has its parents blocked and goes to the registry",
    ]
    if now := bandwidth_bps(case, "seedClient", current.seconds or proposed_s):
        why.append(f"the value in force demands {format_rate(now)} from the registry")
    confidence: Confidence = "low" if not fitted else "medium" if seen else "low"
    return Recommendation(
        key=KEY, role=role, helm_path=current.helm_path or helm_path_of(role, KEY) or f"{role}.config.{KEY}",
        current=current_of(current), proposed=duration_setting(proposed_s), unit="s", low=silence.low, high=silence.high,
        because="; ".join(why), confidence=confidence, findings=seen,
        how_to_check="set it, pull the layer while it is preheated, then run `dfly-analysis diagnose`: parent_silent should be "
        "absent and the pulls' bytes_from_source near 0",
        demanded_bandwidth_bps=demanded,
        rule_of_thumb=f"{duration_setting(360.0)}, the chart's value for clients since 1.4.16",
    )  # fmt: skip
