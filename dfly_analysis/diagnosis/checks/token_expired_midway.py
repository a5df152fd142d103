"""Credentials were accepted first and refused later: the token's lifetime is shorter than the preheat."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.units import format_duration

ABOUT = load_check("token_expired_midway")
_REFUSED = f"{FAILED} AND cause = 'auth'"


def check(dataset: Dataset) -> Finding:
    ((n, refused, first, last, started),) = dataset.rows(f"""
        SELECT count(*), count(*) FILTER ({_REFUSED}), min(nanoseconds(coalesce(ended, started))) FILTER ({_REFUSED}),
            max(nanoseconds(ended)) FILTER ({_REFUSED}), min(nanoseconds(started)) FROM tasks
    """)
    if not n:
        return ABOUT.unknown(message("no task is logged"))
    if not refused:
        return ABOUT.absent(message("no task was refused for its credentials"))
    if first is None:
        return ABOUT.unknown(message("the refused tasks have no time"))
    ((served, later),) = dataset.rows(
        """
        SELECT count(*) FILTER (nanoseconds(ended) < ? AND origin IS DISTINCT FROM 'parent'),
            count(*) FILTER (nanoseconds(started) > ? AND coalesce(bytes_from_source, 0) > 0) FROM tasks WHERE outcome = 'ok'
        """,
        (first, first),
    )
    if not served:
        return ABOUT.absent(
            message("nothing was served before the first refusal: the credentials are missing or wrong, not expired")
        )
    reason = message(
        "the first refusal came {duration} after the start; tasks that had succeeded by then: {served:,}; refused tasks: {refused:,}; started later and successful: {later:,}",
        duration=format_duration((first - started) / 1e9), served=served, refused=refused, later=later,
    )  # fmt: skip
    query = f"level IN ('ERROR', 'WARN') AND peer_id IN (SELECT peer_id FROM tasks WHERE {_REFUSED})"
    evidence = evidence_of(dataset, query)
    return ABOUT.present("high", reason, count=refused, tasks=refused, times=[first, last], evidence=evidence)
