"""Credentials that were good at first were refused later: a token that does not live as long as the preheat."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_duration

ABOUT = Check(
    "token_expired_midway",
    "The registry's token expired while layers were still being fetched",
    method="When the first task was refused with 401 or 403, against tasks that the registry had served before.",
    remedy="Let the registry's token live longer than the longest preheat, or make jobs so small that each is done before it expires: Dragonfly puts one token into all requests of a job and never renews it.",
    collect="logs of the seed clients from the beginning of the job on",
    knob="POST /oapi/v1/jobs args.timeout",
)


_REFUSED = "outcome IN ('failed', 'died') AND cause = 'auth'"


def check(dataset: Dataset) -> Finding:
    """Look for layers served before the first refusal."""
    ((n, refused, first, last, started),) = dataset.rows(f"""
        SELECT count(*), count(*) FILTER ({_REFUSED}), min(nanoseconds(coalesce(ended, started))) FILTER ({_REFUSED}),
            max(nanoseconds(ended)) FILTER ({_REFUSED}), min(nanoseconds(started)) FROM tasks
    """)
    if not refused:
        return ABOUT.absent("no task was refused for its credentials") if n else ABOUT.unknown("no task is seen")
    if first is None:
        return ABOUT.unknown("the refused tasks have no time")
    ((served, later),) = dataset.rows(
        """
        SELECT count(*) FILTER (nanoseconds(ended) < ? AND origin IS DISTINCT FROM 'parent'),
            count(*) FILTER (nanoseconds(started) > ? AND coalesce(bytes_from_source, 0) > 0) FROM tasks WHERE outcome = 'ok'
        """,
        (first, first),
    )
    if not served:
        return ABOUT.absent("nothing was served before the first refusal: the credentials are missing or wrong, not expired")  # fmt: skip
    after = f"; {plural(later, 'task')} began and went well after it" if later else "; none that began later was served"
    reason = (
        f"the first refusal came {format_duration((first - started) / 1e9)} after the first task began, when "
        f"{plural(served, 'task')} had gone well; {plural(refused, 'task')} {'was' if refused == 1 else 'were'} refused{after}."
    )
    lines = evidence_of(
        dataset, f"level IN ('ERROR', 'WARN') AND peer_id IN (SELECT peer_id FROM tasks WHERE {_REFUSED})"
    )
    return ABOUT.present("high", reason, count=refused, tasks=refused, times=[first, last], evidence=lines)
