"""Warnings of timeouts that have no effect or a harmful one: above all `pieceDownloadTimeout`, which limits no transfer."""

from collections.abc import Iterator

from dfly_analysis.config.ignored_keys import ignored_paths
from dfly_analysis.messages import Message, message
from dfly_analysis.recommendation.context import CLIENT_ROLES, COLLECTOR, PIECE, TITLES, RecommendationContext
from dfly_analysis.recommendation.recommendations import contradiction
from dfly_analysis.units import format_duration

_WELL_BELOW = 0.9


def advise(context: RecommendationContext) -> Iterator[Message]:
    """Return a warning for each ignored key, and where timeouts contradict the pieces or each other."""
    query = """
        SELECT role, median(timeout_s) FROM pieces
        WHERE outcome = 'timeout' AND timeout_s IS NOT NULL AND role IS NOT NULL GROUP BY role ORDER BY role"""
    for role, observed_s in context.dataset.rows(query):
        configured = context.setting(PIECE, role)
        if configured.seconds is not None and observed_s < _WELL_BELOW * configured.seconds:
            values = {"role": TITLES.get(role, role), "time": format_duration(observed_s)}
            yield contradiction(message("pieces of the {role} time out at {time}", **values), configured)
    for path, reason in ignored_paths(context.dataset.settings):
        yield message("{path}: {reason}", path=path, reason=reason)
    limit = context.setting(COLLECTOR, "scheduler")
    for role in CLIENT_ROLES:
        planned_s, tries = context.needs[role, PIECE].planned_s, context.retries(role) + 1
        if limit.seconds is not None and planned_s is not None and limit.seconds <= planned_s * tries:
            yield message(
                "{collector} of the scheduler is {value} ({source}), not above {tries} tries of {key} of the {role} ({time}), so the scheduler "
                "removes a slow peer while it still fetches: leave it at 30 min or above", collector=COLLECTOR, value=limit.value,
                source=limit.source, tries=tries, key=PIECE, role=TITLES[role], time=format_duration(planned_s * tries),
            )  # fmt: skip
