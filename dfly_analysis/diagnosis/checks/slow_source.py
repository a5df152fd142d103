"""The registry sends slowly: each request, or some of them."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import failed_tasks, times_and_evidence
from dfly_analysis.diagnosis.source_rates import share_a_link, source_rates
from dfly_analysis.diagnosis.time_parts import large_part, ratio_text
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.units import format_rate, format_share

ABOUT = load_check("slow_source")
MIN_SHARE, SLOW_BPS, LATE_SHARE = 0.5, 2e6, 0.3


def check(dataset: Dataset) -> Finding:
    found, rates = large_part(dataset, ("source",)), source_rates(dataset)
    if found is None or rates is None:
        return ABOUT.unknown(message("the input has too few pieces from the registry with their durations"))
    time = message("{ratio} were spent on transfer from the registry", ratio=ratio_text(found))
    rate = message("a request gets {rate} (median)", rate=format_rate(rates.median_bps))
    is_slow, is_late = rates.median_bps < SLOW_BPS, rates.late_share >= LATE_SHARE
    if found.share.value < MIN_SHARE or not (is_slow or is_late):
        return ABOUT.absent(message("{time}; {rate}", time=time, rate=rate))
    if not is_late and share_a_link(dataset):
        return ABOUT.absent(
            message(
                "{time}; {rate}, the more pieces are in flight the less: the run is as quick as its link",
                time=time,
                rate=rate,
            )
        )
    facts = [time, rate]
    if is_late:
        facts.append(
            message(
                "{share} of it went to pieces that took more than four times the median",
                share=format_share(rates.late_share),
            )
        )
    else:
        facts.append(message("no matter how many pieces are in flight"))
    lines = "event_id IN ('source_round_started', 'piece_failed') AND peer_id IN (SELECT peer_id FROM task_time WHERE part = 'source')"
    tasks = failed_tasks(dataset, "peer_id IN (SELECT peer_id FROM task_time WHERE part = 'source')")
    return ABOUT.present("medium", *facts, count=found.tasks, tasks=tasks, **times_and_evidence(dataset, lines))
