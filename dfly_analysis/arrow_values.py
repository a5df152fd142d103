"""Arrow arrays of few values or of numpy's, and numpy's of Arrow's, without pandas: pyarrow imports it for them, a good part of a short run."""

from collections.abc import Sequence
from itertools import accumulate
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_FEW = 1000
_NUMPY = {pa.int32(): np.int32, pa.int64(): np.int64, pa.float64(): np.float64}


def arrow_array(
    values: Sequence[Any] | npt.NDArray[Any], kind: pa.DataType, missing: npt.NDArray[np.bool_] | None = None
) -> pa.Array:
    """Return what `pa.array` does: None and what `missing` marks is null; numpy's arrays are copied."""
    n = len(values)
    if not n:
        return pa.nulls(0, kind)
    is_numpy = isinstance(values, np.ndarray) and values.dtype.kind in "bif"
    if (n > _FEW and not is_numpy) or kind not in {*_NUMPY, pa.string(), pa.bool_()}:
        return pa.array(values.copy() if isinstance(values, np.ndarray) else values, kind, mask=missing)
    if missing is None:
        missing = np.zeros(n, np.bool_) if is_numpy else np.array([value is None for value in values], np.bool_)
    buffers: list[Any] = [np.packbits(~missing, bitorder="little")] if missing.any() else [None]
    if kind == pa.string():
        texts = [b"" if value is None else value.encode() for value in values]
        buffers += [np.array([*accumulate(map(len, texts), initial=0)], np.int32), b"".join(texts)]
    elif kind == pa.bool_() and is_numpy:
        buffers.append(np.packbits(np.asarray(values, np.bool_), bitorder="little"))
    elif kind == pa.bool_():
        buffers.append(np.packbits(np.array([bool(value) for value in values], np.bool_), bitorder="little"))
    elif isinstance(values, np.ndarray):
        buffers.append(values.astype(_NUMPY[kind], casting="same_kind"))
    else:
        read = float if kind == pa.float64() else index
        buffers.append(np.array([0 if value is None else read(value) for value in values], _NUMPY[kind]))
    return pa.Array.from_buffers(kind, n, [None if one is None else pa.py_buffer(one) for one in buffers])


def numpy_array(array: pa.Array | pa.ChunkedArray, null: int) -> npt.NDArray[Any]:
    """Return whole numbers as numpy has them, `null` where one is missing."""
    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    parts = [_chunk(chunk, null) for chunk in chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, _NUMPY[array.type]), *parts])


def _chunk(array: pa.Array, null: int) -> npt.NDArray[Any]:
    if not array.null_count:
        return np.asarray(np.from_dlpack(array))
    values = np.frombuffer(array.buffers()[1], _NUMPY[array.type])[array.offset : array.offset + len(array)]
    return np.where(is_there(array), values, null).astype(values.dtype)


def is_there(array: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Return which of the values are not missing."""
    if not array.null_count:
        return np.ones(len(array), np.bool_)
    return numpy_array(array.is_valid().cast(pa.int32()), 0).astype(np.bool_)
