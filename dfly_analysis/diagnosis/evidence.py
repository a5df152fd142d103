"""Evidence that people can check: lines with file and line number, and the times and hosts they concern."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from dfly_analysis.catalog.error_signatures import signature
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.findings import Evidence
from dfly_analysis.messages import Message, format_list, message
from dfly_analysis.sql_scripts import sql, text_list

if TYPE_CHECKING:
    import pandas as pd

MAX_LINES = 6
_MOST_BEFORE, _CHARS_BEFORE = 125, 70  # characters shown of a line before the text that decides


def evidence_of(dataset: Dataset, where: str, parameters: Sequence[Any] = ()) -> tuple[Evidence, ...]:
    """Return a few records that satisfy a condition: the clients' first, spread over hosts, earliest first."""
    return evidence_in(dataset, f"SELECT * FROM events WHERE {where}", parameters)


def evidence_in(dataset: Dataset, query: str, parameters: Sequence[Any] = ()) -> tuple[Evidence, ...]:
    """Return a few of the records of a query, chosen as `evidence_of` does."""
    rows = dataset.rows(sql("diagnosis", "evidence", QUERY=query, MAX_LINES=MAX_LINES), parameters)
    return tuple(Evidence(str(path), int(line), str(text)) for path, line, text in rows)


def evidence_at(places: Iterable[tuple[Any, Any, str]]) -> tuple[Evidence, ...]:
    """Return the first few places (path, line or None, text) as evidence."""
    return tuple(Evidence(str(path), int(line or 1), text) for path, line, text in islice(places, MAX_LINES))


def job_evidence(
    jobs: pd.DataFrame, texts: Iterable[str], times: Sequence[str] = ("created", "ended")
) -> dict[str, Any]:
    """Return the times of jobs, and the first few of them with their texts, as arguments of `Check.present`."""
    evidence = evidence_at(zip(jobs["log_path"], jobs["log_line"], texts, strict=True))
    return {"times": jobs[[*times]].to_numpy(object).ravel(), "evidence": evidence}


def times_and_evidence(dataset: Dataset, where: str, parameters: Sequence[Any] = ()) -> dict[str, Any]:
    """Return the first and last time, and a few, of the records that satisfy a condition, as arguments of `Check.present`."""
    query = f"SELECT min(nanoseconds(time)), max(nanoseconds(time)) FROM events WHERE {where}"
    (times,) = dataset.rows(query, parameters)
    return {"times": times, "evidence": evidence_of(dataset, where, parameters)}


def of_peers(dataset: Dataset, peers: str, *event_ids: str) -> dict[str, Any]:
    """Return the failed tasks of the peers that a query selects, and their records of some events, as arguments of `Check.present`."""
    lines = f"event_id IN {text_list(event_ids)} AND peer_id IN ({peers})"
    return {"tasks": failed_tasks(dataset, f"peer_id IN ({peers})"), **times_and_evidence(dataset, lines)}


def failed_tasks(dataset: Dataset, where: str = "true", parameters: Sequence[Any] = ()) -> int:
    """Return the number of failed tasks that satisfy a condition."""
    return int(dataset.rows(f"SELECT count(*) FROM tasks WHERE {FAILED} AND {where}", parameters)[0][0])


def format_hosts(hosts: Iterable[str | None]) -> Message:
    """Return hosts as a list in a sentence: ``seed-0, seed-1, seed-2, seed-3 and 3 more``."""
    known = [str(host) for host in hosts if host is not None]
    return format_list(known) if known else message("unnamed hosts")


def iso(time: Any) -> str | None:
    """Return nanoseconds since 1970, or a moment with its zone, as ISO text in UTC; None if missing."""
    if time is None or time != time:  # noqa: PLR0124 - NaT is not equal to itself
        return None
    if not isinstance(time, int):
        return str(time.isoformat()).replace("+00:00", "Z")
    seconds, fraction = divmod(time, 1_000_000_000)
    digits = f"{fraction:09d}" if fraction % 1000 else f"{fraction // 1000:06d}"
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{digits}Z" if fraction else f"{text}Z"


def message_of(line: str, finding: str = "") -> str:
    """Return a line of a client without spans, place and ids, and a long line from shortly before the text of its signature on."""
    text = re.sub(r"^(\S{10,40} +[A-Z]{4,5}) .{0,400}?\.(?:rs|go):\d+: ", "\\1 … ", line)
    text = re.sub(r" (?:host_id|remote_host_id)=\".*", "", text)
    found = signature(finding)
    place = max((text.find(literal) for literal in found.literals), default=0) if found else 0
    if place <= _MOST_BEFORE:
        return text
    head = re.match(r"\S{10,40} +[A-Z]{4,5} … ", text)
    return (head[0] if head else "… ") + text[place - _CHARS_BEFORE :].partition(" ")[2]
