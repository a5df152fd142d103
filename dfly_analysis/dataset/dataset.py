"""The loaded tables: relations of the engine, and DataFrames on first use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset.clock_offsets import ClockOffset
from dfly_analysis.dataset.engine import Engine
from dfly_analysis.dataset.run_separation import InputRun
from dfly_analysis.errors import TableError
from dfly_analysis.messages import Message, format_list, message
from dfly_analysis.schema import ALL

if TYPE_CHECKING:
    import pandas as pd

FAILED = "outcome IN ('failed', 'died')"  # condition on `tasks`: the task failed, or its process died
PIECE_CAUSES = ("timeout_too_short", "network_instability", "storage_io", "origin_registry")
"""Causes by which pieces fail, so that the durations and endings of pieces show how often."""
FALSE_SUCCESS = "(coalesce(state, '') = 'SUCCESS' AND (coalesce(failed, 0) > 0 OR coalesce(succeeded < layers, false)))"
"""Condition on `jobs`: the job reports success while blobs are missing."""
REFUSED_FOR_LOAD = (
    r"component = 'client' AND level IN ('WARN', 'ERROR') "
    r"AND regexp_matches(message, '\b(?:429|401)\b|Too Many Requests|toomanyrequests|Unauthorized')"
)
"""Condition on `events`: the registry refused a request, as it does under load."""
MIN_LAYER_BYTES = 64 * 1024  # a smaller blob is an image's configuration, or takes no time
_TABLES = {table.name: table for table in ALL}


class _TableFrame(cached_property["pd.DataFrame"]):
    """The table of the attribute's name as a DataFrame, fetched when it is first used."""

    def __init__(self, doc: str) -> None:
        super().__init__(lambda dataset: dataset.select(self.attrname))
        self.__doc__ = doc


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Everything that was read.

    The tables are relations of an embedded DuckDB; each attribute below fetches one as a DataFrame the first time it is
    used. Query what is larger than memory with `sql` instead.
    """

    engine: Engine
    """Holds a relation for each table of `dfly_analysis.schema`."""
    settings: Settings = field(default_factory=Settings.resolve)
    """Resolved with the versions and rendered files found in the input."""
    missing_inputs: tuple[str, ...] = ()
    """What the input does not hold and what that costs, a sentence each."""
    problems: tuple[str, ...] = ()
    """Files that could not be read, or only in part, one line each."""
    copies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Address of each log that repeats records of others, and of those others."""
    clocks: tuple[ClockOffset, ...] = ()
    """Clocks that disagree with the others."""
    input_runs: tuple[InputRun, ...] = ()
    """The runs of which the input holds several; their hosts are named ``HOST (RUN)``."""

    def __repr__(self) -> str:
        files, tasks, pieces = self.rows("SELECT (SELECT count(*) FROM coverage), (SELECT count(*) FROM tasks), (SELECT count(*) FROM pieces)")[0]  # fmt: skip
        return f"<Dataset: {files:,} files, {tasks:,} tasks, {pieces:,} attempts at pieces>"

    @classmethod
    def from_frames(
        cls, settings: Settings | None = None, missing_inputs: tuple[str, ...] = (), **frames: pd.DataFrame
    ) -> Self:
        """Return a dataset of DataFrames that obey their schemas, by table name; others are empty. Raises `TableError` for another type or a missing column."""
        engine = Engine()
        for name, table in _TABLES.items():
            engine.add_frame(table, table.check(frames[name]) if name in frames else table.frame())
        return cls(engine, settings or Settings.resolve(), missing_inputs)

    def with_frames(self, **frames: pd.DataFrame) -> Self:
        """Return a dataset in which these tables are replaced."""
        present = {name: getattr(self, name) for name in _TABLES}
        changed = self.from_frames(self.settings, self.missing_inputs, **{**present, **frames})
        return replace(changed, problems=self.problems)

    def with_settings(self, settings: Settings) -> Self:
        """Return a dataset of the same tables with other settings."""
        return replace(self, settings=settings)

    @property
    def notices(self) -> tuple[Message, ...]:
        """What does not fit together in the input, and what was done about it, a sentence each."""
        runs = format_list(run.name for run in self.input_runs)
        several = message("the input holds several runs ({runs}): hosts are told apart and judged by the settings of their run, but nothing is fitted or recommended over all of them; analyse one at a time, or use `dfly-analysis compare`", runs=runs)  # fmt: skip
        return (*([several] if self.input_runs else []), *(one.describe() for one in self.clocks))

    def plot_timeline(self) -> Any:
        """Draw failures against time, by kind and host, as a matplotlib figure; raises `TableError` where no failure has a known time."""
        from dfly_analysis.reporting.figures import NotDrawn
        from dfly_analysis.reporting.plots import draw_timeline

        drawn = draw_timeline(self)
        if isinstance(drawn, NotDrawn):
            raise TableError(drawn.reason)
        return drawn.canvas

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """Answer a question in SQL (DuckDB's) about `events`, `pieces`, `tasks`, `jobs`, `runs`, `pods` and `coverage`.

        Parameters
        ----------
        query : str
            One statement that returns rows.
        parameters : sequence, optional
            Values for the ``?`` of the query.

        Returns
        -------
        pandas.DataFrame
            Times in UTC with nanoseconds.

        Raises
        ------
        TableError
            With DuckDB's error message, where the query fails.

        Examples
        --------
        >>> import dfly_analysis as dfly
        >>> dataset = dfly.load(sample)
        >>> dataset.sql("SELECT outcome, count(*) AS n FROM tasks GROUP BY outcome ORDER BY n DESC")["n"].sum()
        np.int64(48)
        """
        return self.engine.frame(query, parameters)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query as tuples, without loading pandas; select ``epoch_ns`` of times."""
        return self.engine.rows(query, parameters)

    def select(self, table: str, where: str = "true", parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """Return the rows of a table that satisfy a condition, in the table's order and types."""
        schema = _TABLES[table]
        return schema.conform(self.engine.ordered_frame(schema, where, parameters))

    events = _TableFrame("Records of the logs (`dfly_analysis.schema.EVENTS`), in the order they were written.")
    pieces = _TableFrame("Attempts at pieces (`dfly_analysis.schema.PIECES`).")
    tasks = _TableFrame("Tasks (`dfly_analysis.schema.TASKS`): one blob on one host.")
    jobs = _TableFrame("Preheat jobs (`dfly_analysis.schema.JOBS`).")
    runs = _TableFrame("Figures of benchmarks and of Prometheus (`dfly_analysis.schema.RUNS`).")
    pods = _TableFrame("What Kubernetes knows (`dfly_analysis.schema.PODS`).")
    coverage = _TableFrame("The files of the input (`dfly_analysis.schema.COVERAGE`).")

    @cached_property
    def failed_tasks(self) -> pd.DataFrame:
        """The tasks that failed or whose process died."""
        return self.select("tasks", FAILED)
