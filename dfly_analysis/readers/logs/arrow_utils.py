"""Arrow arrays over numpy's memory: nothing is copied, and neither pandas, which `pyarrow.array` asks first, is loaded nor `pyarrow.compute`.

Both take longer to load than a small log to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_KINDS = {np.dtype(np.int32): pa.int32(), np.dtype(np.int64): pa.int64()}


class Coded(NamedTuple):
    """A column of texts that repeat.

    Attributes
    ----------
    codes : array of int32
        Place in `values`, -1 for none.
    values : pyarrow.StringArray
        Each text once.
    """

    codes: npt.NDArray[np.int32]
    values: pa.StringArray


@cache
def no_strings() -> pa.StringArray:
    """Return no texts."""
    return strings([])


def numbers(
    values: npt.NDArray[Any], missing: npt.NDArray[np.bool_] | None = None, kind: pa.DataType | None = None
) -> pa.Array:
    """Return numbers as Arrow.

    Parameters
    ----------
    values : array of int32 or int64
        Must not be changed any more.
    missing : array of bool, optional
    kind : pyarrow.DataType, optional
        Another type of the same width, such as a time.
    """
    whole = np.ascontiguousarray(values)
    validity = None if missing is None or not missing.any() else pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(kind or _KINDS[whole.dtype], len(whole), [validity, pa.py_buffer(whole)])


def moments(values: npt.NDArray[Any]) -> pa.Array:
    """Return times of numpy's, in nanoseconds and UTC, as Arrow."""
    return numbers(values.view(np.int64), np.isnat(values), pa.timestamp("ns", "UTC"))


def flags(values: npt.NDArray[np.bool_]) -> pa.Array:
    """Return truth values as Arrow."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(np.packbits(values, bitorder="little"))])


def coded(codes: npt.NDArray[np.int32], values: pa.Array) -> pa.DictionaryArray:
    """Return texts that repeat; codes are places in the values, below 0 where there is none."""
    return pa.DictionaryArray.from_arrays(numbers(codes, codes < 0), values, safe=False)


def values_of(array: pa.Array | pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return whole numbers as numpy has them, times as int64; what stands where one is missing is anything."""
    if isinstance(array, pa.ChunkedArray):
        parts = [values_of(chunk) for chunk in array.chunks]
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int64), *parts])
    whole = np.frombuffer(array.buffers()[1] or b"", np.dtype(f"i{array.type.bit_width // 8}"))
    return whole[array.offset : array.offset + len(array)]


def is_there(array: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Return which of the values are not missing."""
    if isinstance(array, pa.ChunkedArray):
        parts = [is_there(chunk) for chunk in array.chunks]
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.bool_), *parts])
    validity = array.buffers()[0]
    if validity is None:
        return np.full(len(array), array.type != pa.null())
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little", count=array.offset + len(array))
    return bits[array.offset :].view(np.bool_)


def codes_of(array: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    """Return the places in the dictionary, -1 where there is none."""
    codes = values_of(array.indices)
    return codes if not array.indices.null_count else np.where(is_there(array.indices), codes, -1).astype(np.int32)


def strings(values: Sequence[str | None], kind: pa.DataType | None = None) -> pa.Array:
    """Return texts as Arrow, of which some may be missing."""
    parts = [b"" if value is None else value.encode("utf-8", "replace") for value in values]
    kind = kind or pa.string()
    offsets = np.zeros(len(parts) + 1, np.int64 if pa.types.is_large_string(kind) else np.int32)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    missing = np.array([value is None for value in values], np.bool_)
    validity = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    return pa.Array.from_buffers(kind, len(parts), [validity, pa.py_buffer(offsets), pa.py_buffer(b"".join(parts))])


def distinct(texts: Iterable[str]) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Return each text once, in the order of first standing, and of every text its place among them."""
    known: dict[str, int] = {}
    places = [known.setdefault(text, len(known)) for text in texts]
    return list(known), np.array(places, np.int32)


def texts_at(texts: pa.StringArray, rows: npt.NDArray[np.int64]) -> list[str]:
    """Return the texts of a few rows, none of which is missing."""
    offsets, data = text_buffers(texts)
    starts, ends = offsets[rows].tolist(), offsets[rows + 1].tolist()
    return [data[start:end].tobytes().decode() for start, end in zip(starts, ends, strict=True)]


def text_buffers(texts: pa.StringArray) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Return where each text begins and ends, and all of them one after another."""
    _, offsets, data = texts.buffers()
    if offsets is None or texts.null_count == len(texts):
        return np.zeros(len(texts) + 1, np.int32), np.empty(0, np.uint8)
    whole = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return whole, np.frombuffer(data or b"", np.uint8)


def lengths_of(texts: pa.StringArray | pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """Return how many bytes each text has, 0 where there is none."""
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    lengths = [np.where(is_there(chunk), np.diff(text_buffers(chunk)[0]), 0) for chunk in chunks]
    return np.concatenate([np.zeros(0, np.int32), *lengths])


def whole_numbers(values: Sequence[int | None]) -> pa.Array:
    """Return whole numbers as Arrow, of which some may be missing."""
    missing = np.array([value is None for value in values], np.bool_)
    return numbers(np.array([value or 0 for value in values], np.int64), missing)


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return values of a type, None where missing, as Arrow.

    Arrow's own conversion of a list loads pandas, which takes longer than all else that a small input needs.
    """
    if pa.types.is_string(kind):
        return strings(values, kind)
    missing = np.array([value is None for value in values], np.bool_)
    if missing.all():
        return pa.nulls(len(values), kind)
    if pa.types.is_boolean(kind):
        bits = np.packbits(np.array([bool(value) for value in values], np.bool_), bitorder="little")
        validity = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
        return pa.Array.from_buffers(kind, len(values), [validity, pa.py_buffer(bits)])
    if pa.types.is_timestamp(kind):
        times = np.array(["NaT" if value is None else value for value in values], "M8[ns]")
        return numbers(times.view(np.int64), np.isnat(times), kind)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        dtype = np.int64 if pa.types.is_integer(kind) else np.float64
        return numbers(np.array([0 if value is None else value for value in values], dtype), missing, kind)
    return pa.array(values, kind)
