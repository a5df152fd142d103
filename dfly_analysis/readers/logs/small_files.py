"""Many small logs of one format parsed together: a fleet has thousands, and a table for each would cost milliseconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.native.interface import GRAMMARS, NO_TIME
from dfly_analysis.readers.logs.arrow_utils import codes_of, is_there, numbers, values_of
from dfly_analysis.readers.logs.blocks import LineBlock, count_lines
from dfly_analysis.readers.logs.event_schema import arrow_schema
from dfly_analysis.readers.logs.format_detection import match_head
from dfly_analysis.readers.logs.line_stats import Counts
from dfly_analysis.readers.logs.log_identity import Writer, add_writers, component_of, host_of_path, split_host
from dfly_analysis.readers.logs.parse_block import FileStarts, parse_block
from dfly_analysis.readers.logs.timestamps import as_times

LARGEST_BYTES = 4 << 20
"""Of a log that is parsed together with others."""
_SAMPLED_LINES = 12
_HEAD_BYTES = 65536
_LATEST, _EARLIEST = np.iinfo(np.int64).max, NO_TIME


class SmallLog(NamedTuple):
    """A plain log, whole.

    Attributes
    ----------
    address : str
    data : bytes
        Whole lines, each ended by a line feed; the first begins a record.
    """

    address: str
    data: bytes


def plain_format(data: bytes) -> LogFormat | None:
    """Return the format of a plain log, or None where it takes a closer look (`dfly_analysis.readers.logs.format_detection.sniff`).

    A sample of the first lines decides. A closer look is needed for a log that is wrapped, coloured, not UTF-8, not in
    the order of time, or does not begin with a record.
    """
    head = data[:_HEAD_BYTES]
    if any(mark in data for mark in (b"\x1b", b"\r", b"\0")) or b"[0m" in head or b"[2m" in head:
        return None
    lines = head[: head.rfind(b"\n")].split(b"\n")
    sample = [lines[at].decode("utf-8", "replace") for at in np.linspace(0, len(lines) - 1, _SAMPLED_LINES).astype(int)]
    first = match_head(sample[0])
    if first is None or first[0].grammar not in GRAMMARS:
        return None
    found = [match for line in sample if (match := match_head(line, first[0]))]
    if any(own is not first[0] for own, _ in found) or 2 * len(found) < _SAMPLED_LINES:
        return None
    times = [_time_of(match) for _, match in found]
    return first[0] if times == sorted(times) else None


def parse_small_logs(
    logs: Sequence[SmallLog], log_format: LogFormat, tz: str, *, relevant_only: bool = False
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Parse logs of one format together.

    Parameters
    ----------
    logs : sequence of SmallLog
    log_format : LogFormat
        As `plain_format` found it for each of them.
    tz : str
        Zone of times that carry none.
    relevant_only : bool
        Whether records that no analysis looks at are only counted.

    Returns
    -------
    tuple of (pyarrow.Table, list of dict)
        The records of all logs, in the columns of `arrow_schema`, and of each log its row of
        `dfly_analysis.schema.COVERAGE`.
    """
    lines = np.array([count_lines(log.data) for log in logs])
    starts = FileStarts(_starts([len(log.data) for log in logs]), _starts(lines))
    block = LineBlock(b"".join(log.data for log in logs), 0, lines=int(lines.sum()))
    table, counts = parse_block(block, log_format, tz, relevant_only=relevant_only, files=starts)
    at = table.schema.get_field_index("log_line")
    line = values_of(table.column(at))
    file = np.searchsorted(starts.line, line, side="right") - 1
    table = table.set_column(at, "log_line", numbers(line - starts.line[file] + 1))
    writers = _writers(table, file, logs, log_format)
    spans = _spans(table, file, logs, log_format, tz)
    table = add_writers(table, writers, [log.address for log in logs], file).select(arrow_schema().names)
    return table, [_coverage(*of_log) for of_log in zip(logs, writers, counts, spans, strict=True)]


def _starts(sizes: Any) -> npt.NDArray[np.int64]:
    ends = np.cumsum(sizes)
    return np.concatenate([[0], ends[:-1]])


def _writers(
    table: pa.Table, file: npt.NDArray[np.int64], logs: Sequence[SmallLog], log_format: LogFormat
) -> list[Writer]:
    hosts, sources = (_texts_of_files(table, name, file, len(logs)) for name in ("host_id", "source"))
    writers = []
    for log, host_ids, of_sources in zip(logs, hosts, sources, strict=True):
        component = component_of(of_sources, log.address, log_format)
        host, role = (
            split_host(host_ids[0]) if host_ids and component == "client" else host_of_path(log.address, component)
        )
        writers.append(Writer(component, host, role or component))
    return writers


def _texts_of_files(table: pa.Table, name: str, file: npt.NDArray[np.int64], n_files: int) -> list[list[str]]:
    """Return the different texts of each file's records, the most frequent first."""
    column = table.column(name).combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    codes, texts = codes_of(column), column.dictionary.to_pylist()
    known = codes >= 0
    keys, counts = np.unique(file[known] * len(texts) + codes[known], return_counts=True)
    found: list[list[str]] = [[] for _ in range(n_files)]
    for key in keys[np.argsort(-counts, kind="stable")].tolist():
        found[key // len(texts)].append(texts[key % len(texts)])
    return found


def _spans(
    table: pa.Table, file: npt.NDArray[np.int64], logs: Sequence[SmallLog], log_format: LogFormat, tz: str
) -> list[tuple[int, int]]:
    """Return the earliest and latest time of each log, nanoseconds since 1970; those of lines only counted by the log's ends."""
    column = table.column("time")
    known = is_there(column)
    first, last = np.full(len(logs), _LATEST), np.full(len(logs), _EARLIEST)
    np.minimum.at(first, file[known], values_of(column)[known])
    np.maximum.at(last, file[known], values_of(column)[known])
    edges = as_times([text for log in logs for text in _edge_times(log.data, log_format)], tz)
    moments = np.where(is_there(edges), values_of(edges), _EARLIEST).reshape(-1, 2)
    first = np.where(moments[:, 0] == _EARLIEST, first, np.minimum(first, moments[:, 0]))
    return list(zip(first.tolist(), np.maximum(last, moments[:, 1]).tolist(), strict=True))


def _edge_times(data: bytes, log_format: LogFormat) -> tuple[str, str]:
    """Return the times of the first and the last record as they are written."""
    match = match_head(data[: data.find(b"\n")].decode("utf-8", "replace"), log_format)
    first = last = _time_of(match[1]) if match else ""
    end = len(data) - 1
    while end > 0:
        start = data.rfind(b"\n", 0, end) + 1
        if match := match_head(data[start:end].decode("utf-8", "replace"), log_format):
            return first, _time_of(match[1]) or last
        end = start - 1
    return first, last


_JSON_TIME = re.compile(r'"ts"\s*:\s*"([^"]*)"')


def _time_of(match: re.Match[str]) -> str:
    if (time := match.groupdict().get("time")) is not None:
        return time
    found = _JSON_TIME.search(match.string)
    return found[1] if found else ""


def _coverage(log: SmallLog, writer: Writer, counts: Counts, span: tuple[int, int]) -> dict[str, Any]:
    formats = sorted(counts.formats.items(), key=lambda item: (-item[1], item[0]))
    is_timed = span[0] <= span[1]
    return {
        "path": log.address, "kind": "log", "format": formats[0][0] if formats else None, "component": writer.component,
        "host": writer.host, "lines": counts.lines, "parsed": counts.parsed, "continuation": counts.continuation,
        "rejected": counts.lines - counts.parsed - counts.continuation,
        "first": np.datetime64(span[0], "ns") if is_timed else None, "last": np.datetime64(span[1], "ns") if is_timed else None,
        "note": None,
    }  # fmt: skip
