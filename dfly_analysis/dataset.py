"""What was loaded: checked frames, the settings in force, and what the input lacks. Frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dfly_analysis.config import Settings
from dfly_analysis.tables import COVERAGE, EVENTS, JOBS, PIECES, PODS, RUNS, TASKS

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS_OF_A_SMALL_ONE = 200_000


@dataclass(frozen=True)
class Dataset:
    """Everything that was read, as frames.

    Attributes
    ----------
    events, pieces, tasks, jobs, runs, coverage : pandas.DataFrame
        Each obeys its schema in `dfly_analysis.tables`; further columns may follow.
    settings : Settings
        Resolved with the versions and rendered files found in the input.
    lacks : tuple of str
        What the input does not hold and what that costs, a sentence each.
    problems : tuple of str
        Files that could not be read, or only in part, one line each.
    pods : pandas.DataFrame
        What Kubernetes says; empty where the input holds nothing of it.
    """

    events: pd.DataFrame
    pieces: pd.DataFrame
    tasks: pd.DataFrame
    jobs: pd.DataFrame
    runs: pd.DataFrame
    coverage: pd.DataFrame
    settings: Settings = field(default_factory=Settings.resolve)
    lacks: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    pods: pd.DataFrame = field(default_factory=PODS.frame)

    def __post_init__(self) -> None:
        for table in (EVENTS, PIECES, TASKS, JOBS, RUNS, COVERAGE, PODS):
            table.check(getattr(self, table.name))

    @property
    def small(self) -> bool:
        """Return whether what is done with it may be done in several processes at a time, as far as memory goes."""
        return len(self.pieces) + len(self.events) <= MOST_ROWS_OF_A_SMALL_ONE

    @property
    def failed_tasks(self) -> pd.DataFrame:
        """Return the tasks that failed or whose process died."""
        return self.tasks[self.tasks["outcome"].isin(["failed", "died"])]
