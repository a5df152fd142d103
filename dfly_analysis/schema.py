"""The tables: type, unit and meaning of each column, declared once for checks, documentation and empty frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dfly_analysis.errors import TableError, suggest_similar

if TYPE_CHECKING:
    import pandas as pd

TIME = "datetime64[ns, UTC]"
TEXT = "str"
FLOAT = "float64"
INTEGER = "Int64"
FLAG = "bool"
OUTCOMES = ("ok", "timeout", "reset", "storage", "origin", "cancelled", "unknown")
TASK_OUTCOMES = ("ok", "failed", "died", "unknown")
CAUSES = (
    "timeout_too_short", "network_instability", "resource_limit", "storage_io", "origin_registry", "auth",
    "scheduler_unavailable", "disk_full", "rate_limited", "client_bug", "cancelled", "unknown",
)  # fmt: skip
Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
"""Of findings, the most severe first."""
ROLES = ("client", "seedClient", "scheduler", "manager")


class Column(NamedTuple):
    """A column of a table; the unit is ``s``, ``bytes``, ``UTC`` … or empty."""

    name: str
    dtype: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """A table's schema; `row` says what one row is."""

    name: str
    row: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the column names in order."""
        return tuple(column.name for column in self.columns)

    def frame(self, rows: Iterable[Mapping[str, Any]] | Mapping[str, Any] = ()) -> pd.DataFrame:
        """Return a DataFrame of rows, or of a mapping of columns; raise TableError if a column cannot be converted to its type."""
        import pandas as pd

        data = rows if isinstance(rows, Mapping) else list(rows)
        return self.conform(pd.DataFrame(data) if len(data) else pd.DataFrame(columns=list(self.names)))

    def conform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a copy with the schema's columns first, in order and type; further columns follow as they are."""
        import pandas as pd

        result: dict[str, Any] = {}
        for name, dtype, *_ in self.columns:
            source = frame[name] if name in frame.columns else pd.Series([None] * len(frame), index=frame.index)
            try:
                result[name] = _as_type(source, dtype)
            except (TypeError, ValueError) as problem:
                raise TableError(
                    f"column {name!r} cannot be {dtype}: {problem}", where=f"table {self.name}"
                ) from problem
        rest = {name: frame[name] for name in frame.columns if name not in result}
        return pd.DataFrame({**result, **rest}, index=frame.index)

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame itself; raise TableError if a column is missing or has another type."""
        for column in self.columns:
            if column.name not in frame.columns:
                hint = suggest_similar(column.name, (str(name) for name in frame.columns))
                raise TableError(f"column {column.name!r} is missing", where=f"table {self.name}", hint=hint or None)
            got = str(frame[column.name].dtype)
            if got != column.dtype:
                raise TableError(f"column {column.name!r} is {got}, not {column.dtype}", where=f"table {self.name}")
        return frame


def _as_type(source: Any, dtype: str) -> pd.Series[Any]:
    import pandas as pd

    if dtype == TIME:
        source = pd.to_datetime(source, utc=True)
    elif dtype in (FLOAT, INTEGER):
        source = pd.to_numeric(source)
    elif dtype == FLAG and source.dtype == object:
        source = source.fillna(value=False)
    converted: pd.Series[Any] = source.astype(dtype)
    return converted


_PLACE = (
    Column("log_path", TEXT, "file the row comes from, archive members after '!'"),
    Column("log_line", INTEGER, "line in that file, from 1"),
)
_WHO = (
    Column("task_id", TEXT, "task: one blob, 64 hex digits"),
    Column("peer_id", TEXT, "peer: one attempt of one host at one task"),
    Column("host", TEXT, "host name, without address and seed suffix"),
    Column("role", TEXT, "client, seedClient, scheduler or manager"),
)
_SPAN = (
    Column("started", TIME, "start", "UTC"),
    Column("ended", TIME, "end, missing if none was logged", "UTC"),
    Column("duration_s", FLOAT, "time from start to end; of a failed piece the time until it failed", "s"),
)

EVENTS = Table("events", "one record of a log", (
    Column("time", TIME, "time of the record", "UTC"),
    Column("level", TEXT, "DEBUG, INFO, WARN, ERROR or FATAL"),
    Column("component", TEXT, "client, scheduler or manager"),
    Column("role", TEXT, "client, seedClient, scheduler or manager"),
    Column("host", TEXT, "host that the record is about"),
    Column("span", TEXT, "innermost tracing span, or missing"),
    Column("source", TEXT, "source file and line that logged it"),
    Column("message", TEXT, "text, redacted, without the ids at its end"),
    Column("event_id", TEXT, "id of the known event, or missing"),
    Column("signature", TEXT, "id of the known error signature, or missing"),
    Column("task_id", TEXT, "task"),
    Column("peer_id", TEXT, "peer"),
    Column("piece_number", INTEGER, "piece, from 0"),
    Column("job_id", TEXT, "preheat job's group id"),
    Column("url", TEXT, "URL of the blob, without query"),
    *_PLACE,
))  # fmt: skip
PIECES = Table("pieces", "one attempt at one piece", (
    *_WHO,
    Column("piece_number", INTEGER, "piece, from 0"),
    Column("attempt", INTEGER, "1 for the first attempt of this peer at this piece"),
    Column("origin", TEXT, "source, parent or local"),
    Column("parent_id", TEXT, "peer it came from, if origin is parent"),
    Column("size_bytes", INTEGER, "size of the piece", "bytes"),
    *_SPAN,
    Column("outcome", TEXT, f"one of {', '.join(OUTCOMES)}"),
    Column("signature", TEXT, "error signature that ended it, or missing"),
    Column("timeout_s", FLOAT, "timeout in force for this attempt, missing if unknown", "s"),
    Column("censored", FLAG, "whether the duration is right-censored: a lower bound"),
    Column("retry_round", INTEGER, "1 under the scheduler, 2 in the pass from the source after it"),
    Column("successes_not_logged", FLAG, "whether the finished pieces of its round were not logged; such a row must not enter a fit"),
    *_PLACE,
))  # fmt: skip
TASKS = Table("tasks", "one host's attempt at one blob (one peer)", (
    *_WHO,
    Column("url", TEXT, "URL of the blob, without query"),
    Column("size_bytes", INTEGER, "size of the blob", "bytes"),
    Column("piece_bytes", INTEGER, "piece length", "bytes"),
    Column("n_pieces", INTEGER, "pieces of the blob"),
    *_SPAN,
    Column("outcome", TEXT, f"one of {', '.join(TASK_OUTCOMES)}; died: the process ended before the task; unknown: the log ended before the task"),
    Column("cause", TEXT, "cause of the failure, missing if it did not fail"),
    Column("confidence", TEXT, "confidence in the cause: high, medium or low"),
    Column("first_error", TEXT, "message of the first error of this peer"),
    Column("last_error", TEXT, "message of the last error of this peer"),
    Column("n_errors", INTEGER, "failures (duplicate records of one failure count once)"),
    Column("bytes_from_source", INTEGER, "bytes downloaded from the registry, as far as logged", "bytes"),
    Column("bytes_from_parent", INTEGER, "bytes downloaded from other peers, as far as logged", "bytes"),
    Column("origin", TEXT, "source, parent, both or local, as far as logged"),
    Column("job_id", TEXT, "preheat job's group id, if known"),
    *_PLACE,
))  # fmt: skip
JOBS = Table("jobs", "one job of the Manager", (
    Column("job_id", TEXT, "group id"),
    Column("type", TEXT, "preheat, …"),
    Column("scope", TEXT, "single_seed_peer, all_seed_peers, all_peers"),
    Column("state", TEXT, "as the Manager reports it: PENDING, SUCCESS, FAILURE …"),
    Column("created", TIME, "creation", "UTC"),
    Column("ended", TIME, "last update by the Manager, 30 s to 5 min after the end", "UTC"),
    Column("image", TEXT, "requested image or file"),
    Column("layers", INTEGER, "requested blobs, if known"),
    Column("succeeded", INTEGER, "blobs reported as present"),
    Column("failed", INTEGER, "blobs reported or found missing"),
    Column("error", TEXT, "first error text of the job"),
    *_PLACE,
))  # fmt: skip
RUNS = Table("runs", "one figure of a benchmark or of Prometheus", (
    Column("tool", TEXT, "dfbench, vegeta, csv or prometheus"),
    Column("label", TEXT, "row of the tool's table, or the labels of Prometheus"),
    Column("size_bytes", INTEGER, "real size of the object", "bytes"),
    Column("n", INTEGER, "repetitions; of a histogram those in the bucket; of a counter its increase (bytes if `metric` ends in traffic); of a gauge its value"),
    Column("min_s", FLOAT, "fastest", "s"),
    Column("mean_s", FLOAT, "mean; of a histogram that of all its buckets together", "s"),
    Column("max_s", FLOAT, "slowest", "s"),
    Column("p50_s", FLOAT, "median", "s"),
    Column("p95_s", FLOAT, "95 % quantile", "s"),
    Column("p99_s", FLOAT, "99 % quantile", "s"),
    Column("failures", INTEGER, "failed repetitions, missing if the tool hides them"),
    Column("settings", TEXT, "settings the tool printed"),
    Column("kind", TEXT, "sample, aggregate, histogram (one row a bucket), counter or gauge"),
    Column("duration_s", FLOAT, "of a sample: the time until it ended or failed", "s"),
    Column("outcome", TEXT, f"of a sample or bucket: one of {', '.join(OUTCOMES)}, or missing"),
    Column("timeout_s", FLOAT, "timeout in force for this sample, missing if unknown", "s"),
    Column("lower_s", FLOAT, "of a bucket: durations are above this", "s"),
    Column("upper_s", FLOAT, "of a bucket: durations are at most this; infinite in the last", "s"),
    Column("size_lower_bytes", INTEGER, "smallest size of the size level, if only the level is known", "bytes"),
    Column("size_upper_bytes", INTEGER, "first size above the size level", "bytes"),
    Column("bytes_from_source", INTEGER, "bytes downloaded from the source in this time", "bytes"),
    Column("bytes_from_parent", INTEGER, "bytes downloaded from other peers in this time", "bytes"),
    Column("bytes_local", INTEGER, "bytes found in the local cache in this time", "bytes"),
    Column("metric", TEXT, "Prometheus metric, without unit of counting (_total, _bucket)"),
    Column("host", TEXT, "host or pod"),
    Column("role", TEXT, "client, seedClient, scheduler or manager"),
    Column("task_id", TEXT, "task of a sample, if known"),
    Column("started", TIME, "start of the sample or of the counting", "UTC"),
    Column("ended", TIME, "end of the counting", "UTC"),
    *_PLACE,
))  # fmt: skip
PODS = Table("pods", "one object or event of Kubernetes: a container, its termination, a pod's end, an event, a node's condition", (
    Column("time", TIME, "end or occurrence; of a container, its start", "UTC"),
    Column("kind", TEXT, "container, ending, pod, event or node"),
    Column("namespace", TEXT, "namespace"),
    Column("pod", TEXT, "name of the pod"),
    Column("container", TEXT, "name of the container"),
    Column("node", TEXT, "name of the node"),
    Column("role", TEXT, "client, seedClient, scheduler or manager, if label or name show it"),
    Column("reason", TEXT, "Kubernetes' reason: OOMKilled, Error, Evicted, CrashLoopBackOff, MemoryPressure …"),
    Column("exit_code", INTEGER, "of a termination; 137 is SIGKILL"),
    Column("restarts", INTEGER, "restarts of the container"),
    Column("memory_limit_bytes", INTEGER, "memory limit of the container", "bytes"),
    Column("count", INTEGER, "occurrences of an event"),
    Column("message", TEXT, "text, redacted"),
    *_PLACE,
))  # fmt: skip
COVERAGE = Table("coverage", "one file of the input", (
    Column("path", TEXT, "file, archive members after '!'"),
    Column("kind", TEXT, "log, jobs, bench, configuration, metrics, pods, foreign or empty"),
    Column("format", TEXT, "log format it was read in, or missing"),
    Column("component", TEXT, "client, scheduler, manager or missing"),
    Column("host", TEXT, "host it belongs to, if known"),
    Column("lines", INTEGER, "lines"),
    Column("parsed", INTEGER, "lines that begin a record"),
    Column("continuation", INTEGER, "continuation lines of a record"),
    Column("rejected", INTEGER, "lines that could not be parsed"),
    Column("first", TIME, "first record", "UTC"),
    Column("last", TIME, "last record", "UTC"),
    Column("size_bytes", INTEGER, "bytes after decompression", "bytes"),
    Column("sha256", TEXT, "hash of those bytes"),
    Column("note", TEXT, "remark on this file, or missing"),
    Column("detection_reason", TEXT, "detected format of a log, and what in its first lines shows it, or missing"),
))  # fmt: skip
ALL = (EVENTS, PIECES, TASKS, JOBS, RUNS, PODS, COVERAGE)
