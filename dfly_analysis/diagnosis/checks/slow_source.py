"""The registry sends slowly: each request, or some of them."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import of_peers
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
        return ABOUT.unknown("the input has too few pieces from the registry with their durations")
    time = message("{ratio} were spent on transfer from the registry", ratio=ratio_text(found))
    rate = message("a request gets {rate} (median)", rate=format_rate(rates.median_bps))
    is_slow, is_late = rates.median_bps < SLOW_BPS, rates.late_share >= LATE_SHARE
    if found.share.value < MIN_SHARE or not (is_slow or is_late):
        return ABOUT.absent("{time}; {rate}", time=time, rate=rate)
    if not is_late and share_a_link(dataset):
        return ABOUT.absent(
            "{time}; {rate}, the more pieces are in flight the less: the run is as quick as its link",
            time=time,
            rate=rate,
        )
    why, share = message("no matter how many pieces are in flight"), format_share(rates.late_share)
    if is_late:
        why = message("{share} of it went to pieces that took more than four times the median", share=share)
    peers = "SELECT peer_id FROM task_time WHERE part = 'source'"
    proof = of_peers(dataset, peers, "source_round_started", "piece_failed")
    return ABOUT.present("medium", time, rate, why, count=found.tasks, **proof)
