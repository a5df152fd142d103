"""Between Arrow's arrays and numpy's: values, codes of dictionaries, what is missing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


class Coded(NamedTuple):
    """A column of texts that repeat."""

    codes: npt.NDArray[np.int32]  # place in `values`, -1 for none
    values: pa.StringArray  # each text once


def coded(codes: npt.NDArray[np.int32], values: pa.StringArray) -> pa.DictionaryArray:
    """Return texts that repeat; codes are places in the values, below 0 where there is none."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=codes < 0), values, safe=False)


def values_of(array: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return whole numbers, or times in nanoseconds, as numpy has them; 0 where one is missing."""
    whole = array.cast(pa.int64())
    return np.asarray((whole.fill_null(0) if whole.null_count else whole).to_numpy(), np.int64)


def is_there(array: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Return which of the values are not missing."""
    if not array.null_count:
        return np.ones(len(array), np.bool_)
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), np.bool_)


def codes_of(array: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    """Return the places in the dictionary, -1 where there is none."""
    return np.asarray(array.indices.fill_null(-1).to_numpy(), np.int32)


def codes_and_texts(table: pa.Table, name: str) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Return a column of texts that repeat: the place of each row's text, -1 for none, and the texts."""
    column = table.column(name).unify_dictionaries()
    parts = [codes_of(chunk) for chunk in column.chunks]
    return np.concatenate([np.empty(0, np.int32), *parts]), column.chunk(0).dictionary.to_pylist() if parts else []


def lengths_of(texts: pa.StringArray | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return how many bytes each text has, 0 where there is none."""
    return values_of(pc.binary_length(texts))
