"""Much of the tasks' time went to writing and checking after the last piece."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import failed_tasks, times_and_evidence
from dfly_analysis.diagnosis.time_parts import ensure_task_time
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.units import format_duration, format_share

ABOUT = load_check("slow_disk")
LARGE, MIN_MEAN_S = 0.2, 2.0
_TIMES = """
CREATE OR REPLACE TEMP TABLE disk_times AS
WITH copies AS (
        SELECT peer_id, max(epoch_ns(events.time)) AS copied_ns FROM events WHERE event_id IN ('task_output_written', 'task_finished') GROUP BY peer_id
    ),
    written AS (SELECT peer_id, sum(seconds) AS seconds FROM task_time WHERE part = 'writing' GROUP BY peer_id)
SELECT peer_id, host, duration_s + copy_s AS total_s, coalesce(seconds, 0) + copy_s AS disk_s
FROM (
    SELECT task.peer_id, host, duration_s, greatest(coalesce((copied_ns - epoch_ns(ended)) / 1e9, 0), 0) AS copy_s
    FROM tasks AS task LEFT JOIN copies USING (peer_id) WHERE outcome = 'ok' AND duration_s > 0 AND task.peer_id IS NOT NULL
) LEFT JOIN written USING (peer_id)
"""


def check(dataset: Dataset) -> Finding:
    ensure_task_time(dataset)
    dataset.engine.execute(_TIMES)
    ((tasks, disk_s, total_s, longest_s),) = dataset.rows(
        "SELECT count(*), sum(disk_s), sum(total_s), max(disk_s) FROM disk_times"
    )
    if not tasks:
        return ABOUT.unknown(message("no task is logged with its start and end"))
    spent = message(
        "{share} of the {duration} of {n:,} tasks went to writing and checking after the last piece, {longest} at most",
        share=format_share(disk_s / total_s), duration=format_duration(total_s), n=tasks, longest=format_duration(longest_s),
    )  # fmt: skip
    if disk_s < LARGE * total_s or disk_s < MIN_MEAN_S * tasks:
        return ABOUT.absent(spent)
    peers = f"SELECT peer_id FROM disk_times WHERE disk_s >= {MIN_MEAN_S}"
    ((count,),) = dataset.rows(f"SELECT count(*) FROM ({peers})")
    failed = failed_tasks(dataset, f"peer_id IN ({peers})")
    lines = f"event_id IN ('task_finished', 'task_output_written') AND peer_id IN ({peers})"
    return ABOUT.present("medium", spent, count=count, tasks=failed, **times_and_evidence(dataset, lines))
