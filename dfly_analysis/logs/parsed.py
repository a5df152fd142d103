"""One block of lines to a table of records: by the compiled reader what it can, by the careful one the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dfly_analysis.knowledge.format import LogFormat
from dfly_analysis.logs import compiled
from dfly_analysis.logs.arrow import coded, codes_of, flags, moments, numbers, strings, values_of, whole_numbers
from dfly_analysis.logs.blocks import LineBlock
from dfly_analysis.logs.careful import TEXT_CAP, Counts, read_rows
from dfly_analysis.logs.compiled import Columns
from dfly_analysis.logs.naming import is_bulk, name_causes
from dfly_analysis.logs.schema import BAD_LEVELS, arrow_schema, is_telling
from dfly_analysis.logs.telling import name_rows
from dfly_analysis.logs.times import as_times, local_to_utc

FILE_WIDE = ("component", "role", "host", "log_path")
"""Columns that are known only when the file's first block was seen."""


_FEW_STRETCHES = 32
_IS_BAD = np.array([level in BAD_LEVELS for level in compiled.LEVELS])


@dataclass(frozen=True)
class ParsedBlock:
    """Records of a block.

    Attributes
    ----------
    table : pyarrow.Table
        `arrow_schema` without the columns of `FILE_WIDE`, in the order of the lines.
    counts : Counts
    """

    table: pa.Table
    counts: Counts


def parse_block(block: LineBlock, main: LogFormat | None, tz: str, *, telling: bool = False) -> ParsedBlock:
    """Read a block that begins with a record and ends with one.

    Parameters
    ----------
    block : LineBlock
    main : LogFormat or None
    tz : str
        Zone of times that carry none.
    telling : bool
        Whether records that no analysis looks at are only counted.

    Returns
    -------
    ParsedBlock
    """
    if main is None or main.grammar not in compiled.GRAMMARS or not compiled.is_available():
        return _careful(block, main, tz, telling=telling)
    columns = compiled.read_columns(block.data, main.grammar, telling=telling, lines=block.lines)
    counts, rest = Counts(), list[dict[str, Any]]()
    for start, end, line, time_ns in columns.rests:
        time = "" if time_ns == compiled.TIMELESS else str(np.datetime64(time_ns, "ns"))
        rest += read_rows(_lines(block.data[start:end]), line, main, counts, time)
    table = _fast(block.data, columns, main, tz, counts)
    counts.lines = columns.lines
    few = _table(rest, tz, counts, telling=telling) if rest else table.slice(0, 0)
    table = _merged(table, few) if len(few) else table
    return ParsedBlock(_numbered(table, block), counts)


def _merged(most: pa.Table, few: pa.Table) -> pa.Table:
    """Return the rows of two tables by line; where few stretches come between, whole slices are copied, not row by row."""
    joined = pa.concat_tables([most, few]).unify_dictionaries()
    most, few = joined.slice(0, len(most)), joined.slice(len(most))
    places = np.searchsorted(values_of(most.column("log_line")), values_of(few.column("log_line")), side="right")
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    if len(starts) > _FEW_STRETCHES:
        return joined.combine_chunks().take(pa.array(np.argsort(joined.column("log_line").to_numpy(), kind="stable")))
    parts, done = [], 0
    for start, end in pairwise([*starts, len(few)]):
        parts += [most.slice(done, places[start] - done), few.slice(start, end - start)]
        done = places[start]
    return pa.concat_tables([*parts, most.slice(done)]).combine_chunks()


def _careful(block: LineBlock, main: LogFormat | None, tz: str, *, telling: bool) -> ParsedBlock:
    counts = Counts()
    table = _table(read_rows(_lines(block.data), 0, main, counts), tz, counts, telling=telling)
    return ParsedBlock(_numbered(table, block), counts)


def _lines(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "replace").split("\n")
    return lines[:-1] if not lines[-1] else lines


def _numbered(table: pa.Table, block: LineBlock) -> pa.Table:
    """Turn places in the block into line numbers of the file."""
    place = values_of(table.column("log_line"))
    lines = block.line_numbers[place] if block.line_numbers is not None else place + block.first_line
    return table.set_column(
        table.schema.get_field_index("log_line"), "log_line", numbers(lines.astype(np.int64, copy=False))
    )


@cache
def _schema() -> pa.Schema:
    return pa.schema([field for field in arrow_schema() if field.name not in FILE_WIDE])


def _table(rows: list[dict[str, Any]], tz: str, counts: Counts, *, telling: bool) -> pa.Table:
    columns = {
        name: (whole_numbers if pa.types.is_integer(kind) else strings)([row.get(name) for row in rows])
        for name, kind in _fields()
        if name != "time"
    }
    columns["time"] = as_times([row["time"] for row in rows], tz)
    counts.reach(_span(columns["time"]))
    table = _conform(columns)
    return table.filter(flags(is_telling(table))) if telling else table


def _span(times: pa.Array) -> tuple[int, int] | None:
    """Return the earliest and the latest time."""
    span = pc.min_max(times)
    return (span["min"].value, span["max"].value) if span["min"].is_valid else None


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


def _fast(data: bytes, columns: Columns, main: LogFormat, tz: str, counts: Counts) -> pa.Table:
    counts.parsed += len(columns.line) + columns.passed_over
    counts.formats[main.id] += len(columns.line) + columns.passed_over
    zone = tz if main.zone == "given" else "UTC"
    times = moments(local_to_utc(columns.time_ns, zone))
    counts.reach(_span(times))
    if columns.span_ns is not None:
        counts.reach(_span(moments(local_to_utc(np.array(columns.span_ns), zone))))
    bad = _IS_BAD[columns.level]
    event_id, told = name_rows(columns, counts)
    kept = bad | np.array([*(not is_bulk(value) for value in event_id.values), False])[event_id.codes]
    made: dict[str, Any] = {
        "time": times, "event_id": event_id.array(), "message": columns.message,
        "level": coded(columns.level.astype(np.int32), strings(compiled.LEVELS)),
        "signature": _signatures(columns.message, bad), "log_line": numbers(columns.line.astype(np.int64)),
        "text": _texts(data, columns, kept), **columns.texts, **told,
    }  # fmt: skip
    return _conform(made)


def _signatures(messages: pa.StringArray, bad: npt.NDArray[np.bool_]) -> pa.DictionaryArray:
    rows = np.flatnonzero(bad)
    causes = name_causes(messages.take(numbers(rows)))
    codes = np.full(len(bad), -1, np.int32)
    codes[rows] = codes_of(causes)
    return coded(codes, causes.dictionary)


def _texts(data: bytes, columns: Columns, kept: npt.NDArray[np.bool_]) -> pa.StringArray:
    length = np.where(kept, np.minimum(columns.raw_length, TEXT_CAP), 0).astype(np.int32)
    lines = compiled.gather(data, columns.raw_start, length)
    valid = pa.py_buffer(np.packbits(kept, bitorder="little"))
    return pa.StringArray.from_buffers(len(lines), *lines.buffers()[1:], valid)
