"""What reading files gave besides their records, in a form that passes through JSON unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, is_dataclass
from datetime import datetime
from typing import Any

import numpy as np

from dfly_analysis.config.helm_values import UserValues
from dfly_analysis.config.rendered_manifests import RenderedFile
from dfly_analysis.dataset.deduplication import Hashes
from dfly_analysis.errors import SourceError


@dataclass
class FileResult:
    """What one or more files gave besides the records of their logs; `fingerprints` are by `log_key`, `newest_first` are logs in reverse order, `versions` are components with release and file, `zones` those of times without one."""

    coverage: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    pods: list[dict[str, Any]] = field(default_factory=list)
    rendered: list[RenderedFile] = field(default_factory=list)
    values: list[UserValues] = field(default_factory=list)
    versions: list[tuple[str, str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    fingerprints: dict[str, Hashes] = field(default_factory=dict)
    newest_first: list[str] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """Return all of it as JSON; times keep their type."""
        return json.dumps(vars(self), default=_encode)

    @classmethod
    def from_json(cls, text: str | bytes) -> FileResult:
        """Return what `to_json` wrote."""
        data = json.loads(text, object_hook=_decode)
        data["rendered"] = [RenderedFile(**entry) for entry in data["rendered"]]
        data["values"] = [UserValues(**entry) for entry in data["values"]]
        data["fingerprints"] = {key: np.array(hashes, np.uint64) for key, hashes in data["fingerprints"].items()}
        data["versions"] = [tuple(found) for found in data["versions"]]
        return cls(**data)

    def add_problem(self, problem: SourceError, on_problem: Callable[[SourceError], None] | None = None) -> None:
        """Keep a problem, and tell it where somebody listens."""
        self.problems.append(str(problem))
        if on_problem:
            on_problem(problem)

    def add(self, other: FileResult) -> None:
        """Append what other files gave."""
        for name in ("coverage", "jobs", "runs", "pods", "rendered", "values", "versions", "problems", "newest_first"):
            getattr(self, name).extend(getattr(other, name))
        self.fingerprints |= other.fingerprints
        self.zones = list(dict.fromkeys([*self.zones, *other.zones]))


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):  # pandas' Timestamp is one
        return {"$time": value.isoformat()}
    if isinstance(value, np.datetime64):
        return {"$nanoseconds": int(value.astype("M8[ns]").astype(np.int64))}
    if is_dataclass(value):
        return vars(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be stored in a part")


def _decode(data: dict[str, Any]) -> Any:
    if data.keys() == {"$time"}:
        import pandas as pd

        return pd.Timestamp(data["$time"])
    if data.keys() == {"$nanoseconds"}:
        return np.datetime64(data["$nanoseconds"], "ns")
    return data
