"""Much of the tasks' time went to writing and checking after the last piece."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import of_peers
from dfly_analysis.diagnosis.time_parts import ensure_task_time
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration, format_share

ABOUT = load_check("slow_disk")
LARGE, MIN_MEAN_S = 0.2, 2.0


def check(dataset: Dataset) -> Finding:
    ensure_task_time(dataset)
    dataset.engine.execute(sql("diagnosis", "disk_times"))
    totals = "count(*), sum(disk_s), sum(total_s), max(disk_s), count(*) FILTER (disk_s >= ?)"
    ((tasks, disk_s, total_s, longest_s, count),) = dataset.rows(f"SELECT {totals} FROM disk_times", [MIN_MEAN_S])
    if not tasks:
        return ABOUT.unknown("no task is logged with its start and end")
    spent = message(
        "{share} of the {duration} of {n:,} tasks went to writing and checking after the last piece, {longest} at most",
        share=format_share(disk_s / total_s), duration=format_duration(total_s), n=tasks, longest=format_duration(longest_s),
    )  # fmt: skip
    if disk_s < LARGE * total_s or disk_s < MIN_MEAN_S * tasks:
        return ABOUT.absent(spent)
    peers = f"SELECT peer_id FROM disk_times WHERE disk_s >= {MIN_MEAN_S}"
    proof = of_peers(dataset, peers, "task_finished", "task_output_written")
    return ABOUT.present("medium", spent, count=count, **proof)
