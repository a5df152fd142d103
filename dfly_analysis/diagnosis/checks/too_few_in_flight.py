"""Fewer pieces are in flight than the settings allow, or than the registry could serve."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import add_relation, load_check
from dfly_analysis.diagnosis.evidence import of_peers
from dfly_analysis.diagnosis.source_rates import share_a_link, source_rates
from dfly_analysis.diagnosis.time_parts import ensure_task_time, large_part
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration

ABOUT = load_check("too_few_in_flight")
REACHED, FEW, MIN_SHARE = 0.5, 2, 0.5
MIN_S = 10.0
_MEANS = "count(*), sum(requests * seconds) / sum(seconds), sum(possible * seconds) / sum(seconds), sum(seconds)"


def check(dataset: Dataset) -> Finding:
    ensure_task_time(dataset)
    places = dataset.rows("SELECT DISTINCT role, host FROM tasks WHERE role IN ('client', 'seedClient')")
    settings = [(*place, dataset.settings.pieces_in_flight(*place).number) for place in places]
    possible_there = [(role, host, int(number)) for role, host, number in settings if number]
    add_relation(dataset, "possible_in_flight", possible_there, role=str, host=str, possible=int)
    dataset.engine.execute(sql("diagnosis", "in_flight_of_tasks"))
    ((n, requests, possible, seconds),) = dataset.rows(f"SELECT {_MEANS} FROM in_flight_of_tasks WHERE seconds > 0")
    if not n:
        return ABOUT.unknown(
            "no task with many pieces from the registry is logged with its pieces, or the setting is unknown"
        )
    values = {"requests": requests, "possible": possible, "n": n}
    achieved = message(
        "{requests:.1f} pieces of a task were in flight on average, {possible:.0f} may be ({n:,} tasks)", **values
    )
    is_unused = requests < REACHED * possible
    if seconds < MIN_S or not (is_unused or _is_low(dataset, possible)):
        return ABOUT.absent(achieved)
    time = message("while more pieces remained, for {duration} in all", duration=format_duration(seconds))
    more = message("the rate of a request does not depend on how many are in flight, so more would be faster")
    proof = of_peers(dataset, "SELECT peer_id FROM in_flight_of_tasks", "source_round_started", "task_started")
    return ABOUT.present("medium", achieved, time, "" if is_unused else more, count=n, **proof)


def _is_low(dataset: Dataset, possible: float) -> bool:
    """Return whether few pieces may be in flight although the registry could serve more."""
    if possible > FEW or source_rates(dataset) is None:
        return False
    found = large_part(dataset, ("source",))
    return found is not None and found.share.value >= MIN_SHARE and not share_a_link(dataset)
