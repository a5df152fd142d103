"""What the records of a block tell: the events that the compiled reader named, and those it left to Python."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.catalog.log_events import bulk_events
from dfly_analysis.catalog.regex_compiler import NUMBER_FIELDS, TEXT_FIELDS
from dfly_analysis.readers.logs.arrow_utils import Coded, distinct, strings, texts_at
from dfly_analysis.readers.logs.interleave import with_texts
from dfly_analysis.readers.logs.line_stats import whole_number
from dfly_analysis.readers.logs.native_parser import Columns, kind_of_start

_FILLS = frozenset({"task_id", "url", "size_bytes"})
"""Fields that an event only fills in: what the record's own ids say goes before it."""


class ExtractedFields(NamedTuple):
    """What the records of a block tell.

    Attributes
    ----------
    event_id : Coded
    texts : dict of str to Coded
        Columns of `dfly_analysis.catalog.regex_compiler.TEXT_FIELDS` that repeat and that Python had to complete.
    unique : dict of str to pyarrow.StringArray
        The same of those that rarely do.
    numbers : dict of str to array of int64
        Columns of `dfly_analysis.catalog.regex_compiler.NUMBER_FIELDS`, -1 where there is none.
    is_rare : array of bool
        Whether a record is of a known kind, and not of one that is most of a log.
    """

    event_id: Coded
    texts: dict[str, Coded]
    unique: dict[str, pa.StringArray]
    numbers: dict[str, npt.NDArray[np.int64]]
    is_rare: npt.NDArray[np.bool_]


@cache
def _kinds() -> tuple[dict[str, int], npt.NDArray[np.int32], pa.StringArray, npt.NDArray[np.bool_]]:
    """Return the code of each kind of event, those by start, the kinds by code, and which of them are not most of a log."""
    values = list(dict.fromkeys([*(kind.id for kind in kind_of_start()), "tool_started"]))
    place = {value: number for number, value in enumerate(values)}
    by_start = np.array([*(place[kind.id] for kind in kind_of_start()), -1], np.int32)
    return place, by_start, strings(values), np.array([*(value not in bulk_events() for value in values), False])


def extract_fields(columns: Columns) -> ExtractedFields:
    """Name the event of each record.

    Parameters
    ----------
    columns : Columns
        Its numbers are completed in place.

    Returns
    -------
    ExtractedFields
    """
    place, by_start, values, rare = _kinds()
    codes = by_start[np.where(columns.event == 1, columns.start, -1)]
    texts: dict[str, Coded] = {}
    unique: dict[str, pa.StringArray] = {}
    whole = {name: getattr(columns, name) for name in NUMBER_FIELDS}
    rows = np.flatnonzero(columns.event == -1)
    if len(rows):
        from dfly_analysis.readers.logs.event_matching import take_event

        messages, same = distinct(texts_at(columns.message, rows))
        found = [take_event(text) for text in messages]
        codes[rows] = np.array([place.get(fields.get("event_id", ""), -1) for fields in found], np.int32)[same]
        for name in {name for fields in found for name in fields}.intersection(TEXT_FIELDS):
            given = [found[at].get(name) for at in same.tolist()]
            if name in columns.unique:
                unique[name] = _put_unique(columns.unique[name], rows, given)
            else:
                texts[name] = _put(columns.texts[name], rows, given, fills=name in _FILLS)
        for name in NUMBER_FIELDS:
            _put_numbers(whole[name], rows, [fields.get(name) for fields in found], same, fills=name in _FILLS)
    return ExtractedFields(Coded(codes, values), texts, unique, whole, rare[codes])


def _put_unique(column: pa.StringArray, rows: npt.NDArray[np.int64], texts: Sequence[str | None]) -> pa.StringArray:
    """Return the column with the texts in those rows, missing ones left out."""
    parts, done = list[pa.StringArray](), 0
    for row, text in zip(rows.tolist(), texts, strict=True):
        if text is not None:
            parts += [column.slice(done, row - done), strings([text])]
            done = row + 1
    return pa.concat_arrays([*parts, column.slice(done)])


def _put(column: Coded, rows: npt.NDArray[np.int64], texts: Sequence[str | None], *, fills: bool) -> Coded:
    """Return a column of texts that repeat with the texts in those rows; where it fills, only where there is none."""
    codes = column.codes.copy()
    free = (codes[rows] < 0) if fills else np.ones(len(rows), np.bool_)
    values, places = with_texts(column.values, [text if put else None for text, put in zip(texts, free, strict=True)])
    codes[rows[places >= 0]] = places[places >= 0]
    return Coded(codes, values)


def _put_numbers(
    column: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    found: list[str | None],
    codes: npt.NDArray[np.int32],
    *,
    fills: bool,
) -> None:
    given = np.array([text is not None for text in found])[codes]
    whole = np.array([number if (number := whole_number(text)) is not None else -1 for text in found], np.int64)[codes]
    given &= (column[rows] < 0) if fills else True
    column[rows[given]] = whole[given]
