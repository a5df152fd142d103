"""Proof in a form people can check: lines with their address, hosts and counts in words."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import pandas as pd

from dfly_analysis.findings import Evidence

MOST_LINES = 6
MOST_HOSTS = 4


def evidence_of(rows: pd.DataFrame) -> tuple[Evidence, ...]:
    """Return a few lines that show what is claimed: the client's first, spread over hosts, earliest first."""
    ordered = rows.assign(_client=(rows["component"] != "client").astype(int)).sort_values(
        ["_client", "time", "log_path", "log_line"]
    )
    turn = ordered.groupby(["_client", "host"], dropna=False).cumcount()
    chosen = ordered.assign(_turn=turn).sort_values(["_client", "_turn", "time"]).head(MOST_LINES)
    texts = chosen["text"] if "text" in chosen.columns else chosen["message"]
    return tuple(
        Evidence(str(path), int(line), str(text) if isinstance(text, str) else str(message))
        for path, line, text, message in zip(
            chosen["log_path"], chosen["log_line"], texts, chosen["message"], strict=True
        )
    )


def job_evidence(jobs: pd.DataFrame, texts: Iterable[str]) -> tuple[Evidence, ...]:
    """Return the places of the first few jobs, each with what is said of it."""
    places = zip(jobs["log_path"], jobs["log_line"], texts, strict=True)
    return tuple(Evidence(str(path), int(line), text) for path, line, text in islice(places, MOST_LINES))


def hosts_in_words(rows: pd.DataFrame) -> str:
    """Return the hosts of the rows, most frequent first: ``seed-0, seed-1 and 3 more``."""
    counts = rows["host"].dropna().value_counts()
    if counts.empty:
        return "unnamed hosts"
    names = [str(name) for name in counts.index[:MOST_HOSTS]]
    more = len(counts) - len(names)
    if more:
        return f"{', '.join(names)} and {more} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def plural(count: int, noun: str) -> str:
    """Return ``1 task``, ``2 tasks``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def be(count: int, one: str = "is", many: str = "are") -> str:
    """Return the verb that goes with a count: ``is`` for one, ``are`` for more."""
    return one if count == 1 else many


def iso(time: Any) -> str | None:
    """Return a time as ISO text in UTC, None where it is missing."""
    return None if pd.isna(time) else pd.Timestamp(time).isoformat().replace("+00:00", "Z")
