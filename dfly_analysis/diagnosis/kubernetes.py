"""What Kubernetes reports of Dragonfly's pods: terminations, and nodes under pressure."""

from collections.abc import Iterator, Mapping
from typing import Any

from dfly_analysis.dataset import Dataset
from dfly_analysis.messages import Message, message
from dfly_analysis.readers.pods import Termination, read_termination
from dfly_analysis.units import format_size


def pod_rows(dataset: Dataset) -> list[dict[Any, Any]]:
    """Return the rows of `pods` as mappings, missing values as None."""
    if not dataset.rows("SELECT 1 FROM pods LIMIT 1"):
        return []  # pandas is not loaded for nothing
    pods = dataset.pods.astype(object)
    return pods.where(pods.notna(), None).to_dict("records")


def terminations(dataset: Dataset) -> Iterator[tuple[Mapping[str, Any], Termination]]:
    """Yield each abnormal termination of a container or pod with its row."""
    for row in pod_rows(dataset):
        if (termination := read_termination(row)) is not None:
            yield row, termination


def format_termination(row: Mapping[str, Any], termination: Termination) -> Message:
    """Return a termination as text: ``seed-client-0: OOMKilled, exit code 137, memory limit 2 GiB``."""
    values = {"pod": str(row.get("pod") or row.get("node")), "termination": termination.description}
    if not (limit := row.get("memory_limit_bytes")):
        return message("{pod}: {termination}", **values)
    return message("{pod}: {termination}, memory limit {limit}", limit=format_size(limit), **values)
