"""One registry fails far more often than the others."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of
from dfly_analysis.diagnosis.proportion_tests import compare_groups
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message

ABOUT = load_check("registry_outlier")
MIN_REGISTRIES = 2
_REGISTRY = r"nullif(regexp_extract(url, '^\w+://(?:[^/@]*@)?([^/?#]+)', 1), '')"
_TASKS = f"""
    SELECT {_REGISTRY} AS registry, outcome <> 'ok' AS bad, coalesce(job_id, url) AS cluster, peer_id, ended FROM tasks
    WHERE outcome IN ('ok', 'failed', 'died') AND url IS NOT NULL AND origin IS DISTINCT FROM 'parent'
"""


def check(dataset: Dataset) -> Finding:
    registries = compare_groups(
        dataset.rows(f"""
            SELECT registry, count(*) FILTER (bad), count(*) FROM ({_TASKS}) WHERE registry IS NOT NULL
            GROUP BY registry, cluster ORDER BY ALL
        """)
    )
    if len(registries) < MIN_REGISTRIES:
        return ABOUT.unknown("the input contains tasks of fewer than two registries")
    outliers = [registry for registry in registries if registry.stands_out()]
    if not outliers:
        return ABOUT.absent("no registry fails clearly more often than the others")
    worst = max(outliers, key=lambda registry: registry.own.bad)
    name, bad = worst.group, worst.own.bad
    reason = message(
        "{registry}: {bad:,} of {n:,} tasks failed ({share}, at least {low}); other registries ({others:,}): {rest}, at most {high}",
        registry=name, bad=bad, n=worst.own.n, others=worst.others, **worst.shares(),
    )  # fmt: skip
    failed = f"FROM ({_TASKS}) WHERE registry = ? AND bad"
    times = dataset.rows(f"SELECT min(nanoseconds(ended)), max(nanoseconds(ended)) {failed}", (name,))[0]
    evidence = evidence_of(dataset, f"event_id = 'task_failed' AND peer_id IN (SELECT peer_id {failed})", (name,))
    return ABOUT.present("high", reason, count=bad, tasks=bad, times=times, evidence=evidence)
