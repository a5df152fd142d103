"""Rebuilds pieces and tasks from the records of an input, bucket by bucket."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pandas as pd
import pyarrow as pa

from dfly_analysis.attempts import (
    Death,
    Limits,
    Made,
    Observed,
    Telling,
    observe_limits,
    read_background,
    rebuild_and_observe,
    unseen_tasks,
)
from dfly_analysis.loading.spilled import place_peers_only, telling_of
from dfly_analysis.loading.spilling import Spill, spilled_schema
from dfly_analysis.logs.schema import to_frame
from dfly_analysis.tables import PIECES, TASKS

Tables = tuple[Made, Made]
_AT_A_TIME = 2


class Rebuilding:
    """The telling records of an input, ready to be rebuilt.

    Attributes
    ----------
    events_of_jobs : pandas.DataFrame
        Records of preheat jobs.
    observed : list of dict
        What the buckets rebuilt so far show of the limits in force.
    """

    def __init__(
        self, spills: Sequence[Spill], buckets: int, deaths: Mapping[str, tuple[Death, ...]] | None = None
    ) -> None:
        self._spills, self._buckets = spills, buckets
        shared = _frame(table for spill in spills for table in spill.shared)
        self.events_of_jobs = shared[shared["event_id"] == "job_received"]
        self._background = read_background(shared, deaths)
        self._peers_only = place_peers_only(spills, buckets)
        self.observed: list[dict[str, Observed]] = []

    def tables(self, limits: Limits, owner: Mapping[str, str]) -> Iterator[Tables]:
        """Yield pieces and tasks bucket by bucket, judged by these limits.

        Parameters
        ----------
        limits : Limits
        owner : mapping of str to str
            Preheat job of each URL.
        """
        self.observed = []
        ids, urls = set[str](), set[str]()
        for (pieces, tasks), observed in self._rebuilt(limits):
            self.observed.append(observed)
            seeds = tasks.sketch(["role", "task_id", "url"])
            seeds = seeds[seeds["role"] == "seedClient"]
            ids, urls = ids | set(seeds["task_id"].dropna()), urls | set(seeds["url"].dropna())
            yield pieces, _with_jobs(tasks, owner)
        unseen = unseen_tasks(self._background, ids, urls)
        if len(unseen):
            yield Made.of(PIECES, PIECES.frame()), _with_jobs(Made.of(TASKS, unseen), owner)

    def _rebuilt(self, limits: Limits) -> Iterator[tuple[Tables, dict[str, Observed]]]:
        """Rebuild two buckets at a time and yield them in their order."""

        def rebuilt(bucket: int) -> tuple[Tables, dict[str, Observed]]:
            return rebuild_and_observe(self._events(bucket), limits, self._background)

        with ThreadPoolExecutor(_AT_A_TIME, "rebuild") as threads:
            waiting: deque[Future[tuple[Tables, dict[str, Observed]]]] = deque()
            for bucket in range(self._buckets):
                waiting.append(threads.submit(rebuilt, bucket))
                if len(waiting) > _AT_A_TIME:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def corrected(self, limits: Limits) -> Limits:
        """Return the limits as all buckets show them: the same object where they show no other."""
        return observe_limits(self.observed, limits)

    def _events(self, bucket: int) -> Telling:
        parts = [part for spill in self._spills for part in spill.parts(bucket)]
        return telling_of([*parts, *self._peers_only.get(bucket, ())])


def _with_jobs(tasks: Made, owner: Mapping[str, str]) -> Made:
    known = tasks.sketch(["url", "role"])
    of_seed = (known["role"] == "seedClient").tolist()
    jobs = [owner.get(url) if is_seed else None for url, is_seed in zip(known["url"], of_seed, strict=True)]
    return tasks.with_column("job_id", jobs)


def _frame(tables: Iterable[pa.Table]) -> pd.DataFrame:
    listed = list(tables)
    return to_frame(pa.concat_tables(listed) if listed else spilled_schema().empty_table(), categories=True)
