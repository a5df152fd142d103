"""Reads any line of any format by its grammar; slower than the native reader, whose reference it is."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dfly_analysis.catalog.log_events import bulk_events
from dfly_analysis.catalog.log_fields import SPAN_FIELDS, TAIL_STARTS, ZAP_FIELDS, ZAP_LEVELS
from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.readers.logs.blocks import Counts
from dfly_analysis.readers.logs.event_matching import cause_in, take_event, whole_number
from dfly_analysis.readers.logs.event_schema import BAD_LEVELS, TEXT_CAP
from dfly_analysis.readers.logs.format_detection import match_head, strip_colour
from dfly_analysis.redaction import LineRedactor, is_too_long, may_hold_secret

_SPAN_FIELDS = "|".join(map(re.escape, SPAN_FIELDS))
# Possessive quantifiers, and alternatives that begin differently: nothing can be read in two ways, so that a line that does
# not match fails in linear time. Only single characters are repeated possessively: before 3.11.5 Python errs with groups.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*"'
_VALUE = rf'{_STRING}|[^\s"=]++'
_TAIL = re.compile(rf"(?:^|\s)(?:(?:{_SPAN_FIELDS})=(?:{_VALUE})(?:\s++|$))+$", re.DOTALL)
_FIELD = re.compile(rf"({_SPAN_FIELDS})=({_VALUE})", re.DOTALL)
_BRACES = re.compile(rf"([A-Za-z_]\w*+)(?:\{{((?:[^\"{{}}]++|{_STRING}?)*)\}}?)?", re.DOTALL)
_PRETTY_AT = re.compile(r"^\s{4}at (?P<source>\S+\.rs:\d+)$")
_PRETTY_IN = re.compile(r"^\s{4}in (?P<span>[\w:]+)(?: with (?P<fields>.*))?$")
_PRETTY_FIELD = re.compile(rf"(?<![\w.])([A-Za-z_][\w.]*+): ({_STRING}|[^,\s]+)")
_CRASH = re.compile(r"panic: |fatal error: |unexpected fault address|SIG[A-Z]+: ")
_PANIC_AT = re.compile(r"(?<!\S)(\S+\.rs:\d+)(?::\d+)?:?$")
_CONSOLE_FIELDS = re.compile(r'\s\{"')
_ESCAPED = re.compile(r"\\(.)")
_MAX_LINES = 2000  # lines that may continue one record


@dataclass
class Record:
    """One record as it was written."""

    time: str  # as it is written, empty where there is none
    level: str
    source: str
    message: str
    span: str | None = None  # innermost span
    fields: dict[str, Any] = field(default_factory=dict)  # ids and other named values


def _read_compact(match: re.Match[str], rest: list[str]) -> Record:
    """Read a compact record: the ids of all spans stand at the end of its last line, unless stray lines follow it."""
    message, fields = split_tail("\n".join([match["message"], *rest]) if rest else match["message"])
    if rest and not fields:
        first, fields = split_tail(match["message"])
        message = "\n".join([first, *rest])
    span = match["spans"].rsplit(":", 1)[-1] if match["spans"] else None
    return Record(match["time"], match["level"].strip(), match["source"], message, span, fields)


def _read_full(match: re.Match[str], rest: list[str]) -> Record:
    """Read a full record: each span carries its fields in braces."""
    fields: dict[str, Any] = {}
    span = None
    for name, inner in _BRACES.findall(match["spans"]):
        span = name
        fields.update((key, _unquote(value)) for key, value in _FIELD.findall(inner))
    message, tail = split_tail("\n".join([match["message"], *rest]))
    return Record(match["time"], match["level"].strip(), match["source"], message, span, {**fields, **tail})


def _read_pretty(match: re.Match[str], rest: list[str]) -> Record:
    """Read a pretty record: its place and its spans, innermost first, stand on lines of their own."""
    fields: dict[str, Any] = {}
    message, span, source = [match["message"]], None, ""
    for line in rest:
        if at := _PRETTY_AT.match(line):
            source = at["source"]
        elif inside := _PRETTY_IN.match(line):
            span = span or inside["span"].rsplit("::", 1)[-1]
            for key, value in _PRETTY_FIELD.findall(inside["fields"] or ""):
                fields.setdefault(key, _unquote(value))
        elif line.strip():
            message.append(line)
    return Record(match["time"], match["level"], source, "\n".join(message), span, fields)


def _loads(text: str) -> dict[str, Any]:
    """Read a JSON object, empty for anything else; half a character, which no table can hold, becomes a question mark."""
    try:
        data = json.loads(text)
        if "\\u" in text:
            data = json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _read_json(match: re.Match[str], _rest: list[str]) -> Record | None:
    """Read a zap JSON record; None where the line is no JSON object of zap's."""
    data = _loads(match["json"])
    if not {"level", "ts", "msg"} <= data.keys():
        return None
    return _zap(str(data.pop("ts")), str(data.pop("level")), str(data.pop("caller", "")), str(data.pop("msg")), data)


def _read_console(match: re.Match[str], rest: list[str]) -> Record:
    """Read a zap console record; stack lines that follow it are left out."""
    message, fields = match["message"], ""
    if message.endswith("}") and (start := _CONSOLE_FIELDS.search(message)):
        message, fields = message[: start.start()], message[start.start() + 1 :]
    message = "\n".join([message, *(line for line in rest if not line.startswith("\t") and " " in line)])
    return _zap(match["time"], match["level"], match["source"], message, _loads(fields))


def _read_gin(match: re.Match[str], _rest: list[str]) -> Record:
    return Record(match["time"].replace("/", "-").replace(" - ", " "), "INFO", "gin", match["message"])


def _read_redirect(match: re.Match[str], rest: list[str]) -> Record:
    """Read what a Go service says when it begins to write its output to a file; a crash follows without a time."""
    crash = [line for line in rest if _CRASH.match(line)]
    level = "FATAL" if crash else "INFO"
    return Record(f"{match['time']}{match['zone']}", level, "", "\n".join([match["message"], *crash]))


def _read_panic(match: re.Match[str], rest: list[str]) -> Record:
    """Read what Rust's runtime prints when a thread panics; it says no time."""
    message_lines = [line for line in rest if line.strip() and not line.startswith(("note: ", "stack backtrace:", " "))]
    place = _PANIC_AT.search(match["message"])
    return Record("", "FATAL", place[1] if place else "", "\n".join([match["message"], *message_lines]))


READERS = {
    "compact": _read_compact, "full": _read_full, "pretty": _read_pretty, "json": _read_json,
    "console": _read_console, "gin": _read_gin, "redirect": _read_redirect, "panic": _read_panic,
}  # fmt: skip


def split_tail(text: str) -> tuple[str, dict[str, Any]]:
    """Split a compact message into its text and the span fields at its end, of each name the outermost (first) value."""
    for start in sorted(at for start in TAIL_STARTS if (at := text.find(start)) >= 0):
        if match := _TAIL.match(text, start):
            fields: dict[str, Any] = {}
            for key, value in _FIELD.findall(match[0]):
                fields.setdefault(key, _unquote(value))
            if set(fields) != {"content_length"}:  # alone it belongs to the message that says how much room is missing
                return text[:start], fields
    return text, {}


def _unquote(value: str) -> str:
    if not value.startswith('"'):
        return value
    inner = value[1:-1]
    return _ESCAPED.sub(r"\1", inner) if "\\" in inner else inner


def _zap(time: str, level: str, source: str, message: str, data: Mapping[str, Any]) -> Record:
    fields = {ZAP_FIELDS[key]: value for key, value in data.items() if key in ZAP_FIELDS and isinstance(value, str)}
    error = data.get("error")
    if isinstance(error, str) and error and error not in message:
        message = f"{message}: {error}"
    return Record(time, ZAP_LEVELS.get(level.lower(), level.upper()), source, message, None, fields)


def read_rows(
    lines: Sequence[str], first: int, main: LogFormat | None, counts: Counts, time: str = ""
) -> list[dict[str, Any]]:
    """Read lines to rows."""
    rows: list[dict[str, Any]] = []
    redactor = LineRedactor()
    pending: tuple[int, LogFormat, re.Match[str], list[str]] | None = None
    for line_number, raw in enumerate((*lines, None), first):
        if raw is not None and is_too_long(raw):
            continue
        line = None if raw is None else redactor.line(_without_control(raw))
        found = None if line is None else match_head(line, main)
        if pending and (found or line is None):
            start, own_format, match, rest = pending
            if record := READERS[own_format.grammar](match, rest):
                counts.parsed += 1
                counts.formats[own_format.id] += 1
                record.time = time = record.time or time  # a record without a time came after the one before it
                rows.append(event_row(record, start, [match[0], *rest]))
        if found:
            pending = (line_number, *found, [])
        elif line is not None and pending and len(pending[3]) < _MAX_LINES and pending[1].grammar != "json":
            if line.strip() or pending[1].grammar == "pretty":
                pending[3].append(line)
            counts.continuation += 1
    counts.lines += len(lines)
    return rows


def record_time(line: str, main: LogFormat) -> str | None:
    """Return the time of the record that a line begins, as it is written; None where it begins none."""
    line = _without_control(line)
    found = match_head(LineRedactor().line(line) if may_hold_secret(line) else line, main)
    record = READERS[found[0].grammar](found[1], []) if found else None
    return record.time if record else None


def _without_control(line: str) -> str:
    """Return a line without colours, carriage return and NUL, which few lines have."""
    if "\x1b" in line or line[:1] == "[":
        line = strip_colour(line)
    return line.removesuffix("\r").replace("\0", "")


def event_row(record: Record, line_number: int, physical: Sequence[str]) -> dict[str, Any]:
    """Return a record as a row of the columns of the parts; its time is a text still."""
    fields, message = record.fields, record.message
    row: dict[str, Any] = {
        "time": record.time, "level": record.level, "span": record.span, "source": record.source, "message": message,
        "task_id": fields.get("task_id"), "peer_id": fields.get("peer_id"), "job_id": fields.get("job_id"),
        "url": _bare(fields.get("url")), "host_id": fields.get("host_id"), "log_line": line_number,
    }  # fmt: skip
    if "content_length" in fields:
        row["size_bytes"] = fields["content_length"]
    if "piece_id" in fields:
        task_id, _, row["piece_number"] = str(fields["piece_id"]).rpartition("-")
        row["task_id"] = row["task_id"] or task_id
    for name, value in take_event(message).items():
        if name == "url":
            row["url"] = row["url"] or _bare(value)
        elif row.get(name) is None or name not in ("task_id", "size_bytes"):
            row[name] = value
    for name in ("piece_number", "size_bytes", "piece_bytes"):
        row[name] = whole_number(row.get(name))
    if record.level in BAD_LEVELS:
        row["signature"] = cause_in(message)
    if record.level in BAD_LEVELS or ("event_id" in row and row["event_id"] not in bulk_events()):
        row["text"] = "\n".join(physical)[:TEXT_CAP]
    return row


def _bare(url: str | None) -> str | None:
    return url.split("?", 1)[0] if url else None
