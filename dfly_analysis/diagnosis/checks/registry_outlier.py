"""One registry serves far worse than the others."""

from __future__ import annotations

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural
from dfly_analysis.diagnosis.proportion_tests import Proportion, inflation_of, stands_out
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_share

ABOUT = Check(
    "registry_outlier",
    "One registry serves far worse than the others",
    method="The share of tasks that fail by the host name of their blob's URL, against that of all other registries.",
    remedy="Look at that registry and the way to it; what the others serve shows that the clients' settings are not the reason.",
    collect="logs of preheats from two registries at least",
)
MIN_REGISTRIES = 2
_REGISTRY = r"nullif(regexp_extract(url, '^\w+://(?:[^/@]*@)?([^/?#]+)', 1), '')"
_TASKS = f"""
    SELECT {_REGISTRY} AS registry, outcome <> 'ok' AS bad, coalesce(job_id, url) AS cluster, peer_id, ended FROM tasks
    WHERE outcome IN ('ok', 'failed', 'died') AND url IS NOT NULL AND origin IS DISTINCT FROM 'parent'
"""


def check(dataset: Dataset) -> Finding:
    """Compare the failed share of tasks by registry."""
    clusters = dataset.rows(f"""
        SELECT registry, count(*) FILTER (bad), count(*) FROM ({_TASKS}) WHERE registry IS NOT NULL
        GROUP BY registry, cluster ORDER BY ALL
    """)
    counts: dict[str, Proportion] = {}
    for registry, bad, n in clusters:
        known = counts.get(registry, Proportion(0, 0))
        counts[registry] = Proportion(known.bad + bad, known.n + n)
    if len(counts) < MIN_REGISTRIES:
        return ABOUT.unknown("tasks of fewer than two registries are seen")
    whole = Proportion(sum(one.bad for one in counts.values()), sum(one.n for one in counts.values()))
    inflation = inflation_of(*map(list, zip(*clusters, strict=True)))
    for registry, own in sorted(counts.items(), key=lambda item: -item[1].bad):
        rest = whole.without(own)
        if stands_out(own, rest, inflation):
            mine, others = own.share(inflation, 0.95), rest.share(inflation, 0.95)
            reason = (
                f"{registry}: {own.bad} of {plural(own.n, 'task')} failed ({format_share(mine.value)}, at least {format_share(mine.low)}); "
                f"{plural(len(counts) - 1, 'other registry').replace('registrys', 'registries')}: {format_share(others.value)}, at most {format_share(others.high)}."
            )
            failed = f"FROM ({_TASKS}) WHERE registry = ? AND bad"
            times = dataset.rows(f"SELECT min(nanoseconds(ended)), max(nanoseconds(ended)) {failed}", (registry,))[0]
            lines = f"event_id = 'task_failed' AND peer_id IN (SELECT peer_id {failed})"
            evidence = evidence_of(dataset, lines, (registry,))
            return ABOUT.present("high", reason, count=own.bad, tasks=own.bad, times=times, evidence=evidence)
    return ABOUT.absent("no registry's tasks fail clearly more often than those of the others")
