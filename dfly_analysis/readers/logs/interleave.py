"""Lays the rows that the careful reader made between those of the compiled one, column by column, as Arrow keeps them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.readers.logs import native_parser
from dfly_analysis.readers.logs.arrow_utils import Coded, is_there, strings, text_buffers
from dfly_analysis.readers.logs.native_parser import address_of

_EARLIEST = -(2**63) + 1
"""What is less is how numpy says that there is no time."""


@dataclass(frozen=True)
class InterleavedBlocks:
    """Rows to be laid between others.

    Attributes
    ----------
    places : array of int64
        Row before which each of them comes, rising.
    rows : sequence of dict
        Columns by name.
    """

    places: npt.NDArray[np.int64]
    rows: Sequence[dict[str, Any]]

    def column(self, name: str) -> list[Any]:
        """Return a column, None where there is nothing."""
        return [row.get(name) for row in self.rows]

    @cached_property
    def text_columns(self) -> frozenset[str]:
        """The columns in which there is something."""
        return frozenset(name for row in self.rows for name, value in row.items() if value is not None)

    @cached_property
    def _nothing(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], pa.StringArray]:
        size = len(self.rows)
        return np.full(size, -1, np.int32), np.full(size, -1, np.int64), pa.nulls(size, pa.string())

    def moments(self, most: npt.NDArray[np.int64], few: npt.NDArray[np.int64]) -> pa.Array:
        """Return times, nanoseconds as numpy has them."""
        return _spread_numbers(most, few, self.places, _EARLIEST, pa.timestamp("ns", "UTC"))

    def whole_numbers(self, most: npt.NDArray[np.int64], name: str) -> pa.Array:
        """Return whole numbers, those below 0 missing."""
        few = self._nothing[1]
        if name in self.text_columns:
            few = np.array([-1 if value is None else value for value in self.column(name)], np.int64)
        return _spread_numbers(most, few, self.places, 0, pa.int64())

    def repeated(self, most: Coded, name: str) -> pa.DictionaryArray:
        """Return texts that repeat."""
        codes, values = self._nothing[0], most.values
        if name in self.text_columns:
            values, codes = with_texts(values, self.column(name))
        indices = _spread("codes", np.ascontiguousarray(most.codes), codes, self.places, 0, pa.int32())
        return pa.DictionaryArray.from_arrays(indices, values, safe=False)

    def texts(self, most: pa.StringArray, name: str) -> pa.StringArray:
        """Return texts that rarely repeat."""
        few = strings(self.column(name)) if name in self.text_columns else self._nothing[2]
        if most.null_count == len(most) and few.null_count == len(few):
            return pa.nulls(len(most) + len(few), pa.string())
        bits = None
        if most.null_count or few.null_count:
            bits = pa.py_buffer(np.packbits(np.insert(is_there(most), self.places, is_there(few)), bitorder="little"))
        return _spread_texts(most, few, self.places, bits)


def with_texts(values: pa.StringArray, texts: Iterable[str | None]) -> tuple[pa.StringArray, npt.NDArray[np.int32]]:
    """Return the values with those of some texts that are not among them; and where each text stands, -1 where there is none."""
    held = values.to_pylist()
    known = {value: place for place, value in enumerate(held)}
    # what cannot be written as UTF-8 may be alike once it is written
    sound = [text if text is None or text.isascii() else text.encode("utf-8", "replace").decode() for text in texts]
    places = np.array([-1 if text is None else known.setdefault(text, len(known)) for text in sound], np.int32)
    new = list(known)[len(held) :]
    return pa.concat_arrays([values, strings(new)]) if new else values, places


def _spread_numbers(
    most: npt.NDArray[np.int64],
    few: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    least: int,
    kind: pa.DataType,
) -> pa.Array:
    return _spread("numbers", np.ascontiguousarray(most), few, places, least, kind)


def _spread(
    which: str,
    most: npt.NDArray[Any],
    few: npt.NDArray[Any],
    places: npt.NDArray[np.int64],
    least: int,
    kind: pa.DataType,
) -> pa.Array:
    size = len(most) + len(few)
    out, validity = np.empty(size, most.dtype), np.empty((size + 7) // 8, np.uint8)
    missing = getattr(native_parser.library().short_calls, f"dfly_spread_{which}")(
        address_of(most),
        ctypes.c_int64(len(most)),
        address_of(places),
        address_of(few),
        ctypes.c_int64(len(few)),
        ctypes.c_int64(least),
        address_of(out),
        address_of(validity),
    )
    bits = pa.py_buffer(validity) if missing else None
    return pa.Array.from_buffers(kind, size, [bits, pa.py_buffer(out)], missing)


def _spread_texts(
    most: pa.StringArray, few: pa.StringArray, places: npt.NDArray[np.int64], bits: pa.Buffer | None
) -> pa.StringArray:
    size = len(most) + len(few)
    (offsets, data), (more_offsets, more) = text_buffers(most), text_buffers(few)
    out_offsets, out = np.empty(size + 1, np.int32), np.empty(len(data) + len(more), np.uint8)
    native_parser.library().short_calls.dfly_spread_texts(
        address_of(offsets), address_of(data), ctypes.c_int64(len(most)), address_of(places),
        address_of(more_offsets), address_of(more), ctypes.c_int64(len(few)), address_of(out_offsets), address_of(out),
    )  # fmt: skip
    return pa.StringArray.from_buffers(size, pa.py_buffer(out_offsets), pa.py_buffer(out), bits)
