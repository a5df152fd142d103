"""Failed pieces ended at a configured timeout: that proves a timeout, whatever their error text."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of, format_hosts
from dfly_analysis.findings import Finding
from dfly_analysis.messages import format_list, message
from dfly_analysis.units import format_duration

ABOUT = load_check("piece_cut_at_limit")
_CUT = "outcome = 'timeout' AND ended IS NOT NULL AND origin <> 'local'"


def check(dataset: Dataset) -> Finding:
    ((n, finished, failed, cut, first, last, median_s, limits),) = dataset.rows(f"""
        SELECT count(*), count(*) FILTER (outcome = 'ok'),
            count(*) FILTER (outcome NOT IN ('ok', 'cancelled') AND ended IS NOT NULL AND origin <> 'local'),
            count(*) FILTER ({_CUT}), min(nanoseconds(ended)) FILTER ({_CUT}), max(nanoseconds(ended)) FILTER ({_CUT}),
            median(duration_s) FILTER ({_CUT}), list(DISTINCT timeout_s) FILTER ({_CUT}) FROM pieces
    """)
    if not failed:
        if finished or (not n and dataset.rows("SELECT 1 FROM tasks LIMIT 1")):
            return ABOUT.absent(message("no failed piece is logged"))
        return ABOUT.unknown(message("no end of a piece is logged") if n else message("no piece is logged"))
    if not cut:
        return ABOUT.absent(message("no failed piece ran as long as its timeout ({n:,} failed)", n=failed))
    ((failed_tasks, tasks),) = dataset.rows(f"""
        SELECT count(*), count(*) FILTER (peer_id IN (SELECT peer_id FROM pieces WHERE {_CUT})) FROM tasks WHERE {FAILED}
    """)
    hosts = dataset.rows(f"SELECT host FROM pieces WHERE {_CUT} GROUP BY host ORDER BY count(*) DESC, host")
    timeouts = [format_duration(limit) for limit in sorted(limit for limit in limits or () if limit is not None)]
    limit = (
        message("the timeout of {timeouts}", timeouts=format_list(timeouts))
        if timeouts
        else message("an unknown timeout")
    )
    facts = [
        message(
            "{cut:,} of {n:,} failed pieces on {hosts} hit {limit}",
            cut=cut, n=failed, hosts=format_hosts(host for (host,) in hosts), limit=limit,
        )
    ]  # fmt: skip
    if median_s is not None:
        facts.append(message("median duration {median}", median=format_duration(median_s)))
    if failed_tasks:
        facts.append(message("{tasks:,} of {n:,} failed tasks", tasks=tasks, n=failed_tasks))
    lines = evidence_of(dataset, f"(log_path, log_line) IN (SELECT (log_path, log_line) FROM pieces WHERE {_CUT})")
    return ABOUT.present("high", *facts, count=cut, tasks=tasks, times=[first, last], evidence=lines)
