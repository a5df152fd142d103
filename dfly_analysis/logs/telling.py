"""What the records of a block tell: the events that the compiled reader named, and those it left to Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dfly_analysis.logs.arrow import coded, codes_of, flags, is_there, numbers, strings, values_of
from dfly_analysis.logs.careful import Counts, whole_number
from dfly_analysis.logs.compiled import Columns, kind_of_start
from dfly_analysis.logs.naming import take_event
from dfly_analysis.logs.patterns import NUMBER_FIELDS, TEXT_FIELDS

_FILLS = frozenset({"task_id", "url", "size_bytes"})
"""Fields that an event only fills in: what the record's own ids say goes before it."""


@dataclass
class Coded:
    """A column of texts that repeat.

    Attributes
    ----------
    codes : array of int32
        Place in `values`, -1 for none.
    values : list of str
    """

    codes: npt.NDArray[np.int32]
    values: list[str]

    def places(self, chosen: Callable[[str], bool]) -> list[int]:
        """Return the places of the values that are chosen."""
        return [place for place, value in enumerate(self.values) if chosen(value)]

    def array(self) -> pa.DictionaryArray:
        """Return the column."""
        return coded(self.codes, strings(self.values))


def name_rows(columns: Columns, counts: Counts) -> tuple[Coded, dict[str, Any]]:
    """Name the event of each record.

    Parameters
    ----------
    columns : Columns
    counts : Counts
        Releases are added to its `versions`.

    Returns
    -------
    tuple of (Coded, dict of str to pyarrow.Array)
        Event ids, and the columns of `FIELDS` that Python had to complete or that hold numbers.
    """
    values = list(dict.fromkeys([*(kind.id for kind in kind_of_start()), "tool_started"]))
    place = {value: number for number, value in enumerate(values)}
    by_start = np.array([*(place[kind.id] for kind in kind_of_start()), -1], np.int32)
    event_id = Coded(np.where(columns.event == 1, by_start[columns.start], -1).astype(np.int32), values)
    whole = {name: getattr(columns, name).copy() for name in NUMBER_FIELDS}
    told: dict[str, Any] = {}
    rows = np.flatnonzero(columns.event == -1)
    if len(rows):
        encoded = columns.message.take(numbers(rows)).dictionary_encode()
        found = [take_event(text, counts.versions) for text in encoded.dictionary.to_pylist()]
        codes = values_of(encoded.indices)
        event_id.codes[rows] = np.array([place.get(fields.get("event_id", ""), -1) for fields in found], np.int32)[
            codes
        ]
        for name in {name for fields in found for name in fields}.intersection(TEXT_FIELDS):
            texts = strings([fields.get(name) for fields in found]).take(encoded.indices)
            told[name] = _put(columns.texts[name], rows, texts, fills=name in _FILLS)
        for name in NUMBER_FIELDS:
            _put_numbers(whole[name], rows, [fields.get(name) for fields in found], codes, fills=name in _FILLS)
    return event_id, told | {name: numbers(own, own < 0) for name, own in whole.items()}


def _put(
    column: pa.DictionaryArray | pa.StringArray, rows: npt.NDArray[np.int64], texts: pa.Array, *, fills: bool
) -> pa.DictionaryArray | pa.StringArray:
    """Return the column with the texts in those rows, missing ones left out."""
    given = is_there(texts).copy()
    if pa.types.is_string(column.type):
        is_given = np.zeros(len(column), np.bool_)
        is_given[rows] = given
        return pc.replace_with_mask(column, flags(is_given), texts.drop_null())
    codes = codes_of(column).copy()
    given &= (codes[rows] < 0) if fills else True
    encoded = texts.filter(flags(given)).dictionary_encode()
    known = pc.index_in(encoded.dictionary, value_set=column.dictionary)
    new = encoded.dictionary.filter(known.is_null())
    joined = pa.concat_arrays([column.dictionary, new])
    codes[rows[given]] = values_of(pc.index_in(encoded.dictionary, value_set=joined))[values_of(encoded.indices)]
    return coded(codes, joined)


def _put_numbers(
    column: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    found: list[str | None],
    codes: npt.NDArray[Any],
    *,
    fills: bool,
) -> None:
    given = np.array([text is not None for text in found])[codes]
    whole = np.array([number if (number := whole_number(text)) is not None else -1 for text in found], np.int64)[codes]
    given &= (column[rows] < 0) if fills else True
    column[rows[given]] = whole[given]
