"""`load`: from the paths a user names to a dataset."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset.assemble import assemble
from dfly_analysis.dataset.cache import Cache
from dfly_analysis.dataset.dataset import Dataset
from dfly_analysis.dataset.engine import Engine
from dfly_analysis.dataset.event_parts import EventStore, download, read_part_result
from dfly_analysis.dataset.file_reader import ReadOptions, group_files, is_readable, read_files
from dfly_analysis.dataset.file_result import FileResult
from dfly_analysis.dataset.stored_tables import INCOMPLETE
from dfly_analysis.errors import SettingsError, SourceError
from dfly_analysis.io import SourceFile, list_files, open_file
from dfly_analysis.readers.prometheus import query_prometheus
from dfly_analysis.schema import COVERAGE
from dfly_analysis.workers import worker_count

OnProblem = Callable[[SourceError], None]
Progress = Callable[[str], None]
DatasetOrPaths = Dataset | str | Path | Sequence[str | Path]
_GROUPS_IN_PARALLEL = 2
_MARGIN_S = 60.0  # asked for before and after the logs: counters are scraped late


@dataclass(frozen=True)
class Prometheus:
    """A server, label matchers that narrow its targets, its scrape interval, and the time before now to query where no log has a time."""

    url: str
    selector: str = ""
    step: str = "15s"
    window_s: float = 6 * 3600.0


def load(  # noqa: PLR0913 - each is an option of the commands
    paths: str | Path | Sequence[str | Path],
    *,
    settings: Settings | None = None,
    tz: str = "UTC",
    log_format: str | None = None,
    records: Literal["all", "relevant"] = "all",
    cache: Cache | None = None,
    prometheus: Prometheus | None = None,
    on_problem: OnProblem | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Load logs, archives, folders, job JSON, benchmark tables, Prometheus text, pods and configurations.

    Parameters
    ----------
    paths : path or sequence of paths
        As `dfly_analysis.io.list_files` takes them; also parts that `load -o` wrote.
    settings : Settings, optional
        Versions and Helm values that the user names.
    tz : str
        Zone of times that carry none.
    log_format : str, optional
        Id of the format to read logs in, instead of the one detected.
    records : {"all", "relevant"}
        Which records `Dataset.events` holds: all, or only those that an analysis uses (known events, warnings and errors).
    cache : Cache, optional
        Keeps parts of larger files, so that they are parsed once.
    prometheus : Prometheus, optional
        A server to query for the time range of the logs.
    on_problem, progress : callable, optional
        Called with each file that cannot be read (the others go on; ``Dataset.problems`` has them too), and each address.

    Returns
    -------
    Dataset

    Raises
    ------
    SourceError
        Where a path does not exist, or nothing in it can be read.
    """
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    check_zone(tz)
    engine = Engine()
    store = EventStore(engine.folder)
    options = ReadOptions(tz, log_format, records)
    result = read_all(listed, options, store, cache=cache, on_problem=on_problem, progress=progress)
    query_server(prometheus, result, on_problem)
    require_readable(listed, result)
    return assemble(engine, store.tables, store.parts, result, settings or Settings.resolve())


def query_server(prometheus: Prometheus | None, result: FileResult, on_problem: OnProblem | None) -> None:
    """Add the metrics of a server for the time of the logs; a failed query is a problem like an unreadable file."""
    if prometheus is None:
        return
    now, coverage = time.time(), COVERAGE.frame(result.coverage)
    times = [moment.timestamp() for name in ("first", "last") for moment in coverage[name].dropna()]
    start, end = (
        (min(times) - _MARGIN_S, min(max(times) + _MARGIN_S, now)) if times else (now - prometheus.window_s, now)
    )
    try:
        part = query_prometheus(prometheus.url, start, end, step=prometheus.step, selector=prometheus.selector)
    except SourceError as problem:
        result.add_problem(problem, on_problem)
        return
    result.runs += [dict(row) for row in part.rows]
    result.versions += [(*found, prometheus.url) for found in part.versions]


def as_dataset(source: DatasetOrPaths) -> Dataset:
    """Return a dataset as it is; of paths, what `load` makes of them."""
    return source if isinstance(source, Dataset) else load(source)


def read_all(
    paths: Sequence[str | Path],
    options: ReadOptions,
    store: EventStore,
    *,
    cache: Cache | None = None,
    on_problem: OnProblem | None = None,
    progress: Progress | None = None,
) -> FileResult:
    """Read all files, groups of them in parallel; their records go to the store."""
    result = FileResult()
    listed = list_files(paths, on_problem=partial(result.add_problem, on_problem=on_problem))
    for file in listed:
        if file.location.endswith(INCOMPLETE):
            hint = "run `dfly-analysis load` again, or wait until it has ended"
            raise SourceError("holds the tables of a load that is not complete", where=file.location, hint=hint)
    options = options.for_files(listed)
    groups = group_files(listed, cache.takes) if cache else group_files(listed)
    with workers() as (readers, parsers):
        tasks = (readers.submit(_read_group, group, options, store, cache, parsers) for group in groups)
        for part in in_order(tasks, _GROUPS_IN_PARALLEL):
            report(part, on_problem, progress)
            result.add(part)
    return result


def report(part: FileResult, on_problem: OnProblem | None, progress: Progress | None) -> None:
    """Call the callbacks with what was read and what could not be."""
    if progress:
        for row in part.coverage:
            progress(str(row["path"]))
    if on_problem:
        for problem in part.problems:
            on_problem(SourceError(problem))


@contextmanager
def workers() -> Iterator[tuple[Executor, Executor]]:
    """Yield a pool that reads groups of files and one that parses blocks of large logs; what has not started is dropped at the end."""
    pools = ThreadPoolExecutor(_GROUPS_IN_PARALLEL, "readers"), ThreadPoolExecutor(worker_count(), "parsers")
    try:
        yield pools
    finally:
        for pool in reversed(pools):
            pool.shutdown(wait=True, cancel_futures=True)


def in_order(tasks: Iterator[Future[Any]], ahead: int) -> Iterator[Any]:
    """Yield the results of tasks in their order; no more than `ahead` are submitted beyond the one waited for."""
    waiting: deque[Future[Any]] = deque()
    for task in tasks:
        waiting.append(task)
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _read_group(
    group: Sequence[SourceFile], options: ReadOptions, store: EventStore, cache: Cache | None, parsers: Executor
) -> FileResult:
    result = FileResult()
    unread: list[SourceFile] = []
    for source in group:
        if found := _written_part(source, store) or (cache.find(source, options) if cache else None):
            path, part = found
            store.add_part(path)
            result.add(part)
        else:
            unread.append(source)
    if len(unread) == 1 and cache is not None and cache.takes(unread[0]):
        result.add(cache.read(unread[0], options, store.append, parsers))
    elif unread:
        result.add(read_files(unread, options, store.append, parsers))
    return result


def _written_part(source: SourceFile, store: EventStore) -> tuple[Path, FileResult] | None:
    """Return a part that `load -o` wrote before; None for any other file."""
    if source.kind not in ("file", "object") or not source.location.endswith(".parquet"):
        return None
    try:
        path = Path(source.location) if source.kind == "file" else download(source.location, store.folder)
        part = read_part_result(path)
    except (OSError, SourceError):  # it is read like any other file, which reports the reason
        return None
    return (path, part) if part else None


def inspect_inputs(paths: Sequence[str | Path], tz: str = "UTC", log_format: str | None = None) -> list[dict[str, Any]]:
    """Return the coverage row of each file, whatever it is, without reconstructing anything; raises `SourceError` where none can be opened."""
    check_zone(tz)
    engine = Engine()
    result = read_all(paths, ReadOptions(tz, log_format), EventStore(engine.folder))
    if not result.coverage:
        require_readable(paths, result)
    unreadable = {"kind": "unreadable", "lines": 0, "parsed": 0, "continuation": 0, "rejected": 0}
    return [*result.coverage, *({"path": text, **unreadable} for text in result.problems)]


def check_input(paths: Sequence[str | Path], tz: str = "UTC", log_format: str | None = None) -> None:
    """Raise the `SourceError` that `load` would for what does not exist or holds nothing that can be read; stops at the first that can."""
    check_zone(tz)
    if "-" in paths:
        return
    result, options = FileResult(), ReadOptions(tz, log_format)
    for source in list_files(paths, on_problem=result.add_problem):
        if source.location.endswith(".parquet") and source.kind == "file" and read_part_result(source.location):
            return
        for opened in open_file(source, on_problem=result.add_problem):
            if is_readable(opened, options):
                return
            result.coverage.append({"kind": "foreign" if opened.head() else "empty"})
            if opened.problem:
                result.add_problem(SourceError(opened.problem, where=opened.address, hint="copy the file again"))
    require_readable(paths, result)


def check_zone(tz: str) -> None:
    """Raise `SettingsError` for what is no time zone."""
    if tz == "UTC":
        return
    import pandas as pd

    try:
        pd.Timestamp("2026-01-01").tz_localize(tz)
    except (LookupError, ValueError, TypeError, OSError) as problem:
        hint = "write it like UTC, Asia/Shanghai or +08:00"
        raise SettingsError(f"{tz!r} is not a time zone", where="--tz", hint=hint) from problem


def require_readable(paths: Sequence[str | Path], result: FileResult) -> None:
    """Raise `SourceError` for an input of which nothing can be analysed."""
    if result.jobs or result.runs or result.pods or any(row["kind"] == "log" for row in result.coverage):
        return
    where = ", ".join(str(path) for path in paths)
    if result.problems and not result.coverage:
        raise SourceError(f"nothing could be read: {result.problems[0].removeprefix(where + ': ')}", where=where)
    if all(row["kind"] == "empty" for row in result.coverage):
        hint = "name a log of a client, scheduler or manager, job JSON, or a dfbench table"
        raise SourceError("is empty", where=where, hint=hint)
    reason = "".join(f"; {problem}" for problem in result.problems[:1])
    hint = "`dfly-analysis inspect` shows what each file was taken for"
    if any(row["kind"] == "configuration" for row in result.coverage):
        hint = "`dfly-analysis check-config` checks a configuration"
    if any(row["kind"] == "progress" for row in result.coverage):
        hint = "it is progress output of a download; the reason of a failure is in the client's log, dfdaemon.log"
    raise SourceError(f"nothing in it is a log, job JSON or benchmark table{reason}", where=where, hint=hint)
