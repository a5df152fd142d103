"""Credentials were accepted first and refused later: the token's lifetime is shorter than the preheat."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration

ABOUT = load_check("token_expired_midway")
_REFUSED = f"{FAILED} AND cause = 'auth'"


def check(dataset: Dataset) -> Finding:
    query = sql("diagnosis", "refused_tasks", REFUSED=_REFUSED)
    ((n, refused, first, last, after_s, served, later),) = dataset.rows(query)
    if not n:
        return ABOUT.unknown("no task is logged")
    if not refused:
        return ABOUT.absent("no task was refused for its credentials")
    if first is None:
        return ABOUT.unknown("the refused tasks have no time")
    if not served:
        return ABOUT.absent(
            "nothing was served before the first refusal: the credentials are missing or wrong, not expired"
        )
    reason = message(
        "the first refusal came {duration} after the start; tasks that had succeeded by then: {served:,}; refused tasks: {refused:,}; started later and successful: {later:,}",
        duration=format_duration(after_s), served=served, refused=refused, later=later,
    )  # fmt: skip
    lines = f"level IN ('ERROR', 'WARN') AND peer_id IN (SELECT peer_id FROM tasks WHERE {_REFUSED})"
    times, evidence = [first, last], evidence_of(dataset, lines)
    return ABOUT.present("high", reason, count=refused, tasks=refused, times=times, evidence=evidence)
