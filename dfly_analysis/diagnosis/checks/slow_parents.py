"""Pulls wait for their parents, or get pieces from them more slowly than from the registry."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import failed_tasks, times_and_evidence
from dfly_analysis.diagnosis.time_parts import LARGE, large_part, ratio_text
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, message
from dfly_analysis.units import format_duration, format_rate

ABOUT = load_check("slow_parents")
MIN_MEAN_S, TIMES, MIN_PIECES, MIN_TRANSFER = 1.0, 2.5, 10, 0.3
_WHOLE = "size_bytes >= 0.5 * (SELECT max(size_bytes) FROM pieces)"
_RATES = f"""
WITH rates AS (
        SELECT origin, parent.host AS parent, size_bytes / piece.duration_s AS rate, piece.duration_s
        FROM (SELECT * FROM pieces WHERE outcome = 'ok' AND duration_s > 0 AND {_WHOLE}) AS piece
        LEFT JOIN (SELECT DISTINCT peer_id, host FROM tasks) AS parent ON parent.peer_id = piece.parent_id WHERE origin IN ('source', 'parent')
    )
SELECT origin, parent, count(*), median(rate), sum(duration_s) FROM rates GROUP BY GROUPING SETS ((origin), (origin, parent))
"""


def check(dataset: Dataset) -> Finding:
    waited, fetched = (large_part(dataset, parts, "client") for parts in (("parent_wait",), ("parents",)))
    if waited is None or fetched is None:
        return ABOUT.unknown(message("no pull is logged with its start and end"))
    facts: list[Message] = []
    if waited.is_large and waited.seconds >= MIN_MEAN_S * waited.tasks:
        facts.append(
            message(
                "{ratio} were spent waiting for pieces that the parents did not have yet, {mean} a pull",
                ratio=ratio_text(waited), mean=format_duration(waited.seconds / waited.tasks),
            )
        )  # fmt: skip
    rows = dataset.rows(_RATES)
    rates = {origin: rate for origin, parent, n, rate, _ in rows if parent is None and n >= MIN_PIECES}
    transfer = fetched.share.value >= MIN_TRANSFER and fetched.seconds >= MIN_MEAN_S * fetched.tasks
    if transfer and "parent" in rates and TIMES * rates["parent"] <= rates.get("source", 0.0):
        facts.append(
            message(
                "a piece comes from parents at {parents} (median), from the registry at {source}",
                parents=format_rate(rates["parent"]), source=format_rate(rates["source"]),
            )
        )  # fmt: skip
    parents = [
        (rate, seconds, parent) for _, parent, n, rate, seconds in rows if parent is not None and n >= MIN_PIECES
    ]
    if transfer and len(parents) > 1:
        rate, seconds, parent = min(parents)
        others = sorted(rate for rate, _, other in parents if other != parent)
        usual = others[len(others) // 2]
        if TIMES * rate <= usual and seconds >= LARGE * sum(one[1] for one in parents):
            facts.append(
                message(
                    "the parent {host} sends at {rate} (median), the others at {usual}",
                    host=parent,
                    rate=format_rate(rate),
                    usual=format_rate(usual),
                )
            )
    if not facts:
        return ABOUT.absent(message("{ratio} were spent waiting for parents", ratio=ratio_text(waited)))
    peers = (
        "SELECT peer_id FROM task_time WHERE role = 'client' AND part IN ('parent_wait', 'parents') AND seconds >= 1"
    )
    ((count,),) = dataset.rows(f"SELECT count(DISTINCT peer_id) FROM ({peers})")
    lines = f"event_id IN ('parent_round_started', 'parent_piece_failed') AND peer_id IN ({peers})"
    tasks = failed_tasks(dataset, f"peer_id IN ({peers})")
    return ABOUT.present("medium", *facts, count=count, tasks=tasks, **times_and_evidence(dataset, lines))
