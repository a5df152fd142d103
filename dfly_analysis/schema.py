"""The five tables: each column's type, unit and meaning, said once, used for checks, documentation and empty frames."""

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
"""Of findings, the gravest first."""
ROLES = ("client", "seedClient", "scheduler", "manager")


class Column(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    name, dtype, meaning : str
    unit : str
        ``s``, ``bytes``, ``UTC`` … or empty.
    """

    name: str
    dtype: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """A table's schema.

    Attributes
    ----------
    name : str
    row : str
        What one row is.
    columns : tuple of Column
    """

    name: str
    row: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the column names in order."""
        return tuple(column.name for column in self.columns)

    def frame(self, rows: Iterable[Mapping[str, Any]] | Mapping[str, Any] = ()) -> pd.DataFrame:
        """Make a checked frame of rows or columns; what a row lacks is missing.

        Parameters
        ----------
        rows : iterable of mappings, or mapping of columns

        Returns
        -------
        pandas.DataFrame
            The columns of the schema, in order, in their types.

        Raises
        ------
        TableError
            Where a column cannot take its type.
        """
        import pandas as pd

        data = rows if isinstance(rows, Mapping) else list(rows)
        frame = pd.DataFrame(data) if len(data) else pd.DataFrame(columns=list(self.names))
        return self.conform(frame)

    def conform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a copy with the schema's columns first, in order and type; further columns follow as they are."""
        import pandas as pd

        result: dict[str, Any] = {}
        for column in self.columns:
            source = (
                frame[column.name]
                if column.name in frame.columns
                else pd.Series([None] * len(frame), index=frame.index)
            )
            try:
                result[column.name] = _as_type(source, column.dtype)
            except (TypeError, ValueError) as problem:
                raise TableError(
                    f"column {column.name!r} cannot be {column.dtype}: {problem}", where=f"table {self.name}"
                ) from problem
        rest = {name: frame[name] for name in frame.columns if name not in result}
        return pd.DataFrame({**result, **rest}, index=frame.index)

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame itself where it has every column in its type.

        Raises
        ------
        TableError
            Naming the column, what it is and what it should be.
        """
        for column in self.columns:
            if column.name not in frame.columns:
                hint = suggest_similar(column.name, (str(name) for name in frame.columns))
                raise TableError(f"column {column.name!r} is missing", where=f"table {self.name}", hint=hint or None)
            got = str(frame[column.name].dtype)
            if got != column.dtype:
                raise TableError(f"column {column.name!r} is {got}, not {column.dtype}", where=f"table {self.name}")
        return frame


def _as_type(source: pd.Series[Any], dtype: str) -> pd.Series[Any]:
    import pandas as pd

    if dtype == TIME:
        return pd.to_datetime(source, utc=True).astype(TIME)  # type: ignore[call-overload,no-any-return]
    if dtype in (FLOAT, INTEGER):
        numbers = pd.to_numeric(source)
        return numbers.astype(dtype)  # type: ignore[no-any-return,call-overload]
    if dtype == FLAG:
        return source.fillna(value=False).astype(bool) if source.dtype == object else source.astype(bool)
    return source.astype(dtype)  # type: ignore[call-overload,no-any-return]


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
    Column("ended", TIME, "end, missing where none was seen", "UTC"),
    Column("duration_s", FLOAT, "time from start to end; for a failed piece the time it had run", "s"),
)

EVENTS = Table("events", "one record of a log", (
    Column("time", TIME, "time of the record", "UTC"),
    Column("level", TEXT, "DEBUG, INFO, WARN, ERROR or FATAL"),
    Column("component", TEXT, "client, scheduler or manager"),
    Column("role", TEXT, "client, seedClient, scheduler or manager"),
    Column("host", TEXT, "host name the record speaks of"),
    Column("span", TEXT, "innermost tracing span, or missing"),
    Column("source", TEXT, "source file and line that wrote it"),
    Column("message", TEXT, "the text, redacted, without the ids at its end"),
    Column("event_id", TEXT, "which known event it is, or missing"),
    Column("signature", TEXT, "which known failure text it holds, or missing"),
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
    Column("parent_id", TEXT, "peer it came from, where origin is parent"),
    Column("size_bytes", INTEGER, "bytes of the piece", "bytes"),
    *_SPAN,
    Column("outcome", TEXT, f"one of {', '.join(OUTCOMES)}"),
    Column("signature", TEXT, "failure text that ended it, or missing"),
    Column("timeout_s", FLOAT, "limit in force for this attempt, missing where unknown", "s"),
    Column("censored", FLAG, "whether the duration is only a lower bound"),
    Column("retry_round", INTEGER, "1 under the scheduler, 2 the direct pass after it"),
    Column("successes_not_logged", FLAG, "whether nobody logged the finished pieces of its round; such a row may not enter a fit"),
    *_PLACE,
))  # fmt: skip
TASKS = Table("tasks", "one host's attempt at one blob (one peer)", (
    *_WHO,
    Column("url", TEXT, "URL of the blob, without query"),
    Column("size_bytes", INTEGER, "bytes of the blob", "bytes"),
    Column("piece_bytes", INTEGER, "piece length", "bytes"),
    Column("n_pieces", INTEGER, "pieces of the blob"),
    *_SPAN,
    Column("outcome", TEXT, f"one of {', '.join(TASK_OUTCOMES)}; died: its process ended first; unknown: the log ends first"),
    Column("cause", TEXT, "cause of the failure, missing where it did not fail"),
    Column("confidence", TEXT, "high, medium or low: how sure the cause is"),
    Column("first_error", TEXT, "message of the first error of this peer"),
    Column("last_error", TEXT, "message of the last error of this peer"),
    Column("n_errors", INTEGER, "failures (echoes of one failure count once)"),
    Column("bytes_from_source", INTEGER, "bytes fetched from the registry, as far as seen", "bytes"),
    Column("bytes_from_parent", INTEGER, "bytes fetched from other peers, as far as seen", "bytes"),
    Column("origin", TEXT, "source, parent, both or local, as far as seen"),
    Column("job_id", TEXT, "preheat job's group id, where it is known"),
    *_PLACE,
))  # fmt: skip
JOBS = Table("jobs", "one job of the manager", (
    Column("job_id", TEXT, "group id"),
    Column("type", TEXT, "preheat, …"),
    Column("scope", TEXT, "single_seed_peer, all_seed_peers, all_peers"),
    Column("state", TEXT, "as the manager says: PENDING, SUCCESS, FAILURE …"),
    Column("created", TIME, "when it was made", "UTC"),
    Column("ended", TIME, "when the manager last wrote it, 30 s to 5 min late", "UTC"),
    Column("image", TEXT, "image or file asked for"),
    Column("layers", INTEGER, "blobs asked for, where it is known"),
    Column("succeeded", INTEGER, "blobs reported as there"),
    Column("failed", INTEGER, "blobs reported or found missing"),
    Column("error", TEXT, "first error text of the job"),
    *_PLACE,
))  # fmt: skip
RUNS = Table("runs", "one figure of a benchmark or of Prometheus", (
    Column("tool", TEXT, "dfbench, vegeta, csv or prometheus"),
    Column("label", TEXT, "row of the tool's table, or what Prometheus' labels say"),
    Column("size_bytes", INTEGER, "real size of the object", "bytes"),
    Column("n", INTEGER, "repeats; in a histogram those in the bucket; of a counter what it counted (bytes where `metric` ends in traffic); of a gauge its value"),
    Column("min_s", FLOAT, "fastest", "s"),
    Column("mean_s", FLOAT, "mean; in a histogram that of all its buckets together", "s"),
    Column("max_s", FLOAT, "slowest", "s"),
    Column("p50_s", FLOAT, "median", "s"),
    Column("p95_s", FLOAT, "95 % quantile", "s"),
    Column("p99_s", FLOAT, "99 % quantile", "s"),
    Column("failures", INTEGER, "failed repeats, missing where the tool hides them"),
    Column("settings", TEXT, "settings the tool printed"),
    Column("kind", TEXT, "sample, aggregate, histogram (one row a bucket), counter or gauge"),
    Column("duration_s", FLOAT, "of a sample: the time it took, or had run when it failed", "s"),
    Column("outcome", TEXT, f"of a sample or bucket: one of {', '.join(OUTCOMES)}, or missing"),
    Column("timeout_s", FLOAT, "limit in force for this sample, missing where unknown", "s"),
    Column("lower_s", FLOAT, "of a bucket: durations are above this", "s"),
    Column("upper_s", FLOAT, "of a bucket: durations are at most this; infinite in the last", "s"),
    Column("size_lower_bytes", INTEGER, "smallest size of the size level, where only the level is known", "bytes"),
    Column("size_upper_bytes", INTEGER, "first size above the size level", "bytes"),
    Column("bytes_from_source", INTEGER, "bytes fetched from the source meanwhile", "bytes"),
    Column("bytes_from_parent", INTEGER, "bytes fetched from other peers meanwhile", "bytes"),
    Column("bytes_local", INTEGER, "bytes found in the local cache meanwhile", "bytes"),
    Column("metric", TEXT, "Prometheus metric, without unit of counting (_total, _bucket)"),
    Column("host", TEXT, "host or pod it speaks of"),
    Column("role", TEXT, "client, seedClient, scheduler or manager"),
    Column("task_id", TEXT, "task of a sample, where it is known"),
    Column("started", TIME, "when the sample or the counting began", "UTC"),
    Column("ended", TIME, "when the counting ended", "UTC"),
    *_PLACE,
))  # fmt: skip
PODS = Table("pods", "one thing that Kubernetes knows: a container, how one ended, a pod's end, an event, a node's condition", (
    Column("time", TIME, "when it ended or happened; of a container, when it started", "UTC"),
    Column("kind", TEXT, "container, ending, pod, event or node"),
    Column("namespace", TEXT, "namespace"),
    Column("pod", TEXT, "name of the pod"),
    Column("container", TEXT, "name of the container"),
    Column("node", TEXT, "name of the node"),
    Column("role", TEXT, "client, seedClient, scheduler or manager, where label or name tell"),
    Column("reason", TEXT, "Kubernetes' word for it: OOMKilled, Error, Evicted, CrashLoopBackOff, MemoryPressure …"),
    Column("exit_code", INTEGER, "of an ending; 137 is SIGKILL"),
    Column("restarts", INTEGER, "how often the container was started anew"),
    Column("memory_limit_bytes", INTEGER, "limit of the container's memory", "bytes"),
    Column("count", INTEGER, "how often an event was seen"),
    Column("message", TEXT, "what it says, redacted"),
    *_PLACE,
))  # fmt: skip
COVERAGE = Table("coverage", "one file of the input", (
    Column("path", TEXT, "file, archive members after '!'"),
    Column("kind", TEXT, "log, jobs, bench, configuration, metrics, pods, foreign or empty"),
    Column("format", TEXT, "log format it was read in, or missing"),
    Column("component", TEXT, "client, scheduler, manager or missing"),
    Column("host", TEXT, "host it belongs to, where it can be told"),
    Column("lines", INTEGER, "lines"),
    Column("parsed", INTEGER, "lines that begin a record"),
    Column("continuation", INTEGER, "lines that belong to the record before"),
    Column("rejected", INTEGER, "lines nothing could be made of"),
    Column("first", TIME, "first record", "UTC"),
    Column("last", TIME, "last record", "UTC"),
    Column("size_bytes", INTEGER, "bytes after decompression", "bytes"),
    Column("sha256", TEXT, "hash of those bytes"),
    Column("note", TEXT, "what is worth knowing of this file, or missing"),
    Column("detection_reason", TEXT, "what a log was taken for and what in its first lines says so, or missing"),
))  # fmt: skip
ALL = (EVENTS, PIECES, TASKS, JOBS, RUNS, PODS, COVERAGE)
