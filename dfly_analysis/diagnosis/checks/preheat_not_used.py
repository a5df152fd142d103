"""Layers were preheated, but their pulls did not use what was preheated: another task id, or evicted before the pull."""

import re
from collections import Counter
from collections.abc import Iterator
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


def check(dataset: Dataset) -> Finding:
    blobs = "count(*) FILTER (role = 'seedClient' AND outcome = 'ok'), count(*) FILTER (role = 'client')"
    ((preheated, pulls),) = dataset.rows(f"SELECT {blobs} FROM tasks WHERE url IS NOT NULL")
    if not preheated or not pulls:
        return ABOUT.unknown("no blob is logged as both preheated and pulled")
    dataset.engine.execute(sql("diagnosis", "preheated_pulls", BLOB=BLOB))
    ((n, other, evicted, failed, size_bytes, *times),) = dataset.rows(sql("diagnosis", "preheat_use", FAILED=FAILED))
    if not n:
        return ABOUT.unknown("no pulled blob had been preheated before")
    if not other and not evicted:
        used = message("every pull of a preheated blob used the task id of the preheat ({n:,} pulls)", n=n)
        return ABOUT.absent(join([used, *_served(dataset)], "; "))
    counts = {"other": other, "evicted": evicted, "n": n}
    facts = [
        message("{other:,} of {n:,} pulls of preheated blobs used another task id than the preheat", **counts) if other else "",
        *(_reasons(dataset) if other else ()),
        message("{evicted:,} of {n:,} pulls came after a seed client had evicted the preheated layer", **counts) if evicted else "",
        message("{size} came from the registry again", size=format_size(size_bytes)) if size_bytes else "",
        *_served(dataset),
    ]  # fmt: skip
    evidence = evidence_in(dataset, sql("diagnosis", "unused_preheats"))
    return ABOUT.present("medium", *facts, count=other + evicted, tasks=failed, times=times, evidence=evidence)


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
