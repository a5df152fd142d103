"""Rebuilds pieces and tasks from the records of an input, bucket by bucket."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from dfly_analysis.attempts import (
    EVERYWHERE,
    Death,
    Limits,
    Made,
    Observed,
    Telling,
    Told,
    background_of,
    observe_limits,
    rebuild_and_observe,
    unseen_rows,
)
from dfly_analysis.attempts.words import LAST
from dfly_analysis.beside import EachBeside
from dfly_analysis.loading.spilled import place_peers_only, telling_of
from dfly_analysis.loading.spilling import NONE, Spill, shared_schema
from dfly_analysis.logs.arrow import flags, is_there, values_of
from dfly_analysis.logs.schema import among, to_frame
from dfly_analysis.tables import PIECES, TASKS

if TYPE_CHECKING:
    import pandas as pd

Tables = tuple[Made, Made]
_AT_A_TIME = 2


class Rebuilding:
    """The telling records of an input, ready to be rebuilt.

    Attributes
    ----------
    observed : list of dict
        What the buckets rebuilt so far show of the limits in force.
    """

    def __init__(
        self, spills: Sequence[Spill], buckets: int, deaths: Mapping[str, tuple[Death, ...]], folder: Path
    ) -> None:
        self._spills, self._buckets, self._folder = spills, buckets, folder
        self._shared = pa.concat_tables(
            [pa.Table.from_batches([], shared_schema()), *(table for spill in spills for table in spill.shared)]
        )
        self._background = background_of([*_told(self._shared)], deaths)
        self._peers_only = place_peers_only(spills, buckets)
        self.observed: list[dict[str, Observed]] = []

    def events_of_jobs(self) -> pd.DataFrame | None:
        """Return the records of preheat jobs; None where there are none."""
        chosen = among(self._shared, "event_id", {"job_received"})
        return to_frame(self._shared.filter(flags(chosen)), categories=True) if chosen.any() else None

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
            of_seed = tasks.among("role", {"seedClient"})
            ids.update(text for text in tasks.texts("task_id", of_seed) if text is not None)
            urls.update(text for text in tasks.texts("url", of_seed) if text is not None)
            yield pieces, _with_jobs(tasks, owner)
        if unseen := unseen_rows(self._background, ids, urls):
            yield Made.of(PIECES, PIECES.frame()), _with_jobs(Made.of(TASKS, TASKS.frame(unseen)), owner)

    def _rebuilt(self, limits: Limits) -> Iterator[tuple[Tables, dict[str, Observed]]]:
        """Rebuild two buckets at a time and yield them in their order; every second one in a fork, where that is allowed."""

        def rebuilt(bucket: int) -> tuple[Tables, dict[str, Observed]]:
            return rebuild_and_observe(self._events(bucket), limits, self._background)

        with EachBeside(rebuilt, range(1, self._buckets, 2), self._folder) as beside:
            if beside.begun:
                for bucket in range(self._buckets):
                    yield beside.get(bucket) if bucket % 2 else rebuilt(bucket)
                return
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
    if not owner:
        return tasks
    of_seed = tasks.among("role", {"seedClient"})
    urls = tasks.texts("url", np.ones(tasks.size, np.bool_))
    jobs = [owner.get(url or "") if is_seed else None for url, is_seed in zip(urls, of_seed.tolist(), strict=True)]
    return tasks.with_column("job_id", jobs)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts that repeat as such that do not: of those a list is made in a fifth of the time."""
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _told(shared: pa.Table) -> Iterator[Told]:
    """Yield the records that all buckets must know."""
    chosen = shared.filter(flags(among(shared, "event_id", EVERYWHERE))).select(list(Told._fields))
    columns = {name: _plain(chosen.column(name)).to_pylist() for name in Told._fields if name != "time"}
    columns["time"] = np.where(is_there(times := chosen.column("time")), values_of(times), LAST).tolist()
    columns["log_line"] = [NONE if line is None else line for line in columns["log_line"]]
    yield from (Told(*one) for one in zip(*(columns[name] for name in Told._fields), strict=True))
