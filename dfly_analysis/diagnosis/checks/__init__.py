"""Checks that compare tables rather than matching the text of one line; each is described in ``catalog/entries/checks``."""

from collections.abc import Callable, Iterator, Mapping

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import Check, load_check
from dfly_analysis.diagnosis.checks import (
    content,
    failed_tasks,
    inputs,
    kubernetes,
    outliers,
    preheat_jobs,
    pulls,
    scheduler,
    slowness,
    waits,
)
from dfly_analysis.findings import Finding

CHECKS: Mapping[str, Callable[[Check, Dataset], Finding]] = {
    "back_to_source_storm": pulls.back_to_source_storm,
    "bad_hour": outliers.failure_time_cluster,
    "clock_or_zone_wrong": inputs.clock_or_zone_wrong,
    "corrupt_parent": content.corrupt_parent,
    "host_outlier": outliers.host_outlier,
    "inputs_of_different_runs": inputs.inputs_of_different_runs,
    "job_timeout_unit": preheat_jobs.job_timeout_unit,
    "known_fault_of_release": failed_tasks.known_bug_in_release,
    "layer_recurs": outliers.recurring_layer_failure,
    "node_pressure": kubernetes.node_pressure,
    "piece_cut_at_limit": failed_tasks.piece_timeout_reached,
    "pod_ended_badly": kubernetes.pod_terminated_abnormally,
    "preheat_deadline": preheat_jobs.preheat_deadline,
    "preheat_false_failure": preheat_jobs.preheat_false_failure,
    "preheat_false_success": preheat_jobs.preheat_false_success,
    "preheat_job_failed": preheat_jobs.preheat_job_failed,
    "preheat_never_taken": preheat_jobs.preheat_not_scheduled,
    "preheat_not_used": pulls.preheat_not_used,
    "registry_outlier": outliers.registry_outlier,
    "restart_without_goodbye": kubernetes.unclean_restart,
    "retries": slowness.retries,
    "scheduler_address_wrong": scheduler.scheduler_address_wrong,
    "silent_gap": waits.silent_gap,
    "slow_disk": slowness.slow_disk,
    "slow_parents": slowness.slow_parents,
    "slow_source": slowness.slow_source,
    "stuck": waits.stuck,
    "token_expired_midway": failed_tasks.token_expired_midway,
    "too_few_in_flight": slowness.too_few_in_flight,
    "waiting_for_scheduler": slowness.waiting_for_scheduler,
    "wrong_timeout_key": failed_tasks.wrong_timeout_key,
}
"""Every check by the id of its finding."""


def run_checks(dataset: Dataset) -> Iterator[Finding]:
    """Yield the finding of every check."""
    return (check(load_check(name), dataset) for name, check in CHECKS.items())
