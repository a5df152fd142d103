"""One registry serves far worse than the others."""

from __future__ import annotations

import re

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check
from dfly_analysis.diagnosis.evidence import evidence_of, plural
from dfly_analysis.diagnosis.rates import Counted, inflation_of, stands_out
from dfly_analysis.findings import Finding
from dfly_analysis.units import format_share

ABOUT = Check(
    "registry_outlier",
    "One registry serves far worse than the others",
    method="The share of tasks that fail by the host name of their blob's URL, against that of all other registries.",
    remedy="Look at that registry and the way to it; what the others serve shows that the clients' settings are not the reason.",
    collect="logs of preheats from two registries at least",
)
FEWEST_REGISTRIES = 2
_HOST = re.compile(r"\w+://(?:[^/@]*@)?(?P<host>[^/?#]+)")
"""Not the standard library's reader of addresses, which refuses one whose user was redacted."""


def check(dataset: Dataset) -> Finding:
    """Compare the failed share of tasks by registry."""
    tasks = dataset.tasks
    tasks = tasks[
        tasks["outcome"].isin(["ok", "failed", "died"]) & tasks["url"].notna() & (tasks["origin"] != "parent")
    ]
    names = {url: _registry(url) for url in tasks["url"].unique()}
    tasks = tasks.assign(registry=tasks["url"].map(names), bad=tasks["outcome"] != "ok")
    counts = tasks.groupby("registry")["bad"].agg(["sum", "size"])
    if len(counts) < FEWEST_REGISTRIES:
        return ABOUT.unknown("tasks of fewer than two registries are seen")
    whole = Counted(int(counts["sum"].sum()), int(counts["size"].sum()))
    inflation = inflation_of(tasks["bad"], tasks["registry"], tasks["job_id"].fillna(tasks["url"]))
    for registry, bad, n in counts.sort_values("sum", ascending=False).itertuples():
        own = Counted(int(bad), int(n))
        rest = whole.without(own)
        if stands_out(own, rest, inflation):
            failed = tasks[(tasks["registry"] == registry) & tasks["bad"]]
            mine, others = own.share(inflation, 0.95), rest.share(inflation, 0.95)
            reason = (
                f"{registry}: {own.bad} of {plural(own.n, 'task')} failed ({format_share(mine.value)}, at least {format_share(mine.low)}); "
                f"{plural(len(counts) - 1, 'other registry').replace('registrys', 'registries')}: {format_share(others.value)}, at most {format_share(others.high)}."
            )
            lines = dataset.events[
                dataset.events["peer_id"].isin(failed["peer_id"].dropna())
                & (dataset.events["event_id"] == "task_failed")
            ]
            return ABOUT.present("high", reason, count=own.bad, tasks=own.bad, times=failed["ended"], evidence=evidence_of(lines))  # fmt: skip
    return ABOUT.absent("no registry's tasks fail clearly more often than those of the others")


def _registry(url: str) -> str | None:
    found = _HOST.match(url)
    return found["host"] if found else None
