"""Loads everything the user names into one dataset in memory."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

from dfly_analysis.errors import SettingsError, SourceError
from dfly_analysis.loading.gathered import Gathered
from dfly_analysis.loading.parts import read_gathered, read_records, write_part
from dfly_analysis.loading.staging import Reading, is_readable, stage_file
from dfly_analysis.sources import SourceFile, list_files, open_file
from dfly_analysis.sources.memory import give_back
from dfly_analysis.sources.store import open_store

if TYPE_CHECKING:
    import pyarrow as pa

    from dfly_analysis.config import Settings
    from dfly_analysis.dataset import Dataset
    from dfly_analysis.loading.cache import Cache
    from dfly_analysis.loading.live import Prometheus

OnProblem = Callable[[SourceError], None]
Progress = Callable[[str], None]
_SIDE_BY_SIDE = 4
"""Small files read at one time."""


def load(  # noqa: PLR0913 - each is one of the user's words
    paths: str | Path | Iterable[str | Path],
    *,
    settings: Settings | None = None,
    tz: str = "UTC",
    log_format: str | None = None,
    records: Literal["all", "telling"] = "all",
    cache: Cache | None = None,
    prometheus: Prometheus | None = None,
    on_problem: OnProblem | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Load logs, job JSON, benchmark tables, metrics, rendered configuration, and parts that ``load -o`` wrote.

    Parameters
    ----------
    paths : path or iterable of paths
        Files, folders, globs, archives, compressed files, ``s3://``; ``-`` is standard input.
    settings : Settings, optional
        What the user said of values and versions; the input's own configuration and releases are laid over it.
    tz : str
        Zone of times that carry none, e.g. ``Asia/Shanghai``.
    log_format : str, optional
        Id of the format to read logs in, instead of the one sniffed.
    records : {"all", "telling"}
        Which records `Dataset.events` holds: all, or only those that an analysis looks at (known events, warnings and
        errors, without begin and end of the pieces that came through, which `Dataset.pieces` holds): less to hold in
        memory, and the same findings.
    cache : Cache, optional
        Where parts of larger files are kept, so that they are parsed once.
    prometheus : Prometheus, optional
        A server to ask for the time the logs cover.
    on_problem : callable, optional
        Told of each file that cannot be read; the others go on. Problems are in ``Dataset.problems`` too.
    progress : callable, optional
        Told the address of each file.

    Returns
    -------
    Dataset

    Raises
    ------
    SourceError
        Where a path does not exist, or nothing in it can be read.
    """
    from dfly_analysis.config import Settings
    from dfly_analysis.loading.joining import join
    from dfly_analysis.loading.live import ask

    listed: Sequence[str | Path] = [paths] if isinstance(paths, str | Path) else list(paths)
    check_zone(tz)
    tables: list[pa.Table] = []
    reading = Reading(tz, log_format, records)
    gathered = read_all(listed, reading, tables.append, cache=cache, on_problem=on_problem, progress=progress)
    ask(prometheus, gathered, on_problem)
    require_nonempty(listed, gathered)
    handed_over = (tables.pop(0) for _ in range(len(tables)))
    give_back()
    dataset = join(handed_over, gathered, settings or Settings.resolve(), condensed=records == "telling")
    give_back()
    return dataset


def read_all(
    paths: Sequence[str | Path],
    reading: Reading,
    take: Callable[[pa.Table], None],
    *,
    cache: Cache | None = None,
    on_problem: OnProblem | None = None,
    progress: Progress | None = None,
) -> Gathered:
    """Read all files, side by side where there are several, and hand their records over in the files' order."""
    problems: list[str] = []

    def told(error: SourceError) -> None:
        problems.append(str(error))
        if on_problem:
            on_problem(error)

    sources = list_files(paths, on_problem=told)
    parts: list[Gathered] = [Gathered(problems=problems)]
    with workers() as (files, blocks):
        for tables, part in _in_order(sources, reading, cache, files, blocks):
            if progress:
                for row in part.coverage:
                    progress(str(row["path"]))
            for table in tables:
                take(table)
            for problem in part.problems:
                if on_problem:
                    on_problem(SourceError(problem))
            parts.append(part)
    return Gathered.joined(parts)


@contextmanager
def workers() -> Iterator[tuple[Executor, Executor]]:
    """Yield a pool that reads files and one that reads blocks of them; what is not begun is dropped at the end.

    Without its blocks a file that is half read ends too, so that nobody who interrupts has to wait for the rest of it.
    """
    cores = os.cpu_count() or 1
    files, blocks = ThreadPoolExecutor(_SIDE_BY_SIDE, "files"), ThreadPoolExecutor(cores, "blocks")
    try:
        yield files, blocks
    finally:
        for pool in (blocks, files):
            pool.shutdown(wait=True, cancel_futures=True)


Staged: TypeAlias = "tuple[list[pa.Table], Gathered]"


def _in_order(
    sources: Sequence[SourceFile], reading: Reading, cache: Cache | None, files: Executor, blocks: Executor
) -> Iterator[Staged]:
    waiting: deque[Future[Staged]] = deque()
    for source in sources:
        waiting.append(files.submit(_stage, source, reading, cache, blocks))
        if len(waiting) > _SIDE_BY_SIDE:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _stage(source: SourceFile, reading: Reading, cache: Cache | None, blocks: Executor) -> Staged:
    written = _written(source)
    if written is not None:
        with _opened(source) as file:
            return [read_records(file)], written
    if cache is None or not cache.takes(source):
        tables: list[pa.Table] = []
        return tables, stage_file(source, reading, tables.append, blocks)
    found = cache.find(source, reading)
    if found is None:
        from dfly_analysis.loading.cache import stamp_of

        stamp = stamp_of(source)
        with tempfile.TemporaryDirectory(prefix="dfly-analysis-part-") as folder:
            path = Path(folder, "part.parquet")
            read: list[pa.Table] = []  # while the part is written, so that it need not be read back
            gathered, _ = write_part(source, reading, path, blocks, also=read.append)
            cache.keep(source, reading, path, stamp, _hash_of_whole(source, gathered))
            return read, gathered
    return [read_records(found)], read_gathered(found) or Gathered()


def _hash_of_whole(source: SourceFile, gathered: Gathered) -> str | None:
    """Return the hash of a file that was read as it is; None for an archive, or what was packed."""
    rows = gathered.coverage
    if len(rows) == 1 and rows[0]["path"] == source.address and rows[0]["size_bytes"] == source.size_bytes:
        return str(rows[0]["sha256"])
    return None


def _written(source: SourceFile) -> Gathered | None:
    """Return what a part holds that was written before by `load -o`; None for any other file."""
    if source.kind not in ("file", "object") or not source.location.endswith(".parquet"):
        return None
    try:
        with _opened(source) as file:
            return read_gathered(file)
    except (OSError, SourceError):  # it is read as any other file, and said there
        return None


def _opened(source: SourceFile) -> BinaryIO:
    if source.kind == "file":
        return Path(source.location).open("rb")
    folder, _, name = source.location.rpartition("/")
    return open_store(folder).open(name)


def take_stock(paths: Sequence[str | Path], tz: str = "UTC", log_format: str | None = None) -> list[dict[str, Any]]:
    """Return the coverage row of each file, whatever it is, without joining anything.

    Raises
    ------
    SourceError
        Where no file could be opened.
    """
    check_zone(tz)
    gathered = read_all(paths, Reading(tz, log_format), lambda _table: None)
    if not gathered.coverage:
        require_nonempty(paths, gathered)
    unreadable = {"kind": "unreadable", "lines": 0, "parsed": 0, "continuation": 0, "rejected": 0}
    return [*gathered.coverage, *({"path": text, **unreadable} for text in gathered.problems)]


def check_input(paths: Sequence[str | Path], tz: str = "UTC", log_format: str | None = None) -> None:
    """Refuse, as `load` would, what does not exist or holds nothing that can be read; stops at the first that can.

    Raises
    ------
    SourceError
    """
    check_zone(tz)
    if "-" in paths:
        return
    gathered, reading = Gathered(), Reading(tz, log_format)

    def told(error: SourceError) -> None:
        gathered.problems.append(str(error))

    for source in list_files(paths, on_problem=told):
        if _written(source) is not None:
            return
        for opened in open_file(source, on_problem=told):
            if is_readable(opened, reading):
                return
            gathered.coverage.append({"kind": "foreign" if opened.head() else "empty"})
            if opened.problem:
                told(SourceError(opened.problem, where=opened.address, hint="copy the file anew"))
    require_nonempty(paths, gathered)


def check_zone(tz: str) -> None:
    """Refuse what is no time zone.

    Raises
    ------
    SettingsError
    """
    if tz == "UTC":
        return
    import pandas as pd

    try:
        pd.Timestamp("2026-01-01").tz_localize(tz)
    except (LookupError, ValueError, TypeError, OSError) as problem:
        raise SettingsError(
            f"{tz!r} is not a time zone", where="--tz", hint="write it like UTC, Asia/Shanghai or +08:00"
        ) from problem


def require_nonempty(paths: Sequence[str | Path], gathered: Gathered) -> None:
    """Refuse an input of which nothing can be analysed.

    Raises
    ------
    SourceError
        Naming the paths, the first reason and the way out.
    """
    if gathered.jobs or gathered.runs or gathered.pods or any(row["kind"] == "log" for row in gathered.coverage):
        return
    where = ", ".join(str(path) for path in paths)
    if gathered.problems and not gathered.coverage:
        raise SourceError(f"nothing could be read: {gathered.problems[0].removeprefix(where + ': ')}", where=where)
    if all(row["kind"] == "empty" for row in gathered.coverage):
        raise SourceError(
            "is empty", where=where, hint="name a log of a client, scheduler or manager, job JSON, or a dfbench table"
        )
    reason = f"; {gathered.problems[0]}" if gathered.problems else ""
    raise SourceError(
        f"nothing in it is a log, job JSON or benchmark table{reason}",
        where=where,
        hint="`dfly-analysis inspect` says what each file was taken for",
    )
