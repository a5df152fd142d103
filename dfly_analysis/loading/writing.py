"""Writes the tables of an input of any size to a folder or bucket: part by part, in memory that does not grow with it."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from dfly_analysis import metrics
from dfly_analysis.errors import SourceError
from dfly_analysis.loading.copies import Copies, find_copies, with_notes
from dfly_analysis.loading.gathered import Gathered
from dfly_analysis.loading.in_memory import OnProblem, Progress, check_zone, require_nonempty
from dfly_analysis.loading.parts import PartWriter
from dfly_analysis.loading.stages import EVENTS_FOLDER, Staged, run_stages, stages_of
from dfly_analysis.loading.staging import Reading
from dfly_analysis.loading.storing import store_rows
from dfly_analysis.sources import SourceFile, list_files
from dfly_analysis.sources.store import Store, open_store
from dfly_analysis.tables import COVERAGE, JOBS, PIECES, PODS, RUNS, TASKS

if TYPE_CHECKING:
    from dfly_analysis.config import Settings
    from dfly_analysis.loading.live import Prometheus
    from dfly_analysis.loading.spilling import Spill

_PACKED = (".gz", ".zst", ".xz", ".bz2", ".zip", ".tgz", ".tzst", ".txz", ".parquet")
_PACKED_RATIO = 20
_REST = f"{EVENTS_FOLDER}/part-rest.parquet"


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    tables : dict of str to int
        Rows of each table by its name in the store.
    coverage : tuple of mappings
        Rows of `dfly_analysis.tables.COVERAGE`, times in UTC as numpy has them.
    lacks, problems : tuple of str
        As of `dfly_analysis.dataset.Dataset`.
    """

    tables: Mapping[str, int]
    coverage: tuple[Mapping[str, Any], ...]
    lacks: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass
class _Input:
    """All files, staged."""

    whole: Gathered = field(default_factory=Gathered)
    bare: list[Gathered] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    spills: dict[str, Spill | None] = field(default_factory=dict)
    buckets: int = 1
    logs: dict[str, set[str]] = field(default_factory=dict)

    def add(self, staged: Staged) -> None:
        self.whole.add(staged.gathered)
        name = staged.stage.name
        if not staged.count:
            self.bare.append(staged.gathered)
            return
        self.counts[name], self.spills[name] = staged.count, staged.spill
        self.logs[name] = {str(row["path"]) for row in staged.gathered.coverage if row["kind"] == "log"}


def write_tables(  # noqa: PLR0913 - each is one of the user's words
    paths: Sequence[str | Path],
    out: str | Path,
    reading: Reading,
    *,
    settings: Settings | None = None,
    cluster: str | None = None,
    prometheus: Prometheus | None = None,
    rebuild: bool = True,
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
    rebuild : bool
        Whether pieces, tasks and jobs are rebuilt from the records; otherwise those tables are not written.
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
    store = open_store(out)
    preparing = Thread(target=_prepare, name="prepare")
    if rebuild:
        preparing.start()
    with tempfile.TemporaryDirectory(prefix="dfly-analysis-load-") as folder:
        try:
            staged = _stage_all(paths, reading, store, cluster, Path(folder), rebuild, on_problem, progress)
            if prometheus:
                _ask(prometheus, staged, on_problem)
            require_nonempty(paths, staged.whole)
        except BaseException:
            store.tidy()
            raise
        copies = find_copies(staged.whole.coverage, staged.whole.sketches)
        if copies:
            _leave_out(copies, store, staged)
        staged.counts[_REST] = 0
        _drop_old(store, staged.counts)
        if rebuild:
            preparing.join()
        return _write_tables(store, staged, settings, copies, Path(folder))


def _prepare() -> None:
    """Load what is needed to rebuild attempts, while files are read."""
    import_module("dfly_analysis.loading.rebuilt").prepare()


def _ask(prometheus: Prometheus, staged: _Input, on_problem: OnProblem | None) -> None:
    from dfly_analysis.loading.live import ask

    asked = Gathered()
    ask(prometheus, asked, on_problem)
    staged.bare.append(asked)
    staged.whole.add(asked)


def _leave_out(copies: Copies, store: Store, staged: _Input) -> None:
    """Write parts anew without what they repeat."""
    from dfly_analysis.loading.rewriting import rewrite_copies

    for name, count in rewrite_copies(store, staged.logs, copies).items():
        staged.counts[name], staged.spills[name] = count, None


def _stage_all(
    paths: Sequence[str | Path],
    reading: Reading,
    store: Store,
    cluster: str | None,
    folder: Path,
    rebuild: bool,
    on_problem: OnProblem | None,
    progress: Progress | None,
) -> _Input:
    staged = _Input()

    def told(error: SourceError) -> None:
        staged.whole.problems.append(str(error))
        if on_problem:
            on_problem(error)

    sources = list_files(paths, on_problem=told)
    staged.buckets = _buckets_for(sources) if rebuild else 0
    for done in run_stages(stages_of(sources, reading, store.address), cluster, folder, staged.buckets):
        if progress:
            for row in done.gathered.coverage:
                progress(str(row["path"]))
        if on_problem:
            for text in done.gathered.problems:
                on_problem(SourceError(text))
        staged.add(done)
    return staged


def _buckets_for(sources: Sequence[SourceFile]) -> int:
    from dfly_analysis.loading.spilling import buckets_for

    return buckets_for(sum(_likely_bytes(source) for source in sources))


def _likely_bytes(source: SourceFile) -> int:
    """Return about how many bytes a file unpacks to."""
    is_packed = source.location.lower().endswith(_PACKED)
    return (source.size_bytes or 0) * (_PACKED_RATIO if is_packed else 1)


def _write_bare(store: Store, bare: Sequence[Gathered]) -> None:
    """Write what files without records gave as one part, so that the folder can be loaded like the files themselves."""
    written = io.BytesIO()
    with PartWriter(written) as writer:
        writer.finish(Gathered.joined(bare))
    store.write(_REST, written.getvalue())


def _drop_old(store: Store, counts: Mapping[str, int]) -> None:
    """Delete the parts of an earlier run, and what a killed one left half written."""
    store.tidy()
    for name in store.names(f"{EVENTS_FOLDER}/part-"):
        if name not in counts:
            store.delete(name)


def _write_tables(store: Store, staged: _Input, settings: Settings | None, copies: Copies, folder: Path) -> Written:
    rows = {EVENTS_FOLDER: sum(staged.counts.values())}
    coverage = with_notes(staged.whole.coverage, copies)
    rebuilt, lacks = _rebuild(store, staged, settings, folder) if staged.buckets else (_drop_rebuilt(store), ())
    rows |= rebuilt
    runs = metrics.newest_dumps(staged.whole.runs) if staged.whole.runs else ()
    tables = {RUNS: runs, PODS: staged.whole.pods, COVERAGE: coverage}
    with ThreadPoolExecutor(len(tables) + 1) as side_by_side:  # the disk is waited for once
        rest = side_by_side.submit(_write_bare, store, staged.bare)
        counts = side_by_side.map(partial(store_rows, store), tables, tables.values())
        rows |= {f"{table.name}.parquet": count for table, count in zip(tables, counts, strict=True)}
        rest.result()
    return Written(rows, tuple(coverage), lacks, tuple(staged.whole.problems))


def _rebuild(
    store: Store, staged: _Input, settings: Settings | None, folder: Path
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Write what is rebuilt from records; return the rows of each table, and what the input does not hold."""
    from dfly_analysis.config import Settings
    from dfly_analysis.loading.joining import settle
    from dfly_analysis.loading.lacks import what_lacks
    from dfly_analysis.loading.rebuilt import write_rebuilt

    whole, in_force = staged.whole, settle(settings or Settings.resolve(), staged.whole)
    rows, seen = write_rebuilt(store, staged.spills, staged.buckets, whole, in_force, folder)
    logs = (row for row in whole.coverage if row["kind"] == "log")
    return rows, what_lacks({row["component"] for row in logs if row.get("component") is not None}, seen)


def _drop_rebuilt(store: Store) -> dict[str, int]:
    """Delete what an earlier run rebuilt: it would not belong to these records."""
    for table in (PIECES, TASKS, JOBS):
        store.delete(f"{table.name}.parquet")
    return {}
