"""Evidence in a form people can check: lines with their address, hosts and counts in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from dfly_analysis.dataset import Dataset
from dfly_analysis.findings import Evidence

if TYPE_CHECKING:
    import pandas as pd

MAX_LINES = 6
MAX_HOSTS = 4


def evidence_of(dataset: Dataset, where: str, parameters: Sequence[Any] = ()) -> tuple[Evidence, ...]:
    """Return a few records that satisfy a condition: the clients' first, spread over hosts, earliest first.

    Parameters
    ----------
    dataset : Dataset
    where : str
        Condition on `events`.
    parameters : sequence, optional
        Values for the ``?`` of the condition.
    """
    return evidence_in(dataset, f"SELECT * FROM events WHERE {where}", parameters)


def evidence_in(dataset: Dataset, query: str, parameters: Sequence[Any] = ()) -> tuple[Evidence, ...]:
    """Return a few of the records of a query, chosen as `evidence_of` does."""
    rows = dataset.rows(
        f"""
        WITH chosen AS (SELECT *, component IS DISTINCT FROM 'client' AS is_echo FROM ({query})),
        turns AS (
            SELECT *, row_number() OVER (PARTITION BY is_echo, host ORDER BY time, log_path, log_line) AS turn FROM chosen
        )
        SELECT log_path, log_line, coalesce(text, message) FROM turns
        ORDER BY is_echo, turn, time, log_path, log_line LIMIT {MAX_LINES}
        """,
        parameters,
    )
    return tuple(Evidence(str(path), int(line), str(text)) for path, line, text in rows)


def time_range(dataset: Dataset, where: str, parameters: Sequence[Any] = ()) -> tuple[int | None, int | None]:
    """Return the times of the first and the last record that satisfy a condition, nanoseconds since 1970."""
    query = f"SELECT min(nanoseconds(time)), max(nanoseconds(time)) FROM events WHERE {where}"
    ((first, last),) = dataset.rows(query, parameters)
    return first, last


def job_evidence(jobs: pd.DataFrame, texts: Iterable[str]) -> tuple[Evidence, ...]:
    """Return the places of the first few jobs, each with what is said of it."""
    places = zip(jobs["log_path"], jobs["log_line"], texts, strict=True)
    return tuple(Evidence(str(path), int(line), text) for path, line, text in islice(places, MAX_LINES))


def format_hosts(hosts: Sequence[str | None]) -> str:
    """Return hosts in words: ``seed-0, seed-1 and 3 more``."""
    known = [str(host) for host in hosts if host is not None]
    if not known:
        return "unnamed hosts"
    names, more = known[:MAX_HOSTS], len(known) - MAX_HOSTS
    if more > 0:
        return f"{', '.join(names)} and {more} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def plural(count: int, noun: str) -> str:
    """Return ``1 task``, ``2 tasks``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def be(count: int, one: str = "is", many: str = "are") -> str:
    """Return the verb that goes with a count: ``is`` for one, ``are`` for more."""
    return one if count == 1 else many


def iso(time: Any) -> str | None:
    """Return a time as ISO text in UTC, None where it is missing.

    Parameters
    ----------
    time : int, datetime or None
        Nanoseconds since 1970, or a moment with its zone.
    """
    if time is None or time != time:  # noqa: PLR0124 - a missing time is not itself
        return None
    if not isinstance(time, int):
        return str(time.isoformat()).replace("+00:00", "Z")
    seconds, fraction = divmod(time, 1_000_000_000)
    digits = f"{fraction:09d}" if fraction % 1000 else f"{fraction // 1000:06d}"
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{digits}Z" if fraction else f"{text}Z"
