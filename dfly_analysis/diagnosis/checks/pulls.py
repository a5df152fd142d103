"""Checks of whether pulls use what other peers have."""

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from dfly_analysis.catalog.error_signatures import cause_of
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED, REFUSED_FOR_LOAD
from dfly_analysis.diagnosis.check import Check, add_relation
from dfly_analysis.diagnosis.evidence import evidence_in, evidence_of, failed_tasks, format_hosts
from dfly_analysis.diagnosis.preheat_jobs import BLOB
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, join, message, plural
from dfly_analysis.schema import Severity
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_rate, format_share, format_size, format_time

_CONTACTS = (
    "peer_registered", "source_round_started", "parent_round_started", "scheduler_round_failed", "scheduler_call_failed", "piece_reported",
)  # fmt: skip
"""Events of a peer that asked the scheduler."""
_MIN_PULLS, _MIN_SHARE = 3, 0.05
_MOST_PULLS = 0.5
"""One node alone is a storm if this proportion of all pulls is its."""
_TURNED = ("source_round_started", "peer_source_started", "source_round_failed", "scheduler_round_failed")
_REDUNDANT = "peer_id IN (SELECT peer_id FROM source_pulls WHERE is_redundant)"
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


def back_to_source_storm(check: Check, dataset: Dataset) -> Finding:
    """Nodes go back to the source for layers that other peers have."""
    ((pulls,),) = dataset.rows("SELECT count(*) FROM tasks WHERE role = 'client' AND peer_id IS NOT NULL")
    if not pulls:
        return check.unknown("the input contains no pull by a client")
    dataset.engine.execute(sql("diagnosis", "source_pulls", CONTACTS=_CONTACTS, BLOB=BLOB))
    ((n, hosts, names, first, last, source_bytes, known_bytes),) = dataset.rows(sql("diagnosis", "storm"))
    if n < max(_MIN_PULLS, (_MIN_SHARE if hosts > 1 else _MOST_PULLS) * pulls):
        return check.absent(
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
    tasks = failed_tasks(dataset, _REDUNDANT)
    lines = (f"event_id IN {_TURNED} AND {_REDUNDANT}", f"event_id = 'task_finished' AND {_REDUNDANT}")
    evidence = evidence_of(dataset, lines[0]) or evidence_of(dataset, lines[1])
    severity: Severity = "high" if tasks else "medium"
    return check.present(severity, *facts, count=n, tasks=tasks, times=[first, last], evidence=evidence)


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


_FIELDS = ("digest", "tag", "application", "piece_length", "filtered_query_params", "content_for_calculating_task_id")
_EMPTY = frozenset({"None", 'Some("")', "[]", ""})
_NAMES = {
    "netloc": message("address of the registry"), "path": message("path of the URL"), "query": message("query of the URL"), "digest": message("digest setting"),
    "tag": message("tag"), "application": message("application"), "piece_length": message("piece length"),
    "filtered_query_params": message("filtered query parameters"), "content_for_calculating_task_id": message("content for the task id"),
    "unknown": message("not logged"),
}  # fmt: skip
_FROM_REGISTRY = """
    SELECT host FROM preheated_pulls WHERE bytes_from_source > 0 GROUP BY host ORDER BY sum(bytes_from_source) DESC, host"""


def preheat_not_used(check: Check, dataset: Dataset) -> Finding:
    """Layers were preheated, but their pulls did not use what was preheated: another task id, or evicted before the pull."""
    blobs = "count(*) FILTER (role = 'seedClient' AND outcome = 'ok'), count(*) FILTER (role = 'client')"
    ((preheated, pulls),) = dataset.rows(f"SELECT {blobs} FROM tasks WHERE url IS NOT NULL")
    if not preheated or not pulls:
        return check.unknown("no blob is logged as both preheated and pulled")
    dataset.engine.execute(sql("diagnosis", "preheated_pulls", BLOB=BLOB))
    ((n, other, evicted, failed, size_bytes, *times),) = dataset.rows(sql("diagnosis", "preheat_use", FAILED=FAILED))
    if not n:
        return check.unknown("no pulled blob had been preheated before")
    if not other and not evicted:
        used = message("every pull of a preheated blob used the task id of the preheat ({n:,} pulls)", n=n)
        return check.absent(join([used, *_served(dataset)], "; "))
    counts = {"other": other, "evicted": evicted, "n": n}
    facts = [
        message("{other:,} of {n:,} pulls of preheated blobs used another task id than the preheat", **counts) if other else "",
        *(_reasons(dataset) if other else ()),
        message("{evicted:,} of {n:,} pulls came after a seed client had evicted the preheated layer", **counts) if evicted else "",
        message("{size} came from the registry again", size=format_size(size_bytes)) if size_bytes else "",
        *_served(dataset),
    ]  # fmt: skip
    evidence = evidence_in(dataset, sql("diagnosis", "unused_preheats"))
    return check.present("medium", *facts, count=other + evicted, tasks=failed, times=times, evidence=evidence)


def _reasons(dataset: Dataset) -> Iterator[Message]:
    """Yield what differs between the requests of pulls and of the preheat, the most frequent first."""
    counts: Counter[str] = Counter()
    for own, preheat, n in dataset.rows(sql("diagnosis", "different_requests")):
        for reason in _differences(own or "", preheat or "") or ("unknown",):
            counts[reason] += n
    texts = [message("{trigger} ({n:,})", trigger=_NAMES[reason], n=n) for reason, n in counts.most_common()]
    if texts:
        yield message("what differs: {reasons}", reasons=join(texts, ", "))


def _differences(own: str, preheat: str) -> list[str]:
    """Return in which fields that make up the task id two requests differ."""
    first, second = (urlsplit(_field(text, "url").strip('"')) for text in (own, preheat))
    parts = ("netloc", "path", "query") if first.netloc and second.netloc else ()
    found = [name for name in parts if getattr(first, name) != getattr(second, name)]
    for name in _FIELDS:
        one, other = (_field(text, name) for text in (own, preheat))
        if one != other and not {one, other} <= _EMPTY:
            found.append(name)
    return found


def _field(text: str, name: str) -> str:
    """Return the value of a field of a request as it is written in a log line."""
    found = re.search(rf'\b{name}: (\[[^\]]*\]|Some\("[^"]*"\)|"[^"]*"|[^,}}]*)', text)
    return found[1].strip() if found else ""


def _served(dataset: Dataset) -> Iterator[Message]:
    """Yield where pulls of preheated blobs got their bytes from, and the nodes that went to the registry."""
    total = "coalesce(sum({}), 0)::BIGINT".format
    query = f"SELECT {total('bytes_from_source')}, {total('bytes_from_parent')} FROM preheated_pulls"
    ((source, parent),) = dataset.rows(query)
    if not source + parent:
        return
    shares = {name: format_share(n / (source + parent)) for name, n in (("source", source), ("parents", parent))}
    yield message("their bytes: {parents} from parents, {source} from the registry", **shares)
    if nodes := [host for (host,) in dataset.rows(_FROM_REGISTRY)]:
        yield message("from the registry on {hosts}", hosts=format_hosts(nodes))
