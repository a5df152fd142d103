"""What Kubernetes says in the input, in words: endings of containers, and nodes under pressure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dfly_analysis.dataset import Dataset
from dfly_analysis.findings import Evidence
from dfly_analysis.readers.pods import Termination, read_termination, terminations_by_host
from dfly_analysis.units import format_size

if TYPE_CHECKING:
    import pandas as pd

ROLES = ("client", "seedClient", "scheduler", "manager")
COLLECT = "add `kubectl get pods -o json` and `kubectl get events -o json`: they say whether memory ran out (OOMKilled, exit code 137)"
_MAX_LINES = 6


def pod_rows(dataset: Dataset) -> list[dict[str, Any]]:
    """Return the rows of `pods` as mappings; no pandas is needed where there are none."""
    return rows_of(dataset.pods) if dataset.rows("SELECT 1 FROM pods LIMIT 1") else []


def rows_of(pods: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as mappings, missing values as None."""
    import pandas as pd

    names = [str(name) for name in pods.columns]
    return [
        {name: None if pd.isna(value) else value for name, value in zip(names, values, strict=True)}
        for values in pods.itertuples(index=False, name=None)
    ]


def endings(dataset: Dataset) -> Iterator[tuple[Mapping[str, Any], Termination]]:
    """Yield each ending of a container or pod that nobody asked for, with what it means."""
    for row in pod_rows(dataset):
        termination = read_termination(row)
        if termination is not None:
            yield row, termination


def terminations_of_host(dataset: Dataset, host: str) -> tuple[Termination, ...]:
    """Return what Kubernetes says of the ends of a host's processes."""
    return terminations_by_host(pod_rows(dataset)).get(host, ())


def format_termination(row: Mapping[str, Any], termination: Termination) -> str:
    """Return an ending in words: ``seed-client-0: OOMKilled, exit code 137, memory limit 2 GiB``."""
    limit = row.get("memory_limit_bytes")
    return f"{row.get('pod') or row.get('node')}: {termination.description}{f', memory limit {format_size(limit)}' if limit else ''}"


def evidence_of_rows(rows: Sequence[tuple[Mapping[str, Any], str]]) -> tuple[Evidence, ...]:
    """Return the places of the first few rows, each with what is said of it."""
    return tuple(Evidence(str(row["log_path"]), int(row["log_line"] or 1), text) for row, text in rows[:_MAX_LINES])
