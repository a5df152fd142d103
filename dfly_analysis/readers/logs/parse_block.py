"""One block of lines to a table of records: by the native reader what it can, by the Python reader the rest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.catalog.log_fields import LEVELS
from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.native.interface import GRAMMARS, NO_TIME
from dfly_analysis.readers.logs import native_parser
from dfly_analysis.readers.logs.arrow_utils import (
    Coded,
    flags,
    is_there,
    no_strings,
    numbers,
    strings,
    texts_at,
    values_of,
    whole_numbers,
)
from dfly_analysis.readers.logs.blocks import LineBlock
from dfly_analysis.readers.logs.event_extraction import extract_fields
from dfly_analysis.readers.logs.event_schema import BAD_LEVELS, TEXT_CAP, arrow_schema, is_relevant
from dfly_analysis.readers.logs.interleave import InterleavedBlocks
from dfly_analysis.readers.logs.line_stats import Counts
from dfly_analysis.readers.logs.native_parser import Columns
from dfly_analysis.readers.logs.timestamps import as_times, local_to_utc

FILE_WIDE = ("component", "role", "host", "log_path")
"""Columns that are known only when the file's first block was seen."""


_IS_BAD = np.array([level in BAD_LEVELS for level in LEVELS])


class ParsedBlock(NamedTuple):
    """Records of a block.

    Attributes
    ----------
    table : pyarrow.Table
        `arrow_schema` without the columns of `FILE_WIDE`, in the order of the lines.
    counts : list of Counts
        One for each file of the block. Where records were only counted, the span of the whole block is in the first.
    """

    table: pa.Table
    counts: list[Counts]


class FileStarts(NamedTuple):
    """Where the files of a block begin: byte and line, rising from 0."""

    byte: npt.NDArray[np.int64]
    line: npt.NDArray[np.int64]


_ONE_FILE = FileStarts(np.zeros(1, np.int64), np.zeros(1, np.int64))


def parse_block(
    block: LineBlock, main: LogFormat | None, tz: str, *, relevant_only: bool = False, files: FileStarts = _ONE_FILE
) -> ParsedBlock:
    """Read a block that begins with a record and ends with one.

    Parameters
    ----------
    block : LineBlock
    main : LogFormat or None
    tz : str
        Zone of times that carry none.
    relevant_only : bool
        Whether records that no analysis looks at are only counted.
    files : FileStarts
        Of a block of several files, each of which begins with a record.

    Returns
    -------
    ParsedBlock
    """
    if main is None or main.grammar not in GRAMMARS or not native_parser.is_available():
        return _parse_in_python(block, main, tz, relevant_only=relevant_only, files=files)
    columns = native_parser.read_columns(block.data, main.grammar, relevant_only=relevant_only, lines=block.lines)
    counts, rest = [Counts() for _ in files.byte], list[dict[str, Any]]()
    for start, end, line, time_ns in columns.fallbacks:
        time = "" if time_ns == NO_TIME else str(np.datetime64(time_ns, "ns"))
        rest += _rows_of_files(block.data, start, end, line, main, counts, files, time)
    ends = np.append(files.line[1:], columns.lines)
    for own, n_lines in zip(counts, (ends - files.line).tolist(), strict=True):
        by_reader = n_lines - own.lines  # each line that the compiled reader takes is a record
        own.lines = n_lines
        own.parsed += by_reader
        if by_reader:
            own.formats[main.id] += by_reader
    times, between = _interleaved(columns, rest, tz, counts[0], relevant_only=relevant_only)
    zone = tz if main.zone == "given" else "UTC"
    return ParsedBlock(_joined(block, columns, zone, counts[0], times, between), counts)


def _rows_of_files(
    data: bytes, start: int, end: int, line: int, main: LogFormat | None, counts: Sequence[Counts], files: FileStarts, time: str = ""
) -> list[dict[str, Any]]:  # fmt: skip
    """Read lines to rows file by file, so that no record continues in the next file."""
    from dfly_analysis.readers.logs.python_parser import read_rows

    rows: list[dict[str, Any]] = []
    file = int(np.searchsorted(files.byte, start, side="right")) - 1
    while start < end:
        is_last = file + 1 == len(files.byte) or files.byte[file + 1] >= end
        stop = end if is_last else int(files.byte[file + 1])
        rows += read_rows(_lines(data[start:stop]), line, main, counts[file], time)
        if not is_last:
            line, time = int(files.line[file + 1]), ""
        start, file = stop, file + 1
    return rows


def _parse_in_python(
    block: LineBlock, main: LogFormat | None, tz: str, *, relevant_only: bool, files: FileStarts
) -> ParsedBlock:
    counts = [Counts() for _ in files.byte]
    rows = _rows_of_files(block.data, 0, len(block.data), 0, main, counts, files)
    table = _table(rows, tz, counts[0], relevant_only=relevant_only)
    at = table.schema.get_field_index("log_line")
    return ParsedBlock(table.set_column(at, "log_line", _numbered(values_of(table.column(at)), block)), counts)


def _lines(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "replace").split("\n")
    return lines[:-1] if not lines[-1] else lines


def _numbered(place: npt.NDArray[np.int64], block: LineBlock) -> pa.Array:
    """Turn places in the block into line numbers of the file."""
    lines = block.line_numbers[place] if block.line_numbers is not None else place + block.first_line
    return numbers(lines.astype(np.int64, copy=False))


@cache
def _schema() -> pa.Schema:
    return pa.schema([field for field in arrow_schema() if field.name not in FILE_WIDE])


def _table(rows: list[dict[str, Any]], tz: str, counts: Counts, *, relevant_only: bool) -> pa.Table:
    columns = {
        name: (whole_numbers if pa.types.is_integer(kind) else strings)([row.get(name) for row in rows])
        for name, kind in _fields()
        if name != "time"
    }
    columns["time"] = as_times([row["time"] for row in rows], tz)
    counts.reach(_span(_moments(columns["time"])))
    table = _conform(columns)
    return table.filter(flags(is_relevant(table))) if relevant_only else table


def _moments(times: pa.Array) -> npt.NDArray[np.int64]:
    """Return nanoseconds as numpy has them."""
    return np.where(is_there(times), values_of(times), NO_TIME)


def _span(times: npt.NDArray[np.int64]) -> tuple[int, int] | None:
    """Return the earliest and the latest time."""
    known = times[times != NO_TIME]
    return (int(known.min()), int(known.max())) if len(known) else None


@cache
def _fields() -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in _schema()]


def _conform(columns: dict[str, Any]) -> pa.Table:
    arrays = []
    for name, kind in _fields():
        array = columns[name]
        if pa.types.is_dictionary(kind) and not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=_schema())


def _joined(
    block: LineBlock,
    columns: Columns,
    zone: str,
    counts: Counts,
    times: npt.NDArray[np.int64],
    between: InterleavedBlocks,
) -> pa.Table:
    """Return the records of both readers by line."""
    bad, extracted = _IS_BAD[columns.level], extract_fields(columns)
    texts = columns.texts | extracted.texts
    texts["event_id"], texts["level"] = extracted.event_id, Coded(columns.level.astype(np.int32), _levels())
    texts["signature"] = _signatures(columns.message, bad)
    unique = columns.unique | extracted.unique
    unique["message"], unique["text"] = columns.message, _texts(block.data, columns, bad | extracted.is_rare)
    result: dict[str, Any] = {
        "time": between.moments(_times(columns, zone, counts), times),
        "log_line": _numbered(np.insert(columns.line.astype(np.int64), between.places, between.column("log_line")), block),
        **{name: between.whole_numbers(own, name) for name, own in extracted.numbers.items()},
        **{name: between.repeated(own, name) for name, own in texts.items()},
        **{name: between.texts(own, name) for name, own in unique.items()},
    }  # fmt: skip
    return pa.Table.from_arrays([result[name] for name, _ in _fields()], schema=_schema())


def _interleaved(
    columns: Columns, rows: list[dict[str, Any]], tz: str, counts: Counts, *, relevant_only: bool
) -> tuple[npt.NDArray[np.int64], InterleavedBlocks]:
    """Return the rows of the careful reader, and their times, with the places they have among those of the compiled one."""
    times = np.empty(0, np.int64)
    if rows:
        times = _moments(as_times([row["time"] for row in rows], tz))
        counts.reach(_span(times))
    if relevant_only:
        kept = [row.get("event_id") is not None or row["level"] in BAD_LEVELS for row in rows]
        rows, times = list(compress(rows, kept)), times[np.array(kept, np.bool_)]
    return times, InterleavedBlocks(
        np.searchsorted(columns.line, [row["log_line"] for row in rows], side="right"), rows
    )


def _times(columns: Columns, zone: str, counts: Counts) -> npt.NDArray[np.int64]:
    """Return nanoseconds in UTC of the records, and count how far they and those passed over reach."""
    times = local_to_utc(columns.time_ns, zone).view(np.int64)
    counts.reach(_span(times))
    if columns.span_ns is not None:
        counts.reach(_span(local_to_utc(np.array(columns.span_ns), zone).view(np.int64)))
    return times


@cache
def _levels() -> pa.StringArray:
    return strings(LEVELS)


def _signatures(messages: pa.StringArray, bad: npt.NDArray[np.bool_]) -> Coded:
    rows = np.flatnonzero(bad)
    codes = np.full(len(bad), -1, np.int32)
    if not len(rows):
        return Coded(codes, no_strings())
    from dfly_analysis.readers.logs.event_matching import match_causes

    causes = match_causes(texts_at(messages, rows))
    codes[rows] = causes.codes
    return Coded(codes, causes.values)


def _texts(data: bytes, columns: Columns, kept: npt.NDArray[np.bool_]) -> pa.StringArray:
    length = np.where(kept, np.minimum(columns.raw_length, TEXT_CAP), 0).astype(np.int32)
    lines = native_parser.gather(data, columns.raw_start, length)
    valid = pa.py_buffer(np.packbits(kept, bitorder="little"))
    return pa.StringArray.from_buffers(len(lines), *lines.buffers()[1:], valid)
