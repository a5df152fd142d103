"""Checks of what the tasks' time was spent on."""

from collections.abc import Iterator

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import Check, add_relation
from dfly_analysis.diagnosis.evidence import of_peers, times_and_evidence
from dfly_analysis.diagnosis.source_rates import share_a_link, source_rates
from dfly_analysis.diagnosis.time_parts import LARGE, PartOfTime, ensure_task_time, large_part, part_of_time, ratio_text
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, message, plural
from dfly_analysis.schema import Severity
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration, format_rate, format_share

_LARGE_TRANSFER, _SLOW_BPS, _LATE_SHARE = 0.5, 2e6, 0.3


def slow_source(check: Check, dataset: Dataset) -> Finding:
    """The registry sends slowly: each request, or some of them."""
    found, rates = large_part(dataset, ("source",)), source_rates(dataset)
    if found is None or rates is None:
        return check.unknown("the input has too few pieces from the registry with their durations")
    time = message("{ratio} were spent on transfer from the registry", ratio=ratio_text(found))
    rate = message("a request gets {rate} (median)", rate=format_rate(rates.median_bps))
    is_slow, is_late = rates.median_bps < _SLOW_BPS, rates.late_share >= _LATE_SHARE
    if found.share.value < _LARGE_TRANSFER or not (is_slow or is_late):
        return check.absent("{time}; {rate}", time=time, rate=rate)
    if not is_late and share_a_link(dataset):
        return check.absent(
            "{time}; {rate}, the more pieces are in flight the less: the run is as quick as its link",
            time=time,
            rate=rate,
        )
    why, share = message("no matter how many pieces are in flight"), format_share(rates.late_share)
    if is_late:
        why = message("{share} of it went to pieces that took more than four times the median", share=share)
    peers = "SELECT peer_id FROM task_time WHERE part = 'source'"
    proof = of_peers(dataset, peers, "source_round_started", "piece_failed")
    return check.present("medium", time, rate, why, count=found.tasks, **proof)


_MIN_WAIT_S, _TIMES, _MIN_PIECES, _MIN_TRANSFER = 1.0, 2.5, 10, 0.3
_WAITING = "role = 'client' AND part IN ('parent_wait', 'parents') AND seconds >= 1"


def slow_parents(check: Check, dataset: Dataset) -> Finding:
    """Pulls wait for their parents, or get pieces from them more slowly than from the registry."""
    waited, fetched = (large_part(dataset, parts, "client") for parts in (("parent_wait",), ("parents",)))
    if waited is None or fetched is None:
        return check.unknown("no pull is logged with its start and end")
    facts = [*_long_waits(waited), *_slow_transfers(dataset, fetched)]
    if not facts:
        return check.absent("{ratio} were spent waiting for parents", ratio=ratio_text(waited))
    peers = f"SELECT peer_id FROM task_time WHERE {_WAITING}"
    ((count,),) = dataset.rows(f"SELECT count(DISTINCT peer_id) FROM ({peers})")
    proof = of_peers(dataset, peers, "parent_round_started", "parent_piece_failed")
    return check.present("medium", *facts, count=count, **proof)


def _long_waits(waited: PartOfTime) -> Iterator[Message]:
    if waited.is_large and waited.seconds >= _MIN_WAIT_S * waited.tasks:
        values = {"ratio": ratio_text(waited), "mean": format_duration(waited.seconds / waited.tasks)}
        yield message(
            "{ratio} were spent waiting for pieces that the parents did not have yet, {mean} a pull", **values
        )


def _slow_transfers(dataset: Dataset, fetched: PartOfTime) -> Iterator[Message]:
    """Yield that parents send more slowly than the registry, and that one sends more slowly than the others."""
    if fetched.share.value < _MIN_TRANSFER or fetched.seconds < _MIN_WAIT_S * fetched.tasks:
        return
    rows = [row for row in dataset.rows(sql("diagnosis", "rates_of_parents")) if row[2] >= _MIN_PIECES]
    rates = {origin: rate for origin, parent, _, rate, _ in rows if parent is None}
    if "parent" in rates and _TIMES * rates["parent"] <= rates.get("source", 0.0):
        values = {"parents": format_rate(rates["parent"]), "source": format_rate(rates["source"])}
        yield message("a piece comes from parents at {parents} (median), from the registry at {source}", **values)
    parents = sorted((rate, seconds, parent) for _, parent, _, rate, seconds in rows if parent is not None)
    if len(parents) < 2:
        return
    (rate, seconds, host), *others = parents
    usual = others[len(others) // 2][0]
    if _TIMES * rate <= usual and seconds >= LARGE * sum(one[1] for one in parents):
        values = {"host": host, "rate": format_rate(rate), "usual": format_rate(usual)}
        yield message("the parent {host} sends at {rate} (median), the others at {usual}", **values)


_MIN_DISK_S = 2.0


def slow_disk(check: Check, dataset: Dataset) -> Finding:
    """Much of the tasks' time went to writing and checking after the last piece."""
    ensure_task_time(dataset)
    dataset.engine.execute(sql("diagnosis", "disk_times"))
    totals = "count(*), sum(disk_s), sum(total_s), max(disk_s), count(*) FILTER (disk_s >= ?)"
    ((tasks, disk_s, total_s, longest_s, count),) = dataset.rows(f"SELECT {totals} FROM disk_times", [_MIN_DISK_S])
    if not tasks:
        return check.unknown("no task is logged with its start and end")
    spent = message(
        "{share} of the {duration} of {n:,} tasks went to writing and checking after the last piece, {longest} at most",
        share=format_share(disk_s / total_s), duration=format_duration(total_s), n=tasks, longest=format_duration(longest_s),
    )  # fmt: skip
    if disk_s < LARGE * total_s or disk_s < _MIN_DISK_S * tasks:
        return check.absent(spent)
    peers = f"SELECT peer_id FROM disk_times WHERE disk_s >= {_MIN_DISK_S}"
    proof = of_peers(dataset, peers, "task_finished", "task_output_written")
    return check.present("medium", spent, count=count, **proof)


_WAITS_FOR_SCHEDULER = ("registration", "scheduling")
_MIN_WAIT_S = 1.0


def waiting_for_scheduler(check: Check, dataset: Dataset) -> Finding:
    """Much of the tasks' time was spent waiting for the scheduler."""
    found = large_part(dataset, _WAITS_FOR_SCHEDULER)
    if found is None:
        return check.unknown("no task is logged with its start and end")
    mean_s = found.seconds / found.tasks
    values = {"ratio": ratio_text(found), "mean": format_duration(mean_s)}
    waiting = message("{ratio} were spent waiting for the scheduler, {mean} a task", **values)
    if not found.is_large or mean_s < _MIN_WAIT_S:
        return check.absent(waiting)
    peers = f"SELECT peer_id FROM task_time WHERE part IN {_WAITS_FOR_SCHEDULER} AND role = '{found.role}' GROUP BY peer_id HAVING sum(seconds) >= {_MIN_WAIT_S}"
    waits = f"SELECT sum(seconds) AS s FROM task_time WHERE part IN {_WAITS_FOR_SCHEDULER} AND peer_id IN ({peers}) GROUP BY peer_id"
    ((n, longest),) = dataset.rows(f"SELECT count(*), max(s) FROM ({waits})")
    facts = [waiting, message("the longest wait is {longest}", longest=format_duration(longest))]
    proof = of_peers(dataset, peers, "task_started", "scheduler_call_failed", "scheduler_round_failed")
    return check.present("high" if proof["tasks"] else "medium", *facts, count=n, **proof)


_PEERS_WITH_PIECES = "SELECT peer_id FROM pieces WHERE outcome = 'ok' AND NOT successes_not_logged"
_THROWN_AWAY = "outcome <> 'ok' AND ended IS NOT NULL AND duration_s IS NOT NULL"


def retries(check: Check, dataset: Dataset) -> Finding:
    """Much of the tasks' time was spent on attempts at pieces that were thrown away."""
    found = part_of_time(dataset, ("retries",), f"peer_id IN ({_PEERS_WITH_PIECES})")
    if found is None:
        return check.unknown("no task is logged with its finished pieces")
    ratio = message("{ratio} were spent on pieces that were thrown away", ratio=ratio_text(found))
    if not found.is_large:
        return check.absent(ratio)
    failed = f"peer_id IN (SELECT peer_id FROM tasks WHERE {FAILED})"
    ((lost, attempts, tasks),) = dataset.rows(f"""
        SELECT count(*) FILTER ({_THROWN_AWAY}), count(*) FILTER (ended IS NOT NULL),
            count(DISTINCT peer_id) FILTER ({_THROWN_AWAY} AND {failed}) FROM pieces WHERE peer_id IN ({_PEERS_WITH_PIECES})
    """)
    facts = [ratio, plural("{lost:,} of {n} attempt", "{lost:,} of {n} attempts", attempts, lost=lost)]
    lines = f"event_id IN ('piece_failed', 'content_write_failed') AND peer_id IN ({_PEERS_WITH_PIECES})"
    severity: Severity = "high" if tasks else "medium"
    return check.present(severity, *facts, count=lost, tasks=tasks, **times_and_evidence(dataset, lines))


_REACHED, _FEW, _LARGE_TRANSFER = 0.5, 2, 0.5
_MIN_IN_FLIGHT_S = 10.0
_MEANS_IN_FLIGHT = (
    "count(*), sum(requests * seconds) / sum(seconds), sum(possible * seconds) / sum(seconds), sum(seconds)"
)


def too_few_in_flight(check: Check, dataset: Dataset) -> Finding:
    """Fewer pieces are in flight than the settings allow, or than the registry could serve."""
    ensure_task_time(dataset)
    places = dataset.rows("SELECT DISTINCT role, host FROM tasks WHERE role IN ('client', 'seedClient')")
    settings = [(*place, dataset.settings.pieces_in_flight(*place).number) for place in places]
    possible_there = [(role, host, int(number)) for role, host, number in settings if number]
    add_relation(dataset, "possible_in_flight", possible_there, role=str, host=str, possible=int)
    dataset.engine.execute(sql("diagnosis", "in_flight_of_tasks"))
    ((n, requests, possible, seconds),) = dataset.rows(
        f"SELECT {_MEANS_IN_FLIGHT} FROM in_flight_of_tasks WHERE seconds > 0"
    )
    if not n:
        return check.unknown(
            "no task with many pieces from the registry is logged with its pieces, or the setting is unknown"
        )
    values = {"requests": requests, "possible": possible, "n": n}
    achieved = message(
        "{requests:.1f} pieces of a task were in flight on average, {possible:.0f} may be ({n:,} tasks)", **values
    )
    is_unused = requests < _REACHED * possible
    if seconds < _MIN_IN_FLIGHT_S or not (is_unused or _is_low(dataset, possible)):
        return check.absent(achieved)
    time = message("while more pieces remained, for {duration} in all", duration=format_duration(seconds))
    more = message("the rate of a request does not depend on how many are in flight, so more would be faster")
    proof = of_peers(dataset, "SELECT peer_id FROM in_flight_of_tasks", "source_round_started", "task_started")
    return check.present("medium", achieved, time, "" if is_unused else more, count=n, **proof)


def _is_low(dataset: Dataset, possible: float) -> bool:
    """Return whether few pieces may be in flight although the registry could serve more."""
    if possible > _FEW or source_rates(dataset) is None:
        return False
    found = large_part(dataset, ("source",))
    return found is not None and found.share.value >= _LARGE_TRANSFER and not share_a_link(dataset)
