"""One log file: lines to records to events, with a count of what became of every line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dfly_analysis.knowledge.event import name_event
from dfly_analysis.knowledge.format import LogFormat
from dfly_analysis.knowledge.signature import cause_of, is_benign
from dfly_analysis.logs.fields import READERS, Record
from dfly_analysis.logs.sniff import match_head, sniff_format, strip_colour
from dfly_analysis.redaction import redact
from dfly_analysis.sources import Opened
from dfly_analysis.tables import EVENTS

if TYPE_CHECKING:
    import pandas as pd

DETAILS = (
    "origin",
    "parent_id",
    "size_bytes",
    "piece_bytes",
    "pieces",
    "stage",
    "cost",
    "error",
    "detail",
    "host_id",
    "text",
)
TEXT_CAP = 600
_MOST_DIGITS = 18
_HOST_ID = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)-(?P<host>.+?)(?P<seed>-seed)?$")
_UUID = re.compile(r"-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?=-seed$|$)")
_BAD_LEVELS = frozenset({"WARN", "ERROR", "FATAL"})
_GO_MANAGER = re.compile(
    r"^(?:manager/|handlers/|gin@|gin$|middlewares/|searcher/|recovery/interceptors|.*manager_server)"
)
_GO_SCHEDULER = re.compile(
    r"^(?:scheduler/|scheduling/|standard/|announcer/|service/service_v|resource/|.*scheduler_server)"
)
_OWN_FOLDERS = frozenset(
    {"dfdaemon", "scheduler", "manager", "daemon", "dfget", "dfcache", "dfstore", "log", "logs", "dragonfly", "var"}
)


@dataclass
class LogPart:
    """What one log file gave.

    Attributes
    ----------
    events : pandas.DataFrame
        Rows of `dfly_analysis.tables.EVENTS`, the columns of `DETAILS` behind them.
    coverage : dict
        The file's row of `dfly_analysis.tables.COVERAGE`.
    versions : frozenset of (str, str)
        Component and release that the file names.
    """

    events: pd.DataFrame
    coverage: dict[str, Any]
    versions: frozenset[tuple[str, str]] = frozenset()


@dataclass
class _Columns:
    rows: list[dict[str, Any]] = field(default_factory=list)
    lines: int = 0
    parsed: int = 0
    continuation: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    versions: set[tuple[str, str]] = field(default_factory=set)
    time: str = ""


def read_log(opened: Opened, *, tz: str = "UTC", log_format: LogFormat | None = None) -> LogPart:
    """Read one log file.

    Parameters
    ----------
    opened : Opened
    tz : str
        Zone of times that carry none (file logs of scheduler and manager).
    log_format : LogFormat, optional
        Sniffed from the first lines where not given.

    Returns
    -------
    LogPart
        `coverage` counts each line as parsed (begins a record), continuation or rejected.
    """
    main = log_format or sniff_format(opened.head().decode("utf-8", "replace"))
    columns = _Columns()
    for line_number, own_format, match, rest in _records(opened, main, columns):
        record = READERS[own_format.grammar](match, rest)
        if record is None:
            columns.parsed -= 1
            continue
        columns.formats[own_format.id] += 1
        record.time = columns.time = record.time or columns.time  # a record without a time came after the one before it
        columns.rows.append(_row(record, own_format, line_number, columns, [match[0], *rest]))
    return _finish(opened, columns, main, tz)


def _records(
    opened: Opened, main: LogFormat | None, columns: _Columns
) -> Iterator[tuple[int, LogFormat, re.Match[str], list[str]]]:
    pending: tuple[int, LogFormat, re.Match[str]] | None = None
    rest: list[str] = []
    blank = 0
    for raw in opened.lines():
        columns.lines += 1
        line = redact(strip_colour(raw))
        found = match_head(line, main)
        if found:
            if pending:
                yield (*pending, rest)
            pending, rest, blank = (columns.lines, *found), [], 0
            columns.parsed += 1
        elif pending and len(rest) < 2000 and pending[1].grammar != "json":
            if line.strip() or pending[1].grammar == "pretty":
                rest.append(line)
            blank += 1
            columns.continuation += 1
    if pending:
        yield (*pending, rest)


def _row(
    record: Record, own_format: LogFormat, line_number: int, columns: _Columns, physical: list[str]
) -> dict[str, Any]:
    fields, message = record.fields, record.message
    row: dict[str, Any] = {
        "time": record.time, "level": record.level, "component": own_format.component, "span": record.span, "source": record.source,
        "message": message, "task_id": fields.get("task_id"), "peer_id": fields.get("peer_id"), "job_id": fields.get("job_id"),
        "url": _bare(fields.get("url")), "host_id": fields.get("host_id"), "log_line": line_number, "text": "\n".join(physical)[:TEXT_CAP],
    }  # fmt: skip
    if "content_length" in fields:
        row["size_bytes"] = fields["content_length"]
    if "piece_id" in fields:
        task_id, _, row["piece_number"] = str(fields["piece_id"]).rpartition("-")
        row["task_id"] = row["task_id"] or task_id
    named = name_event(message)
    if named:
        _take_event(row, *named, columns)
    for name in ("piece_number", "size_bytes", "piece_bytes"):
        row[name] = _whole(row.get(name))
    if record.level in _BAD_LEVELS and not is_benign(message):
        cause = cause_of(message)
        row["signature"] = cause.id if cause else None
    return row


def _take_event(row: dict[str, Any], event_id: str, fields: Any, columns: _Columns) -> None:
    row["event_id"] = event_id
    for key, value in fields.items():
        if key in (
            "task_id",
            "piece_number",
            "parent_id",
            "origin",
            "size_bytes",
            "piece_bytes",
            "pieces",
            "stage",
            "cost",
            "error",
        ):
            if row.get(key) is None or key not in ("task_id", "size_bytes"):
                row[key] = value
        elif key == "url":
            row["url"] = row["url"] or _bare(value)
        else:
            row["detail"] = value
    if event_id == "process_started":
        folder = row["detail"].rstrip("/").rsplit("/", 1)[-1]
        row["event_id"] = event_id if folder in ("dfdaemon", "daemon", "dfdaemon.log") else "tool_started"
    elif (
        event_id == "service_version" and "GitCommit: unknown" not in row["message"]
    ):  # such a build does not know its release
        columns.versions.add(("service", fields["version"]))
    elif event_id == "host_announced" and (release := re.search(r'git_version: "v?(\d[\w.+-]*)"', row["message"])):
        columns.versions.add(("client", f"v{release[1]}"))


def _whole(text: Any) -> str | None:
    """Return the text where it is a number that a column of integers can hold; log text is untrusted."""
    return text if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def _bare(url: str | None) -> str | None:
    return url.split("?", 1)[0] if url else None


def split_host(host_id: str | None) -> tuple[str | None, str | None]:
    """Return host name and role of a host or peer id, each None where it cannot be told.

    Host ids are ``<address>-<host name>[-seed]``, peer ids have a UUID between name and suffix.
    """
    if not host_id:
        return None, None
    match = _HOST_ID.match(_UUID.sub("", host_id))
    if not match:
        return host_id, "seedClient" if host_id.endswith("-seed") else "client"
    return match["host"], "seedClient" if match["seed"] else "client"


def _finish(opened: Opened, columns: _Columns, main: LogFormat | None, tz: str) -> LogPart:
    import pandas as pd

    frame = pd.DataFrame(columns.rows, columns=[*EVENTS.names, *DETAILS])
    component = _component(frame, opened.address, main)
    frame["component"] = component
    frame["log_path"] = opened.address
    ids = frame["host_id"].fillna(frame["peer_id"])
    split = {value: split_host(value) for value in ids.dropna().unique()}
    own = [split[value] for value in frame.loc[ids.notna(), "host_id"].dropna()] if component == "client" else []
    host, role = Counter(own).most_common(1)[0][0] if own else _from_address(opened.address, component)
    frame["host"] = ids.map({value: pair[0] for value, pair in split.items()}).astype(object).fillna(host)
    frame["role"] = ids.map({value: pair[1] for value, pair in split.items()}).astype(object).fillna(role)
    frame["time"] = _times(frame["time"], tz)
    events = EVENTS.conform(frame)
    coverage = {
        "path": opened.address, "kind": "log", "format": columns.formats.most_common(1)[0][0] if columns.formats else None,
        "component": component, "host": host, "lines": columns.lines, "parsed": columns.parsed, "continuation": columns.continuation,
        "rejected": columns.lines - columns.parsed - columns.continuation, "first": events["time"].min(), "last": events["time"].max(),
        "note": f"{opened.cut_lines} lines longer than 4 MiB were cut" if opened.cut_lines else None,
    }  # fmt: skip
    versions = frozenset((component if name == "service" else name, version) for name, version in columns.versions)
    return LogPart(events, coverage, versions)


def _times(texts: pd.Series[Any], tz: str) -> pd.Series[Any]:
    import pandas as pd

    zoned = texts.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True).fillna(value=False).astype(bool)
    times = _as_nanoseconds(pd.to_datetime(texts.where(zoned), format="ISO8601", utc=True, errors="coerce"))
    if not zoned.all():
        local = pd.to_datetime(texts.where(~zoned), format="ISO8601", errors="coerce")
        given = local.dt.tz_localize(tz, ambiguous="NaT", nonexistent="shift_forward").dt.tz_convert("UTC")
        times = times.fillna(_as_nanoseconds(given))
    return times


def _as_nanoseconds(times: pd.Series[Any]) -> pd.Series[Any]:
    """Return the times in the table's type; a year that it cannot hold is none."""
    return times.where(times.dt.year.between(1970, 2200)).astype(EVENTS.columns[0].dtype)  # type: ignore[call-overload,no-any-return]


def _component(frame: pd.DataFrame, address: str, main: LogFormat | None) -> str:
    if main is None or main.component == "client":
        return "client"
    folders = re.split(r"[/!\\]", address.lower())
    for name in ("scheduler", "manager"):
        if name in folders[:-1]:
            return name
    sources = frame["source"].dropna().unique()
    is_manager = sum(bool(_GO_MANAGER.match(source)) for source in sources) > sum(
        bool(_GO_SCHEDULER.match(source)) for source in sources
    )
    return "manager" if is_manager or "manager" in folders[-1] else "scheduler"


def _from_address(address: str, component: str) -> tuple[str | None, str]:
    parts = [part for part in re.split(r"[/!\\]", address) if part]
    folders = [
        part for part in parts[:-1] if part.lower() not in _OWN_FOLDERS and not re.search(r"\.(?:tar|tgz|zip|gz)", part)
    ]
    name = (
        folders[-1]
        if folders and address != "-"
        else re.sub(r"\.(?:log|txt)(?:\.\d+)?$", "", parts[-1])
        if parts
        else None
    )
    if component != "client":
        return name, component
    return name, "seedClient" if name and "seed" in name.lower() else "client"
