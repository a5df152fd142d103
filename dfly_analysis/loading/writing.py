"""Writes the tables of an input of any size to a folder or bucket: part by part, in memory that does not grow with it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfly_analysis import jobs
from dfly_analysis.errors import SourceError
from dfly_analysis.loading.copies import find_copies
from dfly_analysis.loading.gathered import Gathered
from dfly_analysis.loading.in_memory import OnProblem, Progress, check_zone, refuse_nothing, workers
from dfly_analysis.loading.joining import settle, with_notes, without_copies
from dfly_analysis.loading.lacks import Seen, limits_of, what_lacks
from dfly_analysis.loading.live import Prometheus, ask
from dfly_analysis.loading.parts import PartWriter, part_name, read_gathered, read_records, write_part
from dfly_analysis.loading.rebuilding import Rebuilding
from dfly_analysis.loading.staging import Reading
from dfly_analysis.logs.schema import to_frame
from dfly_analysis.metrics import newest_dumps
from dfly_analysis.settings import Settings
from dfly_analysis.sources import SourceFile, list_files
from dfly_analysis.sources.store import Store, open_store
from dfly_analysis.tables import COVERAGE, JOBS, PIECES, RUNS, TASKS, Table

if TYPE_CHECKING:
    import pandas as pd

EVENTS_FOLDER = "events.parquet"
Submit = Callable[["Stage"], Any]


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

    def run(self, executor: Executor | None = None) -> tuple[Gathered, int]:
        """Read the file, put its part into the store where it has records, and return what else it gave and how many."""
        with tempfile.TemporaryDirectory(prefix="dfly-analysis-part-") as folder:
            path = Path(folder, "part.parquet")
            gathered = write_part(self.source, self.reading, path, executor)
            count = _count(path)
            if count:
                open_store(self.store).write(self.name, path)
            return gathered, count


def _count(path: Any) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    tables : dict of str to int
        Rows of each table by its name in the store.
    coverage : pandas.DataFrame
        `dfly_analysis.tables.COVERAGE`.
    lacks, problems : tuple of str
        As of `dfly_analysis.dataset.Dataset`.
    """

    tables: Mapping[str, int]
    coverage: pd.DataFrame
    lacks: tuple[str, ...]
    problems: tuple[str, ...]


def write_tables(
    paths: Sequence[str | Path],
    out: str | Path,
    reading: Reading,
    *,
    settings: Settings | None = None,
    cluster: str | None = None,
    prometheus: Prometheus | None = None,
    on_problem: OnProblem | None = None,
    progress: Progress | None = None,
) -> Written:
    """Write ``events.parquet/`` (a folder of parts, one a file), and pieces, tasks, jobs, runs, coverage as Parquet.

    Parameters
    ----------
    paths : sequence of paths
    out : path or str
        A folder, or ``s3://bucket/prefix``. Files of the same names are replaced.
    reading : Reading
    settings : Settings, optional
    cluster : str, optional
        Address of a ``dask.distributed`` scheduler, whose workers read the files; paths and `out` must mean the same
        to them as here.
    prometheus : Prometheus, optional
    on_problem : callable, optional
        Told of each file that cannot be read.
    progress : callable, optional
        Told the address of each file that was read.

    Returns
    -------
    Written
        Rows are in the order of the files, and within a file in that of its lines; the same whoever reads them.

    Raises
    ------
    SourceError
        Where a path does not exist, nothing in it can be read, or the store cannot be written.
    """
    check_zone(reading.tz)
    store, problems = open_store(out), Gathered()

    def told(error: SourceError) -> None:
        problems.problems.append(str(error))
        if on_problem:
            on_problem(error)

    sources = list_files(paths, on_problem=told)
    stages = [
        Stage(source, reading, store.address, f"{EVENTS_FOLDER}/{part_name(place, source)}")
        for place, source in enumerate(sources)
    ]
    parts, counts, bare = [problems], dict[str, int](), []
    for stage, (gathered, count) in zip(stages, _run(stages, cluster), strict=True):
        if progress:
            for row in gathered.coverage:
                progress(str(row["path"]))
        if on_problem:
            for text in gathered.problems:
                on_problem(SourceError(text))
        parts.append(gathered)
        if count:
            counts[stage.name] = count
        else:
            bare.append(gathered)
    whole = Gathered.joined(parts)
    asked = Gathered()
    ask(prometheus, asked, on_problem)
    whole = Gathered.joined([whole, asked])
    refuse_nothing(paths, whole)
    counts |= _write_bare(store, Gathered.joined([*bare, asked]), len(sources))
    _drop_old(store, counts)
    return _write_rest(store, whole, counts, settings or Settings.resolve())


def _run(stages: Sequence[Stage], cluster: str | None) -> Iterator[tuple[Gathered, int]]:
    if cluster is not None:
        from dfly_analysis.loading.cluster import run_on_cluster

        yield from run_on_cluster(stages, cluster)
        return
    with workers() as (files, blocks):
        yield from files.map(lambda stage: stage.run(blocks), stages)


def _write_bare(store: Store, gathered: Gathered, place: int) -> dict[str, int]:
    """Write what files without records gave as one part, so that the folder can be loaded like the files themselves."""
    name = f"{EVENTS_FOLDER}/part-{place:06d}-rest.parquet"
    with tempfile.TemporaryDirectory(prefix="dfly-analysis-part-") as folder:
        path = Path(folder, "part.parquet")
        with PartWriter(path) as writer:
            writer.finish(gathered)
        store.write(name, path)
    return {name: 0}


def _drop_old(store: Store, counts: Mapping[str, int]) -> None:
    """Delete the parts of an earlier run."""
    for name in store.names(f"{EVENTS_FOLDER}/part-"):
        if name not in counts:
            store.delete(name)


def _write_rest(store: Store, whole: Gathered, counts: dict[str, int], given: Settings) -> Written:
    copies = find_copies(whole.coverage, whole.sketches)
    if copies:
        counts |= _rewrite_copies(store, counts, copies)
    settings = settle(given, whole)
    rows = {EVENTS_FOLDER: sum(counts.values())}
    with tempfile.TemporaryDirectory(prefix="dfly-analysis-rebuild-") as folder:
        rebuilding = Rebuilding(store, counts, Path(folder))
        frame = jobs.build_jobs(whole.jobs, rebuilding.events_of_jobs)
        owner = jobs.job_of_url(frame, rebuilding.events_of_jobs)
        written, seen = _write_streams(store, rebuilding.tables(limits_of(settings), owner), Path(folder))
    coverage = COVERAGE.frame(with_notes(whole.coverage, copies))
    rows |= written
    for table, content in ((JOBS, frame), (RUNS, RUNS.frame(newest_dumps(whole.runs))), (COVERAGE, coverage)):
        rows[f"{table.name}.parquet"] = _write_frame(store, table, content)
    components = set(coverage.loc[coverage["kind"] == "log", "component"].dropna())
    return Written(rows, coverage, what_lacks(components, seen), tuple(whole.problems))


def _rewrite_copies(store: Store, counts: Mapping[str, int], copies: Mapping[str, str]) -> dict[str, int]:
    """Write anew the parts that repeat what another file holds, without what they repeat."""
    changed: dict[str, int] = {}
    addresses = {name: _addresses(store, name) for name, count in counts.items() if count}
    for name in addresses:
        own = {copy: original for copy, original in copies.items() if copy in addresses[name]}
        if not own:
            continue
        originals = [other for other, held in addresses.items() if other != name and held & set(own.values())]
        changed[name] = _rewrite(store, name, originals, own)
    return changed


def _addresses(store: Store, name: str) -> set[str]:
    with store.open(name) as file:
        gathered = read_gathered(file)
    return {str(row["path"]) for row in gathered.coverage} if gathered else set()


def _rewrite(store: Store, name: str, originals: Sequence[str], copies: Mapping[str, str]) -> int:
    import pandas as pd
    import pyarrow as pa

    with store.open(name) as file:
        gathered, table = read_gathered(file) or Gathered(), read_records(file)
    frames = [to_frame(table).assign(_place=range(len(table)))]
    for other in originals:
        with store.open(other) as file:
            frames.append(to_frame(read_records(file, ["time", "message", "log_path"])))
    kept = without_copies(pd.concat(frames, ignore_index=True), copies)
    places = kept["_place"].dropna().astype("int64").to_numpy()
    with tempfile.TemporaryDirectory(prefix="dfly-analysis-part-") as folder:
        path = Path(folder, "part.parquet")
        with PartWriter(path) as writer:
            writer.write(table.take(pa.array(places)))
            writer.finish(gathered)
        store.write(name, path)
    return len(places)


def _write_frame(store: Store, table: Table, frame: pd.DataFrame) -> int:
    with tempfile.TemporaryDirectory(prefix="dfly-analysis-table-") as folder:
        path = Path(folder, f"{table.name}.parquet")
        table.check(frame).to_parquet(path, index=False)
        store.write(path.name, path)
    return len(frame)


def _write_streams(
    store: Store, made: Iterator[tuple[pd.DataFrame, pd.DataFrame]], folder: Path
) -> tuple[dict[str, int], Seen]:
    """Write pieces and tasks as they are made."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names, rows, seen = (PIECES.name, TASKS.name), dict[str, int](), Seen()
    writers: dict[str, pq.ParquetWriter] = {}
    for frames in made:
        seen += Seen.of(*frames)
        for name, frame in zip(names, frames, strict=True):
            table = pa.Table.from_pandas(
                frame, preserve_index=False, schema=writers[name].schema if name in writers else None
            )
            if name not in writers:
                writers[name] = pq.ParquetWriter(folder / f"{name}.parquet", _wide(table.schema), compression="lz4")
            writers[name].write_table(table.cast(writers[name].schema))
            rows[f"{name}.parquet"] = rows.get(f"{name}.parquet", 0) + len(frame)
    for name, writer in writers.items():
        writer.close()
        store.write(f"{name}.parquet", folder / f"{name}.parquet")
    return rows, seen


def _wide(schema: Any) -> Any:
    """Return the schema with columns that were empty in the first frame as texts."""
    import pyarrow as pa

    for place, column in enumerate(schema):
        if pa.types.is_null(column.type):
            schema = schema.set(place, column.with_type(pa.large_string()))
    return schema
