"""How long a limit on a piece has to be, from the fitted law, and what follows for the value in force."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from dfly_analysis.config import Setting
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.models import DurationFit, timeout_for_target
from dfly_analysis.recommendation.context import CLIENT_ROLES, RecommendationContext
from dfly_analysis.recommendation.recommendations import Confidence
from dfly_analysis.recommendation.timeout_evidence import (
    TIMEOUT,
    TimeoutEvidence,
    count_timeouts,
    fetched_from,
    largest_piece_bytes,
    layer_rate_bps,
)

PIECE, WRITE = "download.pieceTimeout", "storage.writePieceTimeout"
COLLECTOR = "scheduler.gc.pieceDownloadTimeout"
HEADROOM = 1.2
# The end of this interval is what is set: beyond it the laws disagree so much that the value would say nothing.
LEVEL = 0.8
ARTICLE_S, ARTICLE_FROM_BYTES = 600.0, 20e9
MAINTAINERS_S = 300.0  # dragonfly issue 3890
_LIMIT_FACTOR = 4.0
# One step at a time: a limit four times the estimate shows the tail that the laws only guess at, and the next run is fitted anew.
_ESTIMATE_FACTOR = 4.0
_COLLECTOR_S = 1800.0
_LONGEST_S = 30.0 * 86_400.0
_WIDE, _VERY_WIDE = 4.0, 10.0
_FEW = 30  # so few finished attempts say little of the slowest
_NEAR = 1.5  # an answer this many times the longest time seen still leans on the data
_PARENT_BODY_IN_WRITE_SINCE = "v1.0.22"

Verdict = Literal["raise", "thumb", "meets", "not_cut", "step", "ceiling", "not_fitted", "idle", "unknown_value"]


@dataclass(frozen=True)
class TimeoutRequirement:
    """What a limit has to be, and what to do about it.

    Attributes
    ----------
    role, key : str
    current : Setting
    verdict : str
        ``raise`` (the law asks for more), ``thumb`` (timeouts were seen, no law: a rule of thumb), ``meets``,
        ``not_cut`` (nothing was cut by a timeout), ``step`` (it meets the target by the estimate, with a wide margin;
        only the laws' disagreement asks for more), ``ceiling`` (the law asks for more than is wise), ``not_fitted``,
        ``idle`` (this role fetched nothing that the limit covers), ``unknown_value``.
    timeouts : TimeoutEvidence
    origin : str or None
        ``source`` or ``parent``: whose law asks for most.
    duration_fit : DurationFit or NotFitted or None
    needed : Interval or None
        Seconds; 80 % interval.
    proposed_s : float or None
        Seconds, where verdict is ``raise`` or ``thumb``.
    limited_by : {"", "step", "ceiling"}
        What holds the proposal below what the interval's upper end asks for.
    """

    role: str
    key: str
    current: Setting
    verdict: Verdict
    timeouts: TimeoutEvidence
    origin: str | None = None
    duration_fit: DurationFit | NotFitted | None = None
    needed: Interval | None = None
    proposed_s: float | None = None
    limited_by: Literal["", "step", "ceiling"] = ""

    @property
    def planned_s(self) -> float | None:
        """The limit once the advice is followed, seconds, or None where it is not known."""
        return self.proposed_s if self.proposed_s is not None else self.current.seconds


def rounded_up(seconds: float) -> float:
    """Return the next value that people write: by 5 s from 10 s to a minute, by 30 s to five minutes, then by minutes."""
    step = 5.0 if seconds <= 60.0 else 30.0 if seconds <= 300.0 else 60.0
    return max(10.0, math.ceil(seconds / step - 1e-9) * step)


def ceiling_s(context: RecommendationContext, role: str) -> float:
    """Return the longest sensible limit on a piece, seconds.

    The scheduler removes a peer that has reported no piece for ``scheduler.gc.pieceDownloadTimeout``; a piece with all
    its retries has to end before that. Where someone lowered that rule, its usual 30 min count.
    """
    collector = context.setting(COLLECTOR, "scheduler").seconds or _COLLECTOR_S
    most = max(collector, _COLLECTOR_S) / (context.retries(role) + 1)
    return max(60.0, (math.ceil(most / 60.0) - 1) * 60.0)


def find_needs(context: RecommendationContext) -> dict[tuple[str, str], TimeoutRequirement]:
    """Return the need of each limit on a piece, for the seed client and the client, where their release reads it."""
    wanted = [(role, key) for role in CLIENT_ROLES for key in (PIECE, WRITE)]
    return {(role, key): _need(context, role, key) for role, key in wanted if key == PIECE or context.reads(key, role)}


def confidence_of(context: RecommendationContext, need: TimeoutRequirement) -> Confidence:
    """Return how sure a proposal is: how far the answer lies beyond the data, and whether timeouts were the trouble."""
    if need.needed is None or not isinstance(need.duration_fit, DurationFit) or need.limited_by == "ceiling":
        return "low"
    spread, seen_s = need.needed.high / need.needed.low, need.duration_fit.extrapolates_beyond_s
    near = seen_s is None or need.needed.value <= _NEAR * seen_s
    few = need.duration_fit.n - need.duration_fit.n_censored < _FEW
    if beyond_sizes_seen(context, need) or few or (spread > _VERY_WIDE and not (near and need.limited_by == "step")):
        return "low"
    loose = need.duration_fit.goodness.get("km_distance", 0.0) > need.duration_fit.goodness.get(
        "km_distance_expected", math.inf
    )
    is_attributed = need.timeouts.seen and context.diagnosis.primary_cause in (None, TIMEOUT)
    known = need.current.seconds is not None
    return "high" if is_attributed and known and not loose and near and spread <= _WIDE else "medium"


def beyond_sizes_seen(context: RecommendationContext, need: TimeoutRequirement) -> bool:
    """Return whether the pieces asked for are larger than all that were tried."""
    return beyond_seen(context, need.origin or "source")


def beyond_seen(context: RecommendationContext, origin: str) -> bool:
    """Return whether the pieces asked for are larger than all that were tried from an origin."""
    largest = largest_piece_bytes(context, origin)
    return largest is not None and context.piece_bytes > 1.05 * largest


def _origins(context: RecommendationContext, role: str, key: str) -> tuple[str, ...]:
    """Return where the pieces come from that a limit covers up to their last byte."""
    found = ["source"] if role == "seedClient" or fetched_from(context, role, "source") else []
    # Where the release is not known, it is taken to be a new one.
    covered = context.released(role, _PARENT_BODY_IN_WRITE_SINCE) is (key == WRITE)
    return (*found, *(["parent"] if covered and fetched_from(context, role, "parent") else []))


def _need(context: RecommendationContext, role: str, key: str) -> TimeoutRequirement:
    current, cuts = context.setting(key, role), count_timeouts(context, role)
    origins = _origins(context, role, key)
    if not origins:
        return TimeoutRequirement(role, key, current, "idle", cuts)
    duration_fits = [(origin, context.duration_fit(origin, role)) for origin in origins]
    requested = [
        (
            timeout_for_target(
                duration_fit,
                context.layer(role),
                context.target,
                LEVEL,
                retry_failure_correlation=context.retry_failure_correlation(origin),
            ),
            origin,
            duration_fit,
        )
        for origin, duration_fit in duration_fits
        if isinstance(duration_fit, DurationFit)
    ]
    if not requested:
        return _by_rule_of_thumb(
            context,
            TimeoutRequirement(role, key, current, "not_fitted", cuts, duration_fits[0][0], duration_fits[0][1]),
        )
    needed, origin, duration_fit = max(requested, key=lambda item: (item[0].high, item[0].value))
    return _from_fit(context, TimeoutRequirement(role, key, current, "meets", cuts, origin, duration_fit, needed))


def _from_fit(context: RecommendationContext, need: TimeoutRequirement) -> TimeoutRequirement:
    assert need.needed is not None
    in_force = need.current.seconds if need.current.seconds is not None else need.timeouts.limit_s
    wanted = rounded_up(min(HEADROOM * need.needed.high, _LONGEST_S))
    step = rounded_up(min(_ESTIMATE_FACTOR * need.needed.value, _LONGEST_S))
    most = min(step, ceiling_s(context, need.role))
    limited_by: Literal["", "step", "ceiling"] = "" if wanted <= most else "step" if most == step else "ceiling"
    raised = replace(need, verdict="raise", proposed_s=min(wanted, most), limited_by=limited_by)
    if in_force is None:
        return raised if need.timeouts.seen else replace(need, verdict="unknown_value")
    # Where nothing was cut, the estimate alone has to speak against the value in force: no alarm from a wide interval.
    threshold = need.needed.high if need.timeouts.seen else need.needed.value
    if in_force >= threshold:
        return replace(need, verdict="not_cut" if need.timeouts.failed and not need.timeouts.seen else "meets")
    if in_force < min(wanted, most):
        return raised
    return replace(need, verdict="step" if in_force >= need.needed.value else "ceiling")


def _by_rule_of_thumb(context: RecommendationContext, need: TimeoutRequirement) -> TimeoutRequirement:
    """Fall back on rules of thumb where timeouts were seen; they start from the limit that cut, not from the value in force."""
    if not need.timeouts.seen:
        return replace(need, verdict="not_cut" if need.timeouts.failed else "not_fitted")
    in_force = need.current.seconds if need.current.seconds is not None else need.timeouts.limit_s
    if in_force is None:
        return need
    usual = ARTICLE_S if context.size_bytes >= ARTICLE_FROM_BYTES else MAINTAINERS_S
    wanted = _LIMIT_FACTOR * need.timeouts.limit_s if need.timeouts.limit_s is not None else usual
    rate, in_flight = layer_rate_bps(context, need.role), context.pieces_in_flight(need.role)
    if rate and in_flight:
        wanted = max(wanted, HEADROOM * in_flight * context.piece_bytes / rate)
    proposed = min(rounded_up(wanted), ceiling_s(context, need.role))
    return need if in_force >= proposed else replace(need, verdict="thumb", proposed_s=proposed)
