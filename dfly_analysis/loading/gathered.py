"""What reading one file gave besides its records, in a form that goes through JSON unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from dfly_analysis.config import RenderedFile


@dataclass
class Gathered:
    """What files gave besides the records of their logs.

    Attributes
    ----------
    coverage : list of dict
        Rows of `dfly_analysis.tables.COVERAGE`.
    jobs, runs : list of dict
        Rows for `dfly_analysis.jobs.build_jobs` and of `dfly_analysis.tables.RUNS`.
    pods : list of dict
        Rows of `dfly_analysis.tables.PODS`.
    rendered : list of RenderedFile
    versions : list of (str, str)
        Component and release that a file names.
    problems : list of str
        What could not be read, a line each.
    sketches : dict of str to list of int
        By log (`dfly_analysis.loading.copies.sketch_key`), the smallest hashes of its records: two logs that share many tell of the same events.
    """

    coverage: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    pods: list[dict[str, Any]] = field(default_factory=list)
    rendered: list[RenderedFile] = field(default_factory=list)
    versions: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    sketches: dict[str, list[int]] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return all of it as JSON; times keep their type."""
        return json.dumps(asdict(self), default=_encode)

    @classmethod
    def from_json(cls, text: str | bytes) -> Gathered:
        """Return what `to_json` wrote."""
        data = json.loads(text, object_hook=_decode)
        if data["rendered"]:
            from dfly_analysis.config import RenderedFile

            data["rendered"] = [RenderedFile(**entry) for entry in data["rendered"]]
        for row in data["coverage"]:  # releases before wrote pandas' times
            row |= {
                name: row[name].to_datetime64() for name in ("first", "last") if hasattr(row.get(name), "to_datetime64")
            }
        data["versions"] = [tuple(pair) for pair in data["versions"]]
        return cls(**data)

    @classmethod
    def joined(cls, parts: Iterable[Gathered]) -> Gathered:
        """Return what several files gave, in their order."""
        whole = cls()
        for part in parts:
            whole.add(part)
        return whole

    def add(self, part: Gathered) -> None:
        """Add what another file gave."""
        for name in ("coverage", "jobs", "runs", "pods", "rendered", "versions", "problems"):
            getattr(self, name).extend(getattr(part, name))
        self.sketches |= part.sketches


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):  # pandas' Timestamp is one
        return {"$time": value.isoformat()}
    if isinstance(value, np.datetime64):
        return {"$moment": int(value.astype("M8[ns]").astype(np.int64))}
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be kept in a part")


def _decode(data: dict[str, Any]) -> Any:
    if data.keys() == {"$time"}:
        import pandas as pd

        return pd.Timestamp(data["$time"])
    if data.keys() == {"$moment"}:
        return np.datetime64(data["$moment"], "ns")
    return data
