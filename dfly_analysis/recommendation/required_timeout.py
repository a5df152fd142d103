"""How long a limit on a piece has to be, from the fitted law, and what follows for the value in force."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from dfly_analysis.config import Setting
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.models import DurationFit, timeout_for_target
from dfly_analysis.recommendation.context import CLIENT_ROLES, Case
from dfly_analysis.recommendation.recommendations import Confidence
from dfly_analysis.recommendation.timeout_evidence import (
    TIMEOUT,
    Cuts,
    count_cuts,
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
_TIMES_THE_LIMIT = 4.0
# One step at a time: a limit four times the estimate shows the tail that the laws only guess at, and the next run is fitted anew.
_TIMES_THE_ESTIMATE = 4.0
_COLLECTOR_S = 1800.0
_LONGEST_S = 30.0 * 86_400.0
_WIDE, _VERY_WIDE = 4.0, 10.0
_FEW = 30  # so few finished attempts say little of the slowest
_NEAR = 1.5  # an answer this many times the longest time seen still leans on the data
_PARENT_BODY_IN_WRITE_SINCE = "v1.0.22"

Verdict = Literal["raise", "thumb", "meets", "not_cut", "step", "ceiling", "not_fitted", "idle", "unknown_value"]


@dataclass(frozen=True)
class Need:
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
    cuts : Cuts
    origin : str or None
        ``source`` or ``parent``: whose law asks for most.
    law : DurationFit or NotFitted or None
    needed : Interval or None
        Seconds; 80 % interval.
    proposed_s : float or None
        Seconds, where verdict is ``raise`` or ``thumb``.
    held : {"", "step", "ceiling"}
        What holds the proposal below what the interval's upper end asks for.
    """

    role: str
    key: str
    current: Setting
    verdict: Verdict
    cuts: Cuts
    origin: str | None = None
    law: DurationFit | NotFitted | None = None
    needed: Interval | None = None
    proposed_s: float | None = None
    held: Literal["", "step", "ceiling"] = ""

    @property
    def planned_s(self) -> float | None:
        """The limit once the advice is followed, seconds, or None where it is not known."""
        return self.proposed_s if self.proposed_s is not None else self.current.seconds


def rounded_up(seconds: float) -> float:
    """Return the next value that people write: by 5 s from 10 s to a minute, by 30 s to five minutes, then by minutes."""
    step = 5.0 if seconds <= 60.0 else 30.0 if seconds <= 300.0 else 60.0
    return max(10.0, math.ceil(seconds / step - 1e-9) * step)


def ceiling_s(case: Case, role: str) -> float:
    """Return the longest sensible limit on a piece, seconds.

    The scheduler removes a peer that has reported no piece for ``scheduler.gc.pieceDownloadTimeout``; a piece with all
    its retries has to end before that. Where someone lowered that rule, its usual 30 min count.
    """
    collector = case.setting(COLLECTOR, "scheduler").seconds or _COLLECTOR_S
    most = max(collector, _COLLECTOR_S) / (case.retries(role) + 1)
    return max(60.0, (math.ceil(most / 60.0) - 1) * 60.0)


def find_needs(case: Case) -> dict[tuple[str, str], Need]:
    """Return the need of each limit on a piece, for the seed client and the client, where their release reads it."""
    wanted = [(role, key) for role in CLIENT_ROLES for key in (PIECE, WRITE)]
    return {(role, key): _need(case, role, key) for role, key in wanted if key == PIECE or case.reads(key, role)}


def confidence_of(case: Case, need: Need) -> Confidence:
    """Return how sure a proposal is: how far the answer lies beyond the data, and whether timeouts were the trouble."""
    if need.needed is None or not isinstance(need.law, DurationFit) or need.held == "ceiling":
        return "low"
    spread, seen_s = need.needed.high / need.needed.low, need.law.extrapolates_beyond_s
    near = seen_s is None or need.needed.value <= _NEAR * seen_s
    few = need.law.n - need.law.n_censored < _FEW
    if beyond_sizes_seen(case, need) or few or (spread > _VERY_WIDE and not (near and need.held == "step")):
        return "low"
    loose = need.law.goodness.get("km_distance", 0.0) > need.law.goodness.get("km_distance_expected", math.inf)
    blamed = need.cuts.seen and case.diagnosis.primary_cause in (None, TIMEOUT)
    known = need.current.seconds is not None
    return "high" if blamed and known and not loose and near and spread <= _WIDE else "medium"


def beyond_sizes_seen(case: Case, need: Need) -> bool:
    """Return whether the pieces asked for are larger than all that were tried."""
    return beyond_seen(case, need.origin or "source")


def beyond_seen(case: Case, origin: str) -> bool:
    """Return whether the pieces asked for are larger than all that were tried from an origin."""
    largest = largest_piece_bytes(case, origin)
    return largest is not None and case.piece_bytes > 1.05 * largest


def _origins(case: Case, role: str, key: str) -> tuple[str, ...]:
    """Return where the pieces come from that a limit covers up to their last byte."""
    found = ["source"] if role == "seedClient" or fetched_from(case, role, "source") else []
    # Where the release is not known, it is taken to be a new one.
    covered = case.released(role, _PARENT_BODY_IN_WRITE_SINCE) is (key == WRITE)
    return (*found, *(["parent"] if covered and fetched_from(case, role, "parent") else []))


def _need(case: Case, role: str, key: str) -> Need:
    current, cuts = case.setting(key, role), count_cuts(case, role)
    origins = _origins(case, role, key)
    if not origins:
        return Need(role, key, current, "idle", cuts)
    laws = [(origin, case.law(origin, role)) for origin in origins]
    asked = [
        (
            timeout_for_target(law, case.layer(role), case.target, LEVEL, shared_fate=case.shared_fate(origin)),
            origin,
            law,
        )
        for origin, law in laws
        if isinstance(law, DurationFit)
    ]
    if not asked:
        return _without_law(case, Need(role, key, current, "not_fitted", cuts, laws[0][0], laws[0][1]))
    needed, origin, law = max(asked, key=lambda item: (item[0].high, item[0].value))
    return _with_law(case, Need(role, key, current, "meets", cuts, origin, law, needed))


def _with_law(case: Case, need: Need) -> Need:
    assert need.needed is not None
    in_force = need.current.seconds if need.current.seconds is not None else need.cuts.limit_s
    wanted = rounded_up(min(HEADROOM * need.needed.high, _LONGEST_S))
    step = rounded_up(min(_TIMES_THE_ESTIMATE * need.needed.value, _LONGEST_S))
    most = min(step, ceiling_s(case, need.role))
    held: Literal["", "step", "ceiling"] = "" if wanted <= most else "step" if most == step else "ceiling"
    raised = replace(need, verdict="raise", proposed_s=min(wanted, most), held=held)
    if in_force is None:
        return raised if need.cuts.seen else replace(need, verdict="unknown_value")
    # Where nothing was cut, the estimate alone has to speak against the value in force: no alarm from a wide interval.
    threshold = need.needed.high if need.cuts.seen else need.needed.value
    if in_force >= threshold:
        return replace(need, verdict="not_cut" if need.cuts.failed and not need.cuts.seen else "meets")
    if in_force < min(wanted, most):
        return raised
    return replace(need, verdict="step" if in_force >= need.needed.value else "ceiling")


def _without_law(case: Case, need: Need) -> Need:
    """Fall back on rules of thumb where timeouts were seen; they start from the limit that cut, not from the value in force."""
    if not need.cuts.seen:
        return replace(need, verdict="not_cut" if need.cuts.failed else "not_fitted")
    in_force = need.current.seconds if need.current.seconds is not None else need.cuts.limit_s
    if in_force is None:
        return need
    usual = ARTICLE_S if case.size_bytes >= ARTICLE_FROM_BYTES else MAINTAINERS_S
    wanted = _TIMES_THE_LIMIT * need.cuts.limit_s if need.cuts.limit_s is not None else usual
    rate, in_flight = layer_rate_bps(case, need.role), case.pieces_in_flight(need.role)
    if rate and in_flight:
        wanted = max(wanted, HEADROOM * in_flight * case.piece_bytes / rate)
    proposed = min(rounded_up(wanted), ceiling_s(case, need.role))
    return need if in_force >= proposed else replace(need, verdict="thumb", proposed_s=proposed)
