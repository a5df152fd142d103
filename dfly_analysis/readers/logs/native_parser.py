"""Reads compact and zap JSON lines with the native library, where there is one."""

import ctypes
import threading
from functools import cache
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.catalog.log_events import EventKind, starts_in_order
from dfly_analysis.catalog.regex_compiler import compile_events
from dfly_analysis.native.interface import GRAMMARS, TEXTS, UNIQUE_TEXTS, Block, Patterns, Texts
from dfly_analysis.native.library import Library, load_library
from dfly_analysis.readers.logs.event_schema import Coded

_ARRAYS = (
    ("line", np.int32), ("time_ns", np.int64), ("level", np.int8), ("raw_start", np.int64), ("raw_length", np.int32),
    ("message_offset", np.int32), ("message_data", np.uint8), ("piece_number", np.int64), ("size_bytes", np.int64),
    ("piece_bytes", np.int64), ("start", np.int16), ("event", np.int8),
)  # fmt: skip
_FALLBACKS = (
    ("fallback_start", np.int64), ("fallback_end", np.int64), ("fallback_line", np.int32), ("fallback_time_ns", np.int64),
)  # fmt: skip
_FEW_BYTES = 1 << 18
_OF_THREAD = threading.local()


class Columns(NamedTuple):
    """What the native reader took out of a block; its arrays hold until the same thread reads another one."""

    line: npt.NDArray[np.int32]  # line of each record in the block, from 0
    time_ns: npt.NDArray[np.int64]  # nanoseconds since 1970, in the zone the text is written in
    level: npt.NDArray[np.int8]  # place in `dfly_analysis.catalog.log_fields.LEVELS`
    raw_start: npt.NDArray[np.int64]
    raw_length: npt.NDArray[np.int32]  # where in the block the record's line stands
    message: pa.StringArray
    piece_number: npt.NDArray[np.int64]
    size_bytes: npt.NDArray[np.int64]
    piece_bytes: npt.NDArray[np.int64]  # -1 where there is none
    start: npt.NDArray[np.int16]  # place in `kind_of_start()` of how the message begins, -1 for none
    event: npt.NDArray[np.int8]  # 1: is that event, its fields are taken; 0: is none; -1: Python must look
    texts: dict[str, Coded]  # columns of `TEXTS` that repeat
    unique: dict[str, pa.StringArray]  # those of `UNIQUE_TEXTS`
    fallbacks: list[tuple[int, int, int, int]]  # start, end, first line, time of the record before (`NO_TIME`: none)
    lines: int
    skipped: int  # lines of the block, and those that were asked to be only counted
    span_ns: tuple[int, int] | None  # earliest and latest time of the lines skipped, in the zone the text is written in


def library() -> Library:
    """Return the native library; only to be called where there is one."""
    return cast("Library", load_library())


def is_available() -> bool:
    """Return whether there is a native reader; without one the Python reader reads everything, more slowly."""
    return load_library() is not None


@cache
def _patterns() -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
    """Return the members of `Block` that say how events begin and how their patterns match, and the arrays they point to."""
    texts = [start.encode() for start, _ in starts_in_order()]
    program = compile_events()
    sets = np.zeros((len(program.sets), 256), np.uint8)
    for number, characters in enumerate(program.sets):
        sets[number, list(characters)] = 1
    start_data = np.frombuffer(b"".join(texts), np.uint8)
    start_offset = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int32)
    start_index = np.searchsorted([text[0] for text in texts], np.arange(257)).astype(np.int32)
    pattern = np.array([program.first_steps[kind.id] for kind in kind_of_start()], np.int32)
    steps, literals = np.array(program.steps, np.int32), np.frombuffer(program.literals or b"\0", np.uint8)
    members = {
        "start_count": len(pattern), "start_data": address_of(start_data), "start_offset": address_of(start_offset),
        "start_index": address_of(start_index), "pattern": address_of(pattern),
        "patterns": Patterns(address_of(steps), address_of(sets), address_of(literals)),
    }  # fmt: skip
    return members, [start_data, start_offset, start_index, pattern, steps, sets, literals]


def kind_of_start() -> tuple[EventKind, ...]:
    """Return the kind of event of each start, in the order in which the reader numbers them."""
    return tuple(kind for _, kind in starts_in_order())


def _scratch(name: str, size: int, kind: type[np.generic]) -> npt.NDArray[Any]:
    """Return an array for the native reader to fill, the same one in each block: fresh pages cost more than the filling."""
    held: dict[str, npt.NDArray[Any]] = _OF_THREAD.__dict__
    array = held.get(name)
    if array is None or len(array) < size:
        array = held[name] = np.empty(size + size // 4, kind)
    return array


def read_columns(data: bytes, grammar: str, *, relevant_only: bool = False, lines: int | None = None) -> Columns:
    """Read a block of whole lines."""
    most = (count_lines(data) if lines is None else lines) + 1
    sizes = {"message_offset": most + 1, "message_data": len(data) + 8}
    arrays = {name: _scratch(name, sizes.get(name, most), kind) for name, kind in (*_ARRAYS, *_FALLBACKS)}
    parts = (("codes", np.int32), ("start", np.int64), ("length", np.int32))
    texts = [tuple(_scratch(f"{name} {part}", most, kind) for part, kind in parts) for name in TEXTS]
    # Held until the call ends: another thread that fills the cache at the same time replaces what stands in it.
    patterns, patterns_memory = _patterns()
    block = Block(
        data=address_of(np.frombuffer(data, np.uint8)), size=len(data), relevant_only=relevant_only, **patterns,
        **{name: address_of(array) for name, array in arrays.items()},
    )  # fmt: skip
    for place, (codes, start, length) in enumerate(texts):
        block.texts[place] = Texts(address_of(codes), address_of(start), address_of(length), 0)
    if not library().calls.dfly_read_block(ctypes.byref(block), ctypes.c_int64(GRAMMARS.index(grammar))):
        raise MemoryError
    del patterns_memory
    return _columns(data, block, arrays, texts)


def count_lines(data: bytes) -> int:
    """Return the number of line ends; in a large block several times as fast as `bytes.count`."""
    if len(data) < _FEW_BYTES or not is_available():
        return data.count(b"\n")
    return int(library().calls.dfly_count_lines(data, ctypes.c_int64(len(data))))


def _columns(data: bytes, block: Block, arrays: dict[str, npt.NDArray[Any]], texts: list[Any]) -> Columns:
    n = block.records
    used = {name: arrays[name][:n] for name, _ in _ARRAYS if not name.startswith("message")}
    offsets, text = arrays["message_offset"][: n + 1], arrays["message_data"][: arrays["message_offset"][n]]
    message = pa.StringArray.from_buffers(n, pa.py_buffer(offsets.tobytes()), pa.py_buffer(text.tobytes()))
    fallbacks = zip(*(arrays[name][: block.fallbacks].tolist() for name, _ in _FALLBACKS), strict=True)
    text_columns = {name: (texts[place], block.texts[place].count) for place, name in enumerate(TEXTS)}
    return Columns(
        message=message, fallbacks=list(fallbacks), lines=block.lines, skipped=block.skipped,
        span_ns=(block.earliest_ns, block.latest_ns) if block.skipped else None,
        texts={
            name: Coded(codes[:n], gather(data, start[:count], length[:count]))
            for name, ((codes, start, length), count) in text_columns.items() if name not in UNIQUE_TEXTS
        },
        unique={name: _unique(data, *text_columns[name], n) for name in UNIQUE_TEXTS}, **used,
    )  # fmt: skip


def _unique(data: bytes, arrays: Any, count: int, n: int) -> pa.StringArray:
    if not count:
        return pa.nulls(n, pa.string())
    rows, start, length = (array[:count] for array in arrays)
    lengths, is_there = np.zeros(n + 1, np.int32), np.zeros(n, np.bool_)
    lengths[rows + 1], is_there[rows] = length, True
    valid = pa.py_buffer(np.packbits(is_there, bitorder="little"))
    offsets = pa.py_buffer(np.cumsum(lengths, dtype=np.int32))
    return pa.StringArray.from_buffers(n, offsets, gather(data, start, length).buffers()[2], valid)


def address_of(array: npt.NDArray[np.generic]) -> ctypes.c_void_p:
    """Return where an array begins, to hand it to the library."""
    return ctypes.c_void_p(array.__array_interface__["data"][0])


def gather(data: bytes, start: npt.NDArray[np.int64], length: npt.NDArray[np.int32]) -> pa.StringArray:
    """Return the texts that begin at those places of the data and are so long; they must be UTF-8."""
    offset = np.empty(len(start) + 1, np.int32)
    out = np.empty(int(length.sum(dtype=np.int64)), np.uint8)
    n = ctypes.c_int64(len(start))
    addresses = (address_of(start), address_of(length), n, address_of(offset), address_of(out))
    library().short_calls.dfly_gather(data, *addresses)
    return pa.StringArray.from_buffers(len(start), pa.py_buffer(offset), pa.py_buffer(out))
