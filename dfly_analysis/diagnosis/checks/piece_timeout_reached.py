"""Failed pieces ended at a configured timeout: that proves a timeout, whatever their error text."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of, format_hosts
from dfly_analysis.findings import Finding
from dfly_analysis.messages import format_list, message
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration

ABOUT = load_check("piece_cut_at_limit")
_CUT = "outcome = 'timeout' AND ended IS NOT NULL AND origin <> 'local'"


def check(dataset: Dataset) -> Finding:
    query = sql("diagnosis", "pieces_at_timeout", CUT=_CUT, FAILED=FAILED)
    ((n, finished, failed, cut, hosts, first, last, median_s, limits, failed_tasks, tasks),) = dataset.rows(query)
    if not failed and (finished or (not n and dataset.rows("SELECT 1 FROM tasks LIMIT 1"))):
        return ABOUT.absent("no failed piece is logged")
    if not failed:
        return ABOUT.unknown(message("no end of a piece is logged") if n else message("no piece is logged"))
    if not cut:
        return ABOUT.absent("no failed piece ran as long as its timeout ({n:,} failed)", n=failed)
    timeouts = format_list(map(format_duration, limits or ()))
    limit = message("the timeout of {timeouts}", timeouts=timeouts) if limits else message("an unknown timeout")
    values = {"cut": cut, "n": failed, "hosts": format_hosts(hosts), "limit": limit}
    facts = [
        message("{cut:,} of {n:,} failed pieces on {hosts} hit {limit}", **values),
        message("median duration {median}", median=format_duration(median_s)) if median_s is not None else "",
        message("{tasks:,} of {n:,} failed tasks", tasks=tasks, n=failed_tasks) if failed_tasks else "",
    ]
    lines = evidence_of(dataset, f"(log_path, log_line) IN (SELECT (log_path, log_line) FROM pieces WHERE {_CUT})")
    return ABOUT.present("high", *facts, count=cut, tasks=tasks, times=[first, last], evidence=lines)
