"""One block of lines to a table of records: by the native reader what it can, by the Python reader the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.arrow_values import arrow_array, is_there
from dfly_analysis.catalog.log_fields import LEVELS
from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.native.interface import GRAMMARS, NO_TIME
from dfly_analysis.readers.logs import event_schema, native_parser
from dfly_analysis.readers.logs.blocks import Counts, LineBlock
from dfly_analysis.readers.logs.event_matching import match_causes, name_events
from dfly_analysis.readers.logs.event_schema import Coded, coded, is_relevant, values_of
from dfly_analysis.readers.logs.native_parser import Columns
from dfly_analysis.readers.logs.python_parser import read_rows

if TYPE_CHECKING:
    import pandas as pd

FILE_WIDE = ("component", "role", "host", "log_path")
"""Columns that are known only when the file's first block was seen."""
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_END_NS = np.datetime64(f"{_LAST_YEAR + 1}", "ns").astype(np.int64)
_ZONE = re.compile(r":\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)$")
_IS_BAD = np.array([level in event_schema.BAD_LEVELS for level in LEVELS])


class FileStarts(NamedTuple):
    """Where the files of a block begin: byte and line, rising from 0."""

    byte: npt.NDArray[np.int64]
    line: npt.NDArray[np.int64]


_ONE_FILE = FileStarts(np.zeros(1, np.int64), np.zeros(1, np.int64))


def parse_block(
    block: LineBlock, main: LogFormat | None, tz: str, *, relevant_only: bool = False, files: FileStarts = _ONE_FILE
) -> tuple[pa.Table, list[Counts]]:
    """Read a block that begins with a record and ends with one."""
    counts = [Counts() for _ in files.byte]
    if main is None or main.grammar not in GRAMMARS or not native_parser.is_available():
        rows = _read_rows(block.data, 0, len(block.data), 0, main, counts, files)
        table = _table_of_rows(rows, tz, counts[0], relevant_only=relevant_only)
    else:
        columns = native_parser.read_columns(block.data, main.grammar, relevant_only=relevant_only, lines=block.lines)
        rows = []
        for start, end, line, time_ns in columns.fallbacks:
            time = "" if time_ns == NO_TIME else str(np.datetime64(time_ns, "ns"))
            rows += _read_rows(block.data, start, end, line, main, counts, files, time)
        _count_native(columns.lines, main, counts, files)
        table = _table_of_columns(block.data, columns, tz if main.zone == "given" else "UTC", counts[0])
        if relevant_only and not (kept := is_relevant(table)).all():  # the native reader looks at how messages begin
            table = table.filter(arrow_array(kept, pa.bool_()))
        if rows:
            table = pa.concat_tables([table, _table_of_rows(rows, tz, counts[0], relevant_only=relevant_only)])
            table = table.take(arrow_array(np.argsort(values_of(table.column("log_line")), kind="stable"), pa.int64()))
    place = values_of(table.column("log_line"))
    lines = block.line_numbers[place] if block.line_numbers is not None else place + block.first_line
    at = table.schema.get_field_index("log_line")
    return table.set_column(at, "log_line", arrow_array(lines, pa.int64())), counts


def _read_rows(
    data: bytes, start: int, end: int, line: int, main: LogFormat | None, counts: Sequence[Counts], files: FileStarts, time: str = ""
) -> list[dict[str, Any]]:  # fmt: skip
    """Read lines to rows in Python, file by file, so that no record continues in the next file."""
    rows: list[dict[str, Any]] = []
    file = int(np.searchsorted(files.byte, start, side="right")) - 1
    while start < end:
        if files.byte[file] == start:
            line, time = int(files.line[file]), ""  # what stands before is another file's
        stop = end if file + 1 == len(files.byte) else min(end, int(files.byte[file + 1]))
        lines = data[start:stop].decode("utf-8", "replace").removesuffix("\n").split("\n")
        rows += read_rows(lines, line, main, counts[file], time)
        start, file = stop, file + 1
    return rows


def _count_native(n_lines: int, main: LogFormat, counts: Sequence[Counts], files: FileStarts) -> None:
    """Count the lines that the native reader took: each is a record."""
    for own, lines in zip(counts, np.diff(files.line, append=n_lines).tolist(), strict=True):
        taken = lines - own.lines
        own.lines = lines
        own.parsed += taken
        if taken:
            own.formats[main.id] += taken


@cache
def _schema() -> pa.Schema:
    return pa.schema([field for field in event_schema.arrow_schema() if field.name not in FILE_WIDE])


def _table_of_rows(rows: list[dict[str, Any]], tz: str, counts: Counts, *, relevant_only: bool) -> pa.Table:
    times = as_times([row.pop("time") for row in rows], tz)
    counts.reach(_span(np.where(is_there(times), values_of(times), NO_TIME)))
    columns = [
        times if field.name == "time" else _column([row.get(field.name) for row in rows], field.type)
        for field in _schema()
    ]
    table = pa.Table.from_arrays(columns, schema=_schema())
    return table.filter(arrow_array(is_relevant(table), pa.bool_())) if relevant_only else table


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return arrow_array(values, pa.string()).dictionary_encode()
    return arrow_array(values, kind)


def _table_of_columns(data: bytes, columns: Columns, zone: str, counts: Counts) -> pa.Table:
    """Return the records of the native reader; nothing is left in its arrays, which it will fill again."""
    times = local_to_utc(columns.time_ns, zone)
    counts.reach(_span(times))
    if columns.span_ns is not None:
        counts.reach(_span(local_to_utc(np.array(columns.span_ns), zone)))
    is_bad, (event_texts, event_unique, is_rare) = _IS_BAD[columns.level], name_events(columns)
    texts = columns.texts | event_texts | {
        "level": Coded(columns.level.astype(np.int32), arrow_array(LEVELS, pa.string())),
        "signature": match_causes(columns.message, np.flatnonzero(is_bad)),
    }  # fmt: skip
    numbers = {name: getattr(columns, name) for name in ("piece_number", "size_bytes", "piece_bytes")}
    arrays: dict[str, pa.Array] = {
        "time": arrow_array(times, pa.int64(), times == NO_TIME).view(_schema().field("time").type),
        "log_line": arrow_array(columns.line, pa.int64()),
        "message": columns.message,
        "text": _texts(data, columns, is_bad | is_rare),
        **{name: arrow_array(values, pa.int64(), values < 0) for name, values in numbers.items()},
        **{name: coded(own.codes, own.values) for name, own in texts.items()},
        **(columns.unique | event_unique),
    }
    return pa.Table.from_arrays([arrays[name] for name in _schema().names], schema=_schema())


def _texts(data: bytes, columns: Columns, kept: npt.NDArray[np.bool_]) -> pa.StringArray:
    """Return the records as they were written, of those that are kept."""
    length = np.where(kept, np.minimum(columns.raw_length, event_schema.TEXT_CAP), 0).astype(np.int32)
    lines = native_parser.gather(data, columns.raw_start, length)
    valid = pa.py_buffer(np.packbits(kept, bitorder="little"))
    return pa.StringArray.from_buffers(len(lines), *lines.buffers()[1:], valid)


def _span(times: npt.NDArray[np.int64]) -> tuple[int, int] | None:
    known = times[times != NO_TIME]
    return (int(known.min()), int(known.max())) if len(known) else None


def as_times(texts: Sequence[str], tz: str) -> pa.Array:
    """Return times as they are written, in any form of ISO 8601, as timestamps."""
    if not any(texts):
        return pa.nulls(len(texts), pa.timestamp("ns", "UTC"))
    has_zone = set(map(bool, map(_ZONE.search, texts)))
    if has_zone == {True} or (has_zone == {False} and tz == "UTC"):
        with suppress(pa.ArrowInvalid):  # pandas reads more forms, but takes milliseconds for a few texts
            own = pa.timestamp("ns", "UTC" if has_zone == {True} else None)
            times = arrow_array(texts, pa.string()).cast(own).cast(pa.timestamp("ns", "UTC"))
            if values_of(times).min() >= 0 and values_of(times).max() < _END_NS:
                return times
    import pandas as pd

    series = pd.Series(list(texts), dtype="str")
    zoned = pd.Series([_ZONE.search(text) is not None for text in texts], dtype=bool)
    times = _in_range(pd.to_datetime(series.where(zoned), format="ISO8601", utc=True, errors="coerce"))
    if not zoned.all():
        # a zone in another form is converted rather than refused: one record may not end the analysis
        local = pd.to_datetime(series.where(~zoned), format="ISO8601", utc=True, errors="coerce")
        times = times.fillna(_localised(_in_range(local).dt.tz_localize(None), tz))
    return pa.array(times, pa.timestamp("ns", "UTC"))


def local_to_utc(time_ns: npt.NDArray[np.int64], tz: str) -> npt.NDArray[np.int64]:
    """Return nanoseconds of a zone's clock as those of UTC."""
    if tz.upper() == "UTC":
        return time_ns.copy()
    import pandas as pd

    local = _localised(pd.Series(time_ns.astype("M8[ns]")), tz)
    return np.asarray(local.dt.tz_localize(None), "M8[ns]").view(np.int64)


def _localised(local: pd.Series[Any], tz: str) -> pd.Series[Any]:
    """Return times of a zone's clock in UTC; an hour that it shows twice is the first of both, as everywhere in Python."""
    is_first = np.ones(len(local), np.bool_)
    return local.dt.tz_localize(tz, ambiguous=is_first, nonexistent="shift_forward").dt.tz_convert("UTC")  # type: ignore[no-any-return]


def _in_range(times: pd.Series[Any]) -> pd.Series[Any]:
    """Return the times in nanoseconds; a year that they cannot hold is none."""
    fine = times.dt.year.between(_FIRST_YEAR, _LAST_YEAR)
    return times.where(fine).astype("datetime64[ns, UTC]")
