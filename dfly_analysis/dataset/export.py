"""`load -o`: writes the tables of an input of any size to a folder or bucket, part by part, in bounded memory."""

import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset.assemble import assemble, terminations
from dfly_analysis.dataset.completeness import effective_timeouts
from dfly_analysis.dataset.dataset import Dataset
from dfly_analysis.dataset.deduplication import with_notes
from dfly_analysis.dataset.engine import Engine
from dfly_analysis.dataset.event_parts import PartTask, PartWriter, download, part_name, read_part_result
from dfly_analysis.dataset.file_reader import ReadOptions, group_files
from dfly_analysis.dataset.file_result import FileResult
from dfly_analysis.dataset.loader import (
    OnProblem,
    Progress,
    Prometheus,
    check_zone,
    in_order,
    query_server,
    report,
    require_readable,
    workers,
)
from dfly_analysis.dataset.parquet_schema import table_schema, with_pandas_metadata
from dfly_analysis.dataset.stored_tables import INCOMPLETE, METADATA_KEY, REST_PART, reconstruction_key
from dfly_analysis.errors import SourceError, StoreError
from dfly_analysis.io import list_files
from dfly_analysis.io.output_store import Store, open_store
from dfly_analysis.schema import COVERAGE, JOBS, PIECES, PODS, RUNS, TASKS, Table

EVENTS_FOLDER = "events.parquet"
_REST = f"{EVENTS_FOLDER}/{REST_PART}"
_RECONSTRUCTED = (PIECES, TASKS, JOBS)
_ROWS_AT_ONCE = 1 << 15
_GROUPS_AHEAD = 2


@dataclass(frozen=True)
class Written:
    """What was written: rows of each table by its name in the store, and what `Dataset` holds of the input."""

    tables: Mapping[str, int]
    coverage: tuple[Mapping[str, Any], ...]
    missing_inputs: tuple[str, ...]
    problems: tuple[str, ...]


def write_tables(  # noqa: PLR0913 - each is an option of the command
    paths: Sequence[str | Path],
    out: str | Path,
    options: ReadOptions,
    *,
    settings: Settings | None = None,
    cluster: str | None = None,
    prometheus: Prometheus | None = None,
    reconstruct: bool = True,
    on_problem: OnProblem | None = None,
    progress: Progress | None = None,
) -> Written:
    """Write ``events.parquet/`` (a folder of parts), and pieces, tasks, jobs, runs, pods, coverage as Parquet.

    `out` is a folder, or ``s3://bucket/prefix``; files of the same names are replaced. To the workers of a `cluster`, the address
    of a ``dask.distributed`` scheduler, paths and `out` must mean the same as here. Other arguments are those of `load`.
    """
    check_zone(options.tz)
    store = open_store(out)
    whole, rest = FileResult(), FileResult()
    counts: dict[str, int] = {}
    mark_incomplete(store)
    try:
        for name, part, count in _write_parts(paths, options, store, cluster, whole, on_problem):
            report(part, on_problem, progress)
            whole.add(part)
            if count:
                counts[name] = count
            else:
                rest.add(part)
        requested = FileResult()
        query_server(prometheus, requested, on_problem)
        rest.add(requested)
        whole.add(requested)
        require_readable(paths, whole)
    except BaseException:
        if not counts:  # nothing was replaced: what an earlier run wrote is whole
            store.delete(INCOMPLETE)
        store.remove_incomplete()
        raise
    # what files without records gave is one more part, so that the folder can be loaded like the files themselves
    with store.atomic_write(_REST) as path, PartWriter(path) as writer:
        writer.finish(rest)
    store.remove_incomplete()
    for name in {*store.names(f"{EVENTS_FOLDER}/part-")} - {*counts, _REST}:  # of an earlier run
        store.delete(name)
    engine = Engine()
    local = [_local(store, name, engine.folder) for name in counts]
    dataset = assemble(engine, (), local, whole, settings or Settings.resolve(), reconstruct=reconstruct)
    if dataset.copies:
        counts |= _rewrite_copies(store, counts, local, dataset)
    rows = {EVENTS_FOLDER: sum(counts.values())}
    tables = (*_RECONSTRUCTED, RUNS, PODS, COVERAGE) if reconstruct else (RUNS, PODS, COVERAGE)
    for table in {*_RECONSTRUCTED} - {*tables}:  # what an earlier run reconstructed does not belong to these records
        store.delete(f"{table.name}.parquet")
    known = effective_timeouts(dataset.settings), terminations(whole), dataset.clocks
    key = reconstruction_key(engine, local, known) if reconstruct else None
    engine.release_memory()
    rows |= {f"{table.name}.parquet": _write_table(store, engine, table, key) for table in tables}
    store.delete(INCOMPLETE)
    coverage = tuple(with_notes(whole.coverage, dataset.copies))
    return Written(rows, coverage, dataset.missing_inputs, tuple(whole.problems))


def mark_incomplete(store: Store) -> None:
    """Mark the tables as being written, so that an interrupted run does not pass for a whole one; refuse a place in use."""
    owner: dict[str, Any] = {}
    with suppress(SourceError, ValueError, OSError), store.open(INCOMPLETE) as file:
        owner = json.loads(file.read())
    pid, own = owner.get("pid"), (socket.gethostname(), os.getpid())
    if owner.get("host") == own[0] and pid != own[1] and Path("/proc", str(pid)).exists():
        raise StoreError(f"process {pid} is writing here", where=store.address, hint="wait for it, or give another folder with -o")  # fmt: skip
    store.write(INCOMPLETE, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode())


def _write_parts(
    paths: Sequence[str | Path], options: ReadOptions, store: Store, cluster: str | None, whole: FileResult,
    on_problem: OnProblem | None,
) -> Iterator[tuple[str, FileResult, int]]:  # fmt: skip
    listed = list_files(paths, on_problem=partial(whole.add_problem, on_problem=on_problem))
    options, groups = options.for_files(listed), group_files(listed)
    names = [f"{EVENTS_FOLDER}/{part_name(place, group[0].address)}" for place, group in enumerate(groups)]
    tasks = [PartTask(group, options, store.address, name) for group, name in zip(groups, names, strict=True)]
    if cluster is not None:
        from dfly_analysis.dataset.dask_backend import run_on_cluster

        for task, (result, count) in zip(tasks, run_on_cluster(tasks, cluster), strict=True):
            yield task.name, result, count
        return
    with workers() as (readers, parsers):
        submitted: Iterator[Future[Any]] = (readers.submit(task.run, parsers) for task in tasks)
        for task, (result, count) in zip(tasks, in_order(submitted, _GROUPS_AHEAD), strict=True):
            yield task.name, result, count


def _local(store: Store, name: str, folder: Path) -> Path:
    """Return where the engine can read a part."""
    path = Path(store.address, name)
    return path if path.exists() else download(f"{store.address}/{name}", folder)


def _rewrite_copies(store: Store, names: Mapping[str, int], local: Sequence[Path], dataset: Dataset) -> dict[str, int]:
    """Rewrite the parts that hold copies without the records that they repeat; return their records by name."""
    repeated: dict[str, set[int]] = {}
    for path, line in dataset.rows("SELECT copy, log_line FROM repeated_records"):
        repeated.setdefault(path, set()).add(line)
    counts: dict[str, int] = {}
    for name, path in zip(names, local, strict=True):
        result = read_part_result(path) or FileResult()
        if not any(row["path"] in repeated for row in result.coverage):
            continue
        with store.atomic_write(name) as target, PartWriter(target) as writer:
            for batch in pq.ParquetFile(path).iter_batches():
                places = zip(batch.column("log_path").to_pylist(), batch.column("log_line").to_pylist(), strict=True)
                kept = pa.array([line not in repeated.get(path, ()) for path, line in places], pa.bool_())
                writer.write(pa.Table.from_batches([batch]).filter(kept))
            writer.finish(result)
        counts[name] = writer.count
    return counts


def _write_table(store: Store, engine: Engine, table: Table, key: str | None) -> int:
    """Write a table of the engine as Parquet that pandas reads in the types of its schema; return its rows."""
    rows = 0
    with store.atomic_write(f"{table.name}.parquet") as path:
        reader = engine.reader(f"SELECT * FROM {table.name}", _ROWS_AT_ONCE)
        own = {column.name: column.dtype for column in table.columns}
        plain = table_schema(table)
        schema = pa.schema([plain.field(field.name) if field.name in own else field for field in reader.schema])
        schema = with_pandas_metadata(schema, own.items())
        with pq.ParquetWriter(path, schema, compression="lz4") as writer:
            if key is not None:
                writer.add_key_value_metadata({METADATA_KEY: key})
            for batch in reader:
                rows += len(batch)
                writer.write_batch(batch.cast(schema) if batch.schema != schema else batch)
    return rows
