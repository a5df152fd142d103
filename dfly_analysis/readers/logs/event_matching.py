"""Names what messages are: known events with their fields, and the causes that warnings and errors show."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.arrow_values import arrow_array
from dfly_analysis.catalog.error_signatures import cause_of, is_benign
from dfly_analysis.catalog.log_events import bulk_events, name_event
from dfly_analysis.catalog.regex_compiler import FIELDS, NUMBER_FIELDS, TEXT_FIELDS
from dfly_analysis.readers.logs.event_schema import Coded, codes_of
from dfly_analysis.readers.logs.native_parser import Columns, kind_of_start

_DAEMON_FOLDERS = ("dfdaemon", "daemon", "dfdaemon.log")
_FILLS = frozenset({"task_id", "url", "size_bytes"})
"""Fields that an event only fills in: the record's own ids go before it."""
_MAX_DIGITS = 18


def take_event(message: str) -> dict[str, str]:
    """Return ``event_id`` and fields of one message; empty for a message that is no known event."""
    named = name_event(message)
    if named is None:
        return {}
    event_id, fields = named
    taken = {"event_id": event_id, **{name if name in FIELDS else "detail": value for name, value in fields.items()}}
    if event_id == "process_started":
        folder = taken["detail"].rstrip("/").rsplit("/", 1)[-1]
        taken["event_id"] = event_id if folder in _DAEMON_FOLDERS else "tool_started"
    return taken


def cause_in(message: str) -> str | None:
    """Return the id of the cause that a warning's or error's message shows, None also where it is benign."""
    cause = None if is_benign(message) else cause_of(message)
    return cause.id if cause else None


def whole_number(text: Any) -> int | None:
    """Return the number of a text where a column of integers can hold it; log text is untrusted."""
    fine = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text) if fine else None


def match_causes(messages: pa.StringArray, rows: npt.NDArray[np.int64]) -> Coded:
    """Return for each message the cause it shows, or none; only some rows, of warnings and errors, are looked at."""
    codes = np.full(len(messages), -1, np.int32)
    texts, same = _distinct(messages, rows)
    found = [cause_in(text) for text in texts]
    causes = list(dict.fromkeys(cause for cause in found if cause is not None))
    codes[rows] = np.array([-1 if cause is None else causes.index(cause) for cause in found], np.int32)[same]
    return Coded(codes, arrow_array(causes, pa.string()))


@cache
def _kinds() -> tuple[dict[str, int], npt.NDArray[np.int32], pa.StringArray, npt.NDArray[np.bool_]]:
    """Return the code of each kind of event, those by start, the kinds by code, and which of them are not most of a log."""
    values = list(dict.fromkeys([*(kind.id for kind in kind_of_start()), "tool_started"]))
    place = {value: number for number, value in enumerate(values)}
    by_start = np.array([*(place[kind.id] for kind in kind_of_start()), -1], np.int32)
    is_rare = np.array([*(value not in bulk_events() for value in values), False])
    return place, by_start, arrow_array(values, pa.string()), is_rare


def name_events(columns: Columns) -> tuple[dict[str, Coded], dict[str, pa.StringArray], npt.NDArray[np.bool_]]:
    """Return ``event_id`` and other texts that Python completes (numbers are completed in `columns`), those that do not repeat, and which records are of a rare kind."""
    place, by_start, values, rare = _kinds()
    codes = by_start[np.where(columns.event == 1, columns.start, -1)]
    texts: dict[str, Coded] = {}
    unique: dict[str, pa.StringArray] = {}
    rows = np.flatnonzero(columns.event == -1)
    if len(rows):
        messages, same = _distinct(columns.message, rows)
        found = [take_event(text) for text in messages]
        codes[rows] = np.array([place.get(fields.get("event_id", ""), -1) for fields in found], np.int32)[same]
        for name in {name for fields in found for name in fields}:
            given = [found[at].get(name) for at in same.tolist()]
            if name in NUMBER_FIELDS:
                column = getattr(columns, name)
                for row, text in zip(rows.tolist(), given, strict=True):
                    if text is not None and (column[row] < 0 or name not in _FILLS):
                        number = whole_number(text)
                        column[row] = -1 if number is None else number
            elif name in columns.unique:
                mask = np.zeros(len(codes), np.bool_)
                mask[rows] = [text is not None for text in given]
                put = arrow_array([text for text in given if text is not None], pa.string())
                import pyarrow.compute as pc

                unique[name] = pc.replace_with_mask(columns.unique[name], arrow_array(mask, pa.bool_()), put)
            elif name in TEXT_FIELDS:
                texts[name] = _put(columns.texts[name], rows, given, fills=name in _FILLS)
    return texts | {"event_id": Coded(codes, values)}, unique, rare[codes]


def _distinct(messages: pa.StringArray, rows: npt.NDArray[np.int64]) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Return the different texts in some rows, and of each row its place among them."""
    encoded = messages.take(arrow_array(rows, pa.int64())).dictionary_encode()
    return encoded.dictionary.to_pylist(), codes_of(encoded)


def _put(column: Coded, rows: npt.NDArray[np.int64], texts: Sequence[str | None], *, fills: bool) -> Coded:
    """Return a column of texts that repeat with the texts in those rows; where it fills, only where there is none."""
    codes = column.codes.copy()
    values: list[str] = column.values.to_pylist()
    places = {value: place for place, value in enumerate(values)}
    for row, text in zip(rows.tolist(), texts, strict=True):
        if text is not None and (codes[row] < 0 or not fills):
            if text not in places:
                places[text] = len(values)
                values.append(text)
            codes[row] = places[text]
    return Coded(codes, arrow_array(values, pa.string()))
