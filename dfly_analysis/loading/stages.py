"""The stage of every file as something that can be sent away: read it, put its part into a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dfly_analysis.io import SourceFile
from dfly_analysis.io.output_store import open_store
from dfly_analysis.loading.gathered import Gathered
from dfly_analysis.loading.in_memory import workers
from dfly_analysis.loading.parts import part_name, write_part
from dfly_analysis.loading.staging import Reading

if TYPE_CHECKING:
    from dfly_analysis.loading.spilling import Spill

EVENTS_FOLDER = "events.parquet"


@dataclass(frozen=True)
class Stage:
    """What one worker does for one file; it can be sent to another machine.

    Attributes
    ----------
    source : SourceFile
    reading : Reading
    store : str
        Address of the store the part goes to.
    name : str
        Of the part in the store.
    """

    source: SourceFile
    reading: Reading
    store: str
    name: str

    def run(self, executor: Executor | None = None, spill: Spill | None = None) -> tuple[Gathered, int]:
        """Read the file, put its part into the store where it has records, and return what else it gave and how many.

        Parameters
        ----------
        executor : Executor, optional
            Reads blocks of one log side by side.
        spill : Spill, optional
            Where to put telling records aside, for the one who rebuilds attempts on the same machine.
        """
        with open_store(self.store).being_written(self.name) as path:
            gathered, count = write_part(self.source, self.reading, path, executor, spill.write if spill else None)
            if spill:
                spill.flush()
            if not count:
                path.unlink()
        return gathered, count


def stages_of(sources: Sequence[SourceFile], reading: Reading, store: str) -> list[Stage]:
    """Return the stage of each file."""
    return [
        Stage(source, reading, store, f"{EVENTS_FOLDER}/{part_name(place, source)}")
        for place, source in enumerate(sources)
    ]


@dataclass(frozen=True)
class Staged:
    """What one stage gave.

    Attributes
    ----------
    stage : Stage
    gathered : Gathered
    count : int
        Of records.
    spill : Spill or None
        Where the telling ones were put aside, if they were.
    """

    stage: Stage
    gathered: Gathered
    count: int
    spill: Spill | None = None


def run_stages(stages: Sequence[Stage], cluster: str | None, folder: Path, buckets: int) -> Iterator[Staged]:
    """Run the stages, here or on a cluster, and yield what they gave in their order.

    Parameters
    ----------
    stages : sequence of Stage
    cluster : str or None
        Address of a ``dask.distributed`` scheduler.
    folder : Path
        For what is put aside here.
    buckets : int
        In how many buckets attempts will be rebuilt; 0 where they will not be.
    """
    if cluster is not None:
        from dfly_analysis.loading.cluster import run_on_cluster

        for stage, (gathered, count) in zip(stages, run_on_cluster(stages, cluster), strict=True):
            yield Staged(stage, gathered, count)
        return
    spills = _spills(len(stages), folder, buckets)
    with workers() as (files, blocks):
        done = files.map(lambda pair: pair[0].run(blocks, pair[1]), zip(stages, spills, strict=True))
        for stage, spill, (gathered, count) in zip(stages, spills, done, strict=True):
            yield Staged(stage, gathered, count, spill)


def _spills(count: int, folder: Path, buckets: int) -> Sequence[Spill | None]:
    if not buckets:
        return [None] * count
    from dfly_analysis.loading.spilling import Spill

    return [Spill(folder / f"telling-{place:06d}", buckets) for place in range(count)]
