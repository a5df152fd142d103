"""`scheduler.scheduleTimeout` in the client's file: longer than a whole round over a layer."""

import math
from collections.abc import Iterator

from dfly_analysis.estimates import Interval
from dfly_analysis.messages import Message, format_list, join, message
from dfly_analysis.models import DurationFit
from dfly_analysis.quantities import interval_text
from dfly_analysis.recommendation import recommendations
from dfly_analysis.recommendation.context import CLIENT_ROLES, TITLES
from dfly_analysis.recommendation.context import RecommendationContext as Context
from dfly_analysis.recommendation.recommendations import Confidence, NoRecommendation, Recommendation, in_force_text
from dfly_analysis.units import duration_setting, format_duration, format_size

KEY = "scheduler.scheduleTimeout"
USUAL_S = 10_800.0  # the client's default from v0.2.27, the chart's from 1.3.27
_PROOFS = ("tokio_stream_elapsed", "scheduler_message_late")
_HINTS = ("scheduler_silent",)


def advise(context: Context) -> Iterator[Recommendation | NoRecommendation]:
    """Return what to do about `scheduler.scheduleTimeout`, for each role."""
    return (_of_role(context, role) for role in CLIENT_ROLES)


def _of_role(context: Context, role: str) -> Recommendation | NoRecommendation:
    current, observed = context.setting(KEY, role), _findings(context, role)
    in_force, size, collect, whole = current.seconds, format_size(context.size_bytes), message(""), None
    fit, in_flight = context.duration_fit("source", role), context.pieces_in_flight(role)
    if isinstance(fit, DurationFit) and in_flight:
        # A round takes at least median pieces, as many at a time as are set.
        waves, piece = math.ceil(context.n_pieces / in_flight), fit.quantile(context.piece_bytes, 0.5)
        whole = Interval(waves * piece.value, waves * piece.low, waves * piece.high)
    wanted = whole.high if whole is not None and math.isfinite(whole.high) else 0.0
    proposed_s = max(USUAL_S, math.ceil(wanted / 3600.0) * 3600.0)
    if in_force is None:
        return recommendations.unknown_value(KEY, current)
    if in_force >= proposed_s:
        reason = message("it is longer than any round over a layer of {size}", size=size)
    elif observed or (whole is not None and in_force < whole.value):
        return _raise(context, role, whole, observed, proposed_s)
    elif whole is None:
        reason = message("no stream to the scheduler timed out, and the time of a round is not known")
        collect = message("client logs with piece start and finish lines, and {key}", key=context.concurrency(role).key)
    else:
        reason = message("no stream timed out; time of a round over a layer: {time}", time=interval_text(whole, "s"))
    return NoRecommendation(KEY, join([in_force_text(current), reason], "; "), collect, role)


def _findings(context: Context, role: str) -> tuple[str, ...]:
    """Return the findings that a role's own records show, or all where no record names a role."""
    found = context.present(*_PROOFS, *_HINTS)
    query = "SELECT DISTINCT role, signature FROM events WHERE signature IN (?, ?, ?) AND role IN ('client', 'seedClient')"  # fmt: skip
    shown = context.dataset.rows(query, [*_PROOFS, *_HINTS]) if found else []
    named = [(of, signature) for of, signature in shown if signature in found]
    return tuple(name for name in found if (role, name) in named) if named else found


def _raise(context: Context, role: str, whole: Interval | None, observed: tuple[str, ...], proposed_s: float) -> Recommendation:  # fmt: skip
    current, proven = context.setting(KEY, role), bool(set(observed) & set(_PROOFS))
    in_force = current.seconds or 0.0
    outlasted = whole is not None and in_force < whole.low
    confidence: Confidence = "low"
    if proven:
        confidence = "high" if outlasted else "medium"
    elif outlasted and not context.beyond_sizes_seen("source"):
        confidence = "medium"
    return Recommendation.of(
        current, KEY, _reasons(context, role, whole, observed, proven=proven), proposed=duration_setting(proposed_s), unit="s",
        low=whole.low if whole is not None else in_force, high=math.inf, confidence=confidence, findings=observed,
        how_to_check=message("set it, repeat the preheat and the pulls, then run `dfly-analysis diagnose`: tokio_stream_elapsed is absent"),
        rule_of_thumb=message("{value}, the chart's value since 1.3.27", value=duration_setting(USUAL_S)),
    )  # fmt: skip


def _reasons(context: Context, role: str, whole: Interval | None, observed: tuple[str, ...], *, proven: bool) -> Iterator[Message]:  # fmt: skip
    if observed:
        values = {"role": TITLES[role], "findings": format_list(observed)}
        yield message("the {role} timed out waiting for the scheduler: {findings}", **values)
    if whole is not None:
        size, time = format_size(context.size_bytes), interval_text(whole, "s")
        yield message("least time of a round over a layer of {size}: {time} (fitted)", size=size, time=time)
    yield message("this timeout also runs while pieces are fetched, so the next message of a longer round fails")
    yield message(
        "the proposal is a rule of thumb, not computed from this run: {default} is the default of later releases",
        default=format_duration(USUAL_S),
    )
    if observed and not proven:
        yield message("a scheduler that does not answer at all needs a check first")
