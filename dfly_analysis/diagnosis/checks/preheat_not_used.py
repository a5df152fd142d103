"""Layers were preheated, but their pulls did not use what was preheated: another task id, or evicted before the pull."""

import re
from collections import Counter
from urllib.parse import urlsplit

from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.diagnosis.check import load_check
from dfly_analysis.diagnosis.evidence import evidence_in, format_hosts
from dfly_analysis.diagnosis.preheat_jobs import BLOB
from dfly_analysis.findings import Finding
from dfly_analysis.messages import Message, join, message
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_share, format_size

ABOUT = load_check("preheat_not_used")
_DIFFERENT = """
SELECT own.message, preheat.message, count(*)
FROM preheated_pulls AS pull JOIN events AS own ON own.event_id = 'task_started' AND own.peer_id = pull.peer_id
JOIN events AS preheat ON preheat.event_id = 'task_started' AND preheat.peer_id = pull.preheat_peer
WHERE is_other GROUP BY ALL ORDER BY 3 DESC LIMIT 200
"""
_FIELDS = ("digest", "tag", "application", "piece_length", "filtered_query_params", "content_for_calculating_task_id")
_EMPTY = frozenset({"None", 'Some("")', "[]", ""})


def check(dataset: Dataset) -> Finding:
    ((preheated, pulls),) = dataset.rows("""
        SELECT count(*) FILTER (role = 'seedClient' AND outcome = 'ok'), count(*) FILTER (role = 'client') FROM tasks
        WHERE url IS NOT NULL
    """)
    if not preheated or not pulls:
        return ABOUT.unknown(message("no blob is logged as both preheated and pulled"))
    dataset.engine.execute(sql("diagnosis", "preheated_pulls", BLOB=BLOB))
    ((n, other, evicted, failed, size_bytes, first, last),) = dataset.rows(f"""
        SELECT count(*), count(*) FILTER (is_other), count(*) FILTER (is_evicted), count(*) FILTER (is_other AND {FAILED}),
            coalesce(sum(bytes_from_source) FILTER (is_other OR is_evicted), 0)::BIGINT,
            min(epoch_ns(started)) FILTER (is_other OR is_evicted), max(epoch_ns(started)) FILTER (is_other OR is_evicted) FROM preheated_pulls
    """)
    if not n:
        return ABOUT.unknown(message("no pulled blob had been preheated before"))
    if not other and not evicted:
        used = message("every pull of a preheated blob used the task id of the preheat ({n:,} pulls)", n=n)
        return ABOUT.absent(join([used, *_served(dataset)], "; "))
    facts = []
    if other:
        facts.append(
            message(
                "{other:,} of {n:,} pulls of preheated blobs used another task id than the preheat", other=other, n=n
            )
        )
        facts += _reasons(dataset)
    if evicted:
        facts.append(
            message(
                "{evicted:,} of {n:,} pulls came after a seed client had evicted the preheated layer",
                evicted=evicted,
                n=n,
            )
        )
    if size_bytes:
        facts.append(message("{size} came from the registry again", size=format_size(size_bytes)))
    facts += _served(dataset)
    lines = """
        SELECT * FROM events WHERE event_id = 'task_started' AND peer_id IN (SELECT peer_id FROM preheated_pulls WHERE is_other OR is_evicted)
        UNION ALL SELECT * FROM events WHERE starts_with(message, 'evict task ') AND regexp_extract(message, '^evict task ([0-9a-zA-Z_-]+)', 1) IN (SELECT task_id FROM preheated_pulls WHERE is_evicted)
    """
    return ABOUT.present(
        "medium", *facts, count=other + evicted, tasks=failed, times=[first, last], evidence=evidence_in(dataset, lines)
    )


def _reasons(dataset: Dataset) -> list[Message]:
    """Return what differs between the requests of pulls and of the preheat, the most frequent first."""
    counts: Counter[str] = Counter()
    for own, preheat, n in dataset.rows(_DIFFERENT):
        for reason in _differences(own or "", preheat or "") or ("unknown",):
            counts[reason] += n
    names = {
        "host": message("address of the registry"), "path": message("path of the URL"), "query": message("query of the URL"), "digest": message("digest setting"),
        "tag": message("tag"), "application": message("application"), "piece_length": message("piece length"),
        "filtered_query_params": message("filtered query parameters"), "content_for_calculating_task_id": message("content for the task id"),
        "unknown": message("not logged"),
    }  # fmt: skip
    texts = [message("{trigger} ({n:,})", trigger=names[reason], n=n) for reason, n in counts.most_common()]
    return [message("what differs: {reasons}", reasons=join(texts, ", "))] if texts else []


def _differences(own: str, preheat: str) -> list[str]:
    """Return in which fields that make up the task id two requests differ."""
    found = []
    first, second = (urlsplit(_field(text, "url").strip('"')) for text in (own, preheat))
    if first.netloc and second.netloc:
        parts = {
            "host": (first.netloc, second.netloc),
            "path": (first.path, second.path),
            "query": (first.query, second.query),
        }
        found += [name for name, (one, other) in parts.items() if one != other]
    for name in _FIELDS:
        one, other = (_field(text, name) for text in (own, preheat))
        if one != other and not {one, other} <= _EMPTY:
            found.append(name)
    return found


def _field(text: str, name: str) -> str:
    """Return the value of a field of a request as it is written in a log line."""
    found = re.search(rf'\b{name}: (\[[^\]]*\]|Some\("[^"]*"\)|"[^"]*"|[^,}}]*)', text)
    return found[1].strip() if found else ""


def _served(dataset: Dataset) -> list[Message]:
    """Return where pulls of preheated blobs got their bytes from, and the nodes that went to the registry."""
    ((source, parent),) = dataset.rows(
        "SELECT coalesce(sum(bytes_from_source), 0)::BIGINT, coalesce(sum(bytes_from_parent), 0)::BIGINT FROM preheated_pulls"
    )
    if not source + parent:
        return []
    share = message(
        "their bytes: {parents} from parents, {source} from the registry",
        parents=format_share(parent / (source + parent)),
        source=format_share(source / (source + parent)),
    )
    nodes = [
        host
        for (host,) in dataset.rows(
            "SELECT host FROM preheated_pulls WHERE bytes_from_source > 0 GROUP BY host ORDER BY sum(bytes_from_source) DESC, host"
        )
    ]
    return [share, *([message("from the registry on {hosts}", hosts=format_hosts(nodes))] if nodes else [])]
