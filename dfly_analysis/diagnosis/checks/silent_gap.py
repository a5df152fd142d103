"""A task made no progress for longer than its timeouts allow, without an error."""

from collections import Counter

from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import add_relation, load_check
from dfly_analysis.diagnosis.evidence import evidence_of, format_hosts
from dfly_analysis.diagnosis.longest_waits import MIN_S, measure_waits
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration

ABOUT = load_check("silent_gap")
_TIMEOUTS = ("download.pieceTimeout", "download.collectedPieceTimeout")


def check(dataset: Dataset) -> Finding:
    hosts = dataset.rows("SELECT DISTINCT role, host FROM tasks WHERE role IN ('client', 'seedClient')")
    limits = [(role, host, _limit_s(dataset.settings, role, host)) for role, host in hosts]
    add_relation(dataset, "task_limits", limits, role=str, host=str, limit_s=float)
    measure_waits(dataset)
    dataset.engine.execute(sql("diagnosis", "silent_waits"))
    ((n, known, longest),) = dataset.rows("SELECT count(*), count(limit_s), max(wait_s) FROM waits")
    if not n:
        return ABOUT.unknown("no task is logged with its pieces")
    columns = "host, wait_s, limit_s, outcome, begin_ns"
    gaps = dataset.rows(f"SELECT {columns} FROM waits WHERE wait_s > limit_s ORDER BY wait_s DESC, peer_id")
    if not gaps and not known:
        return ABOUT.unknown("the piece timeout of these hosts is unknown")
    if not gaps:
        text = format_duration(longest)
        return ABOUT.absent(
            "no task without errors waited longer than its piece timeout; the longest wait is {longest}", longest=text
        )
    counts = Counter(row[0] for row in gaps if row[0] is not None)
    reason = message(
        "tasks without progress for up to {longest} and without an error: {n:,}, on {hosts}; the piece timeout there is {limit}",
        n=len(gaps), hosts=format_hosts(sorted(counts, key=lambda host: (-counts[host], host))), longest=format_duration(gaps[0][1]), limit=format_duration(gaps[0][2]),
    )  # fmt: skip
    failed = sum(row[3] in ("failed", "died") for row in gaps)
    lines = "event_id = 'task_started' AND peer_id IN (SELECT peer_id FROM waits WHERE wait_s > limit_s)"
    times, evidence = [row[4] for row in gaps], evidence_of(dataset, lines)
    return ABOUT.present("medium", reason, count=len(gaps), tasks=failed, times=times, evidence=evidence)


def _limit_s(settings: Settings, role: str, host: str | None) -> float | None:
    known = [limit for key in _TIMEOUTS if (limit := settings.get(key, role, host).seconds)]
    return max(MIN_S, min(known)) if known else None
