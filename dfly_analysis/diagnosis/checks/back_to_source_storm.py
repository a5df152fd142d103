"""Nodes go back to the source for layers that other peers have."""

from collections import Counter

from dfly_analysis.catalog.error_signatures import cause_of
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import REFUSED_FOR_LOAD
from dfly_analysis.diagnosis.check import add_relation, load_check
from dfly_analysis.diagnosis.evidence import evidence_of, failed_tasks, format_hosts
from dfly_analysis.diagnosis.preheat_jobs import BLOB
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, join, message, plural
from dfly_analysis.schema import Severity
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
_TURNED = ("source_round_started", "peer_source_started", "source_round_failed", "scheduler_round_failed")
_PEERS = "peer_id IN (SELECT peer_id FROM source_pulls WHERE is_redundant)"
_RESTARTED_NS = 60_000_000_000
_TRIGGERS = {
    "scheduler": message("the scheduler did not answer"), "restart": message("the scheduler had restarted"),
    "task_id": message("the blob was preheated under another task id"),
    "seeds": message("the seed clients had failed with the blob or restarted since"),
    "parents": message("the download from parents failed"),
    "limit": message("the scheduler found no parent within its limit of retries"),
    "no_scheduler": message("no contact with a scheduler is logged, as with P2P disabled"),
    "no_seed": message("no seed client had the blob"), "unknown": message("the scheduler sent them to the source"),
}  # fmt: skip


def check(dataset: Dataset) -> Finding:
    ((pulls,),) = dataset.rows("SELECT count(*) FROM tasks WHERE role = 'client' AND peer_id IS NOT NULL")
    if not pulls:
        return ABOUT.unknown("the input contains no pull by a client")
    dataset.engine.execute(sql("diagnosis", "source_pulls", CONTACTS=_CONTACTS, BLOB=BLOB))
    ((n, hosts, names, first, last, source_bytes, known_bytes),) = dataset.rows(sql("diagnosis", "storm"))
    if n < max(MIN_PULLS, (MIN_SHARE if hosts > 1 else MOST_PULLS) * pulls):
        return ABOUT.absent(
            "{n:,} of {pulls:,} pulls went back to the source for a blob that another peer had", n=n, pulls=pulls
        )
    size, rate = format_size(source_bytes), format_rate(source_bytes * 1e9 / max(last - first, 1))
    ((refused, fewest, most),) = dataset.rows(
        sql("diagnosis", "storm_refusals", REFUSED=REFUSED_FOR_LOAD), (first, last)
    )
    facts = [
        message(
            "{n:,} of {pulls:,} pulls ({share}) went back to the source for blobs that other peers had, on {nodes}",
            n=n, pulls=pulls, share=format_share(n / pulls), nodes=plural("{n} node ({names})", "{n} nodes ({names})", hosts, names=format_hosts(names)),
        ),
        message("from {begin} to {end}", begin=format_time(first), end=format_time(last)),
        message("the registry sent them {size}, {rate} on average", size=size, rate=rate) if source_bytes else "",
        message("the blobs themselves have {size}", size=format_size(known_bytes)) if source_bytes and known_bytes else "",
        message(
            "the registry refused {n:,} requests (429, 401) meanwhile, with {fewest:,} to {most:,} others in flight",
            n=refused, fewest=fewest, most=most,
        ) if refused else "",
        message("with fewer than {fewest:,} requests in flight over all nodes it refused none", fewest=fewest) if refused and fewest > 1 else "",
        message("what set it off: {triggers}", triggers=join(_triggers(dataset, first, last), ", ")),
    ]  # fmt: skip
    tasks = failed_tasks(dataset, _PEERS)
    lines = (f"event_id IN {_TURNED} AND {_PEERS}", f"event_id = 'task_finished' AND {_PEERS}")
    evidence = evidence_of(dataset, lines[0]) or evidence_of(dataset, lines[1])
    severity: Severity = "high" if tasks else "medium"
    return ABOUT.present(severity, *facts, count=n, tasks=tasks, times=[first, last], evidence=evidence)


def _triggers(dataset: Dataset, first: int, last: int) -> list[Message]:
    """Return what made the pulls go back to the source, the most frequent first."""
    events = "event_id IN ('scheduler_round_failed', 'scheduler_call_failed') AND message IS NOT NULL"
    texts = dataset.rows(f"SELECT DISTINCT message FROM events WHERE {events}")
    causes = [(text, known.cause if (known := cause_of(text)) else None) for (text,) in texts]
    add_relation(dataset, "scheduler_texts", causes, message=str, cause=str)
    restarts = "component = 'scheduler' AND event_id = 'service_version' AND epoch_ns(time) BETWEEN ? AND ?"
    restarted = dataset.rows(f"SELECT 1 FROM events WHERE {restarts} LIMIT 1", (first - _RESTARTED_NS, last))
    counts = Counter(dict(dataset.rows(sql("diagnosis", "storm_triggers"))))
    named = (("restart" if name == "scheduler" and restarted else name, n) for name, n in counts.most_common())
    return [message("{trigger} ({n:,})", trigger=_TRIGGERS[name], n=n) for name, n in named]
