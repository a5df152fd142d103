"""Writes what is rebuilt from the records of an input: pieces, tasks and jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfly_analysis import jobs
from dfly_analysis.config import Settings
from dfly_analysis.loading.gathered import Gathered
from dfly_analysis.loading.joining import deaths_of
from dfly_analysis.loading.lacks import Seen, limits_of
from dfly_analysis.loading.rebuilding import Rebuilding
from dfly_analysis.loading.schemas import NOTHING
from dfly_analysis.loading.spilling import Spill, spill_part
from dfly_analysis.loading.storing import store_frame, store_rows
from dfly_analysis.loading.streaming import TableWriter
from dfly_analysis.sources.store import Store
from dfly_analysis.tables import EVENTS, FLAG, JOBS, PIECES, TASKS

if TYPE_CHECKING:
    import pandas as pd

    from dfly_analysis.attempts import Made

_OF_JOBS = (("missing_urls", NOTHING), ("checked", FLAG), ("false_success", FLAG))
"""What `dfly_analysis.jobs.build_jobs` adds to its table."""


def prepare() -> None:
    """Read what is known of the settings, while files are read."""
    limits_of(Settings.resolve()).piece_timeout_s("client", "")


def write_rebuilt(
    store: Store, parts: Mapping[str, Spill | None], buckets: int, whole: Gathered, settings: Settings, folder: Path
) -> tuple[dict[str, int], Seen]:
    """Rebuild attempts and jobs, and write their tables.

    Parameters
    ----------
    store : Store
        Holds the parts.
    parts : mapping of str to Spill or None
        Name of each part with records, and what was put aside of it, if it was on this machine.
    buckets : int
        In how many buckets attempts are rebuilt.
    whole : Gathered
        What all files gave besides records.
    settings : Settings
        In force.
    folder : Path
        For what is put aside.

    Returns
    -------
    tuple of (dict of str to int, Seen)
        Rows of each table by its name in the store, and what the input lacks.
    """
    spills = [
        spill or spill_part(store, name, folder / f"part-{place:06d}", buckets)
        for place, (name, spill) in enumerate(parts.items())
    ]
    rebuilding = Rebuilding(spills, buckets, deaths_of(whole), folder)
    owner, n_jobs = _write_jobs(store, whole.jobs, rebuilding.events_of_jobs())
    limits = limits_of(settings)
    written, seen = _write_streams(store, rebuilding.tables(limits, owner))
    if (corrected := rebuilding.corrected(limits)) is not limits:
        written, seen = _write_streams(store, rebuilding.tables(corrected, owner))
    return written | {f"{JOBS.name}.parquet": n_jobs}, seen


def _write_jobs(
    store: Store, rows: Sequence[Mapping[str, Any]], events: pd.DataFrame | None
) -> tuple[Mapping[str, str], int]:
    """Write the jobs; return the job of each blob, by its URL, and how many they are."""
    if not rows and events is None:  # as most often: pandas need not be loaded
        return {}, store_rows(store, JOBS, (), _OF_JOBS)
    handed = EVENTS.frame() if events is None else events
    frame = jobs.build_jobs(rows, handed)
    return jobs.job_of_url(frame, handed), store_frame(store, JOBS, frame)


def _write_streams(store: Store, made: Iterator[tuple[Made, Made]]) -> tuple[dict[str, int], Seen]:
    """Write pieces and tasks as they are made."""
    rows, seen = dict[str, int](), Seen()
    with ExitStack() as stack:
        paths = {table: stack.enter_context(store.being_written(f"{table.name}.parquet")) for table in (PIECES, TASKS)}
        writers = {table.name: stack.enter_context(TableWriter(path, table)) for table, path in paths.items()}
        behind = stack.enter_context(ThreadPoolExecutor(1))  # one bucket is written while the next is rebuilt
        writing: Future[None] | None = None
        for pieces, tasks in made:
            seen += Seen.of_made(pieces, tasks)
            if writing is not None:
                writing.result()
            writing = behind.submit(_write_all, writers, (pieces, tasks))
            for one in (pieces, tasks):
                rows[f"{one.table.name}.parquet"] = rows.get(f"{one.table.name}.parquet", 0) + one.size
        if writing is not None:
            writing.result()
    return rows, seen


def _write_all(writers: Mapping[str, TableWriter], tables: Sequence[Made]) -> None:
    for one in tables:
        writers[one.table.name].write(one)
