"""Many small logs of one format parsed together: a fleet has thousands, and a table for each would cost milliseconds."""

import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.arrow_values import arrow_array, is_there
from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.native.interface import GRAMMARS, NO_TIME
from dfly_analysis.readers.logs.blocks import LineBlock
from dfly_analysis.readers.logs.envelopes import find_envelope
from dfly_analysis.readers.logs.event_schema import values_of
from dfly_analysis.readers.logs.format_detection import match_head
from dfly_analysis.readers.logs.log_identity import add_writers, coverage_row, find_writers
from dfly_analysis.readers.logs.native_parser import count_lines
from dfly_analysis.readers.logs.parse_block import FileStarts, as_times, parse_block
from dfly_analysis.readers.logs.python_parser import record_time

LARGEST_BYTES = 4 << 20  # of a log that is parsed together with others
_SAMPLED_LINES = 12
_HEAD_BYTES = 65536
_JSON_TIME = re.compile(r'"ts"\s*:\s*"([^"]*)"')
_LATEST = np.iinfo(np.int64).max


class SmallLog(NamedTuple):
    """A plain log, whole."""

    address: str
    data: bytes  # whole lines, each ended by a line feed; the first begins a record


def plain_format(data: bytes) -> LogFormat | None:
    """Return the format of a plain log by a sample of its first lines; None where it is wrapped, coloured, not UTF-8, not in the order of time, or begins with no record."""
    head = data[:_HEAD_BYTES]
    if any(mark in data for mark in (b"\x1b", b"\r", b"\0")) or b"[0m" in head or b"[2m" in head:
        return None
    lines = head[: head.rfind(b"\n")].split(b"\n")
    last = len(lines) - 1
    sample = [lines[last * at // (_SAMPLED_LINES - 1)].decode("utf-8", "replace") for at in range(_SAMPLED_LINES)]
    first = match_head(sample[0])
    if first is None or first[0].grammar not in GRAMMARS:
        return None
    found = [match for line in sample if (match := match_head(line, first[0]))]
    if any(own is not first[0] for own, _ in found) or 2 * len(found) < _SAMPLED_LINES:
        return None
    notice = find_envelope("kubectl").notice
    if notice and any(notice.match(line) for line in lines if line[:1] > b"9" and line[:1] != b"{"):
        return None
    times = [_time_of(match) for _, match in found]
    return first[0] if times == sorted(times) else None


def parse_small_logs(
    logs: Sequence[SmallLog], log_format: LogFormat, tz: str, *, relevant_only: bool = False
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Parse logs of one format together."""
    n_lines = [count_lines(log.data) for log in logs]
    starts = FileStarts(np.cumsum([0, *(len(log.data) for log in logs[:-1])]), np.cumsum([0, *n_lines[:-1]]))
    block = LineBlock(b"".join(log.data for log in logs), 0, lines=sum(n_lines))
    table, counts = parse_block(block, log_format, tz, relevant_only=relevant_only, files=starts)
    at = table.schema.get_field_index("log_line")
    line = values_of(table.column(at))
    file = np.searchsorted(starts.line, line, side="right") - 1
    table = table.set_column(at, "log_line", arrow_array(line - starts.line[file] + 1, pa.int64()))
    addresses = [log.address for log in logs]
    writers = find_writers(table, addresses, log_format, file)
    for own, span in zip(counts, _spans(table, file, logs, log_format, tz), strict=True):
        own.span_ns = span
    coverage = [coverage_row(*of_log) for of_log in zip(addresses, writers, counts, strict=True)]
    return add_writers(table, writers, addresses, file), coverage


def _spans(
    table: pa.Table, file: npt.NDArray[np.int64], logs: Sequence[SmallLog], log_format: LogFormat, tz: str
) -> list[tuple[int, int] | None]:
    """Return the earliest and latest time of each log; records that were only counted lie between the log's ends."""
    edges = as_times([text for log in logs for text in _edge_times(log.data, log_format)], tz)
    times = pa.chunked_array([*table.column("time").chunks, edges])
    of_log = np.concatenate([file, np.repeat(np.arange(len(logs)), 2)])[is_there(times)]
    known = values_of(times)[is_there(times)]
    first, last = np.full(len(logs), _LATEST), np.full(len(logs), NO_TIME)
    np.minimum.at(first, of_log, known)
    np.maximum.at(last, of_log, known)
    return [span if span[0] <= span[1] else None for span in zip(first.tolist(), last.tolist(), strict=True)]


def _edge_times(data: bytes, log_format: LogFormat) -> Iterator[str]:
    """Yield the times of the first and the last record as they are written."""
    for lines in (BytesIO(data), _from_last(data)):
        texts = (line.decode("utf-8", "replace").removesuffix("\n") for line in lines)
        yield next(filter(None, (record_time(text, log_format) for text in texts)), "")


def _from_last(data: bytes) -> Iterator[bytes]:
    end = len(data)
    while end > 0:
        start = data.rfind(b"\n", 0, end - 1) + 1
        yield data[start:end]
        end = start


def _time_of(match: re.Match[str]) -> str:
    if (time := match.groupdict().get("time")) is not None:
        return time
    found = _JSON_TIME.search(match.string)
    return found[1] if found else ""
