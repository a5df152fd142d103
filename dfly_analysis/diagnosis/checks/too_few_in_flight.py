"""Fewer pieces are in flight than the settings allow, or than the registry could serve."""

import pyarrow as pa

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import failed_tasks, times_and_evidence
from dfly_analysis.diagnosis.source_rates import share_a_link, source_rates
from dfly_analysis.diagnosis.time_parts import ensure_task_time, large_part
from dfly_analysis.findings import Finding
from dfly_analysis.messages import message
from dfly_analysis.units import format_duration

ABOUT = load_check("too_few_in_flight")
REACHED, FEW, MIN_SHARE = 0.5, 2, 0.5
MIN_S = 10.0
_ACHIEVED = """
CREATE OR REPLACE TEMP TABLE in_flight_of_tasks AS
WITH begun AS (
        SELECT task, min(from_ns) AS first_ns, max(from_ns) AS last_ns FROM _timed_attempts WHERE flight IN ('source', 'retries') GROUP BY task
    ),
    achieved AS (
        SELECT task, sum((source + retries) * (until_ns - from_ns)) / sum(until_ns - from_ns) AS requests, sum(until_ns - from_ns) / 1e9 AS seconds
        FROM _segments JOIN begun USING (task) WHERE from_ns >= first_ns AND until_ns <= last_ns GROUP BY task
    )
SELECT peer_id, requests, seconds, possible FROM achieved JOIN _timed USING (task) JOIN tasks USING (peer_id)
JOIN possible_in_flight AS setting ON setting.role IS NOT DISTINCT FROM tasks.role AND setting.host IS NOT DISTINCT FROM tasks.host
WHERE tasks.n_pieces >= 2 * possible AND tasks.outcome = 'ok'
"""
"""Requests in flight of each finished task with enough pieces, from its first piece until its last one began."""


def check(dataset: Dataset) -> Finding:
    ensure_task_time(dataset)
    places = dataset.rows("SELECT DISTINCT role, host FROM tasks WHERE role IN ('client', 'seedClient')")
    rows = [
        {"role": role, "host": host, "possible": int(number)}
        for role, host in places
        if (number := dataset.settings.pieces_in_flight(role, host).number)
    ]
    dataset.engine.add_rows(
        "possible_in_flight", rows, pa.schema([("role", pa.string()), ("host", pa.string()), ("possible", pa.int64())])
    )
    dataset.engine.execute(_ACHIEVED)
    ((n, requests, possible, seconds),) = dataset.rows("""
        SELECT count(*), sum(requests * seconds) / sum(seconds), sum(possible * seconds) / sum(seconds), sum(seconds) FROM in_flight_of_tasks WHERE seconds > 0
    """)
    if not n:
        return ABOUT.unknown(
            message("no task with many pieces from the registry is logged with its pieces, or the setting is unknown")
        )
    achieved = message(
        "{requests:.1f} pieces of a task were in flight on average, {possible:.0f} may be ({n:,} tasks)",
        requests=requests,
        possible=possible,
        n=n,
    )
    if seconds < MIN_S:
        return ABOUT.absent(achieved)
    is_unused = requests < REACHED * possible
    is_low = (
        possible <= FEW
        and (found := large_part(dataset, ("source",))) is not None
        and found.share.value >= MIN_SHARE
        and source_rates(dataset) is not None
        and not share_a_link(dataset)
    )
    if not (is_unused or is_low):
        return ABOUT.absent(achieved)
    facts = [achieved, message("while more pieces remained, for {duration} in all", duration=format_duration(seconds))]
    if is_low and not is_unused:
        facts.append(
            message("the rate of a request does not depend on how many are in flight, so more would be faster")
        )
    peers = "SELECT peer_id FROM in_flight_of_tasks"
    lines = f"event_id IN ('source_round_started', 'task_started') AND peer_id IN ({peers})"
    return ABOUT.present(
        "medium",
        *facts,
        count=n,
        tasks=failed_tasks(dataset, f"peer_id IN ({peers})"),
        **times_and_evidence(dataset, lines),
    )
