"""Pulls wait for their parents, or get pieces from them more slowly than from the registry."""

from collections.abc import Iterator

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import of_peers
from dfly_analysis.diagnosis.time_parts import LARGE, PartOfTime, large_part, ratio_text
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, message
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration, format_rate

ABOUT = load_check("slow_parents")
MIN_MEAN_S, TIMES, MIN_PIECES, MIN_TRANSFER = 1.0, 2.5, 10, 0.3
_WAITING = "role = 'client' AND part IN ('parent_wait', 'parents') AND seconds >= 1"


def check(dataset: Dataset) -> Finding:
    waited, fetched = (large_part(dataset, parts, "client") for parts in (("parent_wait",), ("parents",)))
    if waited is None or fetched is None:
        return ABOUT.unknown("no pull is logged with its start and end")
    facts = [*_long_waits(waited), *_slow_transfers(dataset, fetched)]
    if not facts:
        return ABOUT.absent("{ratio} were spent waiting for parents", ratio=ratio_text(waited))
    peers = f"SELECT peer_id FROM task_time WHERE {_WAITING}"
    ((count,),) = dataset.rows(f"SELECT count(DISTINCT peer_id) FROM ({peers})")
    proof = of_peers(dataset, peers, "parent_round_started", "parent_piece_failed")
    return ABOUT.present("medium", *facts, count=count, **proof)


def _long_waits(waited: PartOfTime) -> Iterator[Message]:
    if waited.is_large and waited.seconds >= MIN_MEAN_S * waited.tasks:
        values = {"ratio": ratio_text(waited), "mean": format_duration(waited.seconds / waited.tasks)}
        yield message(
            "{ratio} were spent waiting for pieces that the parents did not have yet, {mean} a pull", **values
        )


def _slow_transfers(dataset: Dataset, fetched: PartOfTime) -> Iterator[Message]:
    """Yield that parents send more slowly than the registry, and that one sends more slowly than the others."""
    if fetched.share.value < MIN_TRANSFER or fetched.seconds < MIN_MEAN_S * fetched.tasks:
        return
    rows = [row for row in dataset.rows(sql("diagnosis", "rates_of_parents")) if row[2] >= MIN_PIECES]
    rates = {origin: rate for origin, parent, _, rate, _ in rows if parent is None}
    if "parent" in rates and TIMES * rates["parent"] <= rates.get("source", 0.0):
        values = {"parents": format_rate(rates["parent"]), "source": format_rate(rates["source"])}
        yield message("a piece comes from parents at {parents} (median), from the registry at {source}", **values)
    parents = sorted((rate, seconds, parent) for _, parent, _, rate, seconds in rows if parent is not None)
    if len(parents) < 2:
        return
    (rate, seconds, host), *others = parents
    usual = others[len(others) // 2][0]
    if TIMES * rate <= usual and seconds >= LARGE * sum(one[1] for one in parents):
        values = {"host": host, "rate": format_rate(rate), "usual": format_rate(usual)}
        yield message("the parent {host} sends at {rate} (median), the others at {usual}", **values)
