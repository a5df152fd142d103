"""Much of the tasks' time was spent waiting for the scheduler."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import of_peers
from dfly_analysis.diagnosis.time_parts import large_part, ratio_text
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.units import format_duration

ABOUT = load_check("waiting_for_scheduler")
PARTS = ("registration", "scheduling")
MIN_MEAN_S = 1.0


def check(dataset: Dataset) -> Finding:
    found = large_part(dataset, PARTS)
    if found is None:
        return ABOUT.unknown("no task is logged with its start and end")
    mean_s = found.seconds / found.tasks
    values = {"ratio": ratio_text(found), "mean": format_duration(mean_s)}
    waiting = message("{ratio} were spent waiting for the scheduler, {mean} a task", **values)
    if not found.is_large or mean_s < MIN_MEAN_S:
        return ABOUT.absent(waiting)
    peers = f"SELECT peer_id FROM task_time WHERE part IN {PARTS} AND role = '{found.role}' GROUP BY peer_id HAVING sum(seconds) >= {MIN_MEAN_S}"
    waits = f"SELECT sum(seconds) AS s FROM task_time WHERE part IN {PARTS} AND peer_id IN ({peers}) GROUP BY peer_id"
    ((n, longest),) = dataset.rows(f"SELECT count(*), max(s) FROM ({waits})")
    facts = [waiting, message("the longest wait is {longest}", longest=format_duration(longest))]
    proof = of_peers(dataset, peers, "task_started", "scheduler_call_failed", "scheduler_round_failed")
    return ABOUT.present("high" if proof["tasks"] else "medium", *facts, count=n, **proof)
