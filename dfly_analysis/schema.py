"""The tables: type, meaning and unit of each column, in ``schema.json``, for checks, documentation and empty frames."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dfly_analysis.errors import TableError, suggest_similar

if TYPE_CHECKING:
    import pandas as pd

TIME = "datetime64[ns, UTC]"
TEXT = "str"
FLOAT = "float64"
INTEGER = "Int64"
FLAG = "bool"
OUTCOMES = ("ok", "timeout", "reset", "storage", "origin", "cancelled", "unknown")
TASK_OUTCOMES = ("ok", "failed", "died", "unknown")
CAUSES = (
    "timeout_too_short", "network_instability", "resource_limit", "storage_io", "origin_registry", "auth",
    "scheduler_unavailable", "disk_full", "rate_limited", "client_bug", "cancelled", "unknown",
)  # fmt: skip
Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")  # of findings, the most severe first
ROLES = ("client", "seedClient", "scheduler", "manager")


class Column(NamedTuple):
    """A column of a table; the unit is ``s``, ``bytes``, ``UTC`` … or empty."""

    name: str
    dtype: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """A table's schema; `row` says what one row is."""

    name: str
    row: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the column names in order."""
        return tuple(column.name for column in self.columns)

    def frame(self, rows: Iterable[Mapping[str, Any]] | Mapping[str, Any] = ()) -> pd.DataFrame:
        """Return a DataFrame of rows, or of a mapping of columns; raise TableError if a column cannot be converted to its type."""
        import pandas as pd

        data = rows if isinstance(rows, Mapping) else list(rows)
        return self.conform(pd.DataFrame(data) if len(data) else pd.DataFrame(columns=list(self.names)))

    def conform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a copy with the schema's columns first, in order and type; further columns follow as they are."""
        import pandas as pd

        result: dict[str, Any] = {}
        for name, dtype, *_ in self.columns:
            source = frame[name] if name in frame.columns else pd.Series([None] * len(frame), index=frame.index)
            try:
                result[name] = _as_type(source, dtype)
            except (TypeError, ValueError) as problem:
                reason = f"column {name!r} cannot be {dtype}: {problem}"
                raise TableError(reason, where=f"table {self.name}") from problem
        rest = {name: frame[name] for name in frame.columns if name not in result}
        return pd.DataFrame({**result, **rest}, index=frame.index)

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame itself; raise TableError if a column is missing or has another type."""
        for column in self.columns:
            if column.name not in frame.columns:
                hint = suggest_similar(column.name, (str(name) for name in frame.columns))
                raise TableError(f"column {column.name!r} is missing", where=f"table {self.name}", hint=hint or None)
            got = str(frame[column.name].dtype)
            if got != column.dtype:
                raise TableError(f"column {column.name!r} is {got}, not {column.dtype}", where=f"table {self.name}")
        return frame


def _as_type(source: Any, dtype: str) -> pd.Series[Any]:
    import pandas as pd

    if dtype == TIME:
        source = pd.to_datetime(source, utc=True)
    elif dtype in (FLOAT, INTEGER):
        source = pd.to_numeric(source)
    elif dtype == FLAG and source.dtype == object:
        source = source.fillna(value=False)
    converted: pd.Series[Any] = source.astype(dtype)
    return converted


def _read_tables() -> Iterator[Table]:
    kinds = {"time": TIME, "text": TEXT, "float": FLOAT, "integer": INTEGER, "flag": FLAG}
    for name, table in json.loads(Path(__file__).with_suffix(".json").read_text("utf-8")).items():
        columns = (Column(column, kinds[kind], *texts) for column, kind, *texts in table["columns"])
        yield Table(name, table["row"], tuple(columns))


ALL = EVENTS, PIECES, TASKS, JOBS, RUNS, PODS, COVERAGE = tuple(_read_tables())
