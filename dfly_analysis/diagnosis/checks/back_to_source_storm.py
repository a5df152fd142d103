"""Nodes go back to the source for layers that other peers have."""

from collections import Counter

import pyarrow as pa

from dfly_analysis.catalog.error_signatures import cause_of
from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_of, failed_tasks, format_hosts
from dfly_analysis.diagnosis.preheat_jobs import BLOB
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, join, message, plural
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_rate, format_share, format_size, format_time

ABOUT = load_check("back_to_source_storm")
_CONTACTS = (
    "peer_registered", "source_round_started", "parent_round_started", "scheduler_round_failed", "scheduler_call_failed", "piece_reported",
)  # fmt: skip
"""Events of a peer that asked the scheduler."""
MIN_PULLS, MIN_SHARE = 3, 0.05
MOST_PULLS = 0.5
"""One node alone is a storm if this proportion of all pulls is its."""
_REFUSED = r"\b(?:429|401)\b|Too Many Requests|toomanyrequests|Unauthorized"
_TURNED = ("source_round_started", "peer_source_started", "source_round_failed", "scheduler_round_failed")


def check(dataset: Dataset) -> Finding:
    ((pulls,),) = dataset.rows("SELECT count(*) FROM tasks WHERE role = 'client' AND peer_id IS NOT NULL")
    if not pulls:
        return ABOUT.unknown(message("the input contains no pull by a client"))
    dataset.engine.execute(sql("diagnosis", "source_pulls", CONTACTS=_CONTACTS, BLOB=BLOB))
    ((n, hosts, first, last, source_bytes, known_bytes),) = dataset.rows("""
        SELECT count(*), count(DISTINCT host), min(source_ns), max(coalesce(end_ns, source_ns)), sum(source_bytes)::BIGINT,
            (SELECT sum(bytes) FROM (SELECT max(size_bytes) AS bytes FROM tasks JOIN (SELECT DISTINCT task_id FROM source_pulls WHERE is_redundant) USING (task_id) GROUP BY task_id))::BIGINT
        FROM source_pulls WHERE is_redundant
    """)
    if n < max(MIN_PULLS, (MIN_SHARE if hosts > 1 else MOST_PULLS) * pulls):
        return ABOUT.absent(
            message(
                "{n:,} of {pulls:,} pulls went back to the source for a blob that another peer had", n=n, pulls=pulls
            )
        )
    names = [
        host
        for (host,) in dataset.rows(
            "SELECT host FROM source_pulls WHERE is_redundant GROUP BY host ORDER BY count(*) DESC, host"
        )
    ]
    facts = [
        message(
            "{n:,} of {pulls:,} pulls ({share}) went back to the source for blobs that other peers had, on {nodes}",
            n=n, pulls=pulls, share=format_share(n / pulls), nodes=plural("{n} node ({names})", "{n} nodes ({names})", hosts, names=format_hosts(names)),
        ),
        message("from {begin} to {end}", begin=format_time(first), end=format_time(last)),
    ]  # fmt: skip
    if source_bytes:
        rate = format_rate(source_bytes * 1e9 / max(last - first, 1))
        facts.append(
            message("the registry sent them {size}, {rate} on average", size=format_size(source_bytes), rate=rate)
        )
        if known_bytes:
            facts.append(message("the blobs themselves have {size}", size=format_size(known_bytes)))
    facts += _refusals(dataset, first, last)
    facts.append(message("what set it off: {triggers}", triggers=join(_triggers(dataset, first, last), ", ")))
    lines = f"event_id IN {_TURNED} AND peer_id IN (SELECT peer_id FROM source_pulls WHERE is_redundant)"
    tasks = failed_tasks(dataset, "peer_id IN (SELECT peer_id FROM source_pulls WHERE is_redundant)")
    evidence = evidence_of(dataset, lines) or evidence_of(
        dataset, "event_id = 'task_finished' AND peer_id IN (SELECT peer_id FROM source_pulls WHERE is_redundant)"
    )
    return ABOUT.present(
        "high" if tasks else "medium", *facts, count=n, tasks=tasks, times=[first, last], evidence=evidence
    )


def _refusals(dataset: Dataset, first: int, last: int) -> list[Message]:
    """Return how often the registry refused requests for load meanwhile, and with how many requests in flight."""
    ((n, fewest, most),) = dataset.rows(
        f"""
        WITH refusals AS (
            SELECT DISTINCT host, epoch_ns(time) AS ns FROM events
            WHERE component = 'client' AND level IN ('WARN', 'ERROR') AND regexp_matches(message, '{_REFUSED}') AND epoch_ns(time) BETWEEN ? AND ?
        ), loads AS (
            SELECT refusals.ns, count(pieces.started) AS requests FROM refusals
            LEFT JOIN pieces ON origin = 'source' AND epoch_ns(started) <= refusals.ns AND epoch_ns(ended) > refusals.ns GROUP BY refusals.host, refusals.ns
        ) SELECT count(*), min(requests), max(requests) FROM loads
        """,
        (first, last),
    )
    if not n:
        return []
    return [
        message(
            "the registry refused {n:,} requests (429, 401) meanwhile, with {fewest:,} to {most:,} others in flight",
            n=n,
            fewest=fewest,
            most=most,
        )
    ]


def _triggers(dataset: Dataset, first: int, last: int) -> list[Message]:
    """Return what made the pulls go back to the source, the most frequent first."""
    texts = dataset.rows(
        "SELECT DISTINCT message FROM events WHERE event_id IN ('scheduler_round_failed', 'scheduler_call_failed') AND message IS NOT NULL"
    )
    rows = [{"message": text, "cause": signature.cause if (signature := cause_of(text)) else None} for (text,) in texts]
    dataset.engine.add_rows("scheduler_texts", rows, pa.schema([("message", pa.string()), ("cause", pa.string())]))
    ((restarted,),) = dataset.rows(
        "SELECT count(*) FROM events WHERE component = 'scheduler' AND event_id = 'service_version' AND epoch_ns(time) BETWEEN ? AND ?",
        (first - 60_000_000_000, last),
    )
    counts = Counter(dict(dataset.rows(sql("diagnosis", "storm_triggers"))))
    return [
        message("{trigger} ({n:,})", trigger=_trigger(name, restarted=bool(restarted)), n=count)
        for name, count in counts.most_common()
    ]


def _trigger(name: str, *, restarted: bool) -> Message:
    if name == "scheduler":
        return message("the scheduler had restarted") if restarted else message("the scheduler did not answer")
    return {
        "task_id": message("the blob was preheated under another task id"),
        "seeds": message("the seed clients had failed with the blob or restarted since"),
        "parents": message("the download from parents failed"),
        "limit": message("the scheduler found no parent within its limit of retries"),
        "no_scheduler": message("no contact with a scheduler is logged, as with P2P disabled"),
        "no_seed": message("no seed client had the blob"),
        "unknown": message("the scheduler sent them to the source"),
    }[name]
