"""Reads any line of any format by its grammar; slower than the native reader, whose reference it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from dfly_analysis.catalog.log_events import bulk_events
from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.readers.logs.blocks import Counts
from dfly_analysis.readers.logs.event_matching import cause_in, take_event, whole_number
from dfly_analysis.readers.logs.event_schema import BAD_LEVELS, TEXT_CAP
from dfly_analysis.readers.logs.format_detection import match_head, strip_colour
from dfly_analysis.readers.logs.grammars import READERS, Record
from dfly_analysis.redaction import redact

_MAX_LINES = 2000
"""Lines that may continue one record."""


def read_rows(
    lines: Sequence[str], first: int, main: LogFormat | None, counts: Counts, time: str = ""
) -> list[dict[str, Any]]:
    """Read lines to rows."""
    rows: list[dict[str, Any]] = []
    for line_number, own_format, match, rest in _records(lines, first, main, counts):
        record = READERS[own_format.grammar](match, rest)
        if record is None:
            counts.parsed -= 1
            continue
        counts.formats[own_format.id] += 1
        record.time = time = record.time or time  # a record without a time came after the one before it
        rows.append(_row(record, line_number, [match[0], *rest]))
    return rows


def _records(
    lines: Sequence[str], first: int, main: LogFormat | None, counts: Counts
) -> Iterator[tuple[int, LogFormat, re.Match[str], list[str]]]:
    pending: tuple[int, LogFormat, re.Match[str]] | None = None
    rest: list[str] = []
    for line_number, raw in enumerate(lines, first):
        line = redact(_tidy(raw))
        found = match_head(line, main)
        if found:
            if pending:
                yield (*pending, rest)
            pending, rest = (line_number, *found), []
            counts.parsed += 1
        elif pending and len(rest) < _MAX_LINES and pending[1].grammar != "json":
            if line.strip() or pending[1].grammar == "pretty":
                rest.append(line)
            counts.continuation += 1
    counts.lines += len(lines)
    if pending:
        yield (*pending, rest)


def _tidy(line: str) -> str:
    """Take off what `clean` leaves where few lines have it."""
    if "\x1b" in line or line[:1] == "[":
        line = strip_colour(line)
    return line.removesuffix("\r").replace("\0", "")


def _row(record: Record, line_number: int, physical: list[str]) -> dict[str, Any]:
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
